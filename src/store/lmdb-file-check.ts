import fs from 'node:fs';
import os from 'node:os';

/*
 * LMDB maps its file into memory and trusts it: a file that was cut off or garbled ends the whole process with a
 * signal. So before LMDB opens it, this walks through the pages the way LMDB would and checks that each is there, is
 * what it should be, stays within its bounds and is used only once. What the records say is checked when they are read.
 *
 * The layout is that of LMDB's data version 2 on 64-bit little-endian machines, as its source `mdb.c` has it.
 */

const PAGE_HEADER_BYTES = 24;
const META_BYTES = 144;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

const PAGE_BRANCH = 0x01;
const PAGE_LEAF = 0x02;
const PAGE_OVERFLOW = 0x04;
const PAGE_META = 0x08;
const PAGE_TYPES = 0x6f;

const NODE_HEADER_BYTES = 8;
const NODE_ON_OVERFLOW_PAGES = 0x01;
/** Where a node's data is when it is on pages of its own: page number, transaction, count. */
const OVERFLOW_REFERENCE_BYTES = 24;

/** Pages that follow each other are read so many at a time. */
const READ_AHEAD_PAGES = 32;

interface Tree {
  readonly name: string;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  readonly root: number | undefined;
}

interface Meta {
  readonly pageSize: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** Takes the value of a record. */
type Visit = (value: Buffer) => void;

class Damage extends Error {}

/** What is wrong with an LMDB file, or undefined when LMDB can open it. A file that is not there or empty is fine. */
export function findDamage(file: string): string | undefined {
  if (os.endianness() !== 'LE' || !fs.existsSync(file)) return undefined;
  const descriptor = fs.openSync(file, 'r');
  try {
    if (fs.fstatSync(descriptor).size > 0) new FileCheck(descriptor).run();
    return undefined;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
}

class FileCheck {
  readonly #descriptor: number;
  readonly #fileBytes: number;
  readonly #meta: Meta;
  /** Pages that were come across, each of which must be the first time. */
  readonly #used: Uint8Array;
  /** What was read last, from this page on. */
  #ahead = { first: 0, bytes: Buffer.alloc(0) };
  #counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    const first = readMeta(descriptor, 0);
    const second = readMeta(descriptor, first.pageSize);
    // Each transaction writes the other one, so that they are always one apart.
    const distance = Math.abs(first.transaction - second.transaction);
    if (distance > 1) throw new Damage('its two beginnings do not belong together');
    this.#meta = first.transaction > second.transaction ? first : second;
    this.#fileBytes = fs.fstatSync(descriptor).size;
    const { lastPage, pageSize } = this.#meta;
    // The last pages need not be in the file while they are free, but there are never many of them.
    if (lastPage > 2 * (this.#fileBytes / pageSize) + 1_000_000) throw new Damage('it should be far larger than it is');
    this.#used = new Uint8Array(lastPage + 1);
    this.#used.fill(1, 0, 2);
  }

  run(): void {
    this.#walkTree(this.#meta.main);
    this.#walkTree(this.#meta.free, (value) => this.#checkFreePages(value));
  }

  #walkTree(tree: Tree, visit?: Visit): void {
    this.#counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    if (tree.root !== undefined) this.#walkPage(tree, tree.root, 1, visit);
    for (const count of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const) {
      if (this.#counts[count] !== tree[count]) {
        throw new Damage(`the tree of ${tree.name} is not of the size it should be`);
      }
    }
  }

  #walkPage(tree: Tree, number: number, depth: number, visit: Visit | undefined): void {
    const page = this.#readPage(number);
    this.#use(number, 1);
    const isLeaf = depth === tree.depth;
    const type = page.readUInt16LE(18) & PAGE_TYPES;
    if (type !== (isLeaf ? PAGE_LEAF : PAGE_BRANCH)) throw new Damage(`page ${number} is not of its kind`);
    for (const node of nodeOffsets(page, number)) {
      if (isLeaf) this.#checkLeafNode(page, number, node, visit);
      else this.#walkPage(tree, childPage(page, node), depth + 1, visit);
    }
    if (isLeaf) this.#counts.leafPages++;
    else this.#counts.branchPages++;
  }

  #checkLeafNode(page: Buffer, number: number, node: number, visit: Visit | undefined): void {
    const valueBytes = page.readUInt32LE(node);
    const flags = page.readUInt16LE(node + 4);
    const value = node + NODE_HEADER_BYTES + page.readUInt16LE(node + 6);
    const isOnOverflowPages = flags === NODE_ON_OVERFLOW_PAGES;
    const end = value + (isOnOverflowPages ? OVERFLOW_REFERENCE_BYTES : valueBytes);
    if ((flags !== 0 && !isOnOverflowPages) || end > page.length)
      throw new Damage(`page ${number} has a broken record`);
    this.#counts.entries++;
    if (isOnOverflowPages) {
      const first = readNumber(page, value);
      this.#checkOverflow(first, readNumber(page, value + 16), valueBytes);
      visit?.(this.#read(first * this.#meta.pageSize + PAGE_HEADER_BYTES, valueBytes));
    } else {
      visit?.(page.subarray(value, end));
    }
  }

  #checkOverflow(number: number, pages: number, valueBytes: number): void {
    const { pageSize } = this.#meta;
    if (pages * pageSize < valueBytes + PAGE_HEADER_BYTES) throw new Damage(`page ${number} begins too short a run`);
    const header = this.#readPage(number);
    const isOverflow = (header.readUInt16LE(18) & PAGE_TYPES) === PAGE_OVERFLOW;
    if (!isOverflow || header.readUInt32LE(20) !== pages) throw new Damage(`page ${number} is not of its kind`);
    this.#use(number, pages);
    if ((number + pages) * pageSize > this.#fileBytes) throw new Damage('it is cut off');
    this.#counts.overflowPages += pages;
  }

  /** The numbers of free pages: a count, then numbers, or minus a length and the number a run begins with. */
  #checkFreePages(value: Buffer): void {
    const words = new BigInt64Array(new Uint8Array(value).buffer, 0, Math.floor(value.length / 8));
    const end = Number(words[0] ?? 0n) + 1;
    if (end > words.length) throw new Damage('the list of free pages is cut off');
    for (let index = 1; index < end; index++) {
      const word = Number(words[index]);
      if (word === 0) continue;
      if (word > 0) this.#use(word, 1);
      else this.#use(Number(words[++index]), -word);
    }
  }

