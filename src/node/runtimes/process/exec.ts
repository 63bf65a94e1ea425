import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

import type { ExecSession } from '../../../client/pod-streams.ts';
import { killEntered } from './process-identity.ts';
import { startProgram } from './start-program.ts';

export interface SessionOptions {
  readonly stdin: boolean;
  /** What the programs of its pod are known by. */
  readonly mark?: string | undefined;
  /** Given for a session in a terminal: sets the size of the terminal at `device`, a path in the container. */
  resize?(device: string, columns: number, rows: number): void;
}

/** Runs a command line with pipes. The session has ended when its outputs have, too. */
export function startSession(command: readonly string[], options: SessionOptions): ExecSession {
  // The fourth tells the path of the terminal.
  const terminalPath = options.resize === undefined ? 'ignore' : 'pipe';
  const child = startProgram(command, [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', terminalPath], options);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('a session without outputs');
  // A program that ends without reading all of its input is no error of anybody's.
  child.stdin?.on('error', () => {});
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(exitCode(code, signal)));
  });
  exited.catch(() => {});
  const terminal = options.resize === undefined ? undefined : new Terminal(child, options.resize);
  return {
    ...(child.stdin === null ? {} : { stdin: child.stdin }),
    stdout,
    ...(terminal === undefined ? { stderr } : {}),
    resize: (columns, rows) => terminal?.resize(columns, rows),
    exited,
    kill() {
      if (child.pid !== undefined && child.exitCode === null) killEntered(child.pid);
      stdout.destroy();
      stderr.destroy();
    },
  };
}

/** The terminal of a session. A size that is set before it is there is set as soon as it is. */
class Terminal {
  readonly #set: (device: string, columns: number, rows: number) => void;
  #device: string | undefined;
  #wanted: readonly [columns: number, rows: number] | undefined;

  constructor(child: ChildProcess, set: (device: string, columns: number, rows: number) => void) {
    this.#set = set;
    const announcement = child.stdio[3] as Readable;
    announcement.setEncoding('utf8').once('data', (line: string) => {
      this.#device = line.trim();
      if (this.#wanted !== undefined) this.resize(...this.#wanted);
    });
    child.stderr?.resume();
  }

  resize(columns: number, rows: number): void {
    this.#wanted = [columns, rows];
    if (this.#device?.startsWith('/dev/')) this.#set(this.#device, columns, rows);
  }
}

function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  if (code !== null) return code;
  return 128 + (signal === null ? 0 : constants.signals[signal]);
}
