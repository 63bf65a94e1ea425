import { deepFreeze } from '../platform/deep-freeze.ts';
import type { HistoryEvent } from './history.ts';
import { InconsistentLogError, type LoadedPart, type LoadedRecord, type Log } from './log.ts';
import type { Value } from './store.ts';
import { StoredEntry } from './stored-entry.ts';

/** What a log has. */
export interface LoadedLog {
  /** The newest version of each key that is there. */
  readonly newest: readonly StoredEntry[];
  /** What happened since the log was compacted, the oldest first. */
  readonly events: readonly HistoryEvent[];
  /** What the log need not hold any more: a compaction was interrupted. */
  readonly garbage: readonly StoredEntry[];
}

/** A record of the log. */
interface Found {
  readonly entry: StoredEntry;
  readonly deleted: boolean;
  /** What it replaced or deleted. */
  previous?: StoredEntry;
}

/** Reads a log. Throws {@link InconsistentLogError} when a record that must be there is not. */
export async function loadLog(log: Log): Promise<LoadedLog> {
  const { all, newest } = await readAll(log);
  const events: HistoryEvent[] = [];
  const garbage: StoredEntry[] = [];
  for (const found of all.reverse()) {
    const { entry, deleted, previous } = found;
    if (entry.revision > log.compactedRevision) {
      events.push(eventOf(found, log.compactedRevision + events.length));
      continue;
    }
    if (previous !== undefined) garbage.push(previous);
    if (deleted) garbage.push(entry);
  }
  return { newest, events, garbage };
}

async function readAll(log: Log): Promise<{ readonly all: Found[]; readonly newest: readonly StoredEntry[] }> {
  const all: Found[] = [];
  const newest: StoredEntry[] = [];
  /** The parts that values share. */
  const parts: unknown[] = [];
  let before = Number.POSITIVE_INFINITY;
  for await (const rows of log.load()) {
    for (const row of rows) {
      if (isPart(row)) {
        parts.push(deepFreeze(row[0]));
        continue;
      }
      const [revision, sizeBytes, key, isDeletion, next] = row;
      if (revision >= before) throw new InconsistentLogError(`its records are not in order at revision ${revision}`);
      before = revision;
      const deleted = isDeletion === 1;
      const isThere = next < 0 && !deleted;
      const entry = StoredEntry.loaded({ key, revision, sizeBytes }, isThere ? valueIn(row, parts) : undefined, log);
      if (isThere) newest.push(entry);
      const replacing = all[next];
      if (replacing !== undefined && !deleted) replacing.previous = entry;
      all.push({ entry, deleted });
    }
  }
  return { all, newest };
}

function isPart(row: LoadedPart | LoadedRecord): row is LoadedPart {
  return row.length === 1;
}

/** The value of a record, frozen, with the parts that it shares where they belong. */
function valueIn(row: LoadedRecord, parts: readonly unknown[]): Value {
  const value = row[5] as Record<string, Record<string, unknown>>;
  for (let index = 6; index < row.length; index += 3) {
    const members = value[row[index] as string];
    if (members !== undefined) members[row[index + 1] as string] = parts[row[index + 2] as number];
  }
  return deepFreeze(value);
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
