import { afterEach, describe, expect, test } from 'vitest';
import type { HistoryLimits } from './history.ts';
import {
  CompactedError,
  type Operation,
  PreconditionError,
  type Store,
  type StoreEvent,
  type StoreWatcher,
} from './store.ts';

/** What a store keeps, as a test says it. */
export interface TestValue {
  readonly data: string;
  readonly revision: number;
}

/** A put whose value carries its own revision, as objects of the API do. */
export function put(key: string, data = ''): Operation {
  return { type: 'put', key, value: (revision): TestValue => ({ data, revision }) };
}

export function remove(key: string): Operation {
  return { type: 'delete', key, value: (revision): TestValue => ({ data: 'gone', revision }) };
}

/** Keeps what a watch was told. */
export class RecordingWatcher implements StoreWatcher {
  readonly batches: (readonly StoreEvent[])[] = [];
  readonly ends: (Error | undefined)[] = [];

  get lines(): readonly string[] {
    return this.batches.flat().map(({ type, entry }) => `${type} ${entry.key} ${entry.revision}`);
  }

  events(batch: readonly StoreEvent[]): void {
    this.batches.push(batch);
  }

  closed(error?: Error): void {
    this.ends.push(error);
  }
}

/** The rules of `store.ts`, for any implementation of it. */
export function describeStoreContract(name: string, open: (history?: HistoryLimits) => Promise<Store>): void {
  describe(name, () => {
    const opened: Store[] = [];
    const openStore = async (history?: HistoryLimits): Promise<Store> => {
      const store = await open(history);
      opened.push(store);
      return store;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((store) => store.close()));
    });

    describe('a commit', () => {
      test('gives each operation the next revision and shows it when it is done', async () => {
        const store = await openStore();
        const done = store.commit([put('/a/1', 'x'), put('/a/2', 'y')]);
        expect(store.revision).toBe(0);
        expect(await store.get('/a/1')).toBeUndefined();
        const { revision, entries } = await done;
        expect(revision).toBe(2);
        expect(entries.map((entry) => [entry.key, entry.revision, entry.value])).toEqual([
          ['/a/1', 1, { data: 'x', revision: 1 }],
          ['/a/2', 2, { data: 'y', revision: 2 }],
        ]);
        expect(await store.get('/a/2')).toBe(entries[1]);
        expect(store.revision).toBe(2);
      });

      test('calls value once, before it returns', async () => {
        const store = await openStore();
        const calls: number[] = [];
        const value = (revision: number): object => {
          calls.push(revision);
          return {};
        };
        const done = store.commit([{ type: 'put', key: '/a', value }]);
        expect(calls).toEqual([1]);
        await done;
        expect(calls).toEqual([1]);
      });

      test('freezes values all the way down', async () => {
        const store = await openStore();
        await store.commit([{ type: 'put', key: '/a', value: () => ({ list: [{ name: 'x' }] }) }]);
        const value = (await store.get('/a'))?.value as { list: { name: string }[] };
        expect(() => {
          Object.assign(value.list[0] ?? {}, { name: 'y' });
        }).toThrow(TypeError);
        expect(() => value.list.push({ name: 'z' })).toThrow(TypeError);
      });

      test('has JSON that says what the value says', async () => {
        const store = await openStore();
        await store.commit([put('/a', 'größer 🚢')]);
        const entry = await store.get('/a');
        expect(JSON.parse(String(entry?.json()))).toEqual(entry?.value);
        expect(entry?.json()).toBe(entry?.json());
      });

      test('is refused when a precondition does not hold, and leaves nothing', async () => {
        const store = await openStore();
        await store.commit([put('/a', '1')]);
        const refused = store.commit([put('/b'), put('/a', '2')], [{ key: '/a', revision: 7 }]);
        await expect(refused).rejects.toEqual(new PreconditionError('/a', 1));
        expect(await store.get('/b')).toBeUndefined();
        expect((await store.commit([put('/a', '2')], [{ key: '/a', revision: 1 }])).revision).toBe(2);
      });

      test('sees what was accepted before it and is not done yet', async () => {
        const store = await openStore();
        const absent = { key: '/a', revision: 0 };
        const first = store.commit([put('/a', 'first')], [absent]);
        const second = store.commit([put('/a', 'second')], [absent]);
        await expect(second).rejects.toEqual(new PreconditionError('/a', 1));
        const third = store.commit([remove('/a')], [{ key: '/a', revision: 1 }]);
        const fourth = store.commit([put('/a', 'fourth')], [absent]);
        expect((await Promise.all([first, third, fourth])).map(({ revision }) => revision)).toEqual([1, 2, 3]);
        expect((await store.get('/a'))?.revision).toBe(3);
      });

      test('that deletes returns the last state, and a key that is not there cannot be deleted', async () => {
        const store = await openStore();
        await store.commit([put('/a', 'x')]);
        const { entries } = await store.commit([remove('/a')]);
        expect(entries[0]?.value).toEqual({ data: 'gone', revision: 2 });
        expect(await store.get('/a')).toBeUndefined();
        await expect(store.commit([remove('/a')])).rejects.toEqual(new PreconditionError('/a', 0));
      });

      test('without a value for its deletion shows the last one stored', async () => {
        const store = await openStore();
        await store.commit([put('/a', 'x')]);
        const { entries } = await store.commit([{ type: 'delete', key: '/a' }]);
        expect(entries[0]?.revision).toBe(2);
        expect(entries[0]?.value).toEqual({ data: 'x', revision: 1 });
      });

      test('whose value throws takes no revision and leaves nothing', async () => {
        const store = await openStore();
        const value = (): object => {
          throw new Error('no value');
        };
        const failed = store.commit([put('/a'), { type: 'put', key: '/b', value }]);
        await expect(failed).rejects.toThrow('no value');
        expect((await store.commit([put('/a')], [{ key: '/a', revision: 0 }])).revision).toBe(1);
      });

      test('may write a key twice', async () => {
        const store = await openStore();
        const watcher = new RecordingWatcher();
        store.watch('/', 0, watcher);
        await store.commit([put('/a', '1'), put('/a', '2'), remove('/a'), put('/a', '3')]);
        expect(watcher.lines).toEqual(['put /a 1', 'put /a 2', 'delete /a 3', 'put /a 4']);
        expect((await store.get('/a'))?.revision).toBe(4);
      });

      test('of nothing is done when what was accepted before it is', async () => {
        const store = await openStore();
        const first = store.commit([put('/a')]);
        expect(await store.commit([])).toEqual({ revision: 1, entries: [] });
        await first;
      });
    });

    describe('a list', () => {
      test('has the keys of a prefix in order', async () => {
        const store = await openStore();
        await store.commit(['/p/b', '/p/a', '/pp/c', '/o/d', '/p/c'].map((key) => put(key)));
        const { entries, revision, remaining } = await store.list('/p/');
        expect(entries.map(({ key }) => key)).toEqual(['/p/a', '/p/b', '/p/c']);
        expect({ revision, remaining }).toEqual({ revision: 5, remaining: 0 });
      });

      test('goes on in chunks as of one revision while others write', async () => {
        const store = await openStore();
        await store.commit(['a', 'b', 'c', 'd', 'e'].map((name) => put(`/p/${name}`, 'old')));
        const first = await store.list('/p/', { limit: 2 });
        expect(first.remaining).toBe(3);
        await store.commit([put('/p/c', 'new'), put('/p/bb'), remove('/p/d'), put('/p/f')]);
        const options = { limit: 2, after: '/p/b', revision: first.revision };
        const second = await store.list('/p/', options);
        expect(second.entries.map(({ key, value }) => [key, value])).toEqual([
          ['/p/c', { data: 'old', revision: 3 }],
          ['/p/d', { data: 'old', revision: 4 }],
        ]);
        expect(second.remaining).toBe(1);
        const third = await store.list('/p/', { ...options, after: '/p/d' });
        expect(third.entries.map(({ key }) => key)).toEqual(['/p/e']);
        expect(third.remaining).toBe(0);
        const now = await store.list('/p/');
        expect(now.entries.map(({ key }) => key)).toEqual(['/p/a', '/p/b', '/p/bb', '/p/c', '/p/e', '/p/f']);
      });

      test('of a compacted revision or one to come is refused', async () => {
        const store = await openStore();
        for (const name of ['a', 'b', 'c']) await store.commit([put(`/${name}`)]);
        await store.compact(2);
        expect(store.compactedRevision).toBe(2);
        await expect(store.list('/', { revision: 1 })).rejects.toEqual(new CompactedError(1, 2));
        expect((await store.list('/', { revision: 2 })).entries).toHaveLength(2);
        await expect(store.list('/', { revision: 4 })).rejects.toThrow(RangeError);
      });
    });

    describe('a watch', () => {
      test('has old events before it returns and new ones as they become durable', async () => {
        const store = await openStore();
        await store.commit([put('/p/a', '1'), put('/o/a'), put('/p/a', '2')]);
        const watcher = new RecordingWatcher();
        store.watch('/p/', 1, watcher);
        expect(watcher.lines).toEqual(['put /p/a 3']);
        await store.commit([remove('/p/a')]);
        expect(watcher.lines).toEqual(['put /p/a 3', 'delete /p/a 4']);
        const last = watcher.batches.flat().at(-1);
        expect(last?.previous?.value).toEqual({ data: '2', revision: 3 });
        expect(last?.entry.value).toEqual({ data: 'gone', revision: 4 });
      });

      test('gets what one flush brought as one batch', async () => {
        const store = await openStore();
        const watcher = new RecordingWatcher();
        store.watch('/', 0, watcher);
        await Promise.all(['a', 'b', 'c'].map((name) => store.commit([put(`/${name}`)])));
        expect(watcher.batches).toHaveLength(1);
        expect(watcher.lines).toEqual(['put /a 1', 'put /b 2', 'put /c 3']);
      });

      test('is told before the writer is', async () => {
        const store = await openStore();
        const order: string[] = [];
        store.watch('/', 0, { events: () => order.push('watcher'), closed: () => {} });
        await store.commit([put('/a')]).then(() => order.push('writer'));
        expect(order).toEqual(['watcher', 'writer']);
      });

      test('may be of everything, a directory, one name, or a beginning of names', async () => {
        const store = await openStore();
        const watchers = new Map(
          ['', '/', '/core/', '/core/pods/', '/core/pods/default/', '/core/pods/default/web-1', '/core/po', '/x'].map(
            (prefix) => [prefix, new RecordingWatcher()],
          ),
        );
        for (const [prefix, watcher] of watchers) store.watch(prefix, 0, watcher);
        await store.commit(
          ['/core/pods/default/web-1', '/core/pods/default/web-10', '/core/pods/other/web-1', '/apps/sets/a'].map(
            (key) => put(key),
          ),
        );
        const seen = Object.fromEntries(
          [...watchers].map(([prefix, { batches }]) => [prefix, batches.flat().map(({ entry }) => entry.revision)]),
        );
        expect(seen).toEqual({
          '': [1, 2, 3, 4],
          '/': [1, 2, 3, 4],
          '/core/': [1, 2, 3],
          '/core/pods/': [1, 2, 3],
          '/core/pods/default/': [1, 2],
          '/core/pods/default/web-1': [1, 2],
          '/core/po': [1, 2, 3],
          '/x': [],
        });
      });

      test('from a compacted revision is refused', async () => {
        const store = await openStore();
        for (const name of ['a', 'b', 'c']) await store.commit([put(`/${name}`)]);
        await store.compact(2);
        expect(() => store.watch('/', 1, new RecordingWatcher())).toThrow(new CompactedError(1, 2));
        const watcher = new RecordingWatcher();
        store.watch('/', 2, watcher);
        expect(watcher.lines).toEqual(['put /c 3']);
      });

      test('from a revision to come begins there', async () => {
        const store = await openStore();
        const watcher = new RecordingWatcher();
        store.watch('/', 2, watcher);
        await store.commit([put('/a'), put('/b'), put('/c')]);
        expect(watcher.lines).toEqual(['put /c 3']);
      });

      test('hears nothing more once it is stopped, also in the middle of a delivery', async () => {
        const store = await openStore();
        const second = new RecordingWatcher();
        store.watch('/', 0, { events: () => secondWatch.stop(), closed: () => {} });
        const secondWatch = store.watch('/', 0, second);
        await store.commit([put('/a')]);
        await store.close();
        expect(second.batches).toEqual([]);
        expect(second.ends).toEqual([]);
      });

      test('started in the middle of a delivery sees each event once', async () => {
        const store = await openStore();
        const late = new RecordingWatcher();
        let isStarted = false;
        const start = (): void => {
          if (!isStarted) store.watch('/p/', 0, late);
          isStarted = true;
        };
        store.watch('/p/', 0, { events: start, closed: () => {} });
        await store.commit([put('/p/a')]);
        await store.commit([put('/p/b')]);
        expect(late.lines).toEqual(['put /p/a 1', 'put /p/b 2']);
      });

      test('that throws is closed and harms nobody else', async () => {
        const store = await openStore();
        const failure = new Error('a bug in a watcher');
        const ends: unknown[] = [];
        const fail = (): void => {
          throw failure;
        };
        store.watch('/', 0, { events: fail, closed: (error) => ends.push(error) });
        store.watch('/', 0, { events: fail, closed: fail });
        const healthy = new RecordingWatcher();
        store.watch('/', 0, healthy);
        await store.commit([put('/a')]);
        await store.commit([put('/b')]);
        expect(healthy.lines).toEqual(['put /a 1', 'put /b 2']);
        expect(ends).toEqual([failure]);
      });

      test('is closed with the store', async () => {
        const store = await openStore();
        const watcher = new RecordingWatcher();
        store.watch('/', 0, watcher);
        const done = store.commit([put('/a')]);
        await store.close();
        await done;
        expect(watcher.lines).toEqual(['put /a 1']);
        expect(watcher.ends).toEqual([undefined]);
        await expect(store.commit([put('/b')])).rejects.toThrow('the store is closed');
      });
    });

    describe('history', () => {
      test('is bounded by count: the newest events stay', async () => {
        const store = await openStore({ maxEvents: 40 });
        for (let count = 1; count <= 120; count++) await store.commit([put(`/${count % 7}`, `${count}`)]);
        expect(store.revision).toBe(120);
        expect(store.revision - store.compactedRevision).toBeLessThanOrEqual(41);
        expect(store.revision - store.compactedRevision).toBeGreaterThanOrEqual(36);
        const watcher = new RecordingWatcher();
        store.watch('/', store.compactedRevision, watcher);
        expect(watcher.batches.flat()).toHaveLength(120 - store.compactedRevision);
        expect((await store.list('/')).entries).toHaveLength(7);
      });

      test('that is compacted leaves every key as it is, and revisions go on', async () => {
        const store = await openStore();
        await store.commit([put('/a', '1'), put('/b', '2'), put('/a', '3'), remove('/b')]);
        await store.compact(4);
        await store.compact(2);
        expect(store.compactedRevision).toBe(4);
        const { entries } = await store.list('/');
        expect(entries.map(({ key, value }) => [key, value])).toEqual([['/a', { data: '3', revision: 3 }]]);
        expect((await store.commit([put('/b', 'again')])).revision).toBe(5);
      });

      test('lets an entry that is still held be read after it was compacted', async () => {
        const store = await openStore();
        await store.commit([put('/a', '1')]);
        const held = await store.get('/a');
        await store.commit([put('/a', '2')]);
        await store.compact(2);
        expect(held?.value).toEqual({ data: '1', revision: 1 });
        expect(JSON.parse(String(held?.json()))).toEqual({ data: '1', revision: 1 });
      });
    });
  });
}
