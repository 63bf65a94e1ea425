/** A JSON object as the store keeps it: deeply frozen, shared by reference with whoever reads it. */
export type Value = object;

/** One version of one key. */
export interface Entry {
  readonly key: string;
  /** The revision that wrote this version. */
  readonly revision: number;
  /** Deeply frozen. Parsed on first use when it came from disk. */
  readonly value: Value;
  /** The value as UTF-8 JSON, made at most once for each version whoever asks. Not to be written to. */
  json(): Buffer;
}

/**
 * One change. Each operation of a commit takes the next revision, in the order given; `value` is called with it, once,
 * before `commit` returns its promise, so that a value can carry its own revision.
 */
export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: (revision: number) => Value }
  /** `value`, when given, is the last state that watchers are shown with the deletion; else the last stored one. */
  | { readonly type: 'delete'; readonly key: string; readonly value?: (revision: number) => Value };

/** What must hold for a commit to be taken: the key's current revision, or 0 for a key that must not exist. */
export interface Precondition {
  readonly key: string;
  readonly revision: number;
}

export interface Committed {
  /** The last revision taken. */
  readonly revision: number;
  /** What was written, one for each operation; for a deletion the last state. */
  readonly entries: readonly Entry[];
}

export interface ListOptions {
  /** At most this many entries (1 or more). */
  readonly limit?: number;
  /** Only keys after this one: where the chunk before ended. */
  readonly after?: string;
  /** The state as of this revision; the newest when absent. */
  readonly revision?: number;
}

export interface Listed {
  /** Ascending by key. */
  readonly entries: readonly Entry[];
  /** The revision this is the state of. */
  readonly revision: number;
  /** How many more entries follow this chunk. */
  readonly remaining: number;
}

export type StoreEvent =
  /** `previous` is the version this one replaced; absent when the key was created. */
  | { readonly type: 'put'; readonly entry: Entry; readonly previous?: Entry }
  | { readonly type: 'delete'; readonly entry: Entry; readonly previous: Entry };

/** Receives a watch. The calls are synchronous and must not block; a slow consumer bounds its own buffer. */
export interface StoreWatcher {
  /** Events in revision order, each exactly once; all that one durable flush brought come together. */
  events(batch: readonly StoreEvent[]): void;
  /** The watch is over: the store was closed, or `error` says why. Not called after `stop`. */
  closed(error?: Error): void;
}

export interface StoreWatch {
  stop(): void;
}

/**
 * Ordered keys to immutable values with one global revision.
 *
 * What `get`, `list` and `watch` show is durable; what `commit` has acknowledged is shown by all of them. Revisions
 * rise by one with each operation and are never used twice, also after a crash.
 */
export interface Store {
  /** The newest durable revision. */
  readonly revision: number;
  /** Reading or watching at or below this revision's past is refused: see {@link CompactedError}. */
  readonly compactedRevision: number;
  get(key: string): Promise<Entry | undefined>;
  /**
   * All keys that start with `prefix`. Throws {@link CompactedError} when `revision` is too old, and a `RangeError` when
   * it is not written yet.
   */
  list(prefix: string, options?: ListOptions): Promise<Listed>;
  /**
   * Applies all operations or none, and resolves when they are durable. Preconditions are checked against everything
   * accepted before, durable or not yet. Commits made at the same time share one flush.
   *
   * Throws {@link PreconditionError} when a precondition does not hold or a key to delete does not exist, and {@link StoreWriteError} when the disk
   * refuses; nothing is written then.
   */
  commit(operations: readonly Operation[], preconditions?: readonly Precondition[]): Promise<Committed>;
  /**
   * Calls `watcher` with every event after `fromRevision`, old ones first and before this returns. Throws
   * {@link CompactedError} when they are no longer all known.
   */
  watch(prefix: string, fromRevision: number, watcher: StoreWatcher): StoreWatch;
  /** Forgets the history up to and including `revision`; the newest version of every key stays. */
  compact(revision: number): Promise<void>;
  /** Ends all watches and waits for what is under way. */
  close(): Promise<void>;
}

/** A precondition of a commit did not hold. */
export class PreconditionError extends Error {
  override readonly name = 'PreconditionError';
  readonly key: string;
  /** The key's revision as it is; 0 when the key does not exist. */
  readonly actualRevision: number;

  constructor(key: string, actualRevision: number) {
    super(`${key} is at revision ${actualRevision}`);
    this.key = key;
    this.actualRevision = actualRevision;
  }
}

/** The revision asked for has been compacted: list again and go on from there. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compactedRevision: number;

  constructor(revision: number, compactedRevision: number) {
    super(`revision ${revision} is older than the history, which begins after ${compactedRevision}`);
    this.compactedRevision = compactedRevision;
  }
}

/** The disk refused a write (full, read-only, failing). Nothing of the commit is stored. */
export class StoreWriteError extends Error {
  override readonly name = 'StoreWriteError';
}
