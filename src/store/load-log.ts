import type { History, HistoryEvent } from './history.ts';
import { InconsistentLogError, type Log } from './log.ts';
import type { OrderedEntries } from './ordered-entries.ts';
import { SharedParts } from './shared-parts.ts';
import { StoredEntry } from './stored-entry.ts';

/** A record of the log. */
interface Found {
  readonly entry: StoredEntry;
  readonly deleted: boolean;
  /** What it replaced or deleted. */
  previous?: StoredEntry;
}

/**
 * Fills the index and the history from a log, and returns what the log need not hold any more: a compaction was
 * interrupted. Throws {@link InconsistentLogError} when a record that must be there is not.
 */
export function loadLog(log: Log, current: OrderedEntries<StoredEntry>, history: History): StoredEntry[] {
  const { all, newest } = readAll(log);
  current.fill(newest);
  const garbage: StoredEntry[] = [];
  for (const found of all.reverse()) {
    const { entry, deleted, previous } = found;
    if (entry.revision > log.compactedRevision) {
      history.push(eventOf(found, history.revision));
      continue;
    }
    if (previous !== undefined) garbage.push(previous);
    if (deleted) garbage.push(entry);
  }
  return garbage;
}

/**
 * All records, and of every key that is there its newest version. These are the only ones with a value: the newest come
 * first, so that what is read of the log is read once.
 */
function readAll(log: Log): { readonly all: Found[]; readonly newest: readonly StoredEntry[] } {
  const all: Found[] = [];
  const newest: StoredEntry[] = [];
  const oldest = new Map<string, Found>();
  const parts = new SharedParts();
  let before = Number.POSITIVE_INFINITY;
  for (const { revision, key, deleted, json } of log.load()) {
    if (revision >= before) throw new InconsistentLogError(`its records are not in order at revision ${revision}`);
    before = revision;
    const next = oldest.get(key);
    const isThere = next === undefined && !deleted;
    // The caches of the controllers look at everything that is there soon.
    const value = isThere ? parts.parse(json.toString()) : undefined;
    const entry = StoredEntry.loaded({ key, revision, sizeBytes: json.length }, value, log);
    const found = { entry, deleted };
    if (isThere) newest.push(entry);
    if (next !== undefined && !deleted) next.previous = entry;
    oldest.set(key, found);
    all.push(found);
  }
  return { all, newest };
}

function eventOf({ entry, deleted, previous }: Found, revisionBefore: number): HistoryEvent {
  const { key, revision } = entry;
  if (revision !== revisionBefore + 1) {
    throw new InconsistentLogError(`its records go from revision ${revisionBefore} to ${revision}`);
  }
  if (!deleted) return previous === undefined ? { type: 'put', entry } : { type: 'put', entry, previous };
  if (previous === undefined) throw new InconsistentLogError(`it deletes ${key}, which it does not have`);
  return { type: 'delete', entry, previous };
}
