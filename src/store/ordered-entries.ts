/** A keyed thing in {@link OrderedEntries}. */
interface Keyed {
  readonly key: string;
}

/** Chunks are split in two when they grow past this: small enough to insert into, large enough to be few. */
const MAX_CHUNK_LENGTH = 512;

/**
 * Entries in the order of their keys (UTF-16 code units), one for each key.
 *
 * A sorted array in chunks: reading a key is one hash lookup, writing one costs O(log n) plus moving at most one
 * chunk, and a range is copied out chunk by chunk.
 */
export class OrderedEntries<T extends Keyed> {
  readonly #byKey = new Map<string, T>();
  #chunks: T[][] = [];

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  set(entry: T): void {
    const isNew = !this.#byKey.has(entry.key);
    this.#byKey.set(entry.key, entry);
    const chunkIndex = Math.max(0, this.#chunkAfter(entry.key) - 1);
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) {
      this.#chunks.push([entry]);
      return;
    }
    const index = lowerBound(chunk, entry.key);
    chunk.splice(index, isNew ? 0 : 1, entry);
    if (chunk.length > MAX_CHUNK_LENGTH) {
      // Keys that only ever come at the end leave full chunks behind, not half-empty ones.
      const isAppend = index === chunk.length - 1 && chunkIndex === this.#chunks.length - 1;
      this.#chunks.splice(chunkIndex + 1, 0, chunk.splice(isAppend ? index : chunk.length >> 1));
    }
  }

  delete(key: string): void {
    if (!this.#byKey.delete(key)) return;
    const chunkIndex = this.#chunkAfter(key) - 1;
    const chunk = this.#chunks[chunkIndex];
    if (chunk === undefined) return;
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(chunkIndex, 1);
  }

  /** Replaces everything: cheaper than `set` one by one when there is much. */
  fill(entries: Iterable<T>): void {
    this.#byKey.clear();
    for (const entry of entries) this.#byKey.set(entry.key, entry);
    const keys = Array.from(this.#byKey.keys()).sort();
    this.#chunks = [];
    for (let index = 0; index < keys.length; index += MAX_CHUNK_LENGTH) {
      this.#chunks.push(keys.slice(index, index + MAX_CHUNK_LENGTH).flatMap((key) => this.#byKey.get(key) ?? []));
    }
  }

  /** Entries whose key starts with `prefix` and comes after `after`, in order. */
  *range(prefix: string, after = ''): Generator<T, void, undefined> {
    const from = this.#start(prefix, after);
    for (let chunkIndex = from.chunk; chunkIndex < this.#chunks.length; chunkIndex++) {
      const chunk = this.#chunks[chunkIndex] ?? [];
      for (let index = chunkIndex === from.chunk ? from.index : 0; index < chunk.length; index++) {
        const entry = chunk[index];
        if (entry === undefined || !entry.key.startsWith(prefix)) return;
        yield entry;
      }
    }
  }

  /** The first `limit` entries of {@link range}, and how many there are in all. */
  slice(
    prefix: string,
    after = '',
    limit = Number.POSITIVE_INFINITY,
  ): { readonly entries: T[]; readonly total: number } {
    const from = this.#start(prefix, after);
    const entries: T[] = [];
    let total = 0;
    for (let chunkIndex = from.chunk; chunkIndex < this.#chunks.length; chunkIndex++) {
      const chunk = this.#chunks[chunkIndex] ?? [];
      const start = chunkIndex === from.chunk ? from.index : 0;
      // The whole chunk is in the range when its last key is.
      const isLast = !chunk.at(-1)?.key.startsWith(prefix);
      const end = isLast ? prefixEnd(chunk, prefix, start) : chunk.length;
      for (let index = start; index < end && entries.length < limit; index++) {
        const entry = chunk[index];
        if (entry !== undefined) entries.push(entry);
      }
      total += end - start;
      if (isLast) break;
    }
    return { entries, total };
  }

  #start(prefix: string, after: string): { readonly chunk: number; readonly index: number } {
    // After a key that comes before the prefix, the range begins at the prefix itself.
    const isAfter = after >= prefix;
    const from = isAfter ? after : prefix;
    const chunk = Math.max(0, this.#chunkAfter(from) - 1);
    const entries = this.#chunks[chunk] ?? [];
    const found = lowerBound(entries, from);
    const index = isAfter && entries[found]?.key === after ? found + 1 : found;
    return index < entries.length ? { chunk, index } : { chunk: chunk + 1, index: 0 };
  }

  /** The index of the first chunk whose first key is greater than `key`. */
  #chunkAfter(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const first = this.#chunks[middle]?.[0];
      if (first !== undefined && first.key <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The index of the first entry whose key is not less than `key`. */
function lowerBound(entries: readonly Keyed[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle];
    if (entry !== undefined && entry.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where, from `start` on, the keys that begin with `prefix` end. */
function prefixEnd(entries: readonly Keyed[], prefix: string, start: number): number {
  let low = start;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]?.key.startsWith(prefix)) low = middle + 1;
    else high = middle;
  }
  return low;
}
