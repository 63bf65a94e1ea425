import type { Clock, Timer } from '../platform/clock.ts';
import { Histogram } from '../platform/histogram.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Does the work of one key. A rejection means: again later, with back-off. */
  readonly handle: (key: string) => Promise<void>;
  /** How many different keys are worked on at once (1 or more; default 16). */
  readonly concurrency?: number;
  /** Delay after the first failure of a key (default 5 ms); it doubles with each further one. */
  readonly initialBackoffMs?: number;
  /** Longest delay between two attempts (default 60 s). */
  readonly maxBackoffMs?: number;
  /** Most keys that may be waiting (default 1,000,000); adding another throws {@link WorkQueueFullError}. */
  readonly maxKeys?: number;
  /** Told of each failure, with how often in a row the key has failed and when it is tried again. */
  readonly onFailure?: (key: string, error: unknown, failures: number, retryInMs: number) => void;
}

/** More keys are waiting than the queue may hold. */
export class WorkQueueFullError extends Error {
  override readonly name = 'WorkQueueFullError';
}

/** What a queue has done so far, for metrics. */
export interface QueueStatistics {
  /** Keys that wait for their turn now. */
  readonly depth: number;
  /** Keys that are worked on now. */
  readonly running: number;
  /** Keys that were added, without those that were waiting already. */
  readonly adds: number;
  /** How often a key has failed. */
  readonly retries: number;
  /** How long keys waited for their turn. */
  readonly waited: Histogram;
  /** How long keys were worked on. */
  readonly worked: Histogram;
}

interface Delayed {
  readonly dueMs: number;
  readonly timer: Timer;
}

/**
 * Keys that need work. A key that is added many times before its turn is worked on once; a key that is added while it
 * is worked on is worked on once more afterwards, never at the same time. Every operation is O(1).
 *
 * @example
 * const queue = new WorkQueue({ clock, handle: (key) => reconcile(key) });
 * queue.add('default/redis');
 * queue.after('default/redis', 10_000);
 */
export class WorkQueue implements QueueStatistics {
  readonly #clock: Clock;
  readonly #handle: (key: string) => Promise<void>;
  readonly #onFailure: WorkQueueOptions['onFailure'];
  readonly #concurrency: number;
  readonly #initialBackoffMs: number;
  readonly #maxBackoffMs: number;
  readonly #maxKeys: number;
  // A Map keeps the order of insertion: it is the queue and the coalescing in one, with when each key came.
  readonly #ready = new Map<string, number>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  readonly waited = new Histogram();
  readonly worked = new Histogram();
  #adds = 0;
  #retries = 0;
  #pumping = false;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#handle = options.handle;
    this.#onFailure = options.onFailure;
    this.#concurrency = options.concurrency ?? 16;
    this.#initialBackoffMs = options.initialBackoffMs ?? 5;
    this.#maxBackoffMs = options.maxBackoffMs ?? 60_000;
    this.#maxKeys = options.maxKeys ?? 1_000_000;
  }

  /** Keys that wait for their turn or for their time. */
  get size(): number {
    return this.#ready.size + this.#again.size + this.#delayed.size;
  }

  get depth(): number {
    return this.#ready.size;
  }

  get adds(): number {
    return this.#adds;
  }

  get retries(): number {
    return this.#retries;
  }

  get running(): number {
    return this.#running.size;
  }

  /** The key needs work now. */
  add(key: string): void {
    if (this.#closed) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    if (this.#ready.size >= this.#maxKeys) {
      throw new WorkQueueFullError(`more than ${this.#maxKeys} keys are waiting for work`);
    }
    this.#adds++;
    this.#ready.set(key, this.#clock.now());
    this.#schedule();
  }

  /** The key needs work in `delayMs`, or sooner if something else asks for it: of several times the earliest counts. */
  after(key: string, delayMs: number): void {
    if (this.#closed) return;
    const dueMs = this.#clock.now() + Math.max(0, delayMs);
    const before = this.#delayed.get(key);
    if (before !== undefined) {
      if (before.dueMs <= dueMs) return;
      before.timer.cancel();
    } else if (this.#delayed.size >= this.#maxKeys) {
      throw new WorkQueueFullError(`more than ${this.#maxKeys} keys are waiting for their time`);
    }
    const timer = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, timer });
  }

  /** Takes no more work, drops what waits, and resolves when what is under way is done. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#ready.clear();
    this.#again.clear();
    this.#failures.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** In a microtask, so that all that one batch of events brings is coalesced first. */
  #schedule(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      for (const [key, addedMs] of this.#ready) {
        if (this.#running.size >= this.#concurrency) break;
        this.#ready.delete(key);
        void this.#run(key, addedMs);
      }
    });
  }

  async #run(key: string, addedMs: number): Promise<void> {
    const startedMs = this.#clock.now();
    this.waited.add((startedMs - addedMs) / 1000);
    this.#running.add(key);
    try {
      await this.#handle(key);
      this.#failures.delete(key);
    } catch (error) {
      if (!this.#closed) this.#retry(key, error);
    }
    this.#running.delete(key);
    this.worked.add((this.#clock.now() - startedMs) / 1000);
    if (this.#again.delete(key)) this.add(key);
    if (this.#ready.size > 0) this.#schedule();
    if (this.#closed && this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #retry(key: string, error: unknown): void {
    this.#retries++;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    // 2^40 times any initial delay is past every cap; more would overflow.
    const delayMs = Math.min(this.#maxBackoffMs, this.#initialBackoffMs * 2 ** Math.min(failures - 1, 40));
    this.#onFailure?.(key, error, failures, delayMs);
    this.after(key, delayMs);
  }
}
