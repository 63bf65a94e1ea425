import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';

/** What is left of a machine's means. */
export interface MachineState {
  readonly memoryBytes: number;
  /** Of the file system the node keeps its pods in. */
  readonly disk: Means;
  /** None (0 of 0) where the file system does not count them. */
  readonly inodes: Means;
  readonly processes: Means;
}

interface Means {
  readonly available: number;
  readonly total: number;
}

/** What a node is short of, by the name of its condition. */
export type Pressures = Readonly<Record<'MemoryPressure' | 'DiskPressure' | 'PIDPressure', boolean>>;

export const noPressures: Pressures = { MemoryPressure: false, DiskPressure: false, PIDPressure: false };

const MEBIBYTE = 2 ** 20;
/** The kubelet's limit. */
const LEAST_MEMORY = 100 * MEBIBYTE;
/** The kubelet's is a tenth of the disk: on a machine that people work on, that is often not free. */
const LEAST_DISK = 1024 * MEBIBYTE;
const LEAST_SHARE = { disk: 0.1, inodes: 0.01, processes: 0.05 };
/** What a node was short of it still is for this long, so that it does not take and refuse pods in turn. */
const CALM_MS = 30_000;

function pressuresOf({ memoryBytes, disk, inodes, processes }: MachineState): Pressures {
  return {
    MemoryPressure: memoryBytes < LEAST_MEMORY,
    DiskPressure:
      disk.available < Math.min(LEAST_DISK, disk.total * LEAST_SHARE.disk) ||
      inodes.available < inodes.total * LEAST_SHARE.inodes,
    PIDPressure: processes.available < processes.total * LEAST_SHARE.processes,
  };
}

/** What a node is short of, over time. */
export class PressureGauge {
  readonly #lastMs = new Map<string, number>();
  #now: Pressures = noPressures;

  get pressures(): Pressures {
    return this.#now;
  }

  /** True when something has changed. */
  measured(state: MachineState, nowMs: number): boolean {
    const before = this.#now;
    const found = pressuresOf(state);
    const holds = (condition: keyof Pressures): boolean => {
      if (found[condition]) this.#lastMs.set(condition, nowMs);
      return nowMs - (this.#lastMs.get(condition) ?? Number.NEGATIVE_INFINITY) < CALM_MS;
    };
    this.#now = {
      MemoryPressure: holds('MemoryPressure'),
      DiskPressure: holds('DiskPressure'),
      PIDPressure: holds('PIDPressure'),
    };
    return (Object.keys(before) as (keyof Pressures)[]).some((condition) => before[condition] !== this.#now[condition]);
  }
}

/** Measures this machine; `directory` is where the node keeps its pods. */
export async function machineState(directory: string): Promise<MachineState> {
  const { bsize, blocks, bavail, files, ffree } = await fs.statfs(directory);
  return {
    // macOS leaves hardly any memory without a use, and takes it back from there: how much it could is not told.
    memoryBytes: process.platform === 'darwin' ? os.totalmem() : os.freemem(),
    disk: { available: bsize * bavail, total: bsize * blocks },
    inodes: { available: ffree, total: files },
    processes: processes(),
  };
}

/** The size of the file system a node keeps its pods in. */
export async function diskSize(directory: string): Promise<number> {
  const { bsize, blocks } = await fs.statfs(directory);
  return bsize * blocks;
}

function processes(): Means {
  try {
    const total = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
    // The fourth field: those that run, and all there are.
    const used = Number(/^(?:\S+ ){3}\d+\/(\d+)/.exec(readFileSync('/proc/loadavg', 'utf8'))?.[1]);
    return Number.isNaN(total + used) ? NOT_COUNTED : { available: total - used, total };
  } catch {
    return NOT_COUNTED; // not Linux
  }
}

const NOT_COUNTED: Means = { available: 0, total: 0 };
