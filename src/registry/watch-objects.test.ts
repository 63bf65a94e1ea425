import { describe, expect, test } from 'vitest';
import { podNamed, type TestRegistry, testRegistry } from '../../test/support/test-registry.ts';
import { isExpired } from '../api/errors.ts';
import { ConfigMaps, Pods } from '../api/kinds.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { settle } from '../platform/virtual-clock.ts';
import type { StoredWatchEvent, WatchRequest } from './requests.ts';

const said = (event: StoredWatchEvent): string =>
  event.type === 'BOOKMARK'
    ? `BOOKMARK ${event.initialEnd ? 'end' : ''}`
    : `${event.type} ${event.item.object.metadata.name}`;

/** What a watch says, and why it ended. */
async function watching({ registry }: TestRegistry, type: ResourceType, request: WatchRequest) {
  const seen: StoredWatchEvent[] = [];
  const ends: (Error | undefined)[] = [];
  const watch = registry.watch(type, request, {
    events: (batch) => void seen.push(...batch),
    closed: (error) => void ends.push(error),
  });
  await settle();
  return { watch, ends, seen, said: () => seen.splice(0).map(said) };
}

const map = (name: string, labels: Record<string, string> = {}) => ({
  metadata: { namespace: 'default', name, labels },
});

describe('watch', () => {
  test('without a version it begins with what is there', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(ConfigMaps, map('a'));
    const { said } = await watching(fixture, ConfigMaps, {});
    expect(said()).toEqual(['ADDED a']);
    await fixture.client.create(ConfigMaps, map('b'));
    expect(said()).toEqual(['ADDED b']);
  });

  test('from a version it shows everything after it, and nothing before', async () => {
    const fixture = await testRegistry();
    const { client } = fixture;
    const a = await client.create(ConfigMaps, map('a'));
    await client.create(ConfigMaps, map('b'));
    await client.patch(ConfigMaps, a.metadata, { type: 'merge', body: { data: { x: 'y' } } });
    const { said } = await watching(fixture, ConfigMaps, { resourceVersion: a.metadata.resourceVersion });
    expect(said()).toEqual(['ADDED b', 'MODIFIED a']);
    await client.delete(ConfigMaps, a.metadata);
    expect(said()).toEqual(['DELETED a']);
  });

  test('initial events end with a bookmark when they are asked for', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(ConfigMaps, map('a'));
    const { said, seen } = await watching(fixture, ConfigMaps, { sendInitialEvents: true });
    expect(seen.at(-1)).toMatchObject({ type: 'BOOKMARK', resourceVersion: fixture.registry.resourceVersion });
    expect(said()).toEqual(['ADDED a', 'BOOKMARK end']);
  });

  test('an object that stops matching is gone, and one that begins to is new', async () => {
    const fixture = await testRegistry();
    const { client } = fixture;
    const { said, seen } = await watching(fixture, ConfigMaps, { labelSelector: 'app=redis' });
    await client.create(ConfigMaps, map('a', { app: 'redis' }));
    await client.create(ConfigMaps, map('b', { app: 'other' }));
    const relabel = (name: string, app: string | null) =>
      client.patch(
        ConfigMaps,
        { namespace: 'default', name },
        { type: 'merge', body: { metadata: { labels: { app } } } },
      );
    const { metadata } = await relabel('a', 'other');
    // As it was last seen, and from which version on it is gone.
    expect(seen.at(-1)).toMatchObject({
      item: { object: { metadata: { labels: { app: 'redis' }, resourceVersion: metadata.resourceVersion } } },
    });
    await relabel('a', null);
    await relabel('a', 'redis');
    await relabel('b', 'redis');
    await client.delete(ConfigMaps, { namespace: 'default', name: 'a' });
    await relabel('b', 'none');
    await client.delete(ConfigMaps, { namespace: 'default', name: 'b' });
    expect(said()).toEqual(['ADDED a', 'DELETED a', 'ADDED a', 'ADDED b', 'DELETED a', 'DELETED b']);
  });

  test('a node sees the pods that come to it', async () => {
    const fixture = await testRegistry();
    const { said } = await watching(fixture, Pods, { fieldSelector: 'spec.nodeName=node-0' });
    for (const [name, node] of [
      ['redis-0', 'node-0'],
      ['redis-1', 'node-1'],
    ] as const) {
      await fixture.client.create(Pods, podNamed(name));
      await fixture.client.createSubresource(Pods, { namespace: 'default', name }, 'binding', {
        target: { name: node },
      });
    }
    expect(said()).toEqual(['ADDED redis-0']);
  });

  test('one namespace is not another that begins with the same letters', async () => {
    const fixture = await testRegistry();
    const { said } = await watching(fixture, ConfigMaps, { namespace: 'kube' });
    await fixture.client.create(ConfigMaps, { metadata: { namespace: 'kube-public', name: 'a' } });
    expect(said()).toEqual([]);
  });

  test('a version that is forgotten ends it with Expired', async () => {
    const fixture = await testRegistry();
    const { client, store, registry } = fixture;
    const before = registry.resourceVersion;
    await client.create(ConfigMaps, map('a'));
    await client.create(ConfigMaps, map('b'));
    await store.compact(store.revision);
    const { ends } = await watching(fixture, ConfigMaps, { resourceVersion: before });
    expect(ends).toHaveLength(1);
    expect(isExpired(ends[0])).toBe(true);
  });

  test('a version still to come is waited for', async () => {
    const fixture = await testRegistry();
    const next = String(Number(fixture.registry.resourceVersion) + 1);
    const { said } = await watching(fixture, ConfigMaps, { resourceVersion: next });
    await fixture.client.create(ConfigMaps, map('a'));
    await fixture.client.create(ConfigMaps, map('b'));
    expect(said()).toEqual(['ADDED b']);
  });

  test('what is stopped is silent', async () => {
    const fixture = await testRegistry();
    const { watch, said, ends } = await watching(fixture, ConfigMaps, {});
    watch.stop();
    await fixture.client.create(ConfigMaps, map('a'));
    await fixture.store.close();
    expect(said()).toEqual([]);
    expect(ends).toEqual([]);
  });

  test('a selector nobody understands is refused at once', async () => {
    const { registry } = await testRegistry();
    const handler = { events() {}, closed() {} };
    expect(() => registry.watch(Pods, { fieldSelector: 'spec.foo=a' }, handler)).toThrow('field label not supported');
  });

  test('the same bytes go to the answer and to every watcher', async () => {
    const fixture = await testRegistry();
    const first = await watching(fixture, ConfigMaps, {});
    const second = await watching(fixture, ConfigMaps, {});
    await fixture.client.create(ConfigMaps, map('a'));
    const [one] = first.seen;
    const [two] = second.seen;
    if (one?.type !== 'ADDED' || two?.type !== 'ADDED') throw new Error('both must have seen it');
    expect(one.item.json()).toBe(two.item.json());
    expect(one.item.object).toBe(two.item.object);
  });
});
