import type { Transaction } from 'lmdb';
import { type Database, decode, newestRevision, openDatabase, readMeta } from './lmdb-file.ts';
import { MIGRATIONS, newestFormat, upgraded } from './migrations.ts';
import { type DecodedRecord, META_REVISION } from './record.ts';

/** The newest version of a key. */
export interface SnapshotEntry {
  readonly key: string;
  readonly revision: number;
  readonly json: Buffer;
}

/**
 * What a store's file has at one moment. Another process may have it open and go on writing: a transaction of LMDB sees
 * the file as it was when it began, and holds nobody up. Until it is closed, the file keeps what it sees.
 */
export class LmdbSnapshot {
  readonly #file: string;
  readonly #database: Database;
  readonly #transaction: Transaction;
  readonly #format: number;
  /** The revisions of the newest versions of all keys. */
  readonly #newest: ReadonlySet<number>;
  readonly revision: number;

  /** Throws {@link StoreFileError} when the file is damaged or of a newer format. */
  constructor(file: string) {
    this.#file = file;
    this.#database = openDatabase(file, { readOnly: true });
    this.#transaction = this.#database.useReadTransaction();
    try {
      const meta = readMeta(file, this.#database, newestFormat(MIGRATIONS), this.#transaction);
      this.#format = meta?.format ?? newestFormat(MIGRATIONS);
      this.revision = Math.max(meta?.compactedRevision ?? 0, newestRevision(this.#database, this.#transaction));
      this.#newest = this.#newestRevisions();
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** How many keys there are. */
  get size(): number {
    return this.#newest.size;
  }

  /** The newest version of every key, in the order of revisions. */
  *entries(): Generator<SnapshotEntry, void, undefined> {
    for (const { revision, key, json } of this.#records())
      if (this.#newest.has(revision)) yield { key, revision, json };
  }

  async close(): Promise<void> {
    this.#transaction.done();
    await this.#database.close();
  }

  #newestRevisions(): ReadonlySet<number> {
    const byKey = new Map<string, number>();
    for (const { revision, key, deleted } of this.#records()) {
      if (deleted) byKey.delete(key);
      else byKey.set(key, revision);
    }
    return new Set(byKey.values());
  }

  *#records(): Generator<DecodedRecord & { readonly revision: number }, void, undefined> {
    const records = this.#database.getRange({ start: META_REVISION + 1, transaction: this.#transaction });
    for (const { key: revision, value } of records) {
      yield { revision, ...decode(this.#file, revision, upgraded(value, revision, this.#format, MIGRATIONS)) };
    }
  }
}
