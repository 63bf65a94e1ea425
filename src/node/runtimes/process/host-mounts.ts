import fs from 'node:fs';

import { readIfThere } from './files.ts';

/** A mount point of the machine. */
export interface HostMount {
  readonly target: string;
  readonly type: string;
  /** `nosuid`, `nodev`, `noexec`, as far as it has them. */
  readonly restrictions: readonly string[];
}

/** File systems that are the kernel's, not somebody's files; containers get their own of those they need. */
const VIRTUAL = new Set([
  ...['autofs', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs', 'debugfs', 'devpts', 'devtmpfs', 'efivarfs'],
  ...['fusectl', 'hugetlbfs', 'mqueue', 'nsfs', 'overlay', 'proc', 'pstore', 'ramfs', 'rpc_pipefs', 'securityfs'],
  ...['squashfs', 'sysfs', 'tmpfs', 'tracefs'],
]);

/** Directories that a container has its own of. */
const OWN = /^\/(proc|sys|dev|tmp|run)(\/|$)/;

/** All mount points, in the order they were mounted; none on systems that do not tell them so. */
export function readHostMounts(mountInfo = readIfThere('/proc/self/mountinfo') ?? ''): HostMount[] {
  return mountInfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , , , target = '/', flags = ''] = before.split(' ');
      const restrictions = flags.split(',').filter((flag) => ['nosuid', 'nodev', 'noexec'].includes(flag));
      return { target: decodeField(target), type: after.split(' ')[0] ?? '', restrictions };
    });
}

/** The machine's other real file systems (`/home`), parents first. */
export function realFileSystems(mounts: readonly HostMount[]): HostMount[] {
  const byTarget = new Map<string, HostMount>();
  for (const mount of mounts) {
    if (mount.target === '/' || VIRTUAL.has(mount.type) || OWN.test(mount.target)) continue;
    if (fs.existsSync(mount.target)) byTarget.set(mount.target, mount);
  }
  return [...byTarget.values()].sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** The mount that a path of the machine is on. */
export function mountOf(mounts: readonly HostMount[], target: string): HostMount | undefined {
  let found: HostMount | undefined;
  for (const mount of mounts) {
    if (isWithin(target, mount.target) && mount.target.length >= (found?.target.length ?? 0)) found = mount;
  }
  return found;
}

export function isWithin(target: string, directory: string): boolean {
  return target === directory || target.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** The kernel writes blanks and backslashes of a path as three octal digits. */
function decodeField(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = Buffer.from(text).toString('latin1');
  const raw = bytes.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return Buffer.from(raw, 'latin1').toString('utf8');
}

/** A field of an fstab file. */
export function escapeField(text: string): string {
  return text.replace(/[ \t\n\\#]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
