import { describe, expect, test } from 'vitest';
import { podNamed, setNamed, testRegistry } from '../../test/support/test-registry.ts';
import { isNotFound } from '../api/errors.ts';
import { ConfigMaps, Pods, StatefulSets } from '../api/kinds.ts';
import { settle } from '../platform/virtual-clock.ts';
import type { WatchEvent } from './client.ts';

const redis = { namespace: 'default', name: 'redis' };

describe('inProcessClient', () => {
  test('objects are passed by reference: what is read is what is stored', async () => {
    const { client, store } = await testRegistry();
    const created = await client.create(StatefulSets, setNamed('redis'));
    const stored = await store.get('/apps/statefulsets/default/redis');
    expect(await client.get(StatefulSets, redis)).toBe(created);
    expect((await client.list(StatefulSets)).items[0]).toBe(created);
    expect(stored?.value).toBe(created);
  });

  test('what a change shares with the object it came from stays shared', async () => {
    const { client } = await testRegistry();
    const set = await client.create(StatefulSets, setNamed('redis'));
    const labelled = await client.update(StatefulSets, { ...set, metadata: { ...set.metadata, labels: { a: 'b' } } });
    expect(labelled.spec.template).toBe(set.spec.template);
  });

  test('a failure is an ApiError', async () => {
    const { client } = await testRegistry();
    await expect(client.get(StatefulSets, redis)).rejects.toSatisfy(isNotFound);
  });

  test('a deletion answers with the object while it ends, else with a Status', async () => {
    const { client } = await testRegistry();
    await client.create(Pods, podNamed('redis-0', { nodeName: 'node-0' }));
    const key = { namespace: 'default', name: 'redis-0' };
    expect(await client.delete(Pods, key)).toMatchObject({ kind: 'Pod' });
    expect(await client.delete(Pods, key, { gracePeriodSeconds: 0 })).toMatchObject({ kind: 'Status' });
  });

  test('a list is read in chunks', async () => {
    const { client } = await testRegistry();
    for (const name of ['a', 'b', 'c']) await client.create(ConfigMaps, { metadata: { namespace: 'default', name } });
    const first = await client.list(ConfigMaps, { limit: 2 });
    expect(first.metadata.remainingItemCount).toBe(1);
    const rest = await client.list(ConfigMaps, { limit: 2, continue: first.metadata.continue ?? '' });
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(['c']);
  });

  test('a watch begins with what is there, and goes on until it is stopped', async () => {
    const { client } = await testRegistry();
    await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'a' } });
    const events: WatchEvent<object>[] = [];
    const watch = client.watch(ConfigMaps, {}, { events: (batch) => void events.push(...batch), closed() {} });
    await settle();
    const b = await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'b' } });
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'ADDED']);
    expect(events[1]).toEqual({ type: 'ADDED', object: b });
    watch.stop();
    await client.delete(ConfigMaps, { namespace: 'default', name: 'b' });
    expect(events).toHaveLength(2);
  });
});
