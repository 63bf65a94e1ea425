import { deepFreeze } from '../platform/deep-freeze.ts';
import { encodeRecord } from './record.ts';
import type { Entry, Value } from './store.ts';

/** Where an entry's JSON can be read again once it is durable. */
export interface EntrySource {
  read(revision: number): Buffer;
}

/**
 * One version of one key. It holds its value, its JSON, both or neither: what it does not hold it makes from the other
 * or reads from the log, so that memory is spent only on what is in use.
 */
export class StoredEntry implements Entry {
  readonly key: string;
  readonly revision: number;
  /** Bytes of JSON; 0 when no log keeps it. */
  readonly sizeBytes: number;
  #value: Value | undefined;
  #json: Buffer | undefined;
  /** What the log is to be given; the JSON is a part of it. */
  #record: Buffer | undefined;
  /** Where the JSON is on disk, as long as it is. */
  #source: EntrySource | undefined;
  /** Whether JSON that was made is kept. */
  #isRecent: boolean;

  /** An entry that is being written. `value` is frozen here; with a `source`, its record is made for the log. */
  static written(
    { key, type }: { readonly key: string; readonly type: 'put' | 'delete' },
    revision: number,
    value: Value,
    source: EntrySource | undefined,
  ): StoredEntry {
    if (source === undefined) return new StoredEntry(key, revision, deepFreeze(value), undefined, 0, undefined);
    const { bytes, json } = encodeRecord(revision, key, type === 'delete', JSON.stringify(value));
    const entry = new StoredEntry(key, revision, deepFreeze(value), json, json.length, source);
    entry.#record = bytes;
    return entry;
  }

  /** An entry that is in the log; `value` is frozen, and read when somebody asks if it is not given. */
  static loaded(
    { key, revision, sizeBytes }: Pick<Entry, 'key' | 'revision'> & { readonly sizeBytes: number },
    value: Value | undefined,
    source: EntrySource,
  ): StoredEntry {
    const entry = new StoredEntry(key, revision, value, undefined, sizeBytes, source);
    entry.#isRecent = false;
    return entry;
  }

  private constructor(
    key: string,
    revision: number,
    value: Value | undefined,
    json: Buffer | undefined,
    sizeBytes: number,
    source: EntrySource | undefined,
  ) {
    this.key = key;
    this.revision = revision;
    this.sizeBytes = sizeBytes;
    this.#value = value;
    this.#json = json;
    this.#source = source;
    this.#isRecent = value !== undefined;
  }

  get value(): Value {
    this.#value ??= deepFreeze(JSON.parse(this.json().toString()) as Value);
    return this.#value;
  }

  json(): Buffer {
    if (this.#json !== undefined) return this.#json;
    const json = this.#source?.read(this.revision) ?? Buffer.from(JSON.stringify(this.#value));
    if (this.#isRecent) this.#json = json;
    return json;
  }

  /** The record of an entry that is being written. */
  record(): Buffer {
    if (this.#record === undefined) throw new Error(`${this.key} at revision ${this.revision} is written already`);
    return this.#record;
  }

  /** Gives up the JSON, unless it is all there is: from now on it is read or made again each time somebody asks. */
  releaseJson(): void {
    this.#isRecent = false;
    this.#record = undefined;
    if (this.#source !== undefined || this.#value !== undefined) this.#json = undefined;
  }

  /** Gives up all that the log can give back, for a version that is no longer the newest. */
  release(): void {
    this.releaseJson();
    if (this.#source !== undefined) this.#value = undefined;
  }

  /** To be called before the log drops the record: whoever still holds the entry can go on reading it. */
  detach(): void {
    if (this.#value === undefined) this.#json = this.json();
    this.#source = undefined;
  }
}
