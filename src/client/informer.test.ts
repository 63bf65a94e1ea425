import { describe, expect, test } from 'vitest';

import { apiError } from '../api/errors.ts';
import type { ConfigMap } from '../api/generated/types.ts';
import { ConfigMaps, Pods } from '../api/kinds.ts';
import type { ObjectList } from '../api/meta.ts';
import { silentLogger } from '../platform/logger.ts';
import { VirtualClock } from '../platform/virtual-clock.ts';
import type { Client, ListOptions, WatchEvent, WatchHandler, WatchOptions } from './client.ts';
import { type Change, Informer, InformerSet } from './informer.ts';
import { WriteTracker } from './write-tracker.ts';

function map(name: string, version: number, options: { uid?: string; app?: string } = {}): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: 'default',
      uid: options.uid ?? `uid-${name}`,
      resourceVersion: String(version),
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(options.app !== undefined && { labels: { app: options.app } }),
    },
  };
}

/** An API with one list and one watch, which the test plays. */
class FakeApi {
  readonly clock = new VirtualClock(0);
  readonly lists: ListOptions[] = [];
  readonly watches: (WatchOptions & { readonly atMs: number })[] = [];
  answer: () => ObjectList<ConfigMap> = () => ({ metadata: { resourceVersion: '1' }, items: [] });
  handler: WatchHandler<ConfigMap> | undefined;
  readonly client: Client;

  constructor() {
    const list = async (_type: unknown, options: ListOptions = {}) => {
      this.lists.push(options);
      return this.answer();
    };
    const watch = (_type: unknown, options: WatchOptions, handler: WatchHandler<ConfigMap>) => {
      this.watches.push({ ...options, atMs: this.clock.now() });
      this.handler = handler;
      return { stop: () => {} };
    };
    this.client = { list, watch } as unknown as Client;
  }

  has(version: number, ...items: readonly ConfigMap[]): void {
    this.answer = () => ({ metadata: { resourceVersion: String(version) }, items });
  }

  send(...events: readonly WatchEvent<ConfigMap>[]): void {
    this.handler?.events(events);
  }

  informer(): Informer<ConfigMap> {
    const informer = new Informer({
      client: this.client,
      clock: this.clock,
      logger: silentLogger,
      type: ConfigMaps,
      initialBackoffMs: 100,
      maxBackoffMs: 400,
    });
    informer.start();
    return informer;
  }
}

function record(informer: Informer<ConfigMap>): string[] {
  const seen: string[] = [];
  const write = (change: Change<ConfigMap>): string =>
    `${change.type} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}`;
  informer.subscribe((changes) => seen.push(changes.map(write).join(', ')));
  return seen;
}

