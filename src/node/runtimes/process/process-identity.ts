import fs from 'node:fs';

import { namesIn } from './files.ts';

/** A process for good: its number alone may be another's by now, number and start time never are. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the machine started. */
  readonly startTime: string;
}

/** Reads a line of `/proc/<pid>/stat`; undefined when it is not a whole one. */
export function parseStat(line: string): ProcessIdentity | undefined {
  // The name in parentheses may itself have spaces and parentheses.
  const afterName = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const pid = Number.parseInt(line, 10);
  const startTime = afterName[19];
  return Number.isInteger(pid) && startTime !== undefined ? { pid, startTime } : undefined;
}

/** Sends the signal, unless the process has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals | number): void {
  if (isRunning(identity)) send(identity.pid, signal);
}

/** False for a process that has ended, also while nobody has waited for it yet. */
export function isRunning(identity: ProcessIdentity): boolean {
  const line = readStat(`/proc/${identity.pid}/stat`);
  return line !== undefined && parseStat(line)?.startTime === identity.startTime && !/\) [ZX] /.test(line);
}

/**
 * Kills a process that entered a container from outside, what it started there, and whatever shares a session with
 * that.
 */
export function killEntered(pid: number): void {
  send(pid, 'SIGSTOP'); // it starts nothing while we look
  const all = processes();
  const entered = new Set([pid]);
  for (const one of all) if (one.parent === pid) entered.add(one.pid);
  for (const one of all) if (entered.has(one.pid) || entered.has(one.session)) send(one.pid, 'SIGKILL');
}

export function childrenOf(pid: number): number[] {
  return processes()
    .filter((one) => one.parent === pid)
    .map((one) => one.pid);
}

function processes(): { readonly pid: number; readonly parent: number; readonly session: number }[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const line = readStat(`/proc/${name}/stat`);
      const fields = line?.slice(line.lastIndexOf(')') + 2).split(' ');
      return fields === undefined ? [] : [{ pid: Number(name), parent: Number(fields[1]), session: Number(fields[3]) }];
    });
}

function send(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A process may end between being seen and being looked at. */
function readStat(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}
