import { isExpired } from '../api/errors.ts';
import { formatKey, type KubernetesObject, keyOf, type ObjectKey } from '../api/meta.ts';
import { qualifiedName, type ResourceType } from '../api/resource-type.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Client, Watch, WatchEvent, WatchOptions } from './client.ts';

/** Which objects of a resource an informer follows. */
export type InformerScope = Pick<WatchOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;

export type Change<T> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  /** `object` is its last known state. */
  | { readonly type: 'deleted'; readonly object: T };

/** Told what changed, all that came together in one batch. Synchronous: it must not block. */
export type ChangeHandler<T> = (changes: readonly Change<T>[]) => void;

/** Objects by a value computed from them. */
export interface Index<T> {
  get(value: string): readonly T[];
}

export type IndexFunction<T> = (object: T) => string | readonly string[] | undefined;

export interface InformerOptions<T extends KubernetesObject> {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly type: ResourceType<T>;
  readonly scope?: InformerScope;
  /** Delay after the first failure to list or watch (default 100 ms); it doubles up to `maxBackoffMs`. */
  readonly initialBackoffMs?: number;
  /** Default 30 s. */
  readonly maxBackoffMs?: number;
}

interface Waiter {
  readonly holds: () => boolean;
  readonly resolve: () => void;
}

const NONE: readonly never[] = [];

/**
 * A local copy of a resource that follows the API: list, then watch from there, for ever. A watch that ends is resumed
 * from the last version seen; when that is no longer known everything is listed again and the difference is reported
 * like any other change. Objects are the client's own, by reference.
 */
export class Informer<T extends KubernetesObject> {
  readonly type: ResourceType<T>;
  /** Resolves when the first list is in the cache and its handlers have been told. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<IndexFunction<T>, IndexOf<T>>();
  readonly #handlers = new Set<ChangeHandler<T>>();
  readonly #waiters = new Set<Waiter>();
  #additions: readonly Change<T>[] | undefined;
  #version = 0;
  #hasSynced = false;
  #markSynced: () => void = () => {};
  #watch: Watch | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #stopped = false;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.type = options.type;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** The last version of the API this copy is known to have reached; 0 before the first list. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(formatKey(key));
  }

  /** By `namespace/name`, or `name` for cluster-scoped kinds. */
  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** Everything, in no particular order. */
  list(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** The index that `keyFunction` defines, kept from now on. The same function always gives the same index. */
  index(keyFunction: IndexFunction<T>): Index<T> {
    let index = this.#indexes.get(keyFunction);
    if (index === undefined) {
      index = new IndexOf(keyFunction);
      for (const [key, object] of this.#objects) index.put(key, undefined, object);
      this.#indexes.set(keyFunction, index);
    }
    return index;
  }

  /** Calls `handler` with what is there, and from then on with every change, until the returned function is called. */
  subscribe(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler);
    if (this.#objects.size > 0) this.#tell(handler, this.#everything());
    return () => {
      this.#handlers.delete(handler);
    };
  }

  /** Whether this copy includes the write that made `resourceVersion` (of this resource). */
  hasSeen(resourceVersion: string): boolean {
    return this.#version >= Number(resourceVersion);
  }

  /** Resolves when `holds`, which is asked after every batch of changes, or when `signal` is aborted. */
  when(holds: () => boolean, signal?: AbortSignal): Promise<void> {
    if (this.#stopped || signal?.aborted || holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter: Waiter = { holds, resolve };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', () => {
        if (this.#waiters.delete(waiter)) resolve();
      });
    });
  }

