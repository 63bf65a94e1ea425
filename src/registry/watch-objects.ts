import { ApiError, apiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { CompactedError, type Entry, type StoreEvent, type StoreWatch } from '../store/store.ts';
import { objectOf, type RegistryCore, StoredEntry, UnstoredObject } from './core.ts';
import { listPrefix } from './keys.ts';
import { assertReached, expired, parseVersion } from './list-objects.ts';
import type { StoredWatchEvent, StoredWatchHandler, WatchRequest } from './requests.ts';
import { type Selection, selectionOf } from './selection.ts';

/**
 * Watches a resource. What is wrong with the request is thrown (`BadRequest`); that the version is too old (`Expired`)
 * ends the watch. With a version that has not been reached, initial events are a `Timeout`.
 */
export function watchObjects(
  core: RegistryCore,
  type: ResourceType,
  request: WatchRequest,
  handler: StoredWatchHandler,
): { stop(): void } {
  const selection = selectionOf(type, request);
  const prefix = listPrefix(type, request.namespace);
  const { resourceVersion = '' } = request;
  const fromRevision = resourceVersion === '' ? 0 : parseVersion(resourceVersion);
  const initial = request.sendInitialEvents;
  if (initial === true) assertReached(core, fromRevision);
  const watch = new ObjectWatch(core, prefix, selection, handler);
  if (initial ?? fromRevision === 0) watch.begin(initial === true);
  else watch.follow(fromRevision === 0 ? core.store.revision : fromRevision);
  return watch;
}

class ObjectWatch {
  readonly #core: RegistryCore;
  readonly #prefix: string;
  readonly #matches: Selection['matches'];
  readonly #handler: StoredWatchHandler;
  #watch: StoreWatch | undefined;
  #over = false;

  constructor(core: RegistryCore, prefix: string, { matches }: Selection, handler: StoredWatchHandler) {
    this.#core = core;
    this.#prefix = prefix;
    this.#matches = matches;
    this.#handler = handler;
  }

  stop(): void {
    this.#over = true;
    this.#watch?.stop();
  }

  /** First everything there is, then what comes; in between a bookmark if `announceEnd`. */
  begin(announceEnd: boolean): void {
    this.#core.store.list(this.#prefix).then(
      ({ entries, revision }) => {
        if (this.#over) return;
        const wanted = entries.filter((entry) => this.#matches?.(objectOf(entry)) ?? true);
        const batch = wanted.map((entry): StoredWatchEvent => ({ type: 'ADDED', item: new StoredEntry(entry) }));
        if (announceEnd) batch.push({ type: 'BOOKMARK', resourceVersion: String(revision), initialEnd: true });
        if (batch.length > 0) this.#handler.events(batch);
        if (!this.#over) this.follow(revision);
      },
      (error: unknown) => this.#end(error),
    );
  }

  /** Everything after `fromRevision`. */
  follow(fromRevision: number): void {
    try {
      // A version that is still to come: nothing before it is shown.
      const start = Math.min(fromRevision, this.#core.store.revision);
      const watch = this.#core.store.watch(this.#prefix, start, {
        events: (batch) => this.#pass(batch, fromRevision),
        closed: (error) => this.#end(error),
      });
      this.#watch = watch;
      if (this.#over) watch.stop();
    } catch (error) {
      const reason = error instanceof CompactedError ? expired(error, fromRevision) : error;
      // The caller does not have the watch yet.
      queueMicrotask(() => this.#end(reason));
    }
  }

  #pass(batch: readonly StoreEvent[], after: number): void {
    if (this.#over) return;
    const events: StoredWatchEvent[] = [];
    for (const event of batch) {
      if (event.entry.revision <= after) continue;
      const shown = shownEvent(event, this.#matches);
      if (shown !== undefined) events.push(shown);
    }
    if (events.length > 0) this.#handler.events(events);
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (error === undefined) this.#handler.closed();
    else this.#handler.closed(asApiError(error));
  }
}

/** What a watcher with this selection sees of an event: an object that no longer matches is gone for it. */
function shownEvent(event: StoreEvent, matches: Selection['matches']): StoredWatchEvent | undefined {
  const item = new StoredEntry(event.entry);
  const before = event.previous !== undefined && (matches?.(objectOf(event.previous)) ?? true);
  if (event.type === 'delete') return before ? { type: 'DELETED', item } : undefined;
  const now = matches?.(objectOf(event.entry)) ?? true;
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', item };
  return before && event.previous !== undefined ? { type: 'DELETED', item: lastSeen(event.previous, item) } : undefined;
}

/** What a watcher last saw of an object that it sees no longer, at the version from which on it does not. */
function lastSeen(previous: Entry, item: StoredEntry): UnstoredObject {
  const { metadata, ...rest } = objectOf(previous);
  const { resourceVersion } = item.object.metadata;
  return new UnstoredObject(Object.freeze({ ...rest, metadata: Object.freeze({ ...metadata, resourceVersion }) }));
}

function asApiError(error: unknown): Error {
  if (error instanceof ApiError) return error;
  return apiError('InternalError', `the watch was ended: ${error instanceof Error ? error.message : String(error)}`);
}
