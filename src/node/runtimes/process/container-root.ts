import fs from 'node:fs';
import path from 'node:path';

import { type Mount, StartError } from '../runtime.ts';
import { ContainerTree, type HostPart } from './container-tree.ts';
import { escapeField, type HostMount, isWithin, mountOf, readHostMounts, realFileSystems } from './host-mounts.ts';
import { identityWithin } from './volume-part.ts';

const DEVICES = ['full', 'null', 'random', 'tty', 'urandom', 'zero'];

/** Parts of /proc that reach beyond the container, as other container runtimes guard them. */
const READ_ONLY_PROC = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'];
const HIDDEN_PROC = ['kcore', 'keys', 'timer_list'];

/** Directories of / that a container has its own of, or none. */
const OWN_DIRECTORIES = new Set(['dev', 'lost+found', 'proc', 'root', 'run', 'sys', 'tmp']);

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
  /** In a namespace of the user's own, instead of with root's rights. */
  readonly userNamespace: boolean;
}

/**
 * Lays out the root of a container: the machine's files underneath, read-only, a layer of the container's own above
 * them, its own /proc, /sys, /dev, /tmp and /run, and its volumes. Returns the fstab that mounts it all, and what then has
 * to be found where parts of volumes are: pairs of lines, a path and a file's identity. Nothing is mounted here. Throws
 * StartError when a volume has no place.
 */
export function containerRoot(options: RootOptions): { readonly fstab: string; readonly parts: string } {
  const root = path.join(options.runDirectory, 'root');
  // The run is new, and so is all of this. To make a file takes longer than anything else here: only what is needed.
  fs.mkdirSync(root);
  for (const name of ['merged', 'tmp', 'run', ...(options.userNamespace ? ['base', 'home'] : [])])
    fs.mkdirSync(path.join(root, name));
  fs.chmodSync(path.join(root, 'tmp'), 0o1777);
  const hostMounts = readHostMounts();
  const parts = options.userNamespace ? topDirectories(root, hostMounts) : wholeMachine(root, hostMounts);
  const base = path.join(root, 'base');
  const tree = new ContainerTree(base, parts);
  const fstab = new Fstab(path.join(root, 'merged'), tree, hostMounts);
  const ifReadOnly = options.readOnly ? ['ro'] : [];

  fstab.add('proc', '/proc', 'proc', ['nosuid', 'nodev', 'noexec']);
  if (!options.privileged) guardProc(fstab, path.join(root, 'merged'));
  if (options.userNamespace) {
    fstab.add('/sys', '/sys', 'none', ['rbind']);
    fstab.bind(path.join(root, 'home'), '/root', ifReadOnly);
  } else {
    fstab.add('sysfs', '/sys', 'sysfs', ['nosuid', 'nodev', 'noexec', ...(options.privileged ? [] : ['ro'])]);
  }
  fstab.bind(options.deviceDirectory, '/dev');
  for (const device of DEVICES) fstab.add(`/dev/${device}`, `/dev/${device}`, 'none', ['bind']);
  fstab.add('devpts', '/dev/pts', 'devpts', ['newinstance', 'ptmxmode=0666', 'mode=0620', 'nosuid', 'noexec']);
  fstab.add('mqueue', '/dev/mqueue', 'mqueue', ['nosuid', 'nodev', 'noexec']);
  fstab.bind(path.join(options.podDirectory, 'shm'), '/dev/shm');
  fstab.bind(path.join(root, 'tmp'), '/tmp', ifReadOnly);
  fstab.bind(path.join(root, 'run'), '/run', ifReadOnly);
  for (const target of options.hidden) {
    // Below what the container has its own of, there is nothing to hide.
    const own = options.userNamespace ? /^\/(dev|tmp|run|root)\// : /^\/(dev|tmp|run)\//;
    if (own.test(target) || !fs.existsSync(target)) continue;
    fs.mkdirSync(path.join(root, 'hidden'), { recursive: true });
    fstab.bind(path.join(root, 'hidden'), target, ['ro']);
  }
  let volumeParts = '';
  try {
    for (const name of ['hosts', 'hostname', 'resolv.conf']) {
      const file = path.join(options.podDirectory, name);
      if (fs.existsSync(file)) fstab.bind(file, tree.makeMountPoint(`/etc/${name}`, 'file'), ifReadOnly);
    }
    // Outer ones first, so that one may lie within another.
    const mounts = options.mounts.toSorted((a, b) => a.mountPath.split('/').length - b.mountPath.split('/').length);
    for (const mount of mounts) {
      const kind = fs.statSync(mount.hostPath).isDirectory() ? 'directory' : 'file';
      const target = tree.makeMountPoint(mount.mountPath, kind);
      fstab.bind(mount.hostPath, target, mount.readOnly ? ['ro'] : [], 'rbind');
      if (mount.volumePath !== undefined) {
        volumeParts += `root/merged${target}\n${identityWithin(mount.hostPath, mount.volumePath)}\n`;
      }
    }
  } catch (error) {
    throw new StartError('CreateContainerError', `a volume cannot be mounted: ${(error as Error).message}`);
  }

  const machine = new Fstab(path.join(root, 'merged'), tree, hostMounts);
  if (options.userNamespace) machine.add(base, '', 'none', ['bind']);
  for (const [index, part] of parts.entries()) {
    const isRoot = part.target === '/';
    if (isRoot || tree.isLayered(part)) {
      fs.mkdirSync(path.join(root, `work-${index}`), { recursive: true });
      machine.overlay(part, index, [
        ...(options.userNamespace ? ['userxattr'] : []),
        ...(isRoot ? ifReadOnly : ['ro']),
      ]);
    } else {
      machine.bind(part.target, part.target, ['ro'], options.userNamespace ? 'rbind' : 'bind');
    }
  }
  return { fstab: machine.text + fstab.text, parts: volumeParts };
}