  start(): void {
    void this.#list();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#watch?.stop();
    this.#watch = undefined;
    for (const waiter of this.#waiters) waiter.resolve();
    this.#waiters.clear();
    this.#handlers.clear();
  }

  async #list(): Promise<void> {
    try {
      const list = await this.#options.client.list(this.type, this.#options.scope);
      if (this.#stopped) return;
      this.#replace(list.items, Number(list.metadata.resourceVersion));
    } catch (error) {
      this.#retry('list', error, () => void this.#list());
      return;
    }
    this.#startWatch();
  }

  #startWatch(): void {
    if (this.#stopped) return;
    const handler = {
      events: (batch: readonly WatchEvent<T>[]) => {
        if (watch === undefined || this.#watch === watch) this.#apply(batch);
      },
      closed: (error?: Error) => {
        if (this.#stopped || (watch !== undefined && this.#watch !== watch)) return;
        this.#watch = undefined;
        if (error === undefined) this.#retry('watch', undefined, () => this.#startWatch());
        else if (isExpired(error)) this.#retry('watch', error, () => void this.#list());
        else this.#retry('watch', error, () => this.#startWatch());
      },
    };
    let watch: Watch | undefined;
    try {
      // In-process, events that are already there arrive before `watch` returns.
      watch = this.#options.client.watch(
        this.type,
        { ...this.#options.scope, resourceVersion: String(this.#version), allowWatchBookmarks: true },
        handler,
      );
      this.#watch = watch;
    } catch (error) {
      this.#retry('watch', error, () => (isExpired(error) ? void this.#list() : this.#startWatch()));
    }
  }

  /** The first attempt after something that worked comes at once, the others wait ever longer. */
  #retry(what: 'list' | 'watch', error: unknown, again: () => void): void {
    if (this.#stopped) return;
    const { clock, logger, initialBackoffMs = 100, maxBackoffMs = 30_000 } = this.#options;
    const failures = this.#failures;
    this.#failures += 1;
    const delayMs = failures === 0 ? 0 : Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(failures - 1, 30));
    if (error !== undefined && !isExpired(error)) {
      logger.warn(`cannot ${what} ${qualifiedName(this.type)}`, { error: String(error), retryInMs: delayMs });
    }
    this.#timer?.cancel();
    this.#timer = clock.after(delayMs, again);
  }

  #replace(items: readonly T[], version: number): void {
    const changes: Change<T>[] = [];
    const gone = new Set(this.#objects.keys());
    for (const object of items) {
      const key = formatKey(keyOf(object));
      gone.delete(key);
      const previous = this.#objects.get(key);
      if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) continue;
      this.#put(key, object, changes);
    }
    for (const key of gone) this.#remove(key, undefined, changes);
    this.#version = version;
    this.#publish(changes);
    if (!this.#hasSynced) {
      this.#hasSynced = true;
      this.#markSynced();
    }
  }

  #apply(batch: readonly WatchEvent<T>[]): void {
    this.#failures = 0;
    const changes: Change<T>[] = [];
    let version = this.#version;
    for (const event of batch) {
      if (event.type === 'BOOKMARK') {
        version = Math.max(version, Number(event.resourceVersion));
        continue;
      }
      const { object } = event;
      const key = formatKey(keyOf(object));
      if (event.type === 'DELETED') this.#remove(key, object, changes);
      else this.#put(key, object, changes);
      version = Math.max(version, Number(object.metadata.resourceVersion));
    }
    this.#version = version;
    this.#publish(changes);
  }

  /** All there is, as additions; made once for all who subscribe in the same turn. */
  #everything(): readonly Change<T>[] {
    if (this.#additions === undefined) {
      this.#additions = Array.from(this.#objects.values(), (object) => ({ type: 'added', object }));
      queueMicrotask(() => {
        this.#additions = undefined;
      });
    }
    return this.#additions;
  }

  #put(key: string, object: T, changes: Change<T>[]): void {
    this.#additions = undefined;
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) index.put(key, previous, object);
    if (previous === undefined) changes.push({ type: 'added', object });
    // Deleted and made again between two lists: two different objects with one name.
    else if (previous.metadata.uid !== object.metadata.uid) {
      changes.push({ type: 'deleted', object: previous }, { type: 'added', object });
    } else changes.push({ type: 'updated', object, previous });
  }

  #remove(key: string, last: T | undefined, changes: Change<T>[]): void {
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#additions = undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.remove(key, previous);
    changes.push({ type: 'deleted', object: last ?? previous });
  }

  #publish(changes: readonly Change<T>[]): void {
    if (changes.length > 0) for (const handler of this.#handlers) this.#tell(handler, changes);
    for (const waiter of this.#waiters) {
      if (!waiter.holds()) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #tell(handler: ChangeHandler<T>, changes: readonly Change<T>[]): void {
    try {
      handler(changes);
    } catch (error) {
      // One consumer's mistake must not cost the others their events.
      this.#options.logger.error(`a handler of ${qualifiedName(this.type)} failed`, { error: String(error) });
    }
  }
}

