import fs from 'node:fs';
import os from 'node:os';
import {
  childPage,
  Damage,
  type FileState,
  type LeafNode,
  leafNode,
  nodeOffsets,
  overflowPages,
  PAGE_BRANCH,
  PAGE_HEADER_BYTES,
  PAGE_LEAF,
  PAGE_OVERFLOW,
  pageType,
  readBytes,
  readFileState,
  readNumber,
  type Tree,
} from './lmdb-file-layout.ts';

/** Pages that follow each other are read so many at a time. */
const READ_AHEAD_PAGES = 32;
/** Neighbours in the tree are so near to each other in the file, unless other pages were free. */
const NEAR_PAGES = 8;

/** Good until the next one is asked for. */
export interface FileRecord {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What is wrong with an LMDB file, or undefined when LMDB can open it. A file that is not there or empty is fine. */
export function findDamage(file: string): string | undefined {
  try {
    const reader = LmdbFileReader.open(file);
    if (reader === undefined) return undefined;
    try {
      for (const _ of reader.records());
    } finally {
      reader.close();
    }
    return undefined;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  }
}

/**
 * Reads an LMDB file that nobody writes to.
 *
 * LMDB maps its file into memory and trusts it: a file that was cut off or garbled ends the whole process with a
 * signal. So before LMDB opens it, this walks through the pages the way LMDB would and checks that each is there, is
 * what it should be, stays within its bounds and is used only once. And as it comes by all records, it is what they are
 * read with at a start: what they say is for the caller to check.
 *
 * What is wrong with the file is thrown as {@link Damage}.
 */
export class LmdbFileReader {
  readonly #descriptor: number;
  readonly #fileBytes: number;
  readonly #state: FileState;
  /** Pages that were come across, each of which must be the first time. */
  readonly #used: Uint8Array;
  readonly #room: Buffer;
  /** What was read last, from this page on. */
  #window: { readonly first: number; readonly bytes: Buffer } = { first: 0, bytes: Buffer.alloc(0) };

  /** Undefined when there is nothing in the file, or no file. */
  static open(file: string): LmdbFileReader | undefined {
    if (!fs.existsSync(file)) return undefined;
    if (os.endianness() !== 'LE') throw new Error(`${file} can only be read on a little-endian machine`);
    const descriptor = fs.openSync(file, 'r');
    try {
      if (fs.fstatSync(descriptor).size > 0) return new LmdbFileReader(descriptor);
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
    fs.closeSync(descriptor);
    return undefined;
  }

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#state = readFileState(descriptor);
    this.#fileBytes = fs.fstatSync(descriptor).size;
    const { lastPage, pageSize } = this.#state;
    // The last pages need not be in the file while they are free, but there are never many of them.
    if (lastPage > 2 * (this.#fileBytes / pageSize) + 1_000_000) throw new Damage('it should be far larger than it is');
    this.#used = new Uint8Array(lastPage + 1);
    this.#used.fill(1, 0, 2);
    this.#room = Buffer.allocUnsafe(READ_AHEAD_PAGES * pageSize);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }

  /** The record with the lowest key. Nothing else is checked. */
  first(): FileRecord | undefined {
    const { root, depth } = this.#state.main;
    if (root === undefined) return undefined;
    let number = root;
    for (let level = 1; ; level++) {
      const page = this.#readPage(number);
      const [offset] = nodeOffsets(page, number);
      if (offset === undefined) throw new Damage(`page ${number} is empty`);
      if (level >= depth) return this.#record(page, leafNode(page, number, offset));
      number = childPage(page, offset);
    }
  }

  /**
   * All records, the one with the highest key first. To be called once: only when it has come to its end is the whole
   * file known to be as it should.
   */
  *records(): Generator<FileRecord, void, undefined> {
    yield* this.#walk(this.#state.main);
    for (const { value } of this.#walk(this.#state.free)) this.#checkFreePages(value);
  }

  *#walk(tree: Tree): Generator<FileRecord, void, undefined> {
    const counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    const pending = tree.root === undefined ? [] : [{ number: tree.root, depth: 1 }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { number, depth } = next;
      const page = this.#readPage(number);
      this.#use(number, 1);
      const isLeaf = depth === tree.depth;
      if (pageType(page) !== (isLeaf ? PAGE_LEAF : PAGE_BRANCH)) throw new Damage(`page ${number} is not of its kind`);
      const offsets = nodeOffsets(page, number);
      if (!isLeaf) {
        counts.branchPages++;
        for (const offset of offsets) pending.push({ number: childPage(page, offset), depth: depth + 1 });
        continue;
      }
      counts.leafPages++;
      counts.entries += offsets.length;
      for (const offset of offsets.reverse()) {
        const node = leafNode(page, number, offset);
        if (node.overflow !== undefined) {
          this.#use(node.overflow.page, node.overflow.pages);
          counts.overflowPages += node.overflow.pages;
        }
        yield this.#record(page, node);
      }
    }
    for (const count of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const) {
      if (counts[count] !== tree[count]) throw new Damage(`the tree of ${tree.name} is not of the size it should be`);
    }
  }

  #record(page: Buffer, { keyBegin, valueBegin, valueBytes, overflow }: LeafNode): FileRecord {
    const value =
      overflow === undefined
        ? page.subarray(valueBegin, valueBegin + valueBytes)
        : this.#readOverflow(overflow.page, overflow.pages, valueBytes);
    return { key: page.subarray(keyBegin, valueBegin), value };
  }

  /** Not by way of the window: the page that refers to it is in there. */
  #readOverflow(number: number, pages: number, valueBytes: number): Buffer {
    const { pageSize } = this.#state;
    if (pages * pageSize < valueBytes + PAGE_HEADER_BYTES) throw new Damage(`page ${number} begins too short a run`);
    if (!((number + pages) * pageSize <= this.#fileBytes)) throw new Damage('it is cut off');
    const bytes = readBytes(this.#descriptor, number * pageSize, PAGE_HEADER_BYTES + valueBytes);
    if (readNumber(bytes, 0) !== number) throw new Damage(`page ${number} is not where it should be`);
    if (pageType(bytes) !== PAGE_OVERFLOW || overflowPages(bytes) !== pages) {
      throw new Damage(`page ${number} is not of its kind`);
    }
    return bytes.subarray(PAGE_HEADER_BYTES);
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

  /** Good until the next one is read. */
  #readPage(number: number): Buffer {
    const { pageSize } = this.#state;
    if (number >= this.#used.length) throw new Damage(`page ${number} does not exist`);
    const { first, bytes } = this.#windowWith(number);
    const offset = (number - first) * pageSize;
    const page = bytes.subarray(offset, offset + pageSize);
    if (page.length < pageSize) throw new Damage('it is cut off');
    if (readNumber(page, 0) !== number) throw new Damage(`page ${number} is not where it should be`);
    return page;
  }

  /** Bytes that have a page. A log is written from the beginning to the end, and so are most of its pages. */
  #windowWith(number: number): { readonly first: number; readonly bytes: Buffer } {
    const { pageSize } = this.#state;
    const { first, bytes } = this.#window;
    if (number >= first && number * pageSize < first * pageSize + bytes.length) return this.#window;
    const isNext = number < first && number >= first - NEAR_PAGES;
    const begin = isNext ? Math.max(0, number + 1 - READ_AHEAD_PAGES) : number;
    const length = (number + 1 - begin) * pageSize;
    const read = fs.readSync(this.#descriptor, this.#room, 0, length, begin * pageSize);
    this.#window = { first: begin, bytes: this.#room.subarray(0, read) };
    return this.#window;
  }
}