describe('informer', () => {
  test('lists, then watches from there', async () => {
    const api = new FakeApi();
    api.has(7, map('a', 3), map('b', 7));
    const informer = api.informer();
    const seen = record(informer);
    expect(informer.hasSynced).toBe(false);
    await informer.synced;
    expect(seen).toEqual(['added a@3, added b@7']);
    expect(api.watches[0]).toMatchObject({ resourceVersion: '7', allowWatchBookmarks: true });
    api.send({ type: 'MODIFIED', object: map('a', 8) }, { type: 'DELETED', object: map('b', 9) });
    api.send({ type: 'ADDED', object: map('c', 10) });
    expect(seen.slice(1)).toEqual(['updated a@8, deleted b@9', 'added c@10']);
    expect(Array.from(informer.list(), (object) => object.metadata.name)).toEqual(['a', 'c']);
    expect(informer.get({ namespace: 'default', name: 'a' })).toBe(informer.getByKey('default/a'));
    expect(informer.get({ namespace: 'default', name: 'b' })).toBeUndefined();
  });

  test('an update carries the version before', async () => {
    const api = new FakeApi();
    const before = map('a', 3);
    api.has(3, before);
    const informer = api.informer();
    await informer.synced;
    const changes: Change<ConfigMap>[] = [];
    informer.subscribe((batch) => changes.push(...batch));
    const after = map('a', 4);
    api.send({ type: 'MODIFIED', object: after });
    expect(changes).toEqual([
      { type: 'added', object: before },
      { type: 'updated', object: after, previous: before },
    ]);
  });

  test('a watch that ends is resumed from the last version seen, bookmarks included', async () => {
    const api = new FakeApi();
    const informer = api.informer();
    await informer.synced;
    api.send({ type: 'ADDED', object: map('a', 5) });
    api.send({ type: 'BOOKMARK', resourceVersion: '9' });
    api.handler?.closed();
    await api.clock.advance(0);
    expect(api.watches.map(({ resourceVersion }) => resourceVersion)).toEqual(['1', '9']);
    expect(api.lists).toHaveLength(1);
  });

  test('when the version is no longer known it lists again and tells the difference', async () => {
    const api = new FakeApi();
    api.has(1, map('kept', 1), map('changed', 1), map('gone', 1), map('replaced', 1));
    const informer = api.informer();
    await informer.synced;
    const batches: string[] = [];
    informer.subscribe((changes) => {
      for (const { type, object } of changes) batches.push(`${type} ${object.metadata.name}`);
    });
    batches.length = 0;
    api.has(20, map('kept', 1), map('changed', 15), map('new', 16), map('replaced', 17, { uid: 'another' }));
    api.handler?.closed(apiError('Expired', 'too old'));
    await api.clock.advance(0);
    expect(batches).toEqual(['updated changed', 'added new', 'deleted replaced', 'added replaced', 'deleted gone']);
    expect(api.watches.at(-1)?.resourceVersion).toBe('20');
  });

  test('errors are waited out with growing delays up to the cap, and forgotten when it works again', async () => {
    const api = new FakeApi();
    const informer = api.informer();
    await informer.synced;
    const fail = (): void => api.handler?.closed(new Error('connection refused'));
    for (let i = 0; i < 6; i += 1) {
      fail();
      await api.clock.advance(400);
    }
    const gaps = api.watches.slice(1).map(({ atMs }, index) => atMs - index * 400);
    expect(gaps).toEqual([0, 100, 200, 400, 400, 400]);
    api.send({ type: 'BOOKMARK', resourceVersion: '2' });
    fail();
    await api.clock.advance(0);
    expect(api.watches).toHaveLength(8);
  });

  test('a list that fails is tried again', async () => {
    const api = new FakeApi();
    let failures = 0;
    api.answer = () => {
      failures += 1;
      if (failures < 3) throw new Error('no route to host');
      return { metadata: { resourceVersion: '4' }, items: [map('a', 4)] };
    };
    const informer = api.informer();
    await api.clock.advance(1000);
    await informer.synced;
    expect(informer.size).toBe(1);
    expect(failures).toBe(3);
  });

  test('events of a watch that has been replaced are not taken', async () => {
    const api = new FakeApi();
    const informer = api.informer();
    await informer.synced;
    const old = api.handler;
    old?.closed();
    await api.clock.advance(0);
    old?.events([{ type: 'ADDED', object: map('ghost', 3) }]);
    expect(informer.size).toBe(0);
  });

  test('an index follows every change, and one function has one index', async () => {
    const api = new FakeApi();
    api.has(2, map('a', 1, { app: 'x' }), map('b', 2, { app: 'y' }));
    const informer = api.informer();
    await informer.synced;
    const byApp = (object: ConfigMap): string | undefined => object.metadata.labels?.app;
    const index = informer.index(byApp);
    expect(informer.index(byApp)).toBe(index);
    const names = (value: string): readonly string[] => index.get(value).map((object) => object.metadata.name);
    expect([names('x'), names('y'), names('z')]).toEqual([['a'], ['b'], []]);
    api.send(
      { type: 'MODIFIED', object: map('a', 3, { app: 'y' }) },
      { type: 'ADDED', object: map('c', 4) },
      { type: 'DELETED', object: map('b', 5, { app: 'y' }) },
    );
    expect([names('x'), names('y')]).toEqual([[], ['a']]);
    expect(index.get('y')[0]).toBe(informer.getByKey('default/a'));
  });

  test('a handler that throws costs the others nothing', async () => {
    const api = new FakeApi();
    const informer = api.informer();
    informer.subscribe(() => {
      throw new Error('a mistake');
    });
    const seen = record(informer);
    await informer.synced;
    api.send({ type: 'ADDED', object: map('a', 2) });
    expect(seen).toEqual(['added a@2']);
  });

  test('who asks for the same objects shares one list and one watch', async () => {
    const api = new FakeApi();
    const informers = new InformerSet({ client: api.client, clock: api.clock, logger: silentLogger });
    const one = informers.get(ConfigMaps);
    expect(informers.get(ConfigMaps)).toBe(one);
    expect(informers.get(ConfigMaps, { namespace: 'kube-system' })).not.toBe(one);
    informers.get(Pods, { fieldSelector: 'spec.nodeName=node-0' });
    await informers.synced();
    expect(api.lists).toHaveLength(3);
    expect(api.watches).toHaveLength(3);
  });

  test('a stopped informer tells nothing any more', async () => {
    const api = new FakeApi();
    const informer = api.informer();
    const seen = record(informer);
    await informer.synced;
    informer.stop();
    api.handler?.closed(new Error('gone'));
    await api.clock.advance(10_000);
    expect(api.watches).toHaveLength(1);
    expect(seen).toEqual([]);
  });
});

