import fs from 'node:fs';

/** File systems that are the kernel's, not somebody's files; containers get their own of those they need. */
const VIRTUAL = new Set([
  ...['autofs', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs', 'debugfs', 'devpts', 'devtmpfs', 'efivarfs'],
  ...['fusectl', 'hugetlbfs', 'mqueue', 'nsfs', 'overlay', 'proc', 'pstore', 'ramfs', 'rpc_pipefs', 'securityfs'],
  ...['squashfs', 'sysfs', 'tmpfs', 'tracefs'],
]);

/** Directories that a container has its own of. */
const PRIVATE = /^\/(proc|sys|dev|tmp|run)(\/|$)/;

/** The mount points of the machine's other real file systems (`/home`), parents first. */
export function hostMounts(mountInfo = fs.readFileSync('/proc/self/mountinfo', 'utf8')): string[] {
  const targets = new Set<string>();
  for (const line of mountInfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const target = decodeField(before?.split(' ')[4] ?? '/');
    const type = after?.split(' ')[0] ?? '';
    if (target !== '/' && !VIRTUAL.has(type) && !PRIVATE.test(target)) targets.add(target);
  }
  return [...targets].sort();
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
