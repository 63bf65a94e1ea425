import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { History, type HistoryEvent, type HistoryLimits } from './history.ts';
import type { LoadedLog } from './load-log.ts';
import type { Log } from './log.ts';
import { OrderedEntries } from './ordered-entries.ts';
import { sliceOfThePast } from './past-list.ts';
import { RecentWindow } from './recent-window.ts';
import {
  type Committed,
  CompactedError,
  type Entry,
  type Listed,
  type ListOptions,
  type Operation,
  type Precondition,
  PreconditionError,
  type Store,
  type StoreWatch,
  type StoreWatcher,
  StoreWriteError,
} from './store.ts';
import { StoredEntry } from './stored-entry.ts';
import { Watchers } from './watchers.ts';

export interface VersionedStoreOptions {
  /** Where commits become durable; without one they are as soon as they are accepted. */
  readonly log?: Log;
  /** What the log has; absent: nothing. */
  readonly loaded?: LoadedLog;
  readonly history: HistoryLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A commit that is accepted and not durable yet. */
interface AcceptedCommit {
  readonly events: readonly HistoryEvent[];
  resolve(committed: Committed): void;
  reject(error: StoreWriteError): void;
}

interface Compaction {
  readonly revision: number;
  resolve(): void;
  reject(error: StoreWriteError): void;
}

/** A flush takes no more than this, so that one burst does not hold up everybody for long. */
const MAX_FLUSH_RECORDS = 20_000;
/** A flush drops no more than this of what compaction has freed. */
const MAX_FLUSH_DROPS = 1000;

/**
 * The multi-version index over a log: the current entries in the order of their keys, and the newest events.
 *
 * A commit is accepted at once against everything accepted before it, and waits in a queue. One flush after the other
 * takes what has gathered to the log, and only then is it put into the index and shown. A flush that fails takes all
 * that was accepted with it, because that may rest on what was lost, and the index is what it was.
 */
export class VersionedStore implements Store {
  readonly #log: Log | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #current = new OrderedEntries<StoredEntry>();
  readonly #history: History;
  readonly #recent: RecentWindow | undefined;
  readonly #watchers: Watchers;
  /** The newest accepted event of each key that is not durable yet. */
  readonly #accepted = new Map<string, HistoryEvent>();
  #acceptedRevision: number;
  #queue: AcceptedCommit[] = [];
  #compactions: Compaction[] = [];
  /** What compaction has freed and the log still holds. */
  #garbage: readonly StoredEntry[] = [];
  #flushing: Promise<void> = Promise.resolve();
  #isFlushing = false;
  #isAccepting = true;
  #isInCommit = false;

