import type { History, HistoryEvent } from './history.ts';
import { InconsistentLogError, type Log } from './log.ts';
import type { OrderedEntries } from './ordered-entries.ts';
import { SharedParts } from './shared-parts.ts';
import { StoredEntry } from './stored-entry.ts';

interface Found {
  readonly entry: StoredEntry;
  readonly deleted: boolean;
}

/**
 * Fills the index and the history from a log, and returns what the log need not hold any more: a compaction was
 * interrupted. Throws {@link InconsistentLogError} when a record that must be there is not.
 */
export function loadLog(log: Log, current: OrderedEntries<StoredEntry>, history: History): StoredEntry[] {
  const found = readAll(log);
  const garbage: StoredEntry[] = [];
  const newest = new Map<string, StoredEntry>();
  for (const { entry, deleted } of found.reverse()) {
    const { key, revision } = entry;
    const previous = newest.get(key);
    if (deleted) newest.delete(key);
    else newest.set(key, entry);
    if (revision > log.compactedRevision) {
      history.push(eventOf({ entry, deleted }, previous, history.revision));
      continue;
    }
    if (previous !== undefined) garbage.push(previous);
    if (deleted) garbage.push(entry);
  }
  current.fill(newest.values());
  return garbage;
}

/** The newest first, so that what is read of a log is read once: the newest version of a key is the one with a value. */
function readAll(log: Log): Found[] {
  const found: Found[] = [];
  const seen = new Set<string>();
  const parts = new SharedParts();
  let before = Number.POSITIVE_INFINITY;
  for (const { revision, key, deleted, json } of log.load()) {
    if (revision >= before) throw new InconsistentLogError(`its records are not in order at revision ${revision}`);
    before = revision;
    // The caches of the controllers look at everything that is there soon.
    const value = deleted || seen.has(key) ? undefined : parts.parse(json.toString());
    seen.add(key);
    found.push({ entry: StoredEntry.loaded({ key, revision, sizeBytes: json.length }, value, log), deleted });
  }
  return found;
}

function eventOf({ entry, deleted }: Found, previous: StoredEntry | undefined, revisionBefore: number): HistoryEvent {
  const { key, revision } = entry;
  if (revision !== revisionBefore + 1) {
    throw new InconsistentLogError(`its records go from revision ${revisionBefore} to ${revision}`);
  }
  if (!deleted) return previous === undefined ? { type: 'put', entry } : { type: 'put', entry, previous };
  if (previous === undefined) throw new InconsistentLogError(`it deletes ${key}, which it does not have`);
  return { type: 'delete', entry, previous };
}
