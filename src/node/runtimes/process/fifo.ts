import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { run } from './run.ts';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;

/**
 * Named pipes made ahead: Node cannot make one, and a program run for each would be the largest part of a pod's start.
 */
export class FifoPool {
  readonly #directory: string;
  readonly #batch: number;
  /** The `mkfifo` of an agent that was killed may still be at work in the directory: no name is ever made twice. */
  readonly #life = randomUUID();
  #ready: string[] = [];
  #made = 0;
  #making: Promise<void> | undefined;

  constructor(directory: string, batch = 32) {
    this.#directory = directory;
    this.#batch = batch;
  }

  /** Throws when the file system of the directory has no named pipes. */
  async fill(): Promise<void> {
    fs.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of fs.readdirSync(this.#directory)) fs.rmSync(path.join(this.#directory, name), { force: true });
    await this.#make();
  }

  /** Moves `count` of them to the given paths, which are on the same file system. */
  async take(...targets: readonly string[]): Promise<void> {
    while (this.#ready.length < targets.length) await this.#make();
    for (const target of targets) fs.renameSync(this.#ready.pop() as string, target);
    if (this.#ready.length < this.#batch / 2) this.#make().catch(() => {}); // the next `take` meets the error itself
  }

  #make(): Promise<void> {
    this.#making ??= this.#makeBatch().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #makeBatch(): Promise<void> {
    const paths = Array.from({ length: this.#batch }, () =>
      path.join(this.#directory, `${this.#life}-${this.#made++}`),
    );
    await run('mkfifo', ['-m', '600', ...paths]);
    this.#ready.push(...paths);
  }
}

/**
 * Opens for reading. Undefined when no process has it open for writing: those that did have ended, says the kernel.
 * What was written is not lost: it comes first when it is read.
 */
export function openIfHeld(fifo: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = fs.openSync(fifo, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    // Whatever is in it is news of what the files tell better: nothing is lost by dropping it here.
    const buffer = Buffer.allocUnsafe(65_536);
    while (fs.readSync(descriptor, buffer, 0, buffer.length, null) > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return descriptor;
  }
  fs.closeSync(descriptor);
  return undefined;
}

/** Whether a process has it open for writing. */
export function isHeld(fifo: string): boolean {
  const descriptor = openIfHeld(fifo);
  if (descriptor !== undefined) fs.closeSync(descriptor);
  return descriptor !== undefined;
}

/** Opens for writing. Undefined when no process has it open for reading. */
export function openIfRead(fifo: string): number | undefined {
  try {
    return fs.openSync(fifo, O_WRONLY | O_NONBLOCK);
  } catch (error) {
    if (['ENXIO', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Writes a line at once; false when nobody has the pipe open for reading. */
export function writeLine(fifo: string, line: string): boolean {
  const descriptor = openIfRead(fifo);
  if (descriptor === undefined) return false;
  try {
    fs.writeSync(descriptor, `${line}\n`);
  } finally {
    fs.closeSync(descriptor);
  }
  return true;
}
