import { describe, expect, test } from 'vitest';
import {
  failure,
  podNamed,
  setNamed,
  type TestRegistry,
  tester,
  testRegistry,
} from '../../../test/support/test-registry.ts';
import type { PodDisruptionBudgetSpec } from '../../api/generated/types.ts';
import { ConfigMaps, Deployments, PodDisruptionBudgets, Pods, ReplicaSets, StatefulSets } from '../../api/kinds.ts';
import { controllerReference } from '../../api/owner-references.ts';

const redis = { namespace: 'default', name: 'redis' };
const redis0 = { namespace: 'default', name: 'redis-0' };

describe('scale', () => {
  test('S5 the scale of a set has its replicas and its selector as text', async () => {
    const { client } = await testRegistry();
    const set = await client.create(StatefulSets, setNamed('redis', { replicas: 3 }));
    await client.patch(
      StatefulSets,
      redis,
      { type: 'merge', body: { status: { replicas: 2 } } },
      { subresource: 'status' },
    );
    expect(await client.getSubresource(StatefulSets, redis, 'scale')).toMatchObject({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'redis', namespace: 'default', uid: set.metadata.uid },
      spec: { replicas: 3 },
      status: { replicas: 2, selector: 'app=redis' },
    });
  });

  test('S5 writing it changes the replicas and nothing else', async () => {
    const { client, registry } = await testRegistry();
    const set = await client.create(StatefulSets, setNamed('redis'));
    const body = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'redis' }, spec: { replicas: 5 } };
    const scale = await registry.updateSubresource(StatefulSets, redis, 'scale', body, tester);
    expect(scale).toMatchObject({ spec: { replicas: 5 } });
    const scaled = await client.get(StatefulSets, redis);
    expect(scaled.spec).toEqual({ ...set.spec, replicas: 5 });
    expect(scaled.metadata.generation).toBe(2);
    const patch = { type: 'merge', body: { spec: { replicas: 2 } } } as const;
    await registry.patchSubresource(StatefulSets, redis, 'scale', patch, tester);
    expect((await client.get(StatefulSets, redis)).spec.replicas).toBe(2);
  });

  test('S5 a client may patch it as a subresource of the set', async () => {
    const { client } = await testRegistry();
    await client.create(StatefulSets, setNamed('redis'));
    const patch = { type: 'merge', body: { spec: { replicas: 4 } } } as const;
    expect(await client.patch(StatefulSets, redis, patch, { subresource: 'scale' })).toMatchObject({ kind: 'Scale' });
    expect((await client.get(StatefulSets, redis)).spec.replicas).toBe(4);
  });

  test('S5 a scale of another version is a conflict, one below zero invalid', async () => {
    const { client, registry } = await testRegistry();
    await client.create(StatefulSets, setNamed('redis'));
    const scale = (replicas: number, resourceVersion?: string) =>
      registry.updateSubresource(
        StatefulSets,
        redis,
        'scale',
        { metadata: { name: 'redis', ...(resourceVersion && { resourceVersion }) }, spec: { replicas } },
        tester,
      );
    expect(await failure(scale(2, '1'))).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(await failure(scale(-1))).toMatchObject({
      code: 422,
      message:
        'Scale.autoscaling "redis" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    });
  });

  test('kinds without replicas have no scale', async () => {
    const { client } = await testRegistry();
    expect(await failure(client.getSubresource(ConfigMaps, redis, 'scale'))).toMatchObject({ code: 404 });
    expect(await failure(client.getSubresource(Deployments, redis, 'scale'))).toMatchObject({
      message: 'deployments.apps "redis" not found',
    });
  });
});

