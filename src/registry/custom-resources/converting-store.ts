import type {
  Entry,
  ListOptions,
  Operation,
  Precondition,
  Store,
  StoreEvent,
  StoreWatcher,
  Value,
} from '../../store/store.ts';
import { isJsonObject } from '../values.ts';

/** An entry in another version of its kind: conversion without a webhook changes `apiVersion` and nothing else. */
class ConvertedEntry implements Entry {
  readonly key: string;
  readonly revision: number;
  readonly value: Value;
  #json: Buffer | undefined;

  constructor({ key, revision, value }: Entry, apiVersion: string) {
    this.key = key;
    this.revision = revision;
    this.value = Object.freeze({ ...value, apiVersion });
  }

  json(): Buffer {
    this.#json ??= Buffer.from(JSON.stringify(this.value));
    return this.#json;
  }
}

/** Which objects are shown in which version, and in which they are kept. */
export interface Conversion {
  /** Of the resource, in the store. */
  readonly prefix: string;
  readonly shown: string;
  readonly stored: string;
}

/** The store as somebody sees it who asks for one version of a kind that has several. */
export function convertingStore(store: Store, { prefix, shown, stored }: Conversion): Store {
  const converted = new WeakMap<Entry, Entry>();
  const isOurs = (key: string): boolean => key.startsWith(prefix);
  const show = (entry: Entry): Entry => {
    if (!isOurs(entry.key) || !isJsonObject(entry.value) || entry.value.apiVersion === shown) return entry;
    let other = converted.get(entry);
    if (other === undefined) {
      other = new ConvertedEntry(entry, shown);
      converted.set(entry, other);
    }
    return other;
  };
  const keep = (operation: Operation): Operation => {
    const { value } = operation;
    if (!isOurs(operation.key) || value === undefined) return operation;
    return { ...operation, value: (revision) => Object.freeze({ ...value(revision), apiVersion: stored }) };
  };
  const showEvent = (event: StoreEvent): StoreEvent => {
    if (event.type === 'delete') return { ...event, entry: show(event.entry), previous: show(event.previous) };
    const { previous } = event;
    return { ...event, entry: show(event.entry), ...(previous && { previous: show(previous) }) };
  };
  return {
    get revision() {
      return store.revision;
    },
    get compactedRevision() {
      return store.compactedRevision;
    },
    async get(key) {
      const entry = await store.get(key);
      return entry === undefined ? undefined : show(entry);
    },
    async list(from: string, options?: ListOptions) {
      const listed = await store.list(from, options);
      return { ...listed, entries: listed.entries.map(show) };
    },
    async commit(operations: readonly Operation[], preconditions?: readonly Precondition[]) {
      const committed = await store.commit(operations.map(keep), preconditions);
      return { ...committed, entries: committed.entries.map(show) };
    },
    watch: (from: string, fromRevision: number, watcher: StoreWatcher) =>
      store.watch(from, fromRevision, {
        events: (batch) => watcher.events(batch.map(showEvent)),
        closed: (error) => watcher.closed(error),
      }),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
  };
}
