import type { HistoryEvent } from './history.ts';
import type { OrderedEntries } from './ordered-entries.ts';
import type { StoredEntry } from './stored-entry.ts';

/**
 * The entries of a range as they were before `eventsSince`, which are all events since then: the first `limit` of them
 * and how many there are. It costs as much as has happened since then, and as much as is returned.
 */
export function sliceOfThePast(
  current: OrderedEntries<StoredEntry>,
  eventsSince: Iterable<HistoryEvent>,
  prefix: string,
  after: string | undefined,
  limit = Number.POSITIVE_INFINITY,
): { readonly entries: readonly StoredEntry[]; readonly total: number } {
  const changed = new Map<string, StoredEntry | undefined>();
  for (const { entry, previous } of eventsSince) {
    const isInRange = entry.key.startsWith(prefix) && (after === undefined || entry.key > after);
    // The first change since then tells what the key was.
    if (isInRange && !changed.has(entry.key)) changed.set(entry.key, previous);
  }
  const past = [...changed.values()].filter((entry) => entry !== undefined).sort(byKey);
  const changedAndThere = [...changed.keys()].filter((key) => current.get(key) !== undefined);
  const unchanged = current.slice(prefix, after, 0).total - changedAndThere.length;
  return {
    entries: mergeUpTo(limit, current.range(prefix, after), changed, past),
    total: unchanged + past.length,
  };
}

function byKey(a: StoredEntry, b: StoredEntry): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** The first `limit` of the current entries that have not `changed` and of the `past` ones, in order. */
function mergeUpTo(
  limit: number,
  current: Iterable<StoredEntry>,
  changed: ReadonlyMap<string, unknown>,
  past: readonly StoredEntry[],
): readonly StoredEntry[] {
  const merged: StoredEntry[] = [];
  let taken = 0;
  for (const entry of current) {
    if (merged.length >= limit) break;
    for (
      let old = past[taken];
      old !== undefined && old.key < entry.key && merged.length < limit;
      old = past[++taken]
    ) {
      merged.push(old);
    }
    if (!changed.has(entry.key) && merged.length < limit) merged.push(entry);
  }
  return merged.concat(past.slice(taken, taken + Math.max(0, limit - merged.length)));
}