class IndexOf<T> implements Index<T> {
  readonly #keyFunction: IndexFunction<T>;
  readonly #byValue = new Map<string, Map<string, T>>();

  constructor(keyFunction: IndexFunction<T>) {
    this.#keyFunction = keyFunction;
  }

  get(value: string): readonly T[] {
    const found = this.#byValue.get(value);
    return found === undefined ? NONE : Array.from(found.values());
  }

  put(key: string, previous: T | undefined, object: T): void {
    const values = this.#keyFunction(object);
    if (previous !== undefined) {
      for (const value of valuesIn(this.#keyFunction, previous)) {
        if (typeof values === 'string' ? values !== value : !values?.includes(value)) this.#drop(value, key);
      }
    }
    if (typeof values === 'string') this.#add(values, key, object);
    else if (values !== undefined) for (const value of values) this.#add(value, key, object);
  }

  remove(key: string, previous: T): void {
    for (const value of valuesIn(this.#keyFunction, previous)) this.#drop(value, key);
  }

  #add(value: string, key: string, object: T): void {
    const found = this.#byValue.get(value);
    if (found === undefined) this.#byValue.set(value, new Map([[key, object]]));
    else found.set(key, object);
  }

  #drop(value: string, key: string): void {
    const found = this.#byValue.get(value);
    if (found?.delete(key) && found.size === 0) this.#byValue.delete(value);
  }
}

function valuesIn<T>(keyFunction: IndexFunction<T>, object: T): readonly string[] {
  const values = keyFunction(object);
  if (values === undefined) return NONE;
  return typeof values === 'string' ? [values] : values;
}

/**
 * The informers of one process: everybody who asks for the same objects shares one list, one watch and one copy.
 *
 * @example
 * const informers = new InformerSet({ client, clock, logger });
 * const pods = informers.get(Pods);
 * const podsByNode = pods.index((pod) => pod.spec.nodeName);
 * await informers.synced();
 */
export class InformerSet {
  readonly #options: { readonly client: Client; readonly clock: Clock; readonly logger: Logger };
  readonly #informers = new Map<string, { readonly synced: Promise<void>; stop(): void }>();

  constructor(options: { readonly client: Client; readonly clock: Clock; readonly logger: Logger }) {
    this.#options = options;
  }

  /** The informer of a resource, started when it is first asked for. */
  get<T extends KubernetesObject>(type: ResourceType<T>, scope: InformerScope = {}): Informer<T> {
    const { namespace = '', labelSelector = '', fieldSelector = '' } = scope;
    const id = [qualifiedName(type), type.version, namespace, labelSelector, fieldSelector].join('\n');
    const known = this.#informers.get(id);
    // The id has the resource in it, so what is found under it is an informer of T.
    if (known !== undefined) return known as Informer<T>;
    const informer = new Informer({ ...this.#options, type, scope });
    this.#informers.set(id, informer);
    informer.start();
    return informer;
  }

  /** Resolves when every informer asked for so far has its first list. */
  async synced(): Promise<void> {
    await Promise.all(Array.from(this.#informers.values(), (informer) => informer.synced));
  }

  /** Ends the informers of a resource that there is no longer. */
  forget(type: ResourceType): void {
    const prefix = `${qualifiedName(type)}\n${type.version}\n`;
    for (const [id, informer] of this.#informers) {
      if (!id.startsWith(prefix)) continue;
      informer.stop();
      this.#informers.delete(id);
    }
  }

  stop(): void {
    for (const informer of this.#informers.values()) informer.stop();
    this.#informers.clear();
  }
}
