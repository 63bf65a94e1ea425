import { parseStatLine, processTable, type SystemProcess } from './process-table.ts';

/** A process for good: its number alone may be another's by now, number and start time never are. */
export type ProcessIdentity = Pick<SystemProcess, 'pid' | 'startTime'>;

/** Reads a line as the scripts write it; undefined when it is not a whole one. */
export function parseStat(line: string): ProcessIdentity | undefined {
  const found = parseStatLine(line);
  return found && { pid: found.pid, startTime: found.startTime };
}

/** Sends the signal, unless the process has ended. */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals | number): void {
  if (isRunning(identity)) send(identity.pid, signal);
}

/** False for a process that has ended, also while nobody has waited for it yet. */
export function isRunning(identity: ProcessIdentity): boolean {
  const found = processTable.find(identity.pid);
  return found !== undefined && found.startTime === identity.startTime && !found.ended;
}

/** Undefined when the system cannot be asked just now: nothing is known then. */
export function ifPossible<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/**
 * Kills a process that entered a container from outside, what it started there, and whatever shares a session with
 * that.
 */
export function killEntered(pid: number): void {
  send(pid, 'SIGSTOP'); // it starts nothing while we look
  const all = ifPossible(() => processTable.all());
  if (all === undefined) {
    setTimeout(killEntered, UNKNOWN_RETRY_MS, pid);
    return;
  }
  const entered = new Set([pid]);
  for (const one of all) if (one.parent === pid) entered.add(one.pid);
  for (const one of all) if (entered.has(one.pid) || entered.has(one.session)) send(one.pid, 'SIGKILL');
}

export function childrenOf(pid: number): number[] {
  return processTable
    .all()
    .filter((one) => one.parent === pid)
    .map((one) => one.pid);
}

const UNKNOWN_RETRY_MS = 100;

/** These, what they have started, and whatever is in a group or a session of theirs. */
export function withFamily(pids: Iterable<number>, all: readonly SystemProcess[]): readonly SystemProcess[] {
  const family = new Set(pids);
  let before: number;
  do {
    before = family.size;
    for (const { pid, parent, group, session } of all)
      if (family.has(parent) || family.has(group) || family.has(session)) family.add(pid);
  } while (family.size > before);
  return all.filter(({ pid }) => family.has(pid));
}

/**
 * Sends a signal to whatever has the number now, if anything has. One that has taken rights that this user has not (by
 * `sudo`) is not reached: whoever waits for its end waits until it ends by itself.
 */
export function send(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!['ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