/** The lines of an fstab whose targets are under `root`. */
class Fstab {
  readonly #root: string;
  readonly #tree: ContainerTree;
  readonly #hostMounts: readonly HostMount[];
  text = '';

  constructor(root: string, tree: ContainerTree, hostMounts: readonly HostMount[]) {
    this.#root = root;
    this.#tree = tree;
    this.#hostMounts = hostMounts;
  }

  add(source: string, target: string, type: string, flags: readonly string[]): void {
    this.text += `${escapeField(source)} ${escapeField(this.#root + target)} ${type} ${flags.join(',')} 0 0\n`;
  }

  bind(source: string, target: string, flags: readonly string[] = [], how: 'bind' | 'rbind' = 'bind'): void {
    // To make it read-only is to set all its flags anew, and those the machine has set may not be taken away.
    const kept = flags.includes('ro') ? (mountOf(this.#hostMounts, source)?.restrictions ?? []) : [];
    this.add(source, target, 'none', [how, ...flags, ...kept]);
    this.#tree.place(source, target);
  }

  /** Relative paths, as they are options: what separates options in a path cannot be written otherwise. */
  overlay(part: HostPart, index: number, flags: readonly string[]): void {
    if (/[,:\\"]/.test(part.target)) throw new StartError('CreateContainerError', `${part.target} cannot be added to`);
    const target = part.target === '/' ? '' : part.target;
    const layers = `lowerdir=${part.target},upperdir=root/layer-${index},workdir=root/work-${index}`;
    this.add('overlay', target, 'overlay', [layers, ...flags]);
  }
}

/** All of the machine, with its other file systems. */
function wholeMachine(root: string, mounts: readonly HostMount[]): HostPart[] {
  return ['/', ...realFileSystems(mounts).map(({ target }) => target)].map((target, index) =>
    makePart(root, index, target, true),
  );
}

/**
 * In a user namespace nothing can be added to a directory that has other mounts in it, so not to the root as a whole:
 * its directories are put one by one into a new root, and its links are made anew.
 */
function topDirectories(root: string, mounts: readonly HostMount[]): HostPart[] {
  const targets: string[] = [];
  for (const name of OWN_DIRECTORIES) if (name !== 'lost+found') fs.mkdirSync(path.join(root, 'base', name));
  for (const entry of fs.readdirSync('/', { withFileTypes: true })) {
    const own = path.join(root, 'base', entry.name);
    if (entry.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(`/${entry.name}`), own);
    if (!entry.isDirectory() || OWN_DIRECTORIES.has(entry.name)) continue;
    fs.mkdirSync(own);
    targets.push(`/${entry.name}`);
  }
  return targets.map((target, index) => {
    const hasMounts = mounts.some((mount) => mount.target !== target && isWithin(mount.target, target));
    return makePart(root, index, target, !hasMounts);
  });
}

function makePart(root: string, index: number, target: string, canLayer: boolean): HostPart {
  const layer = path.join(root, `layer-${index}`);
  fs.mkdirSync(layer, { recursive: true });
  fs.chmodSync(layer, fs.statSync(target).mode);
  return { target, layer, canLayer };
}

function guardProc(fstab: Fstab, merged: string): void {
  for (const name of READ_ONLY_PROC) {
    if (!fs.existsSync(`/proc/${name}`)) continue;
    fstab.add(`${merged}/proc/${name}`, `/proc/${name}`, 'none', ['bind', 'ro', 'nosuid', 'nodev', 'noexec']);
  }
  for (const name of HIDDEN_PROC) {
    if (fs.existsSync(`/proc/${name}`)) fstab.add('/dev/null', `/proc/${name}`, 'none', ['bind']);
  }
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
