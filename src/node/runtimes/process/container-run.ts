import fs from 'node:fs';
import path from 'node:path';

import type { ContainerConfig, ContainerStatus } from '../runtime.ts';
import { namesIn, readIfThere, readJson } from './files.ts';
import { type PodFiles, type RunFiles, runFiles } from './pod-files.ts';
import { type ProcessIdentity, parseStat } from './process-identity.ts';

/** As Kubernetes has it. */
const TERMINATION_MESSAGE_BYTES = 4096;

/** The processes of a run that the agent has to do with. */
export interface RunProcesses {
  /** The program: what signals go to. */
  readonly program: ProcessIdentity;
  /** The first process of the container's namespace: with it all of them end. */
  readonly first: ProcessIdentity;
}

/** What the files say of a run. */
export type RunState =
  | { readonly state: 'prepared' }
  | { readonly state: 'begun' }
  | { readonly state: 'failed'; readonly step: string; readonly complaint: string }
  | { readonly state: 'running' | 'exited'; readonly processes: RunProcesses; readonly status: ContainerStatus };

export function readRun(files: RunFiles, name: string, attempt: number): RunState {
  const started = whole(files.started);
  const endedAtMs = timeOf(files.ended);
  if (started === undefined) {
    if (endedAtMs !== undefined) {
      const step = readIfThere(files.failed)?.trim() || 'write';
      return { state: 'failed', step, complaint: readIfThere(files.failure)?.trim() ?? '' };
    }
    return { state: fs.existsSync(files.claimed) ? 'begun' : 'prepared' };
  }
  const [program, first] = started.split('\n').map(parseStat);
  if (program === undefined || first === undefined) throw new Error(`${files.started} cannot be understood`);
  const startedAtMs = timeOf(files.started) ?? 0;
  const common = { name, attempt, startedAtMs };
  if (endedAtMs === undefined) {
    return { state: 'running', processes: { program, first }, status: { state: 'running', ...common } };
  }
  // Without a code, the container's first process was killed, or its sandbox.
  const exitCode = Number(whole(files.code) ?? 137);
  const message = terminationMessage(files);
  return {
    state: 'exited',
    processes: { program, first },
    status: {
      state: 'exited',
      ...common,
      finishedAtMs: Math.max(endedAtMs, startedAtMs),
      exitCode,
      reason: exitCode === 0 ? 'Completed' : fs.existsSync(files.outOfMemory) ? 'OOMKilled' : 'Error',
      ...(message === '' ? {} : { message }),
    },
  };
}

/** The text of a file that is written with one call: it is whole when it ends with a line's end. */
function whole(file: string): string | undefined {
  const text = readIfThere(file);
  return text?.endsWith('\n') ? text : undefined;
}

function timeOf(file: string): number | undefined {
  const time = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  return time === undefined ? undefined : Math.floor(time);
}

/** The last bytes of the file the container may leave its last words in. */
function terminationMessage(files: RunFiles): string {
  const { terminationMessagePath = '' } = readJson<ContainerConfig>(files.record) ?? {};
  return path.isAbsolute(terminationMessagePath) ? lastBytes(terminationMessagePath) : '';
}

/** The container could write to the file, so it may be anything by now: only a regular file is read. */
function lastBytes(file: string): string {
  let descriptor: number | undefined;
  try {
    const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
    descriptor = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    const stat = fs.fstatSync(descriptor);
    if (!stat.isFile()) return '';
    const buffer = Buffer.alloc(Math.min(stat.size, TERMINATION_MESSAGE_BYTES));
    const length = fs.readSync(descriptor, buffer, 0, buffer.length, stat.size - buffer.length);
    return buffer.toString('utf8', 0, length);
  } catch {
    return '';
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

/** The numbers of the runs of a container, the newest first. */
export function attemptsOf(pod: PodFiles, container: string): number[] {
  return namesIn(path.join(pod.containers, container))
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => b - a);
}

/** The newest run of a container that its program was ever started in. */
export function newestRun(pod: PodFiles, container: string): Extract<RunState, { status: unknown }> | undefined {
  for (const attempt of attemptsOf(pod, container)) {
    const run = readRun(runFiles(pod, container, attempt), container, attempt);
    if (run.state === 'running' || run.state === 'exited') return run;
  }
  return undefined;
}

/**
 * Writes down that the run ended with the pod: nobody was left to tell when, and with which code. A full disk most often
 * has room for it, as nothing is in the file.
 */
export function writeLostEnd(files: RunFiles): void {
  fs.writeFileSync(files.ended, '');
}
