import fs from 'node:fs';

/*
 * The layout of LMDB's data version 2 on 64-bit little-endian machines, as its source `mdb.c` has it, and of keys that
 * are numbers, as its library for JavaScript writes them.
 */

/** A file is not what LMDB would have written. The message says what is wrong. */
export class Damage extends Error {}

/** Where LMDB keeps what: sorted records in pages that refer to each other. */
export interface Tree {
  readonly name: string;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** A page; undefined when there is nothing in it. */
  readonly root: number | undefined;
}

/** What the newest transaction left. */
export interface FileState {
  readonly pageSize: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** A record in a leaf page. */
export interface LeafNode {
  readonly keyBegin: number;
  readonly valueBegin: number;
  readonly valueBytes: number;
  /** Where the value is when it is not in the page: the first of a run of pages, and how many they are. */
  readonly overflow?: { readonly page: number; readonly pages: number };
}

export const PAGE_HEADER_BYTES = 24;
export const PAGE_BRANCH = 0x01;
export const PAGE_LEAF = 0x02;
export const PAGE_OVERFLOW = 0x04;
const PAGE_META = 0x08;
const PAGE_TYPES = 0x6f;

const META_BYTES = 144;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

const NODE_HEADER_BYTES = 8;
const NODE_ON_OVERFLOW_PAGES = 0x01;
/** Where a node's data is when it is on pages of its own: page number, transaction, count. */
const OVERFLOW_REFERENCE_BYTES = 24;

/** The state that the file is in: that of the newer one of its two beginnings. Throws {@link Damage}. */
export function readFileState(descriptor: number): FileState {
  const first = readBeginning(descriptor, 0);
  const second = readBeginning(descriptor, first.pageSize);
  // Each transaction writes the other one, so that they are always one apart.
  const distance = Math.abs(first.transaction - second.transaction);
  if (distance > 1) throw new Damage('its two beginnings do not belong together');
  return first.transaction > second.transaction ? first : second;
}

/** The bytes at a position. Throws {@link Damage} when the file ends before. */
export function readBytes(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  if (fs.readSync(descriptor, bytes, 0, length, position) < length) throw new Damage('it is cut off');
  return bytes;
}

export function pageType(page: Buffer): number {
  return page.readUInt16LE(18) & PAGE_TYPES;
}

/** Of the first page of a run: how many it has. */
export function overflowPages(page: Buffer): number {
  return page.readUInt32LE(20);
}

/** Where the nodes of a page begin, each checked to be inside it. */
export function nodeOffsets(page: Buffer, number: number): number[] {
  const lower = PAGE_HEADER_BYTES + page.readUInt16LE(20);
  const upper = PAGE_HEADER_BYTES + page.readUInt16LE(22);
  if (lower > upper || upper > page.length) throw new Damage(`page ${number} has a broken header`);
  const offsets: number[] = [];
  for (let pointer = PAGE_HEADER_BYTES; pointer < lower; pointer += 2) {
    const node = PAGE_HEADER_BYTES + page.readUInt16LE(pointer);
    if (node < upper || node + NODE_HEADER_BYTES > page.length) throw new Damage(`page ${number} has a broken record`);
    const keyEnd = node + NODE_HEADER_BYTES + page.readUInt16LE(node + 6);
    if (keyEnd > page.length) throw new Damage(`page ${number} has a broken record`);
    offsets.push(node);
  }
  return offsets;
}

/** The page that a node of a branch page leads to. */
export function childPage(page: Buffer, node: number): number {
  return page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32;
}

/** A node of a leaf page, checked to be inside it. */
export function leafNode(page: Buffer, number: number, node: number): LeafNode {
  const valueBytes = page.readUInt32LE(node);
  const flags = page.readUInt16LE(node + 4);
  const keyBegin = node + NODE_HEADER_BYTES;
  const valueBegin = keyBegin + page.readUInt16LE(node + 6);
  const isOnOverflowPages = flags === NODE_ON_OVERFLOW_PAGES;
  const end = valueBegin + (isOnOverflowPages ? OVERFLOW_REFERENCE_BYTES : valueBytes);
  if ((flags !== 0 && !isOnOverflowPages) || end > page.length) throw new Damage(`page ${number} has a broken record`);
  if (!isOnOverflowPages) return { keyBegin, valueBegin, valueBytes };
  const overflow = { page: readNumber(page, valueBegin), pages: readNumber(page, valueBegin + 16) };
  return { keyBegin, valueBegin, valueBytes, overflow };
}

/** A 64-bit number. One past 2^53 is nothing a file can have, and fails every later check of its range. */
export function readNumber(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32;
}

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

/** A key that is a number from 0 on: the bits of a float, the highest first, after four bits for its type. */
export function readNumericKey(key: Buffer): number {
  const word = (index: number): number =>
    ((key[index] ?? 0) << 24) | ((key[index + 1] ?? 0) << 16) | ((key[index + 2] ?? 0) << 8) | (key[index + 3] ?? 0);
  const middle = word(4);
  halves[0] = (middle << 4) | ((key[8] ?? 0) >>> 4);
  halves[1] = (word(0) << 4) | (middle >>> 28);
  return float[0] ?? 0;
}

function readBeginning(descriptor: number, position: number): FileState {
  const meta = readBytes(descriptor, position, PAGE_HEADER_BYTES + META_BYTES);
  const bytes = meta.subarray(PAGE_HEADER_BYTES);
  const isMeta = pageType(meta) === PAGE_META && bytes.readUInt32LE(0) === MAGIC;
  if (!isMeta || (bytes.readUInt32LE(4) & 0xffff) !== DATA_VERSION) throw new Damage('it does not begin as it should');
  const pageSize = bytes.readUInt32LE(24);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
    throw new Damage('it does not begin as it should');
  }
  return {
    pageSize,
    free: readTree('free pages', bytes.subarray(24, 72)),
    main: readTree('records', bytes.subarray(72, 120)),
    lastPage: readNumber(bytes, 120),
    transaction: readNumber(bytes, 128),
  };
}

function readTree(name: string, bytes: Buffer): Tree {
  return {
    name,
    depth: bytes.readUInt16LE(6),
    branchPages: readNumber(bytes, 8),
    leafPages: readNumber(bytes, 16),
    overflowPages: readNumber(bytes, 24),
    entries: readNumber(bytes, 32),
    root: bytes.readBigUInt64LE(40) === NO_PAGE ? undefined : readNumber(bytes, 40),
  };
}
