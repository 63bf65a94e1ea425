import { type QueueStatistics, WorkQueue } from '../client/work-queue.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';

/** What a pass may ask for: another one after this long, though nothing happens in between. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number;
}

/**
 * Brings what exists closer to what should exist, for one key. It is
 *
 * - level-triggered: it looks at the whole state of the key as it is now, and never at which event woke it, so a lost
 *   event, a crash or a restart costs nothing;
 * - keyed: two keys may be reconciled at once, one key never;
 * - idempotent: called again when nothing changed, it does nothing.
 *
 * It throws to be called again later, with back-off.
 */
// A pass that has nothing to ask for returns nothing.
// biome-ignore lint/suspicious/noConfusingVoidType: `void` is what an async function without a result has.
export type Reconcile = (key: string) => Promise<ReconcileResult | void>;

export interface ControllerOptions {
  /** For logs. */
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reconcile: Reconcile;
  /** What `reconcile` reads: nothing is decided before all of it is there. */
  readonly caches?: readonly Cache[];
  /** Subscribes to everything that may concern a key, and returns what ends each subscription. */
  readonly follow?: (queue: ControllerQueue) => readonly (() => void)[];
  /** How many keys are reconciled at once (default 16). */
  readonly concurrency?: number;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
}

/** An informer, as far as one waits for it. */
interface Cache {
  readonly synced: Promise<unknown>;
}

/** Where keys wait for {@link Reconcile}. */
export interface ControllerQueue {
  /** Something about this key may have changed. */
  enqueue(key: string): void;
  enqueueAfter(key: string, delayMs: number): void;
}

/** A running controller. */
export interface Controller extends ControllerQueue {
  readonly name: string;
  readonly statistics: QueueStatistics;
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

/**
 * Starts a controller: a queue of keys and {@link Reconcile}.
 *
 * @example
 * const controller = runController({
 *   name: 'endpoints',
 *   clock,
 *   logger,
 *   caches: [services, pods],
 *   reconcile: (key) => syncService(key),
 *   follow: (queue) => [
 *     services.subscribe((changes) => {
 *       for (const { object } of changes) queue.enqueue(formatKey(keyOf(object)));
 *     }),
 *   ],
 * });
 */
export function runController(options: ControllerOptions): Controller {
  const { name, clock, reconcile, concurrency, initialBackoffMs, maxBackoffMs } = options;
  const logger = options.logger.child({ controller: name });
  let state: 'waiting' | 'running' | 'stopped' = 'waiting';
  let stopWaiting = (): void => {};
  const begun = Promise.race([
    Promise.all((options.caches ?? []).map(({ synced }) => synced)),
    new Promise<void>((resolve) => {
      stopWaiting = resolve;
    }),
  ]).then(() => {
    if (state === 'waiting') state = 'running';
  });
  const queue = new WorkQueue({
    clock,
    ...(concurrency !== undefined && { concurrency }),
    ...(initialBackoffMs !== undefined && { initialBackoffMs }),
    ...(maxBackoffMs !== undefined && { maxBackoffMs }),
    handle: async (key) => {
      if (state === 'waiting') await begun;
      if (state === 'stopped') return;
      const result = await reconcile(key);
      if (result?.requeueAfterMs !== undefined) queue.after(key, result.requeueAfterMs);
    },
    onFailure: (key, error, failures, retryInMs) => {
      // A single conflict or a race with another writer is everyday life; one that stays is not.
      const level = failures < 5 ? 'debug' : 'warn';
      logger[level]('reconciling failed, trying again', { key, failures, retryInMs, error: String(error) });
    },
  });
  const controllerQueue: ControllerQueue = {
    enqueue: (key) => queue.add(key),
    enqueueAfter: (key, delayMs) => queue.after(key, delayMs),
  };
  const subscriptions = options.follow?.(controllerQueue) ?? [];
  return {
    name,
    statistics: queue,
    ...controllerQueue,
    stop() {
      for (const unsubscribe of subscriptions) unsubscribe();
      state = 'stopped';
      stopWaiting();
      return queue.close();
    },
  };
}
