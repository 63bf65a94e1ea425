import fs from 'node:fs';
import path from 'node:path';

import type { PodConfig } from '../runtime.ts';
import { readIfThere, readJson } from './files.ts';
import type { Isolation } from './isolation.ts';
import type { PodPlace } from './pod-network.ts';
import { type ProcessIdentity, parseStat } from './process-identity.ts';

/** The files of a pod, all that is known of it. The scripts read and write them too. */
export interface PodFiles {
  readonly directory: string;
  /** {@link PodRecord}, whole from the moment the directory exists. */
  readonly record: string;
  /** Named pipes between the agent and the sandbox. */
  readonly control: string;
  readonly events: string;
  /** Written by the sandbox: its line of /proc/<pid>/stat, as early as it can. */
  readonly sandbox: string;
  /** Written by the sandbox when containers can be started. */
  readonly ready: string;
  /** Nothing is in it: where pods are plain processes, each of them has it open. */
  readonly mark: string;
  /** What the sandbox's own programs complain of. */
  readonly complaints: string;
  readonly containers: string;
}

/** A pod on the machine's own network has no place. */
export interface PodRecord extends Partial<PodPlace> {
  readonly pod: PodConfig;
  readonly isolation: Isolation;
  /** The inode of the pipe `events` that its processes hold: a copy of the directory has another. */
  readonly pipe?: number;
  /** What its processes are marked with, where nothing else keeps them together; it stays when the directory is moved. */
  readonly mark?: string;
  /** When the machine has been started since, any process may have the numbers that are written down (Linux). */
  readonly boot?: string;
}

/** The files of one run of a container. */
export interface RunFiles {
  readonly directory: string;
  readonly arguments: string;
  readonly fstab: string;
  /** Which mounts are parts of volumes, and of which file each is a mount. */
  readonly parts: string;
  readonly controlGroups: string;
  /** Made by the sandbox before anything else: this run has been begun, and is never begun again. */
  readonly claimed: string;
  /** The program's and the first process's lines of /proc/<pid>/stat. */
  readonly started: string;
  /** The exit code, once there is one; there is none when the first process itself was killed. */
  readonly code: string;
  /** What could not be done, when the program was never started. */
  readonly failed: string;
  readonly failure: string;
  /** Written when no process of the run is left. */
  readonly ended: string;
  /** Kept by the agent: the kernel killed a process of it for want of memory. */
  readonly outOfMemory: string;
  /** A named pipe, when the container has an input. */
  readonly stdin: string;
  /** A named pipe that the program reads, when its input ends with that of the first client. */
  readonly input: string;
  readonly log: string;
  /** Kept by the agent: when the parts of the log were written. */
  readonly logIndex: string;
  /** The layer of what the container writes, with all that its root is made of. */
  readonly root: string;
  /** Kept by the agent: the `ContainerConfig` it was started with. */
  readonly record: string;
}

export function podFiles(directory: string): PodFiles {
  const file = (name: string): string => path.join(directory, name);
  return {
    directory,
    record: file('pod.json'),
    control: file('control'),
    events: file('events'),
    sandbox: file('sandbox'),
    ready: file('ready'),
    mark: file('mark'),
    complaints: file('sandbox.log'),
    containers: file('containers'),
  };
}

export function runFiles(pod: PodFiles, container: string, attempt: number): RunFiles {
  const directory = path.join(pod.containers, container, String(attempt));
  const file = (name: string): string => path.join(directory, name);
  return {
    directory,
    arguments: file('arguments'),
    fstab: file('fstab'),
    parts: file('parts'),
    controlGroups: file('control-groups'),
    claimed: file('claimed'),
    started: file('started'),
    code: file('code'),
    failed: file('failed'),
    failure: file('failure'),
    ended: file('ended'),
    outOfMemory: file('out-of-memory'),
    stdin: file('stdin'),
    input: file('input'),
    log: file('log'),
    logIndex: file('log.index'),
    root: file('root'),
    record: file('run.json'),
  };
}

/** Where a runtime that keeps its files in `directory` has a pod's. */
export function podDirectory(directory: string, uid: string): string {
  return path.join(directory, 'pods', uid);
}

export function readPodRecord(files: PodFiles): PodRecord | undefined {
  return readJson(files.record);
}

/**
 * The first process of the sandbox that was started last in this very directory, since the machine was started. Where the
 * directory is a copy of one that was in use, that process is of the pod that it was copied from, and none of our
 * business.
 */
export function lastSandboxProcess(files: PodFiles, record: PodRecord): ProcessIdentity | undefined {
  const { boot } = record;
  const isOlder = boot !== undefined && boot !== thisBoot();
  return isCopy(files, record) || isOlder ? undefined : sandboxProcess(files);
}

/** Whether the directory is a copy of the one that the pod was started in. */
export function isCopy(files: PodFiles, { pipe }: PodRecord): boolean {
  return pipe !== undefined && fs.statSync(files.events, { throwIfNoEntry: false })?.ino !== pipe;
}

/** Which start of the machine this is, where the start time of a process does not tell. */
export function thisBoot(): string | undefined {
  return readIfThere('/proc/sys/kernel/random/boot_id')?.trim();
}

/** The first process of the sandbox that was started last. */
export function sandboxProcess(files: PodFiles): ProcessIdentity | undefined {
  const line = readIfThere(files.sandbox);
  return line?.endsWith('\n') ? parseStat(line) : undefined;
}
