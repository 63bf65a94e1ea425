import { describe, expect, test } from 'vitest';
import { failure, podNamed, setNamed, tester, testRegistry } from '../../test/support/test-registry.ts';
import { ConfigMaps, Deployments, Leases, Namespaces, PersistentVolumes, Pods, StatefulSets } from '../api/kinds.ts';

const redis = { namespace: 'default', name: 'redis' };

async function withSet() {
  const fixture = await testRegistry();
  const set = await fixture.client.create(StatefulSets, setNamed('redis'));
  return { ...fixture, set };
}

describe('update', () => {
  test('a version that has been overtaken is a conflict', async () => {
    const { client, set } = await withSet();
    await client.update(StatefulSets, { ...set, spec: { ...set.spec, replicas: 2 } });
    expect(await failure(client.update(StatefulSets, { ...set, spec: { ...set.spec, replicas: 3 } }))).toEqual({
      code: 409,
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on statefulsets.apps "redis": the object has been modified; please apply your changes to the latest version and try again',
      details: { name: 'redis', group: 'apps', kind: 'statefulsets' },
    });
  });

  test('without a version it replaces whatever is there', async () => {
    const { registry, client, set } = await withSet();
    const { resourceVersion: _, ...metadata } = set.metadata;
    const bodies = [2, 3, 4].map((replicas) => ({ ...set, metadata, spec: { ...set.spec, replicas } }));
    await Promise.all(bodies.map((body) => registry.update(StatefulSets, redis, body, tester)));
    const now = await client.get(StatefulSets, redis);
    expect(now.spec.replicas).toBe(4);
    expect(now.metadata.generation).toBe(4);
  });

  test('kinds that must not be overwritten blindly want a version', async () => {
    const { registry, client } = await testRegistry();
    await client.create(Leases, { metadata: { namespace: 'default', name: 'leader' }, spec: {} });
    const body = { metadata: { name: 'leader' }, spec: { holderIdentity: 'me' } };
    const update = registry.update(Leases, { namespace: 'default', name: 'leader' }, body, tester);
    expect(await failure(update)).toMatchObject({
      code: 422,
      message:
        'Lease.coordination.k8s.io "leader" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
    });
  });

  test('M1 nobody shortens the time of a pod that is ending but by deleting it', async () => {
    const { client } = await testRegistry();
    await client.create(Pods, { ...podNamed('web'), spec: { ...podNamed('web').spec, nodeName: 'node' } });
    const key = { namespace: 'default', name: 'web' };
    await client.delete(Pods, key);
    const change = { type: 'merge', body: { metadata: { deletionGracePeriodSeconds: 0 } } } as const;
    for (const options of [{}, { subresource: 'status' }]) {
      expect(await failure(client.patch(Pods, key, change, options))).toMatchObject({ code: 422 });
    }
    expect((await client.get(Pods, key)).metadata.deletionGracePeriodSeconds).toBe(30);
  });

  test('the status route leaves what makes a deployment and a namespace found by others', async () => {
    const { client } = await testRegistry();
    const { spec } = setNamed('web');
    const { serviceName: _, ...rest } = { serviceName: '', ...spec };
    const labels = { app: 'web' };
    await client.create(Deployments, { metadata: { namespace: 'default', name: 'web', labels }, spec: rest });
    const change = {
      type: 'merge',
      body: { metadata: { labels: { app: null, 'kubernetes.io/metadata.name': null } } },
    } as const;
    const status = { subresource: 'status' };
    const deployment = await client.patch(Deployments, { namespace: 'default', name: 'web' }, change, status);
    expect(deployment.metadata.labels).toEqual(labels);
    const namespace = await client.patch(Namespaces, { name: 'default' }, change, status);
    expect(namespace.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'default' });
  });

  test('the phase of a volume has the time since when', async () => {
    const { client, clock } = await testRegistry();
    const key = { name: 'v' };
    const made = await client.create(PersistentVolumes, {
      metadata: key,
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/v' } },
    });
    await clock.advance(60_000);
    const put = async (phase: string) => {
      const volume = { ...(await client.get(PersistentVolumes, key)), status: { phase } };
      const { status } = await client.update(PersistentVolumes, volume, { subresource: 'status' });
      return status?.lastPhaseTransitionTime;
    };
    expect(await put('Pending')).toBe(made.status?.lastPhaseTransitionTime);
    const later = await put('Available');
    expect(later).not.toBe(made.status?.lastPhaseTransitionTime);
    expect(await put('Available')).toBe(later);
  });

  test('what does not exist is not found, or made where the kind allows it', async () => {
    const { registry } = await testRegistry();
    const body = setNamed('redis');
    expect(await failure(registry.update(StatefulSets, redis, body, tester))).toMatchObject({
      code: 404,
      message: 'statefulsets.apps "redis" not found',
    });
    const key = { namespace: 'default', name: 'leader' };
    const lease = await registry
      .update(Leases, key, { metadata: { name: 'leader', resourceVersion: '1' } }, tester)
      .then(
        () => 'made',
        (error: Error) => error.message,
      );
    expect(lease).toBe('resourceVersion should not be set on objects to be created');
    await registry.update(Leases, key, { metadata: { name: 'leader' } }, tester);
    expect((await registry.get(Leases, key, tester)).object.metadata.namespace).toBe('default');
  });

  test('generation rises with the spec and with nothing else', async () => {
    const { client, set } = await withSet();
    const labelled = await client.update(StatefulSets, {
      ...set,
      metadata: { ...set.metadata, labels: { a: 'b' }, generation: 9 },
    });
    expect(labelled.metadata.generation).toBe(1);
    const scaled = await client.update(StatefulSets, { ...labelled, spec: { ...labelled.spec, replicas: 2 } });
    expect(scaled.metadata.generation).toBe(2);
    const reported = await client.update(
      StatefulSets,
      { ...scaled, status: { replicas: 1, observedGeneration: 2 } },
      { subresource: 'status' },
    );
    expect(reported.metadata.generation).toBe(2);
  });

  test('the object and its status are written each on its own route', async () => {
    const { client, set } = await withSet();
    const scaled = await client.update(StatefulSets, {
      ...set,
      spec: { ...set.spec, replicas: 5 },
      status: { replicas: 99 },
    });
    expect(scaled.spec.replicas).toBe(5);
    expect(scaled.status).toEqual(set.status);
    const reported = await client.update(
      StatefulSets,
      {
        ...scaled,
        metadata: { ...scaled.metadata, annotations: { seen: 'yes' } },
        spec: { ...scaled.spec, replicas: 7 },
        status: { replicas: 5 },
      },
      { subresource: 'status' },
    );
    expect(reported.spec.replicas).toBe(5);
    expect(reported.status?.replicas).toBe(5);
    expect(reported.metadata.annotations).toEqual({ seen: 'yes' });
  });

  test('nothing new is nothing written', async () => {
    const { client, registry, set } = await withSet();
    const before = registry.resourceVersion;
    expect(await client.update(StatefulSets, structuredClone(set))).toBe(set);
    expect(registry.resourceVersion).toBe(before);
  });

  test('an object of the same name that is another one is a conflict', async () => {
    const { client, set } = await withSet();
    const { resourceVersion: _, ...metadata } = set.metadata;
    const other = { ...set, metadata: { ...metadata, uid: 'another', resourceVersion: '' } };
    expect(await failure(client.update(StatefulSets, other))).toMatchObject({
      code: 409,
      message: `Operation cannot be fulfilled on statefulsets.apps "redis": Precondition failed: UID in precondition: another, UID in object meta: ${set.metadata.uid}`,
    });
  });

  test('the name in the body must be the name of the request', async () => {
    const { registry, set } = await withSet();
    const other = { ...set, metadata: { ...set.metadata, name: 'other' } };
    expect(await failure(registry.update(StatefulSets, redis, other, tester))).toMatchObject({
      code: 400,
      message: 'the name of the object (other) does not match the name on the URL (redis)',
    });
    expect(await failure(registry.update(StatefulSets, redis, { ...set, metadata: {} }, tester))).toMatchObject({
      code: 400,
      message: 'the name of the object (redis based on URL) was undeterminable: name must be provided',
    });
  });

  test('what the server has set is kept when left out, and cannot be changed', async () => {
    const { registry, set } = await withSet();
    const bare = { ...set, metadata: { name: 'redis' }, spec: { ...set.spec, replicas: 2 } };
    const { object } = await registry.update(StatefulSets, redis, bare, tester);
    expect(object.metadata).toMatchObject({
      uid: set.metadata.uid,
      creationTimestamp: set.metadata.creationTimestamp,
      namespace: 'default',
    });
    const dated = { ...set, metadata: { name: 'redis', creationTimestamp: '1999-01-01T00:00:00Z' } };
    expect(await failure(registry.update(StatefulSets, redis, dated, tester))).toMatchObject({
      code: 422,
      message: expect.stringContaining(
        'metadata.creationTimestamp: Invalid value: "1999-01-01T00:00:00Z": field is immutable',
      ),
    });
  });

  test('V2 only some fields of a set may change', async () => {
    const { client, set } = await withSet();
    const moved = { ...set, spec: { ...set.spec, serviceName: 'other' } };
    expect(await failure(client.update(StatefulSets, moved))).toMatchObject({
      code: 422,
      message: expect.stringMatching(
        /^StatefulSet\.apps "redis" is invalid: spec: Forbidden: updates to statefulset spec/,
      ),
    });
  });

  test('many writers, each of what it has read, lose no update', async () => {
    const { client } = await testRegistry();
    const key = { namespace: 'default', name: 'counter' };
    await client.create(ConfigMaps, { metadata: key, data: { count: '0' } });
    const increment = async (): Promise<void> => {
      for (;;) {
        const map = await client.get(ConfigMaps, key);
        const data = { count: String(Number(map.data?.count) + 1) };
        const done = await client.update(ConfigMaps, { ...map, data }).then(
          () => true,
          () => false,
        );
        if (done) return;
      }
    };
    await Promise.all(Array.from({ length: 10 }, increment));
    expect((await client.get(ConfigMaps, key)).data?.count).toBe('10');
  });

  test('a kind without status has no status route', async () => {
    const { client } = await testRegistry();
    const map = await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'a' } });
    expect(await failure(client.update(ConfigMaps, map, { subresource: 'status' }))).toMatchObject({ code: 404 });
  });

  test('a pod keeps its owners and its class of service on the status route', async () => {
    const { client } = await testRegistry();
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'redis', uid: 'u' };
    const pod = await client.create(Pods, {
      ...podNamed('redis-0'),
      metadata: { namespace: 'default', name: 'redis-0', ownerReferences: [owner] },
    });
    const { ownerReferences: _, ...metadata } = pod.metadata;
    const running = await client.update(
      Pods,
      { ...pod, metadata, status: { phase: 'Running' } },
      { subresource: 'status' },
    );
    expect(running.metadata.ownerReferences).toEqual([owner]);
    expect(running.status).toEqual({ phase: 'Running', qosClass: 'BestEffort' });
  });

  test('a dry run changes nothing', async () => {
    const { client, registry, set } = await withSet();
    const before = registry.resourceVersion;
    const scaled = await client.update(StatefulSets, { ...set, spec: { ...set.spec, replicas: 9 } }, { dryRun: true });
    expect(scaled.spec.replicas).toBe(9);
    expect(registry.resourceVersion).toBe(before);
    expect(await client.get(StatefulSets, redis)).toBe(set);
  });

  test('only the finalize route takes a finalizer off a namespace, and the last one removes it', async () => {
    const { client, registry } = await testRegistry();
    const made = await client.create(Namespaces, { metadata: { name: 'old' }, spec: {} });
    const kept = await client.update(Namespaces, { ...made, spec: { finalizers: [] } });
    expect(kept.spec?.finalizers).toEqual(['kubernetes']);
    const ending = await client.delete(Namespaces, { name: 'old' });
    expect(ending).toMatchObject({ status: { phase: 'Terminating' }, spec: { finalizers: ['kubernetes'] } });
    const current = await client.get(Namespaces, { name: 'old' });
    await registry.update(
      Namespaces,
      { name: 'old' },
      { ...current, spec: { finalizers: [] } },
      { ...tester, subresource: 'finalize' },
    );
    expect(await failure(client.get(Namespaces, { name: 'old' }))).toMatchObject({ code: 404 });
  });
});
