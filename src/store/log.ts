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

/** A record as it is found when the log is opened. */
export interface LoadedRecord {
  readonly revision: number;
  readonly key: string;
  readonly deleted: boolean;
  /** Good until the next record is asked for. */
  readonly json: Buffer;
}

/** Where the store's records are durable. One write at a time. */
export interface Log {
  /** The revision that compaction had reached when the log was opened. */
  readonly compactedRevision: number;
  /** All records, the newest first. To be read once, before the first write. */
  load(): Iterable<LoadedRecord>;
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
