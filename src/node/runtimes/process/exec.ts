import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';

import type { ExecSession } from '../../../client/pod-streams.ts';
import { killEntered } from './process-identity.ts';
import { TOOL_PATH } from './run.ts';

/** Runs it with pipes. The session has ended when its outputs have, too. */
export function startSession(
  command: readonly string[],
  stdin: boolean,
): ExecSession & { readonly child: ChildProcess } {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    detached: true,
    env: { PATH: TOOL_PATH, LC_ALL: 'C' },
    stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('a session without outputs');
  // A program that ends without reading all of its input is no error of anybody's.
  child.stdin?.on('error', () => {});
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(exitCode(code, signal)));
  });
  exited.catch(() => {});
  return {
    child,
    ...(child.stdin === null ? {} : { stdin: child.stdin }),
    stdout,
    stderr,
    resize() {},
    exited,
    kill: () => {
      if (child.pid !== undefined && child.exitCode === null) killEntered(child.pid);
      stdout.destroy();
      stderr.destroy();
    },
  };
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}