  constructor({ log, loaded, history, clock, logger }: VersionedStoreOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#logger = logger;
    this.#history = new History(history, log?.compactedRevision ?? 0);
    this.#recent = log === undefined ? undefined : new RecentWindow();
    this.#watchers = new Watchers(logger);
    if (loaded !== undefined) {
      this.#current.fill(loaded.newest);
      for (const event of loaded.events) this.#history.push(event);
      this.#garbage = loaded.garbage;
    }
    this.#history.mark(clock.now());
    this.#acceptedRevision = this.revision;
    if (this.#garbage.length > 0) this.#flushSoon();
  }

  get revision(): number {
    return this.#history.revision;
  }

  get compactedRevision(): number {
    return this.#history.compactedRevision;
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#current.get(key);
  }

  async list(prefix: string, { limit, after, revision = this.revision }: ListOptions = {}): Promise<Listed> {
    this.#checkKnown(revision);
    const isNewest = revision === this.revision;
    const { entries, total } = isNewest
      ? this.#current.slice(prefix, after, limit)
      : sliceOfThePast(this.#current, this.#history.after(revision), prefix, after, limit);
    return { entries, revision, remaining: total - entries.length };
  }

  async commit(operations: readonly Operation[], preconditions: readonly Precondition[] = []): Promise<Committed> {
    if (!this.#isAccepting) throw new StoreWriteError('the store is closed');
    if (this.#isInCommit) throw new Error('a value must not commit');
    for (const { key, revision } of preconditions) {
      const actual = this.#acceptedEntry(key)?.revision ?? 0;
      if (actual !== revision) throw new PreconditionError(key, actual);
    }
    const events = this.#accept(operations);
    return new Promise((resolve, reject) => {
      this.#queue.push({ events, resolve, reject });
      this.#flushSoon();
    });
  }

  watch(prefix: string, fromRevision: number, watcher: StoreWatcher): StoreWatch {
    if (!this.#isAccepting) throw new Error('the store is closed');
    if (fromRevision < this.compactedRevision) throw new CompactedError(fromRevision, this.compactedRevision);
    const past: HistoryEvent[] = [];
    for (const event of this.#history.after(fromRevision)) {
      if (event.entry.key.startsWith(prefix)) past.push(event);
    }
    const watch = this.#watchers.add(prefix, fromRevision, watcher);
    watch.deliver(past);
    return watch;
  }

  async compact(revision: number): Promise<void> {
    if (!this.#isAccepting) throw new StoreWriteError('the store is closed');
    const target = Math.min(revision, this.revision);
    if (target <= this.compactedRevision) return;
    await new Promise<void>((resolve, reject) => {
      this.#compactions.push({ revision: target, resolve, reject });
      this.#flushSoon();
    });
  }

  async close(): Promise<void> {
    this.#isAccepting = false;
    await this.#flushing;
    this.#watchers.close();
    await this.#log?.close();
  }

  #checkKnown(revision: number): void {
    if (revision < this.compactedRevision) throw new CompactedError(revision, this.compactedRevision);
    if (revision > this.revision) {
      throw new RangeError(`revision ${revision} is not written yet: the newest is ${this.revision}`);
    }
  }

  /** The key's entry as everything accepted leaves it. */
  #acceptedEntry(key: string): StoredEntry | undefined {
    const event = this.#accepted.get(key);
    if (event === undefined) return this.#current.get(key);
    return event.type === 'put' ? event.entry : undefined;
  }

  /** Gives the operations their revisions; none of them when one fails. */
  #accept(operations: readonly Operation[]): readonly HistoryEvent[] {
    const events: HistoryEvent[] = [];
    const replaced = new Map<string, HistoryEvent | undefined>();
    this.#isInCommit = true;
    try {
      for (const operation of operations) {
        const { key } = operation;
        const event = this.#event(operation, this.#acceptedRevision + events.length + 1);
        if (!replaced.has(key)) replaced.set(key, this.#accepted.get(key));
        this.#accepted.set(key, event);
        events.push(event);
      }
    } catch (error) {
      for (const [key, event] of replaced) {
        if (event === undefined) this.#accepted.delete(key);
        else this.#accepted.set(key, event);
      }
      throw error;
    } finally {
      this.#isInCommit = false;
    }
    this.#acceptedRevision += events.length;
    return events;
  }

  #event(operation: Operation, revision: number): HistoryEvent {
    const { type, key } = operation;
    const previous = this.#acceptedEntry(key);
    if (type === 'put') {
      const entry = StoredEntry.written(operation, revision, operation.value(revision), this.#log);
      return previous === undefined ? { type, entry } : { type, entry, previous };
    }
    if (previous === undefined) throw new PreconditionError(key, 0);
    const value = operation.value === undefined ? previous.value : operation.value(revision);
    return { type, entry: StoredEntry.written(operation, revision, value, this.#log), previous };
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#flushing = this.#flushAll();
  }

  async #flushAll(): Promise<void> {
    let isWritten: boolean;
    do {
      await this.#gather();
      isWritten = await this.#flush();
      // What the log need not hold any more can wait for a disk that works; those who wait for an answer cannot.
    } while (this.#queue.length > 0 || this.#compactions.length > 0 || (isWritten && this.#garbage.length > 0));
    this.#isFlushing = false;
  }

  /** Waits for those who write at the same time: with a disk, for all that this turn of the event loop brings. */
  #gather(): Promise<void> {
    if (this.#log === undefined) return Promise.resolve();
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Takes to the log what has gathered; false when the disk refuses. */
  async #flush(): Promise<boolean> {
    const commits = this.#takeCommits();
    const compactions = this.#compactions;
    this.#compactions = [];
    const excess = this.#history.excess(this.#clock.now()) ?? 0;
    const compacted = Math.max(this.compactedRevision, excess, ...compactions.map(({ revision }) => revision));
    const garbage = [...this.#garbage, ...this.#freedUpTo(compacted)];
    const dropped = garbage.slice(0, MAX_FLUSH_DROPS);
    try {
      await this.#write(commits, dropped, compacted);
    } catch (cause) {
      this.#fail(commits, compactions, cause);
      return false;
    }
    this.#garbage = garbage.slice(dropped.length);
    this.#history.forget(compacted);
    this.#recent?.forget(compacted);
    this.#apply(commits);
    for (const compaction of compactions) compaction.resolve();
    return true;
  }

  #takeCommits(): readonly AcceptedCommit[] {
    let records = 0;
    const index = this.#queue.findIndex(({ events }) => {
      records += events.length;
      return records > MAX_FLUSH_RECORDS;
    });
    // One commit that is larger than a flush should be is still one flush.
    return this.#queue.splice(0, index < 0 ? this.#queue.length : Math.max(1, index));
  }

  /** What nobody needs any more when the history up to `revision` is forgotten. */
  #freedUpTo(revision: number): readonly StoredEntry[] {
    const freed: StoredEntry[] = [];
    if (revision <= this.compactedRevision) return freed;
    for (const { type, entry, previous } of this.#history.after(this.compactedRevision)) {
      if (entry.revision > revision) break;
      if (previous !== undefined) freed.push(previous);
      if (type === 'delete') freed.push(entry);
      else entry.releaseJson();
    }
    return freed;
  }

  async #write(
    commits: readonly AcceptedCommit[],
    dropped: readonly StoredEntry[],
    compactedRevision: number,
  ): Promise<void> {
    if (this.#log === undefined) return;
    const append = commits.flatMap(({ events }) =>
      events.map(({ entry }) => ({ revision: entry.revision, bytes: entry.record() })),
    );
    if (append.length === 0 && dropped.length === 0 && compactedRevision === this.compactedRevision) return;
    for (const entry of dropped) entry.detach();
    await this.#log.write({ append, drop: dropped.map(({ revision }) => revision), compactedRevision });
  }

  /** Shows what has become durable. */
  #apply(commits: readonly AcceptedCommit[]): void {
    const shown: HistoryEvent[] = [];
    for (const { events, resolve } of commits) {
      for (const event of events) {
        this.#index(event);
        if (this.#accepted.get(event.entry.key) === event) this.#accepted.delete(event.entry.key);
        shown.push(event);
      }
      resolve({ revision: this.revision, entries: events.map(({ entry }) => entry) });
    }
    this.#history.mark(this.#clock.now());
    this.#watchers.deliver(shown);
  }

  #index(event: HistoryEvent): void {
    if (event.type === 'put') this.#current.set(event.entry);
    else this.#current.delete(event.entry.key);
    this.#history.push(event);
    this.#recent?.push(event);
  }

  /** Takes back all that was accepted: it may rest on what the disk refused. */
  #fail(commits: readonly AcceptedCommit[], compactions: readonly Compaction[], cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new StoreWriteError(`the disk refused a write: ${reason}`, { cause });
    const refused = [...commits, ...this.#queue, ...compactions, ...this.#compactions];
    this.#queue = [];
    this.#compactions = [];
    this.#accepted.clear();
    this.#acceptedRevision = this.revision;
    this.#logger.error('the store could not write', { error: reason, commits: commits.length });
    for (const { reject } of refused) reject(error);
  }
}
