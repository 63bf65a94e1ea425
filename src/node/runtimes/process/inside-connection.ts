import { once } from 'node:events';
import { Duplex, type Readable, type Writable } from 'node:stream';

import type { Pod } from './pod.ts';
import { startProgram } from './start-program.ts';
import { tool } from './tools.ts';

/** Says that it is connected, and joins its pipes with the connection. It ends with the pod's side. */
const JOIN = `
const socket = require('net').connect({ host: 'localhost', port: Number(process.argv[1]) }, () => {
  process.stdout.write('+');
  process.stdin.pipe(socket).pipe(process.stdout);
});
const end = () => process.exit();
socket.on('error', end).on('close', () => process.stdout.end(end));
process.stdin.on('error', end);
process.stdout.on('error', end);
`;

/**
 * Connects to a port that programs of a pod listen on for themselves only, at `localhost`. Undefined when none does, or
 * when the pod has no network of its own: then nobody can tell whose port it is.
 */
export async function connectInside(pod: Pod | undefined, port: number): Promise<Duplex | undefined> {
  const first = pod?.sandbox?.first;
  if (pod?.level.isolation !== 'namespaces' || first === undefined) return undefined;
  const command = [tool('nsenter'), `--net=/proc/${first.pid}/ns/net`, process.execPath, '-e', JOIN, String(port)];
  const child = startProgram(command, ['pipe', 'pipe', 'ignore']);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('a connection without pipes');
  stdin.on('error', () => {});
  const exited = once(child, 'exit');
  exited.catch(() => {});
  // It holds the network of the pod.
  pod.addSession(exited.then(() => 0));
  if (!(await isConnected(stdout))) return undefined;
  return new InsideConnection(stdin, stdout, () => child.kill('SIGKILL'));
}

/** It ends when the pod's side has ended and everything from there has been read. */
class InsideConnection extends Duplex {
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #end: () => void;

  constructor(input: Writable, output: Readable, end: () => void) {
    super({ allowHalfOpen: false });
    this.#input = input;
    this.#output = output;
    this.#end = end;
    output.on('data', (chunk) => {
      if (!this.push(chunk)) output.pause();
    });
    output.on('end', () => this.push(null));
    output.on('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.#output.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // When nobody reads it any more, the other direction says so.
    this.#input.write(chunk, () => done());
  }

  override _final(done: () => void): void {
    this.#input.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#end();
    this.#input.destroy();
    this.#output.destroy();
    done(error);
  }
}

/** Takes the first byte; false when there is none. */
async function isConnected(stdout: Readable): Promise<boolean> {
  while (!stdout.readableEnded && !stdout.destroyed) {
    if (stdout.read(1) !== null) return true;
    await Promise.race([once(stdout, 'readable'), once(stdout, 'close')]).catch(() => {});
  }
  return false;
}
