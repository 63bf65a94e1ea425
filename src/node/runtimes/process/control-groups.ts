import fs from 'node:fs';
import path from 'node:path';

import type { ContainerConfig, Limitation } from '../runtime.ts';
import { readIfThere } from './files.ts';
import { type HostMount, readHostMounts } from './host-mounts.ts';
import { shortHash } from './node-hash.ts';
import type { RunFiles } from './pod-files.ts';

/** Length of the periods that a share of CPU time is given out in. */
const PERIOD_US = 100_000;

/** How often to look whether the last process of a group has left it. */
const DYING_CHECK_MS = 2;

export const NO_RESOURCE_LIMITS: Limitation = {
  reason: 'NoResourceLimits',
  message: 'limits of CPU and memory are not enforced: control groups are not there, or take root',
};

/** The name of the group of one run of a container. */
export function runName(container: { readonly name: string; readonly attempt: number }): string {
  return `${container.name}-${container.attempt}`;
}

/** Writes down which groups the processes of a run are in. */
export function writeGroups(run: RunFiles, groups: readonly string[] = []): void {
  fs.writeFileSync(run.controlGroups, groups.map((file) => `${file}\n`).join(''));
}

/** The beginning of a command line that joins the groups of a run; nothing when it has none. */
export function joinGroups(scripts: string, run: RunFiles): string[] {
  return readIfThere(run.controlGroups) ? ['sh', path.join(scripts, 'join.sh'), run.controlGroups] : [];
}

/** One mounted tree of control groups, and how its limits are written. */
interface Hierarchy {
  readonly mount: string;
  /** The files that set the limits of a container; none when it sets no limit of this tree. */
  limits(limits: ContainerConfig['limits']): readonly (readonly [file: string, value: string])[];
  /** The file with a line `oom_kill N`. */
  readonly outOfMemoryFile?: string;
}

/**
 * P8: limits of CPU and memory, kept by the kernel. Each container with a limit has a group of its own, under one for
 * its pod, in each tree that there is: the one of version 2, or those of version 1 for memory and for CPU.
 */
export class ControlGroups {
  readonly #hierarchies: readonly Hierarchy[];
  readonly #node: string;

  private constructor(hierarchies: readonly Hierarchy[], node: string) {
    this.#hierarchies = hierarchies;
    this.#node = node;
  }

  /** Undefined when this machine has none, or does not let us use them. `directory` is the node's. */
  static open(directory: string, mounts: readonly HostMount[] = readHostMounts()): ControlGroups | undefined {
    try {
      const hierarchies = [...versionOne(mounts), ...versionTwo(mounts)];
      for (const { mount } of hierarchies) makeGroup(path.join(mount, 'berth'));
      return hierarchies.length === 0 ? undefined : new ControlGroups(hierarchies, shortHash(directory));
    } catch {
      return undefined;
    }
  }

  #pod(mount: string, podUid: string): string {
    return path.join(mount, 'berth', `${this.#node}-${podUid}`);
  }

  /** Makes the groups of a run. Returns the files that a process writes `0` to, to be in them. */
  create(podUid: string, run: string, limits: ContainerConfig['limits']): string[] {
    return this.#hierarchies.flatMap(({ mount, limits: settings }) => {
      const values = settings(limits);
      if (values.length === 0) return [];
      const pod = this.#pod(mount, podUid);
      const group = path.join(pod, run);
      fs.mkdirSync(group, { recursive: true });
      for (const parent of [path.dirname(pod), pod]) delegate(parent);
      for (const [file, value] of values) fs.writeFileSync(path.join(group, file), value);
      return [path.join(group, 'cgroup.procs')];
    });
  }

  /** Whether the kernel has killed a process of the run for want of memory. */
  ranOutOfMemory(podUid: string, run: string): boolean {
    return this.#hierarchies.some(({ mount, outOfMemoryFile }) => {
      if (outOfMemoryFile === undefined) return false;
      const text = readIfThere(path.join(this.#pod(mount, podUid), run, outOfMemoryFile));
      return /^oom_kill [1-9]/m.test(text ?? '');
    });
  }

  /** Removes the groups of a run that has ended, unless a process that entered it is just ending; `removePod` will. */
  remove(podUid: string, run: string): void {
    for (const { mount } of this.#hierarchies) removeGroup(path.join(this.#pod(mount, podUid), run));
  }

  /** Removes the groups of a pod; resolves when the kernel has found them empty (M2). */
  async removePod(podUid: string): Promise<void> {
    const pods = this.#hierarchies.map(({ mount }) => this.#pod(mount, podUid));
    while (!pods.every(removeTree)) await new Promise<void>((resolve) => setTimeout(resolve, DYING_CHECK_MS));
  }
}