  #use(number: number, count: number): void {
    if (!(number >= 2 && number + count <= this.#used.length)) throw new Damage(`page ${number} does not exist`);
    for (let page = number; page < number + count; page++) {
      if (this.#used[page] === 1) throw new Damage(`page ${page} is used twice`);
      this.#used[page] = 1;
    }
  }

  #readPage(number: number): Buffer {
    const { pageSize } = this.#meta;
    if (number >= this.#used.length) throw new Damage(`page ${number} does not exist`);
    const ahead = this.#readAhead(number);
    const offset = (number - ahead.first) * pageSize;
    const page = ahead.bytes.subarray(offset, offset + pageSize);
    if (page.length < pageSize) throw new Damage('it is cut off');
    if (readNumber(page, 0) !== number) throw new Damage(`page ${number} is not where it should be`);
    return page;
  }

  /** Bytes that have a page. A log is written from the beginning to the end, and so are most of its pages. */
  #readAhead(number: number): { readonly first: number; readonly bytes: Buffer } {
    const { pageSize } = this.#meta;
    const { first, bytes } = this.#ahead;
    const next = first + Math.ceil(bytes.length / pageSize);
    if (number >= first && number < next) return this.#ahead;
    const pages = number === next ? READ_AHEAD_PAGES : 1;
    // Not one buffer for all: the pages above this one are still looked at.
    const room = Buffer.allocUnsafe(pages * pageSize);
    const read = fs.readSync(this.#descriptor, room, 0, room.length, number * pageSize);
    this.#ahead = { first: number, bytes: room.subarray(0, read) };
    return this.#ahead;
  }

  #read(position: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    if (fs.readSync(this.#descriptor, bytes, 0, length, position) < length) throw new Damage('it is cut off');
    return bytes;
  }
}

function readMeta(descriptor: number, position: number): Meta {
  const bytes = Buffer.alloc(PAGE_HEADER_BYTES + META_BYTES);
  if (fs.readSync(descriptor, bytes, 0, bytes.length, position) < bytes.length) throw new Damage('it is cut off');
  const meta = bytes.subarray(PAGE_HEADER_BYTES);
  const isMeta = (bytes.readUInt16LE(18) & PAGE_TYPES) === PAGE_META && meta.readUInt32LE(0) === MAGIC;
  if (!isMeta || (meta.readUInt32LE(4) & 0xffff) !== DATA_VERSION) throw new Damage('it does not begin as it should');
  const pageSize = meta.readUInt32LE(24);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
    throw new Damage('it does not begin as it should');
  }
  return {
    pageSize,
    free: readTree('free pages', meta.subarray(24, 72)),
    main: readTree('records', meta.subarray(72, 120)),
    lastPage: readNumber(meta, 120),
    transaction: readNumber(meta, 128),
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

/** Where the nodes of a page begin, each checked to be inside it. */
function nodeOffsets(page: Buffer, number: number): readonly number[] {
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

function childPage(page: Buffer, node: number): number {
  return page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32;
}

/** A 64-bit number. One past 2^53 is nothing a file can have, and fails every later check of its range. */
function readNumber(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * 2 ** 32;
}
