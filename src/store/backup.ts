import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { silentLogger } from '../platform/logger.ts';
import { LmdbLog } from './lmdb-log.ts';
import { openLmdbStore, STORE_FILE } from './lmdb-store.ts';
import type { LogRecord } from './log.ts';
import { encodeRecord } from './record.ts';
import type { Entry, Store } from './store.ts';

/*
 * A backup is text, one JSON value a line: what it is, then every entry in the order of revisions, then the checksum
 * of all lines before. It can be read, compared and searched with ordinary tools, and does not depend on how a store
 * keeps its data.
 */

const VERSION = 1;
const CHUNK_BYTES = 256 * 1024;
const RECORDS_PER_WRITE = 2000;
/**
 * A store that was restored goes on from a revision nobody has seen: a client that knows later ones than the backup is
 * told that its are gone and lists again, instead of taking new events for old.
 */
const REVISIONS_SKIPPED = 1_000_000_000;

export interface BackupSummary {
  /** The revision the backup is the state of. */
  readonly revision: number;
  readonly entries: number;
  /** RFC 3339. */
  readonly createdAt: string;
}

interface Header extends BackupSummary {
  readonly format: 'berth-backup';
  readonly version: number;
}

/** A backup is damaged or not one, or cannot be read or written. The message names the file. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** The state of the store at this moment as the bytes of a backup, while others go on writing. */
async function* backupChunks(store: Store, createdAt: Date): AsyncGenerator<Buffer, void, undefined> {
  const { entries, revision } = await store.list('');
  const inOrder = [...entries].sort((a, b) => a.revision - b.revision);
  const hash = createHash('sha256');
  const header: Header = {
    format: 'berth-backup',
    version: VERSION,
    revision,
    entries: inOrder.length,
    createdAt: createdAt.toISOString(),
  };
  for (const lines of chunksOf(header, inOrder)) {
    hash.update(lines);
    yield lines;
    // Others have their turn between two chunks.
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield Buffer.from(`${JSON.stringify({ sha256: hash.digest('hex') })}\n`);
}

function* chunksOf(header: Header, entries: readonly Entry[]): Generator<Buffer, void, undefined> {
  let parts: Buffer[] = [Buffer.from(`${JSON.stringify(header)}\n`)];
  let bytes = 0;
  for (const entry of entries) {
    const before = `{"key":${JSON.stringify(entry.key)},"revision":${entry.revision},"value":`;
    const json = entry.json();
    parts.push(Buffer.from(before), json, Buffer.from('}\n'));
    bytes += before.length + json.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  yield Buffer.concat(parts);
}

/** Writes a backup of a store that may be in use. The file has mode 0600, and is there only when it is complete. */
export async function writeBackup(store: Store, file: string, createdAt: Date): Promise<BackupSummary> {
  const partial = `${file}.partial`;
  try {
    const handle = await fs.open(partial, 'w', 0o600);
    try {
      for await (const chunk of backupChunks(store, createdAt)) await handle.write(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const summary = await verifyBackup(partial);
    await fs.rename(partial, file);
    return summary;
  } catch (error) {
    await fs.rm(partial, { force: true });
    throw error instanceof BackupError ? error : new BackupError(`${file} cannot be written: ${messageOf(error)}`);
  }
}

/** Reads a whole backup and throws {@link BackupError} when anything of it is not as it was written. */
export async function verifyBackup(file: string): Promise<BackupSummary> {
  return readBackup(file, () => {});
}

/**
 * Makes the store in `directory` what the backup has. Nobody may have it open. What was there is kept beside it, under
 * the name that is returned. Nothing is changed when the backup is damaged.
 */
export async function restoreBackup(
  file: string,
  directory: string,
  now: Date,
): Promise<BackupSummary & { readonly replaced?: string }> {
  const restoring = `${directory}.restoring`;
  await fs.rm(restoring, { recursive: true, force: true });
  await fs.mkdir(restoring, { recursive: true, mode: 0o700 });
  try {
    const summary = await fillStore(file, path.join(restoring, STORE_FILE));
    const store = await openLmdbStore({ directory: restoring, logger: silentLogger });
    const { entries } = await store.list('');
    await store.close();
    if (entries.length !== summary.entries) throw new BackupError(`${file} names a key twice`);
    const replaced = `${directory}.replaced-${now.toISOString().replaceAll(':', '')}`;
    const hasReplaced = await fs.rename(directory, replaced).then(
      () => true,
      () => false, // there was none
    );
    await fs.rename(restoring, directory);
    return hasReplaced ? { ...summary, replaced } : summary;
  } finally {
    await fs.rm(restoring, { recursive: true, force: true });
  }
}

async function fillStore(file: string, storeFile: string): Promise<BackupSummary> {
  const log = new LmdbLog(storeFile);
  try {
    let records: LogRecord[] = [];
    const write = async (compactedRevision: number): Promise<void> => {
      await log.write({ append: records, drop: [], compactedRevision });
      records = [];
    };
    const summary = await readBackup(file, async (record, { revision }) => {
      records.push(record);
      if (records.length >= RECORDS_PER_WRITE) await write(revision + REVISIONS_SKIPPED);
    });
    await write(summary.revision + REVISIONS_SKIPPED);
    return summary;
  } finally {
    await log.close();
  }
}

type VisitRecord = (record: LogRecord, header: Header) => void | Promise<void>;

async function readBackup(file: string, visit: VisitRecord): Promise<BackupSummary> {
  const damaged = (what: string): BackupError => new BackupError(`${file} is not a whole backup of Berth: ${what}`);
  const hash = createHash('sha256');
  let header: Header | undefined;
  let entries = 0;
  let lastRevision = 0;
  let checksum: string | undefined;
  try {
    for await (const line of linesOf(file)) {
      if (checksum !== undefined) throw damaged('it goes on after its end');
      const value = JSON.parse(line.toString()) as { readonly sha256?: string };
      if (header === undefined) {
        header = checkHeader(value, file);
      } else if (value.sha256 !== undefined) {
        checksum = value.sha256;
        continue;
      } else {
        const record = checkRecord(value);
        const isNext = record !== undefined && record.revision > lastRevision && record.revision <= header.revision;
        if (!isNext) throw damaged(`line ${entries + 2} is no entry`);
        lastRevision = record.revision;
        entries++;
        await visit(record, header);
      }
      hash.update(line).update('\n');
    }
  } catch (error) {
    if (error instanceof BackupError) throw error;
    if (error instanceof SyntaxError) throw damaged(`line ${entries + 2} is garbled`);
    throw new BackupError(`${file} cannot be read: ${messageOf(error)}`);
  }
  if (header === undefined || checksum === undefined) throw damaged('it is cut off');
  if (checksum !== hash.digest('hex')) throw damaged('its checksum is wrong');
  if (entries !== header.entries) throw damaged(`it has ${entries} entries instead of ${header.entries}`);
  return { revision: header.revision, entries, createdAt: header.createdAt };
}

function checkHeader(value: object, file: string): Header {
  const header = value as Partial<Header>;
  const { format, version, revision, entries, createdAt } = header;
  if (format !== 'berth-backup' || version === undefined || revision === undefined || entries === undefined) {
    throw new BackupError(`${file} is not a backup of Berth`);
  }
  if (version > VERSION) {
    throw new BackupError(`${file} was written by a newer version of Berth: restore it with that one or a later one`);
  }
  return { format, version, revision, entries, createdAt: createdAt ?? '' };
}

function checkRecord(line: object): LogRecord | undefined {
  const { key, revision, value } = line as {
    readonly key?: unknown;
    readonly revision?: unknown;
    readonly value?: unknown;
  };
  if (typeof key !== 'string' || typeof revision !== 'number' || typeof value !== 'object') return undefined;
  return { revision, bytes: encodeRecord(revision, key, false, JSON.stringify(value)).bytes };
}

/** The lines of a file as bytes, without their ends. Not `readline`, which takes more than a newline for an end. */
async function* linesOf(file: string): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      parts.push(chunk.subarray(from, end));
      yield Buffer.concat(parts);
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
