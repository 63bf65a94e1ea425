import fs from 'node:fs';
import path from 'node:path';

import type { ContainerConfig, ContainerStatus } from '../runtime.ts';
import { namesIn, readIfThere } from './files.ts';
import { type PodFiles, type RunFiles, runFiles } from './pod-files.ts';
import { type ProcessIdentity, parseStat } from './process-identity.ts';

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
  const started = statOfWhole(files.started);
  if (started === undefined) {
    const step = readIfThere(files.failed)?.trim();
    if (step) return { state: 'failed', step, complaint: readIfThere(files.failure)?.trim() ?? '' };
    return { state: fs.existsSync(files.claimed) ? 'begun' : 'prepared' };
  }
  const [program, first] = started.text.split('\n').map(parseStat);
  if (program === undefined || first === undefined) throw new Error(`${files.started} cannot be understood`);
  const common = { name, attempt, startedAtMs: started.atMs };
  const exit = statOfWhole(files.exit);
  if (exit === undefined) {
    return { state: 'running', processes: { program, first }, status: { state: 'running', ...common } };
  }
  const [code, reason] = exit.text.trim().split(' ');
  const exitCode = Number(code);
  const message = terminationMessage(files);
  return {
    state: 'exited',
    processes: { program, first },
    status: {
      state: 'exited',
      ...common,
      finishedAtMs: Math.max(exit.atMs, started.atMs),
      exitCode,
      reason: reason === 'OOMKilled' ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
      ...(message === '' ? {} : { message }),
    },
  };
}

/** A file that is written with one call is whole when it ends with a line's end. */
function statOfWhole(file: string): { readonly text: string; readonly atMs: number } | undefined {
  const text = readIfThere(file);
  if (!text?.endsWith('\n')) return undefined;
  return { text, atMs: Math.floor(fs.statSync(file).mtimeMs) };
}

/** The last bytes of the file the container may leave its last words in. */
function terminationMessage(files: RunFiles): string {
  const record = readIfThere(files.record);
  if (record === undefined) return '';
  const container = JSON.parse(record) as ContainerConfig;
  if (!path.isAbsolute(container.terminationMessagePath)) return '';
  const bytes = readIfThere(container.terminationMessagePath) ?? '';
  return Buffer.from(bytes).subarray(-4096).toString('utf8');
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

/** Writes down that the run ended with the pod: nobody was left to tell the exit code. */
export function writeLostExit(files: RunFiles): void {
  fs.writeFileSync(files.exit, '137\n');
}
