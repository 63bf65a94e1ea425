import fs from 'node:fs';
import path from 'node:path';

import type { Mount } from '../runtime.ts';
import { escapeField, hostMounts } from './host-mounts.ts';
import { ContainerTree, isWithin } from './mount-points.ts';

const DEVICES = ['full', 'null', 'random', 'tty', 'urandom', 'zero'];

/** Parts of /proc that reach beyond the container, as other container runtimes guard them. */
const READ_ONLY_PROC = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'];
const HIDDEN_PROC = ['kcore', 'keys', 'timer_list'];

export interface RootOptions {
  /** The pod's directory: its hosts, hostname and resolv.conf files, and `shm`. */
  readonly podDirectory: string;
  /** The directory of the run; the root is made in `root` under it. */
  readonly runDirectory: string;
  readonly deviceDirectory: string;
  readonly mounts: readonly Mount[];
  readonly readOnly: boolean;
  readonly privileged: boolean;
  /** Directories of the host that no container may see: Berth's own. */
  readonly hidden: readonly string[];
  /** The user's own namespace instead of root's rights. */
  readonly userNamespace: boolean;
}

/**
 * Lays out the root of a container: the host's files underneath, read-only, a layer of the container's own above them,
 * its own /proc, /sys, /dev, /tmp and /run, and its volumes. Returns the fstab that mounts it all; nothing is mounted
 * here.
 */
export function containerRoot(options: RootOptions): string {
  const root = path.join(options.runDirectory, 'root');
  const merged = path.join(root, 'merged');
  const layer = path.join(root, 'upper');
  for (const name of ['upper', 'work', 'merged', 'tmp', 'run'])
    fs.mkdirSync(path.join(root, name), { recursive: true });
  fs.chmodSync(path.join(root, 'tmp'), 0o1777);

  const tree = new ContainerTree(layer);
  const lines: string[] = [];
  const add = (source: string, target: string, type: string, flags: string): void => {
    lines.push(`${escapeField(source)} ${escapeField(merged + target)} ${type} ${flags} 0 0`);
  };
  const bind = (source: string, target: string, flags = 'bind'): void => {
    add(source, target, 'none', flags);
    tree.place(source, target);
  };
  const writable = options.readOnly ? 'bind,ro' : 'bind';

  // Relative paths, as they are options: what separates options in them cannot be written otherwise.
  const overlayFlags = [
    'lowerdir=/,upperdir=root/upper,workdir=root/work',
    ...(options.userNamespace ? ['userxattr'] : []),
    ...(options.readOnly ? ['ro'] : []),
  ];
  add('overlay', '', 'overlay', overlayFlags.join(','));
  for (const target of hostMounts()) {
    if (options.hidden.some((hidden) => isWithin(target, hidden))) continue;
    if (fs.existsSync(target)) bind(target, target, 'bind,ro');
  }
  for (const target of options.hidden) {
    if (!/^\/(tmp|run)\//.test(target) && fs.existsSync(target)) bind(path.join(root, 'run'), target, 'bind,ro');
  }

  add('proc', '/proc', 'proc', 'nosuid,nodev,noexec');
  if (!options.privileged) {
    for (const name of READ_ONLY_PROC) {
      if (fs.existsSync(`/proc/${name}`)) add(`${merged}/proc/${name}`, `/proc/${name}`, 'none', 'bind,ro');
    }
    for (const name of HIDDEN_PROC) {
      if (fs.existsSync(`/proc/${name}`)) add('/dev/null', `/proc/${name}`, 'none', 'bind');
    }
  }
  if (options.userNamespace) add('/sys', '/sys', 'none', 'rbind');
  else add('sysfs', '/sys', 'sysfs', `nosuid,nodev,noexec${options.privileged ? '' : ',ro'}`);

  bind(options.deviceDirectory, '/dev');
  for (const device of DEVICES) add(`/dev/${device}`, `/dev/${device}`, 'none', 'bind');
  add('devpts', '/dev/pts', 'devpts', 'newinstance,ptmxmode=0666,mode=0620,nosuid,noexec');
  add('mqueue', '/dev/mqueue', 'mqueue', 'nosuid,nodev,noexec');
  bind(path.join(options.podDirectory, 'shm'), '/dev/shm');
  bind(path.join(root, 'tmp'), '/tmp', writable);
  bind(path.join(root, 'run'), '/run', writable);

  for (const name of ['hosts', 'hostname', 'resolv.conf']) {
    tree.makeOwnFile(`/etc/${name}`);
    bind(path.join(options.podDirectory, name), `/etc/${name}`, writable);
  }
  // Outer ones first, so that one may lie within another.
  const mounts = options.mounts.toSorted((a, b) => a.mountPath.split('/').length - b.mountPath.split('/').length);
  for (const mount of mounts) {
    const kind = fs.statSync(mount.hostPath).isDirectory() ? 'directory' : 'file';
    bind(mount.hostPath, tree.makeMountPoint(mount.mountPath, kind), mount.readOnly ? 'rbind,ro' : 'rbind');
  }
  return `${lines.join('\n')}\n`;
}

/** Makes the directory that is every container's /dev: empty places for the devices, which are the host's own. */
export function makeDeviceDirectory(directory: string): void {
  fs.mkdirSync(directory, { recursive: true });
  for (const name of ['mqueue', 'pts', 'shm']) fs.mkdirSync(path.join(directory, name), { recursive: true });
  for (const name of DEVICES) fs.closeSync(fs.openSync(path.join(directory, name), 'a', 0o666));
  const links = { fd: '/proc/self/fd', ptmx: 'pts/ptmx', stdin: 'fd/0', stdout: 'fd/1', stderr: 'fd/2' };
  for (const [name, target] of Object.entries(links)) {
    if (fs.lstatSync(path.join(directory, name), { throwIfNoEntry: false }) === undefined) {
      fs.symlinkSync(target, path.join(directory, name));
    }
  }
}
