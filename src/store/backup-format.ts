import { createHash } from 'node:crypto';
import type { LmdbSnapshot } from './lmdb-snapshot.ts';
import type { LogRecord } from './log.ts';
import { encodeRecord } from './record.ts';

/*
 * A backup is text, one JSON value a line: what it is, then every object in the order of revisions, then the checksum
 * of all lines before. It can be read, compared and searched with ordinary tools, and does not depend on how a store
 * keeps its data.
 */

const VERSION = 1;
const CHUNK_BYTES = 256 * 1024;

export interface BackupSummary {
  /** The revision the backup is the state of. */
  readonly revision: number;
  readonly objects: number;
  readonly bytes: number;
  /** Of everything but the last line, which says it. */
  readonly sha256: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

interface Header {
  readonly format: 'berth-backup';
  readonly version: number;
  readonly revision: number;
  readonly objects: number;
  readonly createdAt: string;
}

/** Told of how many objects of how many are done, now and then. */
export type OnProgress = (done: number, total: number) => void;

/** A backup is damaged or not one, or cannot be read or written. The message names the file. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** A moment of a store as the bytes of a backup. */
export function* backupChunks(
  snapshot: LmdbSnapshot,
  createdAt: Date,
  onProgress: OnProgress,
): Generator<Buffer, BackupSummary, undefined> {
  const { revision, size: objects } = snapshot;
  const header: Header = {
    format: 'berth-backup',
    version: VERSION,
    revision,
    objects,
    createdAt: createdAt.toISOString(),
  };
  const hash = createHash('sha256');
  let bytes = 0;
  for (const chunk of chunksOf(header, snapshot, onProgress)) {
    hash.update(chunk);
    bytes += chunk.length;
    yield chunk;
  }
  const sha256 = hash.digest('hex');
  const last = Buffer.from(`${JSON.stringify({ sha256 })}\n`);
  yield last;
  return { revision, objects, bytes: bytes + last.length, sha256, createdAt: header.createdAt };
}

function* chunksOf(header: Header, snapshot: LmdbSnapshot, onProgress: OnProgress): Generator<Buffer, void, undefined> {
  let parts: Buffer[] = [Buffer.from(`${JSON.stringify(header)}\n`)];
  let bytes = 0;
  let done = 0;
  for (const { key, revision, json } of snapshot.entries()) {
    const before = `{"key":${JSON.stringify(key)},"revision":${revision},"value":`;
    parts.push(Buffer.from(before), json, Buffer.from('}\n'));
    bytes += before.length + json.length;
    done++;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(parts);
    onProgress(done, header.objects);
    parts = [];
    bytes = 0;
  }
  yield Buffer.concat(parts);
}

type VisitRecord = (record: LogRecord, header: Header) => void | Promise<void>;

/**
 * Reads a whole backup and throws {@link BackupError} when anything of it is not as it was written. `visit` is called
 * with each object, before all of them are known to be right. `name` is for messages.
 */
export async function readBackup(
  source: AsyncIterable<Buffer>,
  name: string,
  visit: VisitRecord,
): Promise<BackupSummary> {
  const damaged = (what: string): BackupError => new BackupError(`${name} is not a whole backup of Berth: ${what}`);
  const hash = createHash('sha256');
  let header: Header | undefined;
  let objects = 0;
  let bytes = 0;
  let lastRevision = 0;
  let checksum: string | undefined;
  try {
    for await (const line of linesOf(source)) {
      if (checksum !== undefined) throw damaged('it goes on after its end');
      bytes += line.length + 1;
      const value: unknown = JSON.parse(line.toString());
      if (header === undefined) {
        header = checkHeader(value, name);
      } else if (isChecksum(value)) {
        checksum = value.sha256;
        continue;
      } else {
        const record = checkRecord(value);
        const isNext = record !== undefined && record.revision > lastRevision && record.revision <= header.revision;
        if (!isNext) throw damaged(`line ${objects + 2} is no object`);
        lastRevision = record.revision;
        objects++;
        await visit(record, header);
      }
      hash.update(line).update('\n');
    }
  } catch (error) {
    if (error instanceof SyntaxError && header === undefined) throw new BackupError(`${name} is not a backup of Berth`);
    if (error instanceof SyntaxError) throw damaged(`line ${objects + 2} is garbled`);
    throw error;
  }
  if (header === undefined || checksum === undefined) throw damaged('it is cut off');
  if (checksum !== hash.digest('hex')) throw damaged('its checksum is wrong');
  if (objects !== header.objects) throw damaged(`it has ${objects} objects instead of ${header.objects}`);
  return { revision: header.revision, objects, bytes, sha256: checksum, createdAt: header.createdAt };
}

function isChecksum(line: unknown): line is { readonly sha256: string } {
  return typeof (line as { readonly sha256?: unknown } | null)?.sha256 === 'string';
}

function checkHeader(line: unknown, name: string): Header {
  const { format, version, revision, objects, createdAt = '' } = (line ?? {}) as Partial<Header>;
  if (
    format !== 'berth-backup' ||
    typeof version !== 'number' ||
    typeof revision !== 'number' ||
    typeof objects !== 'number'
  ) {
    throw new BackupError(`${name} is not a backup of Berth`);
  }
  if (version > VERSION) {
    throw new BackupError(`${name} was written by a newer version of Berth: restore it with that one or a later one`);
  }
  return { format, version, revision, objects, createdAt };
}

function checkRecord(line: unknown): LogRecord | undefined {
  const { key, revision, value } = (line ?? {}) as {
    readonly key?: unknown;
    readonly revision?: unknown;
    readonly value?: unknown;
  };
  if (typeof key !== 'string' || typeof revision !== 'number' || typeof value !== 'object') return undefined;
  return { revision, bytes: encodeRecord(revision, key, false, JSON.stringify(value)).bytes };
}

/** The lines of a stream as bytes, without their ends. Not `readline`, which takes more than a newline for an end. */
async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  for await (const chunk of source) {
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