describe('binding', () => {
  const bind = ({ client }: TestRegistry, body: object) => client.createSubresource(Pods, redis0, 'binding', body);

  test('gives the pod its node and says so, in one write', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(Pods, podNamed('redis-0'));
    const before = Number(fixture.registry.resourceVersion);
    expect(await bind(fixture, { target: { kind: 'Node', name: 'node-0' } })).toMatchObject({
      status: 'Success',
      code: 201,
    });
    expect(Number(fixture.registry.resourceVersion)).toBe(before + 1);
    const pod = await fixture.client.get(Pods, redis0);
    expect(pod.spec?.nodeName).toBe('node-0');
    expect(pod.status).toMatchObject({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    });
  });

  test('a pod is bound once, however many try', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(Pods, podNamed('redis-0'));
    const tries = ['node-0', 'node-1', 'node-2'].map((name) => failure(bind(fixture, { target: { name } })));
    const outcomes = await Promise.all(tries);
    expect(outcomes[0]).toEqual({ code: 'none: it succeeded' });
    expect(outcomes.slice(1)).toMatchObject([{ code: 409 }, { code: 409 }]);
    expect(outcomes[1]).toMatchObject({
      message:
        'Operation cannot be fulfilled on pods/binding "redis-0": pod redis-0 is already assigned to node "node-0"',
    });
  });

  test('a pod that is ending, or another one of the name, is not bound', async () => {
    const fixture = await testRegistry();
    const key = { ...redis0, finalizers: ['berth.dev/hold'] };
    await fixture.client.create(Pods, { ...podNamed('redis-0'), metadata: key });
    expect(await failure(bind(fixture, { metadata: { uid: 'other' }, target: { name: 'node-0' } }))).toMatchObject({
      code: 409,
      message: expect.stringContaining('UID in precondition: other'),
    });
    await fixture.client.delete(Pods, redis0);
    expect(await failure(bind(fixture, { target: { name: 'node-0' } }))).toMatchObject({
      code: 409,
      message:
        'Operation cannot be fulfilled on pods/binding "redis-0": pod redis-0 is being deleted, cannot be assigned to a host',
    });
  });

  test('the target must be a node', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(Pods, podNamed('redis-0'));
    expect(await failure(bind(fixture, { target: { kind: 'Pod' } }))).toMatchObject({
      code: 422,
      message:
        'Binding "redis-0" is invalid: [target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
    });
  });
});

