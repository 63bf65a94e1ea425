/** One operation as the log keeps it. */
export interface LogRecord {
  readonly revision: number;
  /** See `record.ts`. */
  readonly bytes: Buffer;
}

/** What one flush changes. All of it is stored, or nothing. */
export interface LogBatch {
  /** New records, ascending by revision and all newer than any before. */
  readonly append: readonly LogRecord[];
  /** Revisions of records that nothing needs any more; one that is not there is no error. */
  readonly drop: readonly number[];
  /** History up to and including this revision is forgotten. */
  readonly compactedRevision: number;
}

/** A value that objects share: such parts are counted from 0. */
export type LoadedPart = readonly [part: unknown];

/**
 * A record: its revision, the size of its JSON, its key, 1 when it is a deletion, and which record has the next version of
 * the key (they are counted from 0, the newest first; -1: none).
 *
 * One that is the newest of its key, and no deletion, has its value besides; and for each part that was left out of it
 * the member and the name in there where it belongs, and which one it is.
 */
export type LoadedRecord = readonly [
  revision: number,
  sizeBytes: number,
  key: string,
  deleted: 0 | 1,
  next: number,
  ...value: unknown[],
];

/** Where the store's records are durable. One write at a time. */
export interface Log {
  /** The revision that compaction had reached when the log was opened. */
  readonly compactedRevision: number;
  /** What there is, the newest record first. To be read once, before the first write. */
  load(): AsyncIterable<readonly (LoadedPart | LoadedRecord)[]>;
  /** Resolves when all of the batch is durable; rejects when nothing of it is, and can be called again then. */
  write(batch: LogBatch): Promise<void>;
  /** The JSON of a record that is there. */
  read(revision: number): Buffer;
  close(): Promise<void>;
}

/** What a log has does not belong together: a record that must be there is not. */
export class InconsistentLogError extends Error {
  override readonly name = 'InconsistentLogError';
}
