import { Damage, readNumericKey } from './lmdb-file-layout.ts';
import { type FileRecord, LmdbFileReader } from './lmdb-file-reader.ts';
import { type DecodedRecord, decodeRecord, META_REVISION } from './record.ts';
import { SharedParts } from './shared-parts.ts';

/** A chunk ends with the record that makes it as long as this. Larger ones cost both threads more to hand over. */
const LEAST_CHARACTERS = 48 * 1024;

/**
 * The records of a log's file, the newest first, as chunks of JSON: each a list of what a log loads (`LoadedPart`,
 * `LoadedRecord`). All that can be done before they are parsed is done here: the file is checked and every record of it,
 * a version that is not the newest has no value, and what many objects have in common is in there once. So little is left
 * to who parses it, and this can be done by another thread.
 */
export class LogChunks {
  readonly #reader: LmdbFileReader | undefined;
  readonly #records: Iterator<FileRecord>;
  readonly #parts = new SharedParts();
  /** Which record is the oldest of a key that was found so far. */
  readonly #oldest = new Map<string, number>();
  #count = 0;

  /** Throws {@link Damage} when the file does not begin as it should. */
  constructor(file: string) {
    this.#reader = LmdbFileReader.open(file);
    this.#records = this.#reader?.records() ?? [].values();
  }

  close(): void {
    this.#reader?.close();
  }

  /** Undefined after the last one: then all of the file has been checked. Throws {@link Damage}. */
  next(): string | undefined {
    let chunk = '';
    while (chunk.length < LEAST_CHARACTERS) {
      const { value, done } = this.#records.next();
      if (done) return chunk === '' ? undefined : `[${chunk}]`;
      const revision = readNumericKey(value.key);
      const record = decodeRecord(revision, value.value);
      if (record === undefined) throw new Damage(`the record of revision ${revision} is not what was written`);
      if (revision !== META_REVISION) chunk += (chunk === '' ? '' : ',') + this.#rowsOf(revision, record);
    }
    return `[${chunk}]`;
  }

  /** A record, and before it the parts that it is the first to have. */
  #rowsOf(revision: number, { key, deleted, json }: DecodedRecord): string {
    const next = this.#oldest.get(key) ?? -1;
    this.#oldest.set(key, this.#count++);
    const row = `[${revision},${json.length},${JSON.stringify(key)},${deleted ? 1 : 0},${next}`;
    if (deleted || next >= 0) return `${row}]`;
    // The caches of the controllers look at everything that is there soon.
    const text = json.toString();
    let before = '';
    let value = '';
    let after = '';
    let from = 0;
    for (const { member, name, begin, end, id, isNew } of this.#parts.of(text)) {
      if (isNew) before += `[${text.slice(begin, end)}],`;
      value += `${text.slice(from, begin)}null`;
      after += `,${member},${name},${id}`;
      from = end;
    }
    return `${before}${row},${value}${text.slice(from)}${after}]`;
  }
}
