import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';

import { namesIn, readIfThere } from './files.ts';
import { TOOL_PATH } from './run.ts';

/** A descriptor of this process, a new pipe, or nothing. */
export type Descriptor = number | 'pipe' | 'ignore';

/** What a program has its pod's mark open as: the first number that a shell cannot close. */
export const MARK_DESCRIPTOR = 10;

export interface ProgramOptions {
  /** A file to have open as {@link MARK_DESCRIPTOR}. */
  readonly mark?: string | undefined;
  /** With a mark: how many of the numbers below it are free; 0 when absent. */
  readonly free?: number;
  /** Variables beside the usual. */
  readonly env?: Readonly<Record<string, string>>;
}

const CLOSE_ON_EXEC = 0o2000000;

let stray: readonly number[] | undefined;

/** Another part of this process may have opened something since the last program was started: the store is such a part. */
export function lookForStrayDescriptors(): void {
  stray = undefined;
}

/**
 * Starts a program in a session of its own, with the system's tools, these descriptors, and no others. What this process
 * has open and would pass on without being asked (LMDB's file is open for writing, and whoever has started us may have
 * left something) is /dev/null there.
 */
export function startProgram(
  command: readonly string[],
  descriptors: readonly Descriptor[],
  { mark, free = 0, env = {} }: ProgramOptions = {},
): ChildProcess {
  const [program = '', ...args] = command;
  stray ??= findStray();
  const nothing = fs.openSync('/dev/null', 'r+');
  const marked = mark === undefined ? undefined : fs.openSync(mark, 'a', 0o600);
  try {
    const stdio = [...descriptors];
    const taken = new Set(stray);
    if (marked !== undefined) {
      const below = Array.from({ length: MARK_DESCRIPTOR - 3 }, (_, index) => index + 3);
      const open = below.filter((number) => number >= descriptors.length && !taken.has(number)).slice(0, free);
      for (const number of below) if (!open.includes(number)) taken.add(number);
    }
    for (const number of taken) {
      while (stdio.length <= number) stdio.push('ignore');
      if (number > 2 && stdio[number] === 'ignore') stdio[number] = nothing;
    }
    if (marked !== undefined) stdio[MARK_DESCRIPTOR] = marked;
    return spawn(program, args, { detached: true, env: { PATH: TOOL_PATH, LC_ALL: 'C', ...env }, stdio });
  } finally {
    fs.closeSync(nothing);
    if (marked !== undefined) fs.closeSync(marked);
  }
}

/** Node opens its own so that no program inherits them; Linux tells which of the others are not. */
function findStray(): readonly number[] {
  return namesIn('/proc/self/fdinfo')
    .filter((name) => {
      const [, flags] = /^flags:\s*([0-7]+)/m.exec(readIfThere(`/proc/self/fdinfo/${name}`) ?? '') ?? [];
      return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
    })
    .map(Number);
}
