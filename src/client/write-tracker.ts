import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { Clock } from '../platform/clock.ts';

/** What the tracker asks of a cache: an `Informer` of any kind. */
export interface WriteCache {
  get(key: ObjectKey): KubernetesObject | undefined;
  hasSeen(resourceVersion: string): boolean;
  when(holds: () => boolean, signal?: AbortSignal): Promise<void>;
}

/** A write that a cache may not show yet. */
interface Pending {
  seen(): boolean;
  whenSeen(signal: AbortSignal): Promise<void>;
}

export interface WriteTrackerOptions {
  readonly clock: Clock;
  /** After this long a key goes on with what its cache shows (default 30 s): see {@link WriteTracker}. */
  readonly timeoutMs?: number;
}

/**
 * Remembers, for each key, what its last pass wrote, so that the key is not planned again before the caches show it: a
 * cache that lags behind its own reader's writes makes a controller create or delete twice.
 *
 * A cache that lists again shows everything up to the list, so a broken watch settles by itself. If a write is not seen
 * within the time-out all the same (the store was put back to an older state), the key goes on: every write carries a
 * precondition or a unique name, so an old view costs a refused request, never a wrong one.
 */
export class WriteTracker {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pending = new Map<string, Pending[]>();

  constructor(options: WriteTrackerOptions) {
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  /** `key` wrote the version `object` has (created, changed, or marked as being deleted). */
  wrote(key: string, cache: WriteCache, object: KubernetesObject): void {
    const { resourceVersion } = object.metadata;
    this.#add(key, cache, () => cache.hasSeen(resourceVersion));
  }

  /** `key` deleted the object `uid` for good. */
  removed(key: string, cache: WriteCache, object: ObjectKey, uid: string): void {
    this.#add(key, cache, () => cache.get(object)?.metadata.uid !== uid);
  }

  /** Resolves when the caches show all that `key` wrote; true unless it had to give up waiting. */
  async caughtUp(key: string): Promise<boolean> {
    const pending = this.#pending.get(key);
    if (pending === undefined) return true;
    this.#pending.delete(key);
    const behind = pending.filter((write) => !write.seen());
    if (behind.length === 0) return true;
    const abort = new AbortController();
    let inTime = true;
    const timer = this.#clock.after(this.#timeoutMs, () => {
      inTime = false;
      abort.abort();
    });
    await Promise.all(behind.map((write) => write.whenSeen(abort.signal)));
    timer.cancel();
    return inTime;
  }

  #add(key: string, cache: WriteCache, seen: () => boolean): void {
    if (seen()) return;
    const write: Pending = { seen, whenSeen: (signal) => cache.when(seen, signal) };
    const pending = this.#pending.get(key);
    if (pending === undefined) this.#pending.set(key, [write]);
    else pending.push(write);
  }
}
