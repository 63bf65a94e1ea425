import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';

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

export interface FifoReader {
  /** What was written, in pieces of any length. */
  data(text: string): void;
  /** Nobody has it open for writing any more. */
  ended(): void;
}

/** macOS does not tell Node that the last writer of a named pipe has gone: there it is looked for. */
const LOOK_EVERY_MS = 50;

/** Reads a pipe that was opened with O_NONBLOCK, and closes it at its end or when the returned function is called. */
export function followFifo(descriptor: number, reader: FifoReader, looks = process.platform === 'darwin'): () => void {
  return looks ? lookIntoFifo(descriptor, reader) : streamFifo(descriptor, reader);
}

function streamFifo(descriptor: number, reader: FifoReader): () => void {
  const socket = new net.Socket({ fd: descriptor, readable: true, writable: false });
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => reader.data(text));
  socket.on('end', () => reader.ended());
  // Reading a pipe does not fail; if it did, not knowing must not look like an end.
  socket.on('error', () => {});
  return () => socket.destroy();
}

function lookIntoFifo(descriptor: number, reader: FifoReader): () => void {
  const buffer = Buffer.allocUnsafe(65_536);
  const decoder = new StringDecoder('utf8');
  let open = true;
  const close = (): void => {
    clearInterval(timer);
    if (open) fs.closeSync(descriptor);
    open = false;
  };
  const timer = setInterval(() => {
    let length: number;
    try {
      length = fs.readSync(descriptor, buffer, 0, buffer.length, null);
    } catch {
      return; // nothing is in it now
    }
    if (length > 0) {
      reader.data(decoder.write(buffer.subarray(0, length)));
    } else {
      close();
      reader.ended();
    }
  }, LOOK_EVERY_MS);
  return close;
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
