import { spawnSync } from 'node:child_process';
import fs from 'node:fs';

import { namesIn } from './files.ts';
import { TOOL_PATH } from './run.ts';

/** A process of this machine. */
export interface SystemProcess {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** As far as the system tells it, else the group. */
  readonly session: number;
  /** In whatever form the system has it. */
  readonly startTime: string;
  /** It has ended, and nobody has waited for it yet. */
  readonly ended: boolean;
}

/** What a system tells of its processes. Throws when it cannot be asked. */
export interface ProcessTable {
  find(pid: number): SystemProcess | undefined;
  all(): readonly SystemProcess[];
  /** The numbers of those that have `NAME=value` in their environment, as far as it can be seen. */
  withVariable(assignment: string): readonly number[];
  /** The numbers of those that have the file open as this descriptor, as far as it can be seen. */
  withDescriptor(descriptor: number, file: string): readonly number[];
  /**
   * The numbers of the children of a process of one thread, in the order in which they became so, as far as the system
   * tells them. What has ended is among them until it has been waited for.
   */
  childrenOf(pid: number): readonly number[];
  /** How soon it is worth while to look for the end of a process. */
  readonly lookAfterMs: number;
}

/** Linux: files that cost microseconds to read. */
const procFiles: ProcessTable = {
  find: (pid) => parseStatLine(readIfReadable(`/proc/${pid}/stat`) ?? ''),
  all: () => numbersInProc().flatMap((pid) => procFiles.find(pid) ?? []),
  withVariable: (assignment) =>
    numbersInProc().filter((pid) => `\0${readIfReadable(`/proc/${pid}/environ`) ?? ''}`.includes(`\0${assignment}\0`)),
  withDescriptor(descriptor, file) {
    const { dev, ino } = fs.statSync(file, { throwIfNoEntry: false }) ?? {};
    const end = file.split('/').slice(-3).join('/');
    return numbersInProc().filter((pid) => {
      const link = `/proc/${pid}/fd/${descriptor}`;
      const path = linkIfReadable(link);
      // What is mounted at two places has two paths.
      if (path === file || !path?.endsWith(end)) return path === file;
      const found = ifReadable(() => fs.statSync(link));
      return found !== undefined && found.ino === ino && found.dev === dev;
    });
  },
  childrenOf: (pid) =>
    (readIfReadable(`/proc/${pid}/task/${pid}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  lookAfterMs: 2,
};

/** Other systems: a program, which on macOS is silent about the environment of the system's own programs. */
export const psProgram: ProcessTable = {
  find: (pid) => ps('-p', String(pid), '-o', PS_COLUMNS).flatMap((line) => parsePsLine(line) ?? [])[0],
  all: () => ps('-A', '-o', PS_COLUMNS).flatMap((line) => parsePsLine(line) ?? []),
  withVariable(assignment) {
    const options = process.platform === 'darwin' ? ['-A', '-E', '-ww'] : ['axeww'];
    return ps(...options, '-o', 'pid=,command=')
      .filter((line) => `${line} `.includes(` ${assignment} `))
      .map((line) => Number.parseInt(line, 10));
  },
  withDescriptor: () => [],
  childrenOf: () => [],
  lookAfterMs: 50,
};

export const processTable: ProcessTable = fs.existsSync('/proc/self/stat') ? procFiles : psProgram;

/**
 * Reads a line of `/proc/<pid>/stat`, or one of its form that a script has written where there is none; undefined when it
 * is not a whole one.
 */
export function parseStatLine(line: string): SystemProcess | undefined {
  // The name in parentheses may itself have spaces and parentheses.
  const [state = '', parent, group, session, ...rest] = line
    .slice(line.lastIndexOf(')') + 2)
    .trimEnd()
    .split(' ');
  const pid = Number.parseInt(line, 10);
  const startTime = rest[15];
  if (!Number.isInteger(pid) || startTime === undefined) return undefined;
  const ended = state === 'Z' || state === 'X';
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), startTime, ended };
}

const PS_COLUMNS = 'pid=,ppid=,pgid=,stat=,lstart=';

function parsePsLine(line: string): SystemProcess | undefined {
  const [pid, parent, group, state = '', ...started] = line.trim().split(/\s+/);
  if (started.length === 0) return undefined;
  const ended = state.startsWith('Z');
  // As the scripts write it.
  const startTime = started.join('_');
  return { pid: Number(pid), parent: Number(parent), group: Number(group), session: Number(group), startTime, ended };
}

/** What `ps` of this system says, line by line. */
export function ps(...args: readonly string[]): readonly string[] {
  const env = { PATH: TOOL_PATH, LC_ALL: 'C', TZ: 'UTC' };
  const { stdout, error } = spawnSync('ps', args, { env, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (error !== undefined) throw error;
  return stdout.split('\n').filter((line) => line !== '');
}

function numbersInProc(): readonly number[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readIfReadable(file: string): string | undefined {
  return ifReadable(() => fs.readFileSync(file, 'latin1'));
}

function linkIfReadable(link: string): string | undefined {
  return ifReadable(() => fs.readlinkSync(link));
}

/**
 * A process may be another user's, or end between being seen and being looked at. Other errors are ours (too many files
 * are open), and say nothing of the process: M2, it must not look as if it had ended.
 */
function ifReadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (
      ['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      return undefined;
    throw error;
  }
}
