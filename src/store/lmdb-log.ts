import { open, type PutOptions, type RootDatabase } from 'lmdb';
import type { LoadedRecord, Log, LogBatch } from './log.ts';
import { decodeRecord, encodeRecord } from './record.ts';

/** The format this version writes. One that is newer is refused. */
const FORMAT = 1;
/** Where the log's own facts are: revisions begin at 1. */
const META_REVISION = 0;

/**
 * Two records of the usual size fit into a page of 4 KiB with a quarter of it wasted, four or five into one of 8 KiB
 * with a tenth; larger pages save nothing more and cost every small commit.
 */
const PAGE_SIZE_BYTES = 8192;

/** LMDB's `put` takes these options; its types say so of `putSync` only. */
type Database = RootDatabase<Buffer, number> & {
  put(key: number, value: Buffer, options: PutOptions): Promise<boolean>;
};

interface Meta {
  readonly format: number;
  readonly compactedRevision: number;
}

/** The store's files cannot be used. The message names the file and says what to do. */
export class StoreFileError extends Error {
  override readonly name = 'StoreFileError';
}

/**
 * A log in LMDB: one record for each revision, at the right edge of one B-tree.
 *
 * LMDB's `overlappingSync` is off: a transaction is written, synced to disk and only then becomes the newest one, so a
 * write that fails leaves no trace, and there is no moment at which something can be read that a crash takes back.
 */
export class LmdbLog implements Log {
  readonly #file: string;
  readonly #database: Database;
  #meta: Meta;
  #isMetaStored = true;

  constructor(file: string) {
    this.#file = file;
    this.#database = openDatabase(file);
    try {
      this.#meta = this.#readMeta();
    } catch (error) {
      void this.#database.close();
      throw error;
    }
  }

  get compactedRevision(): number {
    return this.#meta.compactedRevision;
  }

  *load(): Generator<LoadedRecord, void, undefined> {
    for (const { key: revision, value } of this.#database.getRange({ start: META_REVISION + 1, snapshot: true })) {
      const record = decodeRecord(revision, value);
      if (record === undefined) throw this.#garbled(revision);
      yield { revision, key: record.key, deleted: record.deleted, sizeBytes: record.json.length };
    }
  }

  async write({ append, drop, compactedRevision }: LogBatch): Promise<void> {
    const database = this.#database;
    const meta: Meta = { format: FORMAT, compactedRevision };
    const results: Promise<boolean>[] = [];
    results.push(
      database.batch(() => {
        if (!this.#isMetaStored || compactedRevision !== this.#meta.compactedRevision) {
          results.push(database.put(META_REVISION, encodeMeta(meta)));
        }
        for (const revision of drop) results.push(database.remove(revision));
        for (const record of append)
          results.push(database.put(record.revision, encodeRecord(record), { append: true }));
      }),
    );
    await Promise.all(results.map(unwrapCommitError));
    this.#meta = meta;
    this.#isMetaStored = true;
  }

  read(revision: number): Buffer {
    const bytes = this.#database.getBinary(revision);
    const record = bytes === undefined ? undefined : decodeRecord(revision, bytes);
    if (record === undefined) throw this.#garbled(revision);
    return record.json;
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  #readMeta(): Meta {
    const bytes = this.#database.getBinary(META_REVISION);
    if (bytes === undefined) {
      this.#isMetaStored = false;
      return { format: FORMAT, compactedRevision: 0 };
    }
    const json = decodeRecord(META_REVISION, bytes)?.json;
    if (json === undefined) throw this.#garbled(META_REVISION);
    const meta = JSON.parse(json.toString()) as Meta;
    if (meta.format > FORMAT) {
      throw new StoreFileError(
        `${this.#file} was written by a newer version of Berth (store format ${meta.format}; this one knows ${FORMAT}). ` +
          'Nothing was changed. Start it with that version or a later one.',
      );
    }
    return meta;
  }

  #garbled(revision: number): StoreFileError {
    return new StoreFileError(
      `${this.#file} is damaged: the record of revision ${revision} is not what was written. ` +
        'Restore a backup, or move the file away to start empty.',
    );
  }
}

function encodeMeta(meta: Meta): Buffer {
  return encodeRecord({
    revision: META_REVISION,
    key: 'meta',
    deleted: false,
    json: Buffer.from(JSON.stringify(meta)),
  });
}

function openDatabase(file: string): Database {
  return open<Buffer, number>({
    path: file,
    noSubdir: true,
    encoding: 'binary',
    maxDbs: 1,
    pageSize: PAGE_SIZE_BYTES,
    overlappingSync: false,
  }) as Database;
}

/** LMDB says why a commit failed in a second promise, which must be awaited or ends the process. */
async function unwrapCommitError(result: Promise<boolean>): Promise<void> {
  try {
    if (!(await result)) throw new Error('the log already has a record of this revision');
  } catch (error) {
    if (error instanceof Error && 'commitError' in error) await error.commitError;
    throw error;
  }
}
