import { describe, expect, test } from 'vitest';
import { failure, podNamed, setNamed, testRegistry } from '../../test/support/test-registry.ts';
import { ConfigMaps, Pods, StatefulSets } from '../api/kinds.ts';

const redis = { namespace: 'default', name: 'redis' };

async function withSet() {
  const fixture = await testRegistry();
  const set = await fixture.client.create(StatefulSets, setNamed('redis'));
  return { ...fixture, set };
}

describe('patch', () => {
  test('each kind of patch changes what it says', async () => {
    const { client } = await withSet();
    await client.patch(StatefulSets, redis, { type: 'merge', body: { spec: { replicas: 2 } } });
    await client.patch(StatefulSets, redis, {
      type: 'json',
      body: [{ op: 'add', path: '/spec/minReadySeconds', value: 5 }],
    });
    const set = await client.patch(StatefulSets, redis, {
      type: 'strategic',
      body: { spec: { template: { spec: { containers: [{ name: 'main', image: 'redis:8' }] } } } },
    });
    expect(set.spec).toMatchObject({ replicas: 2, minReadySeconds: 5 });
    expect(set.spec.template.spec?.containers).toHaveLength(1);
    expect(set.spec.template.spec?.containers[0]).toMatchObject({ name: 'main', image: 'redis:8' });
    expect(set.metadata.generation).toBe(4);
  });

  test('patches made at once all come through, without a conflict', async () => {
    const { client } = await testRegistry();
    const key = { namespace: 'default', name: 'a' };
    await client.create(ConfigMaps, { metadata: key });
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await Promise.all(
      keys.map((name) => client.patch(ConfigMaps, key, { type: 'merge', body: { data: { [name]: 'x' } } })),
    );
    expect(Object.keys((await client.get(ConfigMaps, key)).data ?? {})).toHaveLength(20);
  });

  test('a patch that names a version wants that one', async () => {
    const { client, set } = await withSet();
    await client.patch(StatefulSets, redis, { type: 'merge', body: { spec: { replicas: 2 } } });
    const stale = { metadata: { resourceVersion: set.metadata.resourceVersion }, spec: { replicas: 3 } };
    expect(await failure(client.patch(StatefulSets, redis, { type: 'merge', body: stale }))).toMatchObject({
      code: 409,
      message: expect.stringContaining('the object has been modified'),
    });
  });

  test('a patch for another uid is a conflict', async () => {
    const { client } = await withSet();
    const patch = client.patch(StatefulSets, redis, {
      type: 'merge',
      body: { metadata: { uid: 'other', labels: {} } },
    });
    expect(await failure(patch)).toMatchObject({
      code: 409,
      message: expect.stringContaining('UID in precondition: other'),
    });
  });

  test('a patch that changes nothing writes nothing', async () => {
    const { client, registry, set } = await withSet();
    const before = registry.resourceVersion;
    expect(await client.patch(StatefulSets, redis, { type: 'merge', body: { spec: { replicas: 1 } } })).toBe(set);
    expect(registry.resourceVersion).toBe(before);
  });

  test('of what does not exist there is nothing to patch', async () => {
    const { client } = await testRegistry();
    expect(await failure(client.patch(StatefulSets, redis, { type: 'merge', body: {} }))).toMatchObject({ code: 404 });
  });

  test('V5 a patch of the wrong type stores nothing', async () => {
    const { client, set } = await withSet();
    const patch = client.patch(StatefulSets, redis, { type: 'merge', body: { spec: { replicas: 'three' } } });
    expect(await failure(patch)).toMatchObject({ code: 400, message: expect.stringContaining('spec.replicas') });
    expect(await client.get(StatefulSets, redis)).toBe(set);
  });

  test('patches cannot make an object grow without end', async () => {
    const { client } = await testRegistry();
    const set = await client.create(StatefulSets, setNamed('redis'));
    const value = 'x'.repeat(500_000);
    const grow = (name: string) =>
      client.patch(StatefulSets, redis, {
        type: 'strategic',
        body: { spec: { template: { spec: { containers: [{ name: 'main', env: [{ name, value }] }] } } } },
      });
    await grow('A');
    await grow('B');
    await grow('C');
    expect(await failure(grow('D'))).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
    expect((await client.get(StatefulSets, redis)).metadata.uid).toBe(set.metadata.uid);
  });

  test('a patch of the status leaves the spec alone, and shares it', async () => {
    const { client } = await testRegistry();
    const pod = await client.create(Pods, podNamed('redis-0'));
    const patched = await client.patch(
      Pods,
      { namespace: 'default', name: 'redis-0' },
      { type: 'merge', body: { spec: { nodeName: 'x' }, status: { phase: 'Running', podIP: '10.0.0.1' } } },
      { subresource: 'status' },
    );
    expect(patched.status).toMatchObject({ phase: 'Running', podIP: '10.0.0.1', qosClass: 'BestEffort' });
    expect(patched.spec).toBe(pod.spec);
  });

  test('the last finalizer of a terminating object removes it', async () => {
    const { client } = await testRegistry();
    const key = { namespace: 'default', name: 'held' };
    await client.create(ConfigMaps, { metadata: { ...key, finalizers: ['berth.dev/hold'] } });
    await client.delete(ConfigMaps, key);
    const added = client.patch(ConfigMaps, key, {
      type: 'merge',
      body: { metadata: { finalizers: ['berth.dev/hold', 'berth.dev/more'] } },
    });
    expect(await failure(added)).toMatchObject({
      code: 422,
      message: expect.stringContaining(
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted',
      ),
    });
    await client.patch(ConfigMaps, key, { type: 'merge', body: { metadata: { finalizers: null } } });
    expect(await failure(client.get(ConfigMaps, key))).toMatchObject({ code: 404 });
  });
});
