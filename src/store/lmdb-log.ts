import fs from 'node:fs';
import { open, type PutOptions, type RootDatabase } from 'lmdb';
import { findDamage } from './lmdb-file-check.ts';
import type { LoadedRecord, Log, LogBatch } from './log.ts';
import { type DecodedRecord, decodeRecord, encodeRecord } from './record.ts';
import { StoreFileError } from './store-file-error.ts';

/** The format this version writes. A newer one is refused; there is no older one yet. */
const FORMAT = 1;
/** Where the log's own facts are: revisions begin at 1. */
const META_REVISION = 0;
/**
 * Two records of the usual size fit into a page of 4 KiB with a quarter of it wasted, four or five into one of 8 KiB
 * with a tenth; larger pages save nothing more and cost every small commit.
 */
const PAGE_SIZE_BYTES = 8192;
/** A commit writes its records and, at most, this much besides: its share of the tree and of the list of free pages. */
const COMMIT_OVERHEAD_BYTES = 256 * 1024;

/** LMDB's `put` takes these options; its types say so of `putSync` only. */
type Database = RootDatabase<Buffer, number> & {
  put(key: number, value: Buffer, options: PutOptions): Promise<boolean>;
};

interface Meta {
  readonly format: number;
  readonly compactedRevision: number;
}

/**
 * A log in LMDB: one record for each revision, at the right edge of one B-tree.
 *
 * LMDB's `overlappingSync` is off: the pages of a transaction are written and synced, and only then does it become the
 * newest one, which is synced too. So a write that fails leaves no trace, and nothing can be read that a crash takes
 * back.
 */
export class LmdbLog implements Log {
  readonly #file: string;
  #database: Database;
  #meta: Meta;
  #isMetaStored = true;
  /** The newest record that is known to be durable. */
  #newestRevision = 0;
  #hasFailed = false;

  /** Throws {@link StoreFileError} when the file is damaged or of a newer format. */
  constructor(file: string) {
    this.#file = file;
    const damage = findDamage(file);
    if (damage !== undefined) throw StoreFileError.damaged(file, damage);
    syncFile(file);
    this.#database = openDatabase(file);
    try {
      this.#meta = this.#readMeta();
      this.#newestRevision = newestRevision(this.#database);
    } catch (error) {
      void this.#database.close();
      throw error;
    }
  }

  get compactedRevision(): number {
    return this.#meta.compactedRevision;
  }

  *load(): Generator<LoadedRecord, void, undefined> {
    for (const { key: revision, value } of this.#database.getRange({ start: META_REVISION + 1 })) {
      const { key, deleted, json } = this.#decode(revision, value);
      yield { revision, key, deleted, sizeBytes: json.length };
    }
  }

  async write({ append, drop, compactedRevision }: LogBatch): Promise<void> {
    if (this.#hasFailed) await this.#recover(append.reduce((sum, { bytes }) => sum + bytes.length, 0));
    const database = this.#database;
    const meta: Meta = { format: FORMAT, compactedRevision };
    const results: Promise<boolean>[] = [];
    const all = database.batch(() => {
      if (!this.#isMetaStored || compactedRevision !== this.#meta.compactedRevision) {
        results.push(database.put(META_REVISION, encodeMeta(meta)));
      }
      for (const revision of drop) results.push(database.remove(revision));
      for (const { revision, bytes } of append) results.push(database.put(revision, bytes, { append: true }));
    });
    try {
      await Promise.all([all, ...results].map(settle));
    } catch (error) {
      this.#hasFailed = true;
      throw this.#isFull(0) ? this.#fullError(error) : error;
    }
    this.#meta = meta;
    this.#isMetaStored = true;
    this.#newestRevision = append.at(-1)?.revision ?? this.#newestRevision;
  }

  read(revision: number): Buffer {
    const bytes = this.#database.getBinary(revision);
    if (bytes === undefined) throw StoreFileError.damaged(this.#file, `it has no record of revision ${revision}`);
    return this.#decode(revision, bytes).json;
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /**
   * After a failed write LMDB may refuse all others, or not know what it has on disk: it is opened again. A disk that is
   * still full is not tried, because LMDB reports every failure on standard error, too.
   */
  async #recover(nextBytes: number): Promise<void> {
    if (this.#isFull(nextBytes)) throw this.#fullError();
    await this.#database.close();
    this.#database = openDatabase(this.#file);
    // What was refused was never shown. Should it be there all the same, it must not come back after a restart.
    const found = newestRevision(this.#database);
    const unwanted: number[] = [];
    for (let revision = this.#newestRevision + 1; revision <= found; revision++) unwanted.push(revision);
    if (unwanted.length > 0) {
      const database = this.#database;
      const results: Promise<boolean>[] = [];
      const all = database.batch(() => {
        for (const revision of unwanted) results.push(database.remove(revision));
      });
      await Promise.all([all, ...results].map(settle));
    }
    this.#hasFailed = false;
  }

  #isFull(nextBytes: number): boolean {
    const { bavail, bsize } = fs.statfsSync(this.#file);
    return bavail * bsize < 2 * nextBytes + COMMIT_OVERHEAD_BYTES;
  }

  #fullError(cause?: unknown): Error {
    return new Error(`there is no room left on the disk of ${this.#file}`, { cause });
  }

  #readMeta(): Meta {
    const bytes = this.#database.getBinary(META_REVISION);
    if (bytes === undefined) {
      if (newestRevision(this.#database) > 0) throw StoreFileError.damaged(this.#file, 'its first record is missing');
      this.#isMetaStored = false;
      return { format: FORMAT, compactedRevision: 0 };
    }
    const meta = JSON.parse(this.#decode(META_REVISION, bytes).json.toString()) as Meta;
    if (meta.format > FORMAT) throw StoreFileError.tooNew(this.#file, meta.format, FORMAT);
    return meta;
  }

  #decode(revision: number, bytes: Buffer): DecodedRecord {
    const record = decodeRecord(revision, bytes);
    if (record !== undefined) return record;
    throw StoreFileError.damaged(this.#file, `the record of revision ${revision} is not what was written`);
  }
}

function encodeMeta(meta: Meta): Buffer {
  return encodeRecord(META_REVISION, 'meta', false, JSON.stringify(meta)).bytes;
}

function openDatabase(file: string): Database {
  const options = {
    path: file,
    noSubdir: true,
    permissionsMode: 0o600, // secrets are in it
    encoding: 'binary',
    maxDbs: 1,
    pageSize: PAGE_SIZE_BYTES,
    overlappingSync: false,
    eventTurnBatching: false, // the store gathers what comes together
  } as const;
  return open<Buffer, number>(options) as Database;
}

function newestRevision(database: Database): number {
  for (const revision of database.getKeys({ reverse: true, limit: 1 })) return revision;
  return META_REVISION;
}

/** A process that was killed may have left what the kernel has and the disk has not: it is about to be shown. */
function syncFile(file: string): void {
  if (!fs.existsSync(file)) return;
  const descriptor = fs.openSync(file, 'r+');
  try {
    fs.fdatasyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Throws why a write failed. LMDB tells that in a second promise, which ends the process unless it is awaited. */
async function settle(result: Promise<boolean>): Promise<void> {
  try {
    if (!(await result)) throw new Error('the log already has a record of this revision');
  } catch (error) {
    if (error instanceof Error && 'commitError' in error) await error.commitError;
    throw error;
  }
}