describe('eviction', () => {
  const evict = ({ client }: TestRegistry, name: string, body: object = {}) =>
    client.createSubresource(Pods, { namespace: 'default', name }, 'eviction', { metadata: { name }, ...body });

  /** A set of three with a budget; all pods are Ready unless named in `unready`. */
  async function withBudget(budget: Partial<PodDisruptionBudgetSpec>, unready: readonly string[] = []) {
    const fixture = await testRegistry();
    const { client } = fixture;
    const set = await client.create(StatefulSets, setNamed('redis', { replicas: 3 }));
    await client.create(PodDisruptionBudgets, {
      metadata: redis,
      spec: { selector: { matchLabels: { app: 'redis' } }, ...budget },
    });
    for (const name of ['redis-0', 'redis-1', 'redis-2']) {
      await client.create(Pods, {
        ...podNamed(name, { nodeName: 'node-0' }),
        metadata: {
          namespace: 'default',
          name,
          labels: { app: 'redis' },
          ownerReferences: [controllerReference(StatefulSets, set)],
        },
      });
      const ready = unready.includes(name) ? 'False' : 'True';
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: ready }] };
      const key = { namespace: 'default', name };
      await client.patch(Pods, key, { type: 'merge', body: { status } }, { subresource: 'status' });
    }
    return fixture;
  }

  test('without a budget the pod is deleted, as its grace period says', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(Pods, podNamed('redis-0', { nodeName: 'node-0' }));
    expect(await evict(fixture, 'redis-0', { deleteOptions: { gracePeriodSeconds: 5 } })).toMatchObject({
      status: 'Success',
    });
    expect((await fixture.client.get(Pods, redis0)).metadata.deletionGracePeriodSeconds).toBe(5);
  });

  test.each([
    ['minAvailable 2', { minAvailable: 2 }],
    ['maxUnavailable 1', { maxUnavailable: 1 }],
    ['minAvailable 50%', { minAvailable: '50%' }],
    ['maxUnavailable 30%', { maxUnavailable: '30%' }],
  ])('%s of three lets one go and no second, also at once', async (_name, budget) => {
    const fixture = await withBudget(budget);
    const outcomes = await Promise.all(['redis-2', 'redis-1'].map((name) => failure(evict(fixture, name))));
    expect(outcomes).toEqual([
      { code: 'none: it succeeded' },
      {
        code: 429,
        reason: 'TooManyRequests',
        message: "Cannot evict pod as it would violate the pod's disruption budget.",
        details: {
          causes: [
            {
              reason: 'DisruptionBudget',
              message: 'The disruption budget redis needs 2 healthy pods and has 2 currently',
            },
          ],
        },
      },
    ]);
  });

  test('a pod that is not healthy may go when enough others are, or when the budget says so', async () => {
    const enough = await withBudget({ minAvailable: 2 }, ['redis-0']);
    expect(await evict(enough, 'redis-0')).toMatchObject({ status: 'Success' });
    const few = await withBudget({ minAvailable: 3 }, ['redis-0']);
    expect(await failure(evict(few, 'redis-0'))).toMatchObject({ code: 429 });
    const always = await withBudget({ minAvailable: 3, unhealthyPodEvictionPolicy: 'AlwaysAllow' }, ['redis-0']);
    expect(await evict(always, 'redis-0')).toMatchObject({ status: 'Success' });
  });

  test('the pods of a deployment are counted against the deployment', async () => {
    const fixture = await testRegistry();
    const { client } = fixture;
    const { serviceName: _, ...spec } = setNamed('redis', { replicas: 2 }).spec;
    const deployment = await client.create(Deployments, { metadata: redis, spec });
    const replicaSet = await client.create(ReplicaSets, {
      metadata: { ...redis, ownerReferences: [controllerReference(Deployments, deployment)] },
      spec,
    });
    await client.create(PodDisruptionBudgets, {
      metadata: redis,
      spec: { selector: { matchLabels: { app: 'redis' } }, maxUnavailable: 1 },
    });
    for (const name of ['a', 'b']) {
      const metadata = {
        ...redis,
        name,
        labels: { app: 'redis' },
        ownerReferences: [controllerReference(ReplicaSets, replicaSet)],
      };
      await client.create(Pods, { ...podNamed(name, { nodeName: 'node-0' }), metadata });
      const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
      await client.patch(Pods, { ...redis, name }, { type: 'merge', body: { status } }, { subresource: 'status' });
    }
    expect(await evict(fixture, 'a')).toMatchObject({ status: 'Success' });
    expect(await failure(evict(fixture, 'b'))).toMatchObject({ code: 429 });
  });

  test('two budgets for one pod are not supported, as in Kubernetes', async () => {
    const fixture = await withBudget({ minAvailable: 1 });
    await fixture.client.create(PodDisruptionBudgets, {
      metadata: { namespace: 'default', name: 'second' },
      spec: { selector: { matchLabels: { app: 'redis' } }, minAvailable: 1 },
    });
    expect(await failure(evict(fixture, 'redis-0'))).toMatchObject({
      code: 500,
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    });
  });

  test('the name in the body must be the name of the request', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(Pods, podNamed('redis-0'));
    expect(await failure(evict(fixture, 'redis-0', { metadata: { name: 'other' } }))).toMatchObject({
      code: 400,
      message: 'name in URL does not match name in Eviction object: redis-0 != other',
    });
  });

  test('is taken in the version that old clients send', async () => {
    const fixture = await testRegistry();
    await fixture.client.create(Pods, podNamed('redis-0'));
    expect(await evict(fixture, 'redis-0', { apiVersion: 'policy/v1beta1' })).toMatchObject({ status: 'Success' });
  });

  test('a dry run evicts nothing', async () => {
    const fixture = await withBudget({ minAvailable: 2 });
    await fixture.registry.createSubresource(Pods, redis0, 'eviction', {}, { ...tester, dryRun: true });
    await evict(fixture, 'redis-0', { deleteOptions: { dryRun: ['All'] } });
    expect((await fixture.client.get(Pods, redis0)).metadata.deletionTimestamp).toBeUndefined();
  });
});
