import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';

import { namesIn, readIfThere } from './files.ts';
import { TOOL_PATH } from './run.ts';

/** A descriptor of this process, a new pipe, or nothing. */
export type Descriptor = number | 'pipe' | 'ignore';

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
export function startProgram(command: readonly string[], descriptors: readonly Descriptor[]): ChildProcess {
  const [program = '', ...args] = command;
  stray ??= findStray();
  const nothing = fs.openSync('/dev/null', 'r+');
  try {
    const stdio = [...descriptors];
    for (const descriptor of stray) {
      while (stdio.length <= descriptor) stdio.push('ignore');
      if (descriptor > 2 && stdio[descriptor] === 'ignore') stdio[descriptor] = nothing;
    }
    return spawn(program, args, { detached: true, env: { PATH: TOOL_PATH, LC_ALL: 'C' }, stdio });
  } finally {
    fs.closeSync(nothing);
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
