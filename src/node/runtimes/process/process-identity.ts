import fs from 'node:fs';

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
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** False for a process that has ended, also while nobody has waited for it yet. */
export function isRunning(identity: ProcessIdentity): boolean {
  let line: string;
  try {
    line = fs.readFileSync(`/proc/${identity.pid}/stat`, 'latin1');
  } catch {
    return false;
  }
  return parseStat(line)?.startTime === identity.startTime && !/\) [ZX] /.test(line);
}
