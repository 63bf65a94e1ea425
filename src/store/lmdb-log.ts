import fs from 'node:fs';
import { type Database, decode, encodeMeta, type Meta, newestRevision, openDatabase, parseMeta } from './lmdb-file.ts';
import { Damage, readNumericKey } from './lmdb-file-layout.ts';
import { findDamage, LmdbFileReader } from './lmdb-file-reader.ts';
import type { LoadedPart, LoadedRecord, Log, LogBatch } from './log.ts';
import { MIGRATIONS, type Migrations, migrate, newestFormat } from './migrations.ts';
import { readLog } from './read-log.ts';
import { META_REVISION } from './record.ts';
import { StoreFileError } from './store-file-error.ts';

/** A commit writes its records and, at most, this much besides: its share of the tree and of the list of free pages. */
const COMMIT_OVERHEAD_BYTES = 256 * 1024;
/** Pages of the file that were read count as this process's memory until the file is closed. */
const MAX_MAPPED_BYTES = 16 * 1024 * 1024;

/**
 * A log in LMDB: one record for each revision, at the right edge of one B-tree.
 *
 * LMDB's `overlappingSync` is off: the pages of a transaction are written and synced, and only then does it become the
 * newest one, which is synced too. So a write that fails leaves no trace, and nothing can be read that a crash takes
 * back.
 */
export class LmdbLog implements Log {
  readonly #file: string;
  /** Open from the moment that all of the file has been checked. */
  #database: Database | undefined;
  #meta: Meta;
  #isMetaStored: boolean;
  /** The newest record that is known to be durable. */
  #newestRevision = 0;
  #hasFailed = false;
  #hasWritten = false;
  #mappedBytes = 0;

  /**
   * Throws {@link StoreFileError} when the file does not begin as it should or is of a newer format. One of an older
   * format is brought to the newest.
   */
  constructor(file: string, migrations = MIGRATIONS) {
    this.#file = file;
    syncFile(file);
    const meta = this.#readMeta(newestFormat(migrations));
    this.#isMetaStored = meta !== undefined;
    this.#meta = meta ?? { format: newestFormat(migrations), compactedRevision: 0 };
    if (this.#meta.format !== newestFormat(migrations)) this.#migrate(migrations);
  }

  get compactedRevision(): number {
    return this.#meta.compactedRevision;
  }

  async *load(): AsyncGenerator<readonly (LoadedPart | LoadedRecord)[], void, undefined> {
    try {
      for await (const chunk of readLog(this.#file)) {
        yield JSON.parse(chunk) as readonly (LoadedPart | LoadedRecord)[];
      }
    } catch (error) {
      throw this.#explained(error);
    }
    this.#open();
  }

  async write({ append, drop, compactedRevision }: LogBatch): Promise<void> {
    this.#hasWritten = true;
    if (this.#hasFailed) await this.#recover(append.reduce((sum, { bytes }) => sum + bytes.length, 0));
    const database = this.#open();
    // A backup that was killed would keep the room of all that is dropped.
    if (drop.length > 0) database.readerCheck();
    const meta = { ...this.#meta, compactedRevision };
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
    const bytes = this.#open().getBinary(revision);
    if (bytes === undefined) throw this.#missing(revision);
    this.#mappedBytes += bytes.length;
    this.#releasePages();
    return decode(this.#file, revision, bytes).json;
  }

  async close(): Promise<void> {
    await this.#database?.close();
  }

  #openReader(): LmdbFileReader | undefined {
    try {
      return LmdbFileReader.open(this.#file);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** What the file says of itself; undefined when nothing was ever written. */
  #readMeta(newestFormat: number): Meta | undefined {
    const reader = this.#openReader();
    try {
      const first = reader?.first();
      if (first === undefined) return undefined;
      if (readNumericKey(first.key) !== META_REVISION)
        throw StoreFileError.damaged(this.#file, 'its first record is missing');
      return parseMeta(this.#file, first.value, newestFormat);
    } catch (error) {
      throw this.#explained(error);
    } finally {
      reader?.close();
    }
  }

  #migrate(migrations: Migrations): void {
    const damage = findDamage(this.#file);
    if (damage !== undefined) throw StoreFileError.damaged(this.#file, damage);
    const database = this.#open();
    try {
      this.#meta = migrate(this.#file, database, this.#meta, migrations);
    } catch (error) {
      void database.close();
      throw error;
    }
    this.#hasWritten = true;
  }

  /** Only for a file that has been checked. */
  #open(): Database {
    if (this.#database === undefined) {
      this.#database = openDatabase(this.#file);
      this.#newestRevision = newestRevision(this.#database);
    }
    return this.#database;
  }

  /**
   * While nothing was written, LMDB closes a file at once: so much can be read before, in no more memory than this. Later
   * the pages are left to the kernel, which takes them away when somebody needs the room.
   */
  #releasePages(): void {
    if (this.#hasWritten || this.#mappedBytes < MAX_MAPPED_BYTES) return;
    this.#mappedBytes = 0;
    void this.#database?.close();
    this.#database = openDatabase(this.#file);
  }

  /**
   * After a failed write LMDB may refuse all others, or not know what it has on disk: it is opened again. A disk that is
   * still full is not tried, because LMDB reports every failure on standard error, too.
   */
  async #recover(nextBytes: number): Promise<void> {
    if (this.#isFull(nextBytes)) throw this.#fullError();
    await this.#database?.close();
    const database = openDatabase(this.#file);
    this.#database = database;
    // What was refused was never shown. Should it be there all the same, it must not come back after a restart.
    const found = newestRevision(database);
    const unwanted: number[] = [];
    for (let revision = this.#newestRevision + 1; revision <= found; revision++) unwanted.push(revision);
    if (unwanted.length > 0) {
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

  #explained(error: unknown): unknown {
    return error instanceof Damage ? StoreFileError.damaged(this.#file, error.message) : error;
  }

  #missing(revision: number): StoreFileError {
    return StoreFileError.damaged(this.#file, `it has no record of revision ${revision}`);
  }

  #fullError(cause?: unknown): Error {
    return new Error(`there is no room left on the disk of ${this.#file}`, { cause });
  }
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