function removeTree(pod: string): boolean {
  if (!fs.existsSync(pod)) return true;
  for (const entry of fs.readdirSync(pod, { withFileTypes: true })) {
    if (entry.isDirectory()) removeGroup(path.join(pod, entry.name));
  }
  return removeGroup(pod);
}

function versionOne(mounts: readonly HostMount[]): Hierarchy[] {
  const find = (controller: string): string | undefined =>
    mounts.find((mount) => mount.type === 'cgroup' && mount.target.split('/').at(-1)?.split(',').includes(controller))
      ?.target;
  const [memory, cpu] = [find('memory'), find('cpu')];
  const hierarchies: Hierarchy[] = [];
  if (memory !== undefined) {
    hierarchies.push({
      mount: memory,
      outOfMemoryFile: 'memory.oom_control',
      limits({ memoryBytes }) {
        if (memoryBytes === undefined) return [];
        const withSwap = fs.existsSync(path.join(memory, 'memory.memsw.limit_in_bytes'));
        const value = String(memoryBytes);
        return [
          ['memory.limit_in_bytes', value],
          ...(withSwap ? [['memory.memsw.limit_in_bytes', value] as const] : []),
        ];
      },
    });
  }
  if (cpu !== undefined) {
    hierarchies.push({
      mount: cpu,
      limits: ({ cpuMillis }) =>
        cpuMillis === undefined
          ? []
          : [
              ['cpu.cfs_period_us', String(PERIOD_US)],
              ['cpu.cfs_quota_us', String(quota(cpuMillis))],
            ],
    });
  }
  return hierarchies;
}

function versionTwo(mounts: readonly HostMount[]): Hierarchy[] {
  const mount = mounts.find(({ type }) => type === 'cgroup2')?.target;
  if (mount === undefined) return [];
  const controllers = readIfThere(path.join(mount, 'cgroup.controllers'))?.trim().split(' ') ?? [];
  if (!controllers.includes('memory') || !controllers.includes('cpu')) return [];
  delegate(mount);
  return [
    {
      mount,
      outOfMemoryFile: 'memory.events',
      limits: ({ cpuMillis, memoryBytes }) => [
        ...(memoryBytes === undefined
          ? []
          : ([
              ['memory.max', String(memoryBytes)],
              // One process killed and the others not is no state to go on in.
              ['memory.oom.group', '1'],
            ] as const)),
        ...(cpuMillis === undefined ? [] : [['cpu.max', `${quota(cpuMillis)} ${PERIOD_US}`] as const]),
      ],
    },
  ];
}

/** The least the kernel takes is a millisecond. */
function quota(cpuMillis: number): number {
  return Math.max(1000, Math.round((cpuMillis * PERIOD_US) / 1000));
}

/** Version 2 only: lets the groups under this one have limits. */
function delegate(group: string): void {
  const file = path.join(group, 'cgroup.subtree_control');
  if (!fs.existsSync(file)) return;
  if (!/\bcpu\b.*\bmemory\b/.test(fs.readFileSync(file, 'utf8'))) fs.writeFileSync(file, '+cpu +memory');
}

/** Not by way of its parents: where another file system lies over a mount, Node would try for ever to make those. */
function makeGroup(group: string): void {
  try {
    fs.mkdirSync(group);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** False when a process is still in it. */
function removeGroup(group: string): boolean {
  try {
    fs.rmdirSync(group);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    if (code === 'ENOENT') return true;
    throw error;
  }
}
