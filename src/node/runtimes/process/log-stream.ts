import fs from 'node:fs';
import { Readable } from 'node:stream';

import type { LogOptions } from '../../../client/pod-streams.ts';
import { type LogEntry, readLogIndex, timeAt } from './log-index.ts';

const CHUNK_BYTES = 65_536;

/** The log of one run, and how to know that nothing more will be written to it. */
export interface LogSource {
  readonly log: string;
  readonly index: string;
  /** Resolves when the container has ended. */
  readonly ended: Promise<void>;
}

/** What `kubectl logs` shows of a run. */
export function logStream(source: LogSource, options: Omit<LogOptions, 'container' | 'previous'>): Readable {
  return new LogStream(source, options);
}

class LogStream extends Readable {
  readonly #source: LogSource;
  readonly #timestamps: boolean;
  readonly #descriptor: number;
  #offset: number;
  #follow: boolean;
  #left: number;
  #reading = false;
  #grown = false;
  #wake: (() => void) | undefined;
  #watcher: fs.FSWatcher | undefined;
  /** With timestamps: the beginning of a line whose end is not there yet, and where it began. */
  #line = '';
  #lineOffset: number;
  #entries: readonly LogEntry[];

  constructor(source: LogSource, options: Omit<LogOptions, 'container' | 'previous'>) {
    super();
    this.#source = source;
    this.#timestamps = options.timestamps;
    this.#follow = options.follow;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    this.#entries = readLogIndex(source.index);
    this.#descriptor = fs.openSync(source.log, 'r');
    this.#offset = this.#start(options);
    this.#lineOffset = this.#offset;
    if (this.#follow) this.#watch();
  }

  override _read(): void {
    if (!this.#reading) void this.#pump().catch((error) => this.destroy(error));
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#watcher?.close();
    this.#wake?.();
    fs.close(this.#descriptor, () => callback(error));
  }

  /** Reads on until the reader has enough, or there is no more. */
  async #pump(): Promise<void> {
    this.#reading = true;
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    while (!this.destroyed) {
      this.#grown = false;
      const length = fs.readSync(this.#descriptor, buffer, 0, buffer.length, this.#offset);
      if (length > 0) {
        const chunk = Buffer.from(buffer.subarray(0, length));
        this.#offset += length;
        if (!this.#show(this.#timestamps ? this.#stamp(chunk) : chunk)) break;
      } else if (this.#follow) {
        if (!this.#grown) await new Promise<void>((resolve) => (this.#wake = resolve));
      } else {
        if (this.#line !== '') this.#show(Buffer.from(this.#stampLine(this.#line), 'latin1'));
        this.push(null);
        break;
      }
    }
    this.#reading = false;
  }

  /** False when the reader has enough for now, or has got all it asked for. */
  #show(bytes: Buffer): boolean {
    if (bytes.length === 0) return true;
    if (bytes.length < this.#left) {
      this.#left -= bytes.length;
      return this.push(bytes);
    }
    this.push(bytes.subarray(0, this.#left));
    this.push(null);
    return false;
  }

  #watch(): void {
    this.#watcher = fs.watch(this.#source.log, { persistent: false }, () => this.#look());
    this.#watcher.on('error', (error) => this.destroy(error));
    void this.#source.ended.then(() => {
      this.#follow = false;
      this.#look();
    });
  }

  #look(): void {
    this.#grown = true;
    this.#wake?.();
  }

  /** Where to begin, always at the beginning of a line. */
  #start({ tailLines, sinceMs }: Pick<LogOptions, 'tailLines' | 'sinceMs'>): number {
    const size = fs.fstatSync(this.#descriptor).size;
    let start = this.#entries[0]?.from ?? 0;
    if (sinceMs !== undefined) {
      const entry = this.#entries.find((one) => one.atMs >= sinceMs);
      start = entry === undefined ? size : Math.max(start, this.#lineAt(entry.from));
    }
    return tailLines === undefined ? start : Math.max(start, this.#tail(size, tailLines));
  }

  /** The beginning of the line after the one that `offset` is in the middle of. */
  #lineAt(offset: number): number {
    if (offset === 0) return 0;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (let at = offset - 1; ; at += buffer.length) {
      const length = fs.readSync(this.#descriptor, buffer, 0, buffer.length, at);
      const end = buffer.subarray(0, length).indexOf(10);
      if (end >= 0) return at + end + 1;
      if (length === 0) return at;
    }
  }

  /** Where the last `lines` lines begin. */
  #tail(size: number, lines: number): number {
    if (lines === 0) return size;
    const buffer = Buffer.alloc(CHUNK_BYTES);
    let missing = lines;
    for (let end = size; end > 0; ) {
      const from = Math.max(0, end - buffer.length);
      fs.readSync(this.#descriptor, buffer, 0, end - from, from);
      for (let at = end - from - 1; at >= 0; at--) {
        // The end of the last line begins no line.
        if (buffer[at] === 10 && from + at + 1 < size && --missing === 0) return from + at + 1;
      }
      end = from;
    }
    return 0;
  }

  /** The whole lines there are by now, each after its time. Bytes stay bytes. */
  #stamp(chunk: Buffer): Buffer {
    const lines = (this.#line + chunk.toString('latin1')).split('\n');
    this.#line = lines.pop() ?? '';
    return Buffer.from(lines.map((line) => this.#stampLine(`${line}\n`)).join(''), 'latin1');
  }

  #stampLine(line: string): string {
    const atMs = this.#timeAt(this.#lineOffset);
    this.#lineOffset += line.length;
    return `${new Date(atMs).toISOString().slice(0, -1)}000000Z ${line}`;
  }

  #timeAt(offset: number): number {
    let atMs = timeAt(this.#entries, offset);
    if (atMs === undefined) {
      this.#entries = readLogIndex(this.#source.index);
      atMs = timeAt(this.#entries, offset);
    }
    // Written since the index was: just now.
    return atMs ?? Math.floor(fs.fstatSync(this.#descriptor).mtimeMs);
  }
}
