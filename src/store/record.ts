import { crc32 } from 'node:zlib';

/** Where the log's own facts are: revisions begin at 1. */
export const META_REVISION = 0;

/**
 * A record as bytes: a checksum (4), flags (1), the length of the key (2), the key, the JSON. The checksum covers the
 * rest and the revision it is stored under, so that no record is taken for another.
 */
const HEADER_BYTES = 7;
const FLAG_DELETED = 1;

export interface DecodedRecord {
  readonly key: string;
  readonly deleted: boolean;
  readonly json: Buffer;
}

export interface EncodedRecord {
  readonly bytes: Buffer;
  /** The JSON inside `bytes`: the same memory. */
  readonly json: Buffer;
}

/** `json` is text. Throws a `RangeError` for a key that is longer than 65,535 bytes. */
export function encodeRecord(revision: number, key: string, deleted: boolean, json: string): EncodedRecord {
  const keyLength = Buffer.byteLength(key);
  const keyEnd = HEADER_BYTES + keyLength;
  const bytes = Buffer.allocUnsafe(keyEnd + Buffer.byteLength(json));
  bytes[4] = deleted ? FLAG_DELETED : 0;
  bytes.writeUInt16BE(keyLength, 5);
  bytes.write(key, HEADER_BYTES);
  bytes.write(json, keyEnd);
  bytes.writeUInt32BE(checksum(bytes, revision), 0);
  return { bytes, json: bytes.subarray(keyEnd) };
}

/** The record, or undefined when the bytes are not what was written under this revision. */
export function decodeRecord(revision: number, bytes: Buffer): DecodedRecord | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== checksum(bytes, revision)) return undefined;
  const keyEnd = HEADER_BYTES + bytes.readUInt16BE(5);
  if (keyEnd > bytes.length) return undefined;
  return {
    key: bytes.toString('utf8', HEADER_BYTES, keyEnd),
    deleted: bytes[4] === FLAG_DELETED,
    json: bytes.subarray(keyEnd),
  };
}

function checksum(bytes: Buffer, revision: number): number {
  // A revision is larger than 32 bits only after four billion writes; its lower half tells neighbours apart.
  return crc32(bytes.subarray(4), revision >>> 0);
}
