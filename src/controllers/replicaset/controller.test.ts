import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { Pod, ReplicaSet, ReplicaSetSpec } from '../../api/generated/types.ts';
import { Pods, ReplicaSets } from '../../api/kinds.ts';
import { timestamp } from '../../platform/clock.ts';
import { startReplicaSetController } from './controller.ts';
import { leastMissed } from './deletion-order.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startReplicaSetController(cluster.parts));
  await cluster.settle();
});
afterEach(() => cluster.stop());

const createSet = (replicas: number, spec: Partial<ReplicaSetSpec> = {}): Promise<ReplicaSet> =>
  cluster.client.create(ReplicaSets, {
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'app', image: 'x' }] } },
      ...spec,
    },
  });
const getSet = () => cluster.get(ReplicaSets, 'web');
const pods = () => cluster.list(Pods);
const scale = async (replicas: number): Promise<void> => {
  // A patch: the controller may be writing the status at this very moment.
  const key = { namespace: 'default', name: 'web' };
  await cluster.client.patch(ReplicaSets, key, { type: 'merge', body: { spec: { replicas } } });
  await cluster.settle();
};
const ready = (name: string, isReady = true) =>
  cluster.reportPod(name, {
    phase: 'Running',
    conditions: [
      { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: timestamp(cluster.clock.now()) },
    ],
  });

describe('a replica set', () => {
  test('I4 keeps its number of pods, each with a name of its own', async () => {
    const set = await createSet(3);
    await cluster.settle();
    const made = await pods();
    expect(made).toHaveLength(3);
    for (const { metadata } of made) {
      expect(metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
      expect(metadata.labels).toEqual({ app: 'web' });
      expect(metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', uid: set.metadata.uid, controller: true }]);
    }
    // A dead one comes back as a stranger.
    const [first] = made;
    await cluster.client.delete(Pods, { namespace: 'default', name: first!.metadata.name });
    await cluster.settle();
    const names = (await pods()).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(3);
    expect(names).not.toContain(first!.metadata.name);
  });

  test('replaces one that has ended or is ending, without waiting', async () => {
    await createSet(2, {});
    await cluster.settle();
    const [first] = await pods();
    await cluster.reportPod(first!.metadata.name, { phase: 'Failed' });
    await cluster.settle();
    expect(await pods()).toHaveLength(3);
    expect((await getSet()).status).toMatchObject({ replicas: 2 });
  });

  test('scales, and removes first what is missed least', async () => {
    await createSet(4);
    await cluster.settle();
    const names = (await pods()).map(({ metadata }) => metadata.name);
    for (const name of names.slice(0, 2)) await ready(name);
    await scale(2);
    expect((await pods()).map(({ metadata }) => metadata.name).sort()).toEqual(names.slice(0, 2).sort());
    await scale(0);
    expect(await pods()).toEqual([]);
    expect((await getSet()).status).toMatchObject({ replicas: 0, observedGeneration: 3 });
  });

  test('says how many are ready, and after their time available', async () => {
    await createSet(2, { minReadySeconds: 30 });
    await cluster.settle();
    for (const { metadata } of await pods()) await ready(metadata.name);
    await cluster.settle();
    expect((await getSet()).status).toMatchObject({ replicas: 2, readyReplicas: 2, availableReplicas: 0 });
    await cluster.settle(31_000);
    expect((await getSet()).status).toMatchObject({ fullyLabeledReplicas: 2, availableReplicas: 2 });
  });

  test('A1 adopts what matches and has nobody, and lets go of what no longer matches', async () => {
    const orphan = await cluster.createPod('orphan', { labels: { app: 'web' } });
    await createSet(2);
    await cluster.settle();
    const adopted = await cluster.pod('orphan');
    expect(adopted.metadata.uid).toBe(orphan.metadata.uid);
    expect(adopted.metadata.ownerReferences).toMatchObject([{ kind: 'ReplicaSet', name: 'web' }]);
    expect(await pods()).toHaveLength(2);
    await cluster.client.update(Pods, { ...adopted, metadata: { ...adopted.metadata, labels: { app: 'other' } } });
    await cluster.settle();
    expect((await cluster.pod('orphan')).metadata.ownerReferences ?? []).toEqual([]);
    expect(await pods()).toHaveLength(3);
  });

  test('says why pods cannot be made, tries again, and does not try a thousand at once', async () => {
    await createSet(100, {
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { priorityClassName: 'nobody', containers: [{ name: 'app', image: 'x' }] },
      },
    });
    await cluster.settle();
    expect((await getSet()).status?.conditions).toMatchObject([
      { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' },
    ]);
    expect(cluster.notes.filter(({ reason }) => reason === 'FailedCreate').length).toBeLessThan(10);
  });

  test('a set that is settled costs nothing', async () => {
    await createSet(3);
    await cluster.settle();
    const before = cluster.writes();
    await cluster.settle(600_000);
    expect(cluster.writes()).toBe(before);
  });
});

describe('which pods are missed least', () => {
  const pod = (
    name: string,
    change: { spec?: object; status?: object; annotations?: Record<string, string> } = {},
  ): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      uid: name,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(change.annotations && { annotations: change.annotations }),
    },
    spec: { containers: [], nodeName: 'a', ...change.spec },
    status: {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      ...change.status,
    },
  });
  const solid = pod('solid', { spec: { nodeName: 'b' } });

  test.each([
    ['one without a node', pod('x', { spec: { nodeName: '' } })],
    ['one that does not run', pod('x', { status: { phase: 'Pending' } })],
    ['one that is not ready', pod('x', { status: { conditions: [] } })],
    ['one of lower cost', pod('x', { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } })],
    [
      'one that was restarted',
      pod('x', { spec: { nodeName: 'b' }, status: { containerStatuses: [{ restartCount: 3 }] } }),
    ],
    [
      'one that became ready later',
      pod('x', {
        spec: { nodeName: 'b' },
        status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-02-01T00:00:00Z' }] },
      }),
    ],
  ])('%s', (_what, least) => {
    expect(leastMissed([solid, least], 1)).toEqual([least]);
    expect(leastMissed([least, solid], 1)).toEqual([least]);
  });
});
