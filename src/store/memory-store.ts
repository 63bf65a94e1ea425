import { type Clock, systemClock } from '../platform/clock.ts';
import { type Logger, silentLogger } from '../platform/logger.ts';
import type { HistoryLimits } from './history.ts';
import type { Store } from './store.ts';
import { VersionedStore } from './versioned-store.ts';

export interface MemoryStoreOptions {
  /** How much of the past is kept. */
  readonly history?: HistoryLimits;
  /** For the age of the history; the machine's by default. */
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/**
 * A store that lives and dies with the process. Commits are done in microtasks, without timers or I/O, so that what it
 * does depends on nothing but the order of the calls.
 *
 * @example
 * const store = memoryStore();
 * await store.commit([{ type: 'put', key: '/core/pods/default/redis-0', value: () => ({ kind: 'Pod' }) }]);
 */
export function memoryStore({
  history = {},
  clock = systemClock,
  logger = silentLogger,
}: MemoryStoreOptions = {}): Store {
  return new VersionedStore({ history, clock, logger });
}
