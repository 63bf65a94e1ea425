import { open, type PutOptions, type RootDatabase, type Transaction } from 'lmdb';
import { type DecodedRecord, decodeRecord, encodeRecord, META_REVISION } from './record.ts';
import { StoreFileError } from './store-file-error.ts';

/**
 * Two records of the usual size fit into a page of 4 KiB with a quarter of it wasted, four or five into one of 8 KiB
 * with a tenth; larger pages save nothing more and cost every small commit.
 */
const PAGE_SIZE_BYTES = 8192;

/**
 * Addresses set aside for the file, which need not be so large. When it outgrows them LMDB maps it a second time, and
 * the pages that are mapped already count twice.
 */
const MAP_SIZE_BYTES = 4 * 1024 ** 3;

/** LMDB's `put` takes these options; its types say so of `putSync` only. */
export type Database = RootDatabase<Buffer, number> & {
  put(key: number, value: Buffer, options: PutOptions): Promise<boolean>;
};

export interface Meta {
  readonly format: number;
  readonly compactedRevision: number;
}

export function openDatabase(file: string, { readOnly = false } = {}): Database {
  const options = {
    path: file,
    noSubdir: true,
    permissionsMode: 0o600, // secrets are in it
    encoding: 'binary',
    maxDbs: 1,
    pageSize: PAGE_SIZE_BYTES,
    overlappingSync: false,
    eventTurnBatching: false, // the store gathers what comes together
    readOnly,
    mapSize: MAP_SIZE_BYTES,
  } as const;
  return open<Buffer, number>(options) as Database;
}

/** The newest revision that has a record, or {@link META_REVISION}. */
export function newestRevision(database: Database, transaction?: Transaction): number {
  const newest = { reverse: true, limit: 1, ...(transaction && { transaction }) };
  for (const revision of database.getKeys(newest)) return revision;
  return META_REVISION;
}

/**
 * What the file says of itself; undefined when nothing was ever written. Throws {@link StoreFileError} when that is
 * damaged, or the format newer than what is known.
 */
export function readMeta(
  file: string,
  database: Database,
  newestFormat: number,
  transaction?: Transaction,
): Meta | undefined {
  const bytes = database.get(META_REVISION, transaction && { transaction });
  if (bytes === undefined) {
    if (newestRevision(database, transaction) > 0) throw StoreFileError.damaged(file, 'its first record is missing');
    return undefined;
  }
  return parseMeta(file, bytes, newestFormat);
}

/** Record 0. Throws {@link StoreFileError} when it is damaged, or the format newer than what is known. */
export function parseMeta(file: string, bytes: Buffer, newestFormat: number): Meta {
  const meta = JSON.parse(decode(file, META_REVISION, bytes).json.toString()) as Meta;
  if (meta.format > newestFormat) throw StoreFileError.tooNew(file, meta.format, newestFormat);
  return meta;
}

export function encodeMeta(meta: Meta): Buffer {
  return encodeRecord(META_REVISION, 'meta', false, JSON.stringify(meta)).bytes;
}

export function decode(file: string, revision: number, bytes: Buffer): DecodedRecord {
  const record = decodeRecord(revision, bytes);
  if (record !== undefined) return record;
  throw StoreFileError.damaged(file, `the record of revision ${revision} is not what was written`);
}
