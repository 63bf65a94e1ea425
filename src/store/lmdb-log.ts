import fs from 'node:fs';
import {
  type Database,
  decode,
  encodeMeta,
  META_REVISION,
  type Meta,
  newestRevision,
  openDatabase,
  readMeta,
  readTransient,
} from './lmdb-file.ts';
import { findDamage } from './lmdb-file-check.ts';
import type { LoadedRecord, Log, LogBatch } from './log.ts';
import { MIGRATIONS, migrate, newestFormat } from './migrations.ts';
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
  #database: Database;
  #meta: Meta;
  #isMetaStored: boolean;
  /** The newest record that is known to be durable. */
  #newestRevision = 0;
  #hasFailed = false;
  #hasWritten = false;
  #mappedBytes = 0;

  /**
   * Throws {@link StoreFileError} when the file is damaged or of a newer format. One of an older format is brought to
   * the newest.
   */
  constructor(file: string, migrations = MIGRATIONS) {
    this.#file = file;
    const damage = findDamage(file);
    if (damage !== undefined) throw StoreFileError.damaged(file, damage);
    syncFile(file);
    this.#database = openDatabase(file);
    try {
      const meta = readMeta(file, this.#database, newestFormat(migrations));
      this.#isMetaStored = meta !== undefined;
      this.#meta =
        meta === undefined
          ? { format: newestFormat(migrations), compactedRevision: 0 }
          : migrate(file, this.#database, meta, migrations);
      this.#hasWritten = meta !== undefined && meta.format !== this.#meta.format;
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
    let next = this.#newestRevision;
    while (next > META_REVISION) {
      const revisions = this.#database.getKeys({ start: next, reverse: true });
      next = META_REVISION;
      for (const revision of revisions) {
        if (revision === META_REVISION) break;
        const bytes = readTransient(this.#database, revision);
        if (bytes === undefined) throw this.#missing(revision);
        yield { revision, ...decode(this.#file, revision, bytes) };
        this.#mappedBytes += bytes.length;
        if (this.#mappedBytes < MAX_MAPPED_BYTES) continue;
        next = revision - 1;
        break;
      }
      this.#releasePages();
    }
  }

  async write({ append, drop, compactedRevision }: LogBatch): Promise<void> {
    this.#hasWritten = true;
    if (this.#hasFailed) await this.#recover(append.reduce((sum, { bytes }) => sum + bytes.length, 0));
    const database = this.#database;
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
    const bytes = this.#database.getBinary(revision);
    if (bytes === undefined) throw this.#missing(revision);
    this.#mappedBytes += bytes.length;
    this.#releasePages();
    return decode(this.#file, revision, bytes).json;
  }

  /**
   * While nothing was written, LMDB closes a file at once: so much can be read before, in no more memory than this. Later
   * the pages are left to the kernel, which takes them away when somebody needs the room.
   */
  #releasePages(): void {
    if (this.#hasWritten || this.#mappedBytes < MAX_MAPPED_BYTES) return;
    this.#mappedBytes = 0;
    void this.#database.close();
    this.#database = openDatabase(this.#file);
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
