import type { Logger } from '../platform/logger.ts';
import type { StoreEvent, StoreWatch, StoreWatcher } from './store.ts';

/** Everybody who watches one prefix. */
interface Group {
  readonly prefix: string;
  readonly watches: Set<ActiveWatch>;
  /** What the flush being delivered has for them. */
  batch: StoreEvent[];
}

/** The prefixes that are watched below one directory: a prefix up to and including its last slash. */
interface Directory {
  /** Watches of the directory itself. */
  whole: Group | undefined;
  /** Watches of a beginning of names in it, by the length of the whole prefix. */
  readonly partial: Map<number, Map<string, Group>>;
}

/**
 * Who is to be told of which key. Groups are found through the directories of the key, so that an event costs nothing
 * for those who watch something else.
 */
export class Watchers {
  readonly #directories = new Map<string, Directory>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts a watch of what is delivered from now on and is newer than `fromRevision`. */
  add(prefix: string, fromRevision: number, watcher: StoreWatcher): ActiveWatch {
    const group = this.#groupFor(prefix);
    const watch = new ActiveWatch(watcher, fromRevision, this.#logger, () => {
      group.watches.delete(watch);
      if (group.watches.size === 0) this.#removeGroup(prefix);
    });
    group.watches.add(watch);
    return watch;
  }

  /** Tells everybody what one flush brought. Watches started meanwhile get nothing of it. */
  deliver(events: readonly StoreEvent[]): void {
    const touched: Group[] = [];
    for (const event of events) {
      for (const group of this.#groupsOf(event.entry.key)) {
        if (group.batch.length === 0) touched.push(group);
        group.batch.push(event);
      }
    }
    const deliveries = touched.map((group) => {
      const { batch } = group;
      group.batch = [];
      return { batch, watches: [...group.watches] };
    });
    for (const { batch, watches } of deliveries) {
      for (const watch of watches) watch.deliver(batch);
    }
  }

  /** Ends all watches. */
  close(): void {
    const watches = [...this.#directories.values()].flatMap((directory) =>
      groupsIn(directory).flatMap((group) => [...group.watches]),
    );
    for (const watch of watches) watch.close();
  }

  *#groupsOf(key: string): Generator<Group, void, undefined> {
    for (let end = 0; ; ) {
      const directory = this.#directories.get(key.slice(0, end));
      if (directory?.whole !== undefined) yield directory.whole;
      if (directory !== undefined) {
        for (const [length, groups] of directory.partial) {
          const group = length <= key.length ? groups.get(key.slice(0, length)) : undefined;
          if (group !== undefined) yield group;
        }
      }
      const slash = key.indexOf('/', end);
      if (slash < 0) return;
      end = slash + 1;
    }
  }

  #groupFor(prefix: string): Group {
    const path = directoryOf(prefix);
    let directory = this.#directories.get(path);
    if (directory === undefined) {
      directory = { whole: undefined, partial: new Map() };
      this.#directories.set(path, directory);
    }
    if (prefix === path) {
      directory.whole ??= { prefix, watches: new Set(), batch: [] };
      return directory.whole;
    }
    let groups = directory.partial.get(prefix.length);
    if (groups === undefined) {
      groups = new Map();
      directory.partial.set(prefix.length, groups);
    }
    let group = groups.get(prefix);
    if (group === undefined) {
      group = { prefix, watches: new Set(), batch: [] };
      groups.set(prefix, group);
    }
    return group;
  }

  #removeGroup(prefix: string): void {
    const path = directoryOf(prefix);
    const directory = this.#directories.get(path);
    if (directory === undefined) return;
    if (prefix === path) {
      directory.whole = undefined;
    } else {
      const groups = directory.partial.get(prefix.length);
      groups?.delete(prefix);
      if (groups?.size === 0) directory.partial.delete(prefix.length);
    }
    if (directory.whole === undefined && directory.partial.size === 0) this.#directories.delete(path);
  }
}

function directoryOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf('/') + 1);
}

function groupsIn(directory: Directory): readonly Group[] {
  const partial = [...directory.partial.values()].flatMap((groups) => [...groups.values()]);
  return directory.whole === undefined ? partial : [directory.whole, ...partial];
}

/** One watch, until it is stopped, closed, or its watcher throws. */
export class ActiveWatch implements StoreWatch {
  readonly #watcher: StoreWatcher;
  readonly #fromRevision: number;
  readonly #logger: Logger;
  readonly #remove: () => void;
  #active = true;

  constructor(watcher: StoreWatcher, fromRevision: number, logger: Logger, remove: () => void) {
    this.#watcher = watcher;
    this.#fromRevision = fromRevision;
    this.#logger = logger;
    this.#remove = remove;
  }

  stop(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#remove();
  }

  deliver(batch: readonly StoreEvent[]): void {
    if (!this.#active) return;
    const first = batch[0];
    // A watch from a revision that was not written yet is the rare one that does not want all there is.
    const events =
      first !== undefined && first.entry.revision <= this.#fromRevision
        ? batch.filter((event) => event.entry.revision > this.#fromRevision)
        : batch;
    if (events.length === 0) return;
    try {
      this.#watcher.events(events);
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  close(error?: Error): void {
    if (!this.#active) return;
    this.stop();
    if (error !== undefined) this.#logger.error('a watch failed on an event and was closed', { error: error.stack });
    try {
      this.#watcher.closed(error);
    } catch (failure) {
      this.#logger.error('a watch failed on being closed', { error: String(failure) });
    }
  }
}
