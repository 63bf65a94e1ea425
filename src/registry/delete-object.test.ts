import { describe, expect, test } from 'vitest';
import { failure, podNamed, setNamed, testRegistry } from '../../test/support/test-registry.ts';
import type { Pod } from '../api/generated/types.ts';
import { ConfigMaps, Events, Namespaces, Pods, StatefulSets } from '../api/kinds.ts';
import type { WatchEvent } from '../client/client.ts';

const redis0 = { namespace: 'default', name: 'redis-0' };

/** A pod that has a node, so that only the node's word removes it. */
async function withScheduledPod(spec: Partial<NonNullable<Pod['spec']>> = {}) {
  const fixture = await testRegistry();
  const pod = await fixture.client.create(Pods, podNamed('redis-0', { nodeName: 'node-0', ...spec }));
  return { ...fixture, pod };
}

describe('delete', () => {
  test('an object nobody holds goes at once', async () => {
    const { client } = await testRegistry();
    const map = await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'a' } });
    expect(await client.delete(ConfigMaps, { namespace: 'default', name: 'a' })).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: map.metadata.uid },
    });
    expect(await failure(client.delete(ConfigMaps, { namespace: 'default', name: 'a' }))).toMatchObject({
      code: 404,
      message: 'configmaps "a" not found',
    });
  });

  test('watchers see the last state, with the version of the deletion', async () => {
    const { client, registry } = await testRegistry();
    const map = await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'a' }, data: { x: 'y' } });
    const events: WatchEvent<typeof map>[] = [];
    client.watch(
      ConfigMaps,
      { resourceVersion: map.metadata.resourceVersion },
      { events: (batch) => events.push(...batch), closed() {} },
    );
    await client.delete(ConfigMaps, { namespace: 'default', name: 'a' });
    expect(events).toMatchObject([{ type: 'DELETED', object: { data: { x: 'y' } } }]);
    const [event] = events;
    expect(event?.type === 'DELETED' && event.object.metadata.resourceVersion).toBe(registry.resourceVersion);
  });

  test('M1 a scheduled pod is marked, and goes when its node says so', async () => {
    const { client } = await withScheduledPod();
    const marked = await client.delete(Pods, redis0);
    expect(marked).toMatchObject({
      metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30, generation: 2 },
    });
    expect(await client.delete(Pods, redis0, { gracePeriodSeconds: 0 })).toMatchObject({ status: 'Success' });
    expect(await failure(client.get(Pods, redis0))).toMatchObject({ code: 404 });
  });

  test('M1 a pod that has ended is marked too: its node has not confirmed it yet', async () => {
    const { client } = await withScheduledPod();
    await client.patch(
      Pods,
      redis0,
      { type: 'merge', body: { status: { phase: 'Failed' } } },
      { subresource: 'status' },
    );
    await client.delete(Pods, redis0);
    expect((await client.get(Pods, redis0)).metadata.deletionTimestamp).toBeDefined();
  });

  test('M7 a spec without grace is a second, so that only an explicit 0 frees the name', async () => {
    const { client } = await withScheduledPod({ terminationGracePeriodSeconds: 0 });
    expect(await client.delete(Pods, redis0)).toMatchObject({ metadata: { deletionGracePeriodSeconds: 1 } });
    await client.delete(Pods, redis0, { gracePeriodSeconds: 0 });
    expect(await failure(client.get(Pods, redis0))).toMatchObject({ code: 404 });
  });

  test('a pod without a node goes at once', async () => {
    const { client } = await testRegistry();
    await client.create(Pods, podNamed('redis-0'));
    expect(await client.delete(Pods, redis0)).toMatchObject({ status: 'Success' });
  });

  test('a grace period that has begun can be shortened, not lengthened', async () => {
    const { client, clock } = await withScheduledPod();
    await client.delete(Pods, redis0);
    await clock.advance(5_000);
    const longer = await client.delete(Pods, redis0, { gracePeriodSeconds: 60 });
    expect(longer).toMatchObject({ metadata: { deletionGracePeriodSeconds: 30, generation: 2 } });
    const shorter = await client.delete(Pods, redis0, { gracePeriodSeconds: 10 });
    expect(shorter).toMatchObject({
      metadata: { deletionGracePeriodSeconds: 10, deletionTimestamp: '2026-01-01T00:00:10Z', generation: 2 },
    });
    const same = await client.delete(Pods, redis0);
    expect(same).toBe(await client.get(Pods, redis0));
  });

  test('what has a finalizer is marked and stays until it is taken off', async () => {
    const { client } = await testRegistry();
    const key = { namespace: 'default', name: 'held' };
    await client.create(ConfigMaps, { metadata: { ...key, finalizers: ['berth.dev/hold'] } });
    expect(await client.delete(ConfigMaps, key)).toMatchObject({
      metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 },
    });
    const held = await client.get(ConfigMaps, key);
    await client.update(ConfigMaps, { ...held, metadata: { ...held.metadata, finalizers: [] } });
    expect(await failure(client.get(ConfigMaps, key))).toMatchObject({ code: 404 });
  });

  test('a pod with a finalizer waits for both its node and the finalizer', async () => {
    const { client } = await testRegistry();
    await client.create(Pods, {
      ...podNamed('redis-0', { nodeName: 'node-0' }),
      metadata: { ...redis0, finalizers: ['berth.dev/hold'] },
    });
    await client.delete(Pods, redis0);
    const confirmed = await client.delete(Pods, redis0, { gracePeriodSeconds: 0 });
    expect(confirmed).toMatchObject({ metadata: { deletionGracePeriodSeconds: 0 } });
    await client.patch(Pods, redis0, { type: 'merge', body: { metadata: { finalizers: [] } } });
    expect(await failure(client.get(Pods, redis0))).toMatchObject({ code: 404 });
  });

  test('A4 what becomes of the dependents is left to the garbage collector as a finalizer', async () => {
    const { client } = await testRegistry();
    const policies = { Orphan: ['orphan'], Foreground: ['foregroundDeletion'] } as const;
    for (const policy of ['Orphan', 'Foreground'] as const) {
      const name = policy.toLowerCase();
      await client.create(StatefulSets, setNamed(name));
      const ending = await client.delete(StatefulSets, { namespace: 'default', name }, { propagationPolicy: policy });
      expect(ending).toMatchObject({ metadata: { finalizers: policies[policy], deletionGracePeriodSeconds: 0 } });
      // Once it has begun, another policy changes nothing.
      const again = await client.delete(
        StatefulSets,
        { namespace: 'default', name },
        { propagationPolicy: 'Background' },
      );
      expect(again).toMatchObject({ metadata: { finalizers: policies[policy] } });
    }
    await client.create(StatefulSets, setNamed('background'));
    const gone = await client.delete(StatefulSets, { namespace: 'default', name: 'background' });
    expect(gone).toMatchObject({ status: 'Success' });
  });

  test('events have no dependents to wait for', async () => {
    const { client } = await testRegistry();
    const key = { namespace: 'default', name: 'e' };
    await client.create(Events, { metadata: key, involvedObject: { kind: 'Pod', name: 'a', namespace: 'default' } });
    expect(await client.delete(Events, key, { propagationPolicy: 'Foreground' })).toMatchObject({ status: 'Success' });
  });

  test('preconditions name the very object', async () => {
    const { client, pod } = await withScheduledPod();
    expect(await failure(client.delete(Pods, redis0, { preconditions: { uid: 'other' } }))).toMatchObject({
      code: 409,
      message: `Operation cannot be fulfilled on pods "redis-0": the UID in the precondition (other) does not match the UID in record (${pod.metadata.uid}). The object might have been deleted and then recreated`,
    });
    expect(await failure(client.delete(Pods, redis0, { preconditions: { resourceVersion: '1' } }))).toMatchObject({
      code: 409,
      message: expect.stringContaining('The object might have been modified'),
    });
    await client.delete(Pods, redis0, { preconditions: pod.metadata });
  });

  test('a dry run deletes nothing', async () => {
    const { client, pod } = await withScheduledPod();
    expect(await client.delete(Pods, redis0, { dryRun: true })).toMatchObject({
      metadata: { deletionGracePeriodSeconds: 30 },
    });
    expect(await client.delete(Pods, redis0, { dryRun: true, gracePeriodSeconds: 0 })).toMatchObject({
      status: 'Success',
    });
    expect(await client.get(Pods, redis0)).toBe(pod);
  });

  test('the namespaces of every cluster stay', async () => {
    const { client } = await testRegistry();
    expect(await failure(client.delete(Namespaces, { name: 'kube-system' }))).toMatchObject({
      code: 403,
      message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted',
    });
  });

  test('a collection is deleted as its selector says', async () => {
    const { client } = await testRegistry();
    for (const [name, app] of [
      ['a', 'x'],
      ['b', 'y'],
      ['c', 'x'],
    ] as const) {
      await client.create(ConfigMaps, { metadata: { namespace: 'default', name, labels: { app } } });
    }
    await client.deleteCollection(ConfigMaps, { namespace: 'default', labelSelector: 'app=x' });
    expect((await client.list(ConfigMaps)).items.map(({ metadata }) => metadata.name)).toEqual(['b']);
  });
});
