import fs from 'node:fs';

import type { Clock, Timer } from '../../../platform/clock.ts';
import { appendLogEntry, type LogEntry, readLogIndex, writeLogIndex } from './log-index.ts';
import { run } from './run.ts';

/** A log is looked at once in this time at most, however much is written to it. */
const INTERVAL_MS = 1000;

export interface LogLimits {
  /** Bytes of a log that are kept at least, when there are as many. */
  readonly keepBytes: number;
  /** Entries of an index; past it every second one is given up. */
  readonly maxEntries: number;
}

/** What Kubernetes keeps of a container by default: five files of 10 MiB. */
const DEFAULT_LOG_LIMITS: LogLimits = { keepBytes: 50 * 2 ** 20, maxEntries: 20_000 };

/**
 * Watches the log of a running container: notes when it grows, and gives the disk space of its oldest part back when
 * it is too large. The program writes to the file itself, nothing is between. A log that does not grow costs nothing.
 *
 * The oldest part is given back as a hole in the file, so that no byte is lost, moved or counted anew while the program
 * goes on writing; the first entry of the index tells where the log begins.
 */
export class LogRecorder {
  readonly #log: string;
  readonly #index: string;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  readonly #onError: (error: Error) => void;
  #begin: number;
  #known: number;
  #count: number;
  #watcher: fs.FSWatcher | undefined;
  #timer: Timer | undefined;
  #closed = false;
  #failing = false;

  constructor(options: {
    readonly log: string;
    readonly index: string;
    readonly clock: Clock;
    readonly limits?: LogLimits;
    readonly onError: (error: Error) => void;
  }) {
    this.#log = options.log;
    this.#index = options.index;
    this.#clock = options.clock;
    this.#limits = options.limits ?? DEFAULT_LOG_LIMITS;
    this.#onError = options.onError;
    const entries = readLogIndex(this.#index);
    this.#count = entries.length;
    this.#begin = entries[0]?.from ?? 0;
    this.#known = entries.at(-1)?.to ?? 0;
    // What was written while nobody looked was written by the file's own time.
    this.#note(fs.statSync(this.#log, { throwIfNoEntry: false })?.mtimeMs);
    this.#wait();
  }

  /** Notes what has been written until now, and looks no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher?.close();
    this.#timer?.cancel();
    this.#note(this.#clock.now());
  }

  #wait(): void {
    try {
      this.#watcher = fs.watch(this.#log, { persistent: false }, () => this.#grown());
      this.#watcher.on('error', this.#onError);
    } catch (error) {
      this.#onError(error as Error);
      return;
    }
    // It may have grown just before the watch began.
    if (this.#size() > this.#known) this.#grown();
  }

  #grown(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#note(this.#clock.now());
    this.#timer?.cancel();
    this.#timer = this.#clock.after(INTERVAL_MS, () => {
      if (this.#closed) return;
      if (this.#size() > this.#known) this.#grown();
      else this.#wait();
    });
  }

  #size(): number {
    return fs.statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** What the disk has no room for is noted later, with a later time. */
  #note(atMs: number | undefined): void {
    try {
      this.#tryToNote(atMs);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#onError(error as Error);
      this.#failing = true;
    }
  }

  #tryToNote(atMs: number | undefined): void {
    const size = this.#size();
    if (size <= this.#known || atMs === undefined) return;
    appendLogEntry(this.#index, { from: this.#known, to: size, atMs: Math.floor(atMs) });
    this.#known = size;
    this.#count++;
    if (size - this.#begin > 1.2 * this.#limits.keepBytes) this.#giveBack(size - this.#limits.keepBytes);
    if (this.#count > this.#limits.maxEntries) this.#thinOut();
  }

  #giveBack(target: number): void {
    const begin = nextLine(this.#log, target);
    const entries = readLogIndex(this.#index).filter((entry) => entry.to > begin);
    const [first, ...rest] = entries;
    if (first === undefined) return;
    writeLogIndex(this.#index, [{ ...first, from: begin }, ...rest]);
    const [program, ...args] = punchHole(this.#log, this.#begin, begin);
    this.#begin = begin;
    this.#count = entries.length;
    run(program, args).catch(this.#onError);
  }

  #thinOut(): void {
    const entries = readLogIndex(this.#index);
    const thinned: LogEntry[] = [];
    for (let index = 0; index < entries.length; index += 2) {
      const [one, next] = [entries[index], entries[index + 1]];
      if (one !== undefined) thinned.push(next === undefined ? one : { ...one, to: next.to });
    }
    writeLogIndex(this.#index, thinned);
    this.#count = thinned.length;
  }
}

/** The command that gives back the disk space of a part of a file. */
function punchHole(file: string, from: number, to: number): readonly [string, ...string[]] {
  if (process.platform !== 'darwin')
    return ['fallocate', '--punch-hole', '--offset', String(from), '--length', String(to - from), file];
  // F_PUNCHHOLE (99) of macOS takes whole blocks. What was left of the block before is now given back with it.
  const [first, end] = [from - (from % BLOCK_BYTES), to - (to % BLOCK_BYTES)];
  const script =
    'open(my $file, "+<", $ARGV[0]) or die $!; fcntl($file, 99, pack("LLqq", 0, 0, @ARGV[1, 2])) or die $!';
  return ['perl', '-e', script, '--', file, String(first), String(end - first)];
}

const BLOCK_BYTES = 4096;

/** The offset after the first end of a line at or after `offset`; `offset` itself when none is near. */
function nextLine(file: string, offset: number): number {
  const buffer = Buffer.alloc(65_536);
  const descriptor = fs.openSync(file, 'r');
  try {
    const length = fs.readSync(descriptor, buffer, 0, buffer.length, offset);
    const end = buffer.subarray(0, length).indexOf(10);
    return end < 0 ? offset : offset + end + 1;
  } finally {
    fs.closeSync(descriptor);
  }
}
