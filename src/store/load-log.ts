import type { History, HistoryEvent } from './history.ts';
import { InconsistentLogError, type LoadedRecord, type Log } from './log.ts';
import type { OrderedEntries } from './ordered-entries.ts';
import { StoredEntry } from './stored-entry.ts';

/**
 * Fills the index and the history from a log, and returns what the log need not hold any more: a compaction was
 * interrupted. Throws {@link InconsistentLogError} when a record that must be there is not.
 */
export function loadLog(log: Log, current: OrderedEntries<StoredEntry>, history: History): StoredEntry[] {
  const garbage: StoredEntry[] = [];
  const newest = new Map<string, StoredEntry>();
  let lastRevision = 0;
  for (const record of log.load()) {
    const { revision, key, deleted, sizeBytes } = record;
    if (revision <= lastRevision)
      throw new InconsistentLogError(`its records are not in order at revision ${revision}`);
    lastRevision = revision;
    const entry = StoredEntry.loaded(key, revision, sizeBytes, log);
    const previous = newest.get(key);
    if (deleted) newest.delete(key);
    else newest.set(key, entry);
    if (revision > log.compactedRevision) {
      history.push(eventOf(record, entry, previous, history.revision));
      continue;
    }
    if (previous !== undefined) garbage.push(previous);
    if (deleted) garbage.push(entry);
  }
  current.fill(newest.values());
  // The caches of the controllers look at everything soon, and before the first write to the log that costs it no memory.
  for (const entry of newest.values()) void entry.value;
  return garbage;
}

function eventOf(
  { revision, key, deleted }: LoadedRecord,
  entry: StoredEntry,
  previous: StoredEntry | undefined,
  revisionBefore: number,
): HistoryEvent {
  if (revision !== revisionBefore + 1) {
    throw new InconsistentLogError(`its records go from revision ${revisionBefore} to ${revision}`);
  }
  if (!deleted) return previous === undefined ? { type: 'put', entry } : { type: 'put', entry, previous };
  if (previous === undefined) throw new InconsistentLogError(`it deletes ${key}, which it does not have`);
  return { type: 'delete', entry, previous };
}