describe('write tracker', () => {
  async function start() {
    const api = new FakeApi();
    api.has(1, map('a', 1));
    const informer = api.informer();
    await informer.synced;
    const tracker = new WriteTracker({ clock: api.clock, timeoutMs: 1000 });
    /** What `caughtUp` has come to by now; `waiting` while it has not. */
    const watchKey = (key: string): { value: boolean | 'waiting' } => {
      const result: { value: boolean | 'waiting' } = { value: 'waiting' };
      void tracker.caughtUp(key).then((value) => {
        result.value = value;
      });
      return result;
    };
    return { api, informer, tracker, watchKey };
  }

  test('a key waits until the cache shows what it wrote', async () => {
    const { api, informer, tracker, watchKey } = await start();
    tracker.wrote('key', informer, map('a', 10));
    const state = watchKey('key');
    api.send({ type: 'MODIFIED', object: map('a', 9) });
    await api.clock.advance(0);
    expect(state.value).toBe('waiting');
    api.send({ type: 'MODIFIED', object: map('a', 10) });
    await api.clock.advance(0);
    expect(state.value).toBe(true);
  });

  test('versions are compared as numbers', async () => {
    const { api, informer, tracker, watchKey } = await start();
    tracker.wrote('key', informer, map('a', 10));
    api.send({ type: 'MODIFIED', object: map('b', 9) });
    const state = watchKey('key');
    await api.clock.advance(0);
    expect(state.value).toBe('waiting');
  });

  test('other keys do not wait', async () => {
    const { api, informer, tracker, watchKey } = await start();
    tracker.wrote('key', informer, map('a', 10));
    const state = watchKey('another');
    await api.clock.advance(0);
    expect(state.value).toBe(true);
  });

  test('a deletion is seen when the object has gone, or another has its name', async () => {
    const { api, informer, tracker, watchKey } = await start();
    const key = { namespace: 'default', name: 'a' };
    tracker.removed('one', informer, key, 'uid-a');
    tracker.removed('two', informer, key, 'uid-a');
    const gone = watchKey('one');
    await api.clock.advance(0);
    expect(gone.value).toBe('waiting');
    api.send({ type: 'DELETED', object: map('a', 5) }, { type: 'ADDED', object: map('a', 6, { uid: 'another' }) });
    const replaced = watchKey('two');
    await api.clock.advance(0);
    expect([gone.value, replaced.value]).toEqual([true, true]);
  });

  test('a cache that lists again has seen all up to the list', async () => {
    const { api, informer, tracker, watchKey } = await start();
    tracker.wrote('key', informer, map('a', 10));
    const state = watchKey('key');
    api.has(30);
    api.handler?.closed(apiError('Expired', 'too old'));
    await api.clock.advance(0);
    expect(state.value).toBe(true);
  });

  test('it gives up after the time-out, once', async () => {
    const { api, informer, tracker, watchKey } = await start();
    tracker.wrote('key', informer, map('a', 10));
    const state = watchKey('key');
    await api.clock.advance(999);
    expect(state.value).toBe('waiting');
    await api.clock.advance(1);
    expect(state.value).toBe(false);
    const again = watchKey('key');
    await api.clock.advance(0);
    expect(again.value).toBe(true);
  });
});
