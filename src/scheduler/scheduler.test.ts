import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../test/support/memory-cluster.ts';
import {
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  PriorityClasses,
  StorageClasses,
} from '../api/kinds.ts';
import { SELECTED_NODE } from '../api/volume-names.ts';
import { startScheduler } from './scheduler.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startScheduler(cluster.parts));
});
afterEach(() => cluster.stop());

const nodeOf = async (name: string): Promise<string | undefined> => (await cluster.pod(name)).spec.nodeName;
const scheduled = async (name: string) =>
  (await cluster.pod(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled');

describe('the scheduler', () => {
  test('binds a pod with one write', async () => {
    await cluster.createNode('node-0');
    await cluster.settle();
    await cluster.createPod('a');
    const before = cluster.writes();
    await cluster.settle();
    expect(await nodeOf('a')).toBe('node-0');
    expect(cluster.writes() - before).toBe(1);
    expect(await scheduled('a')).toMatchObject({ status: 'True' });
  });

  test('says once why a pod cannot be placed, and places it when that has changed', async () => {
    await cluster.createPod('a', { spec: { nodeSelector: { disk: 'fast' } } });
    await cluster.settle();
    expect(await scheduled('a')).toMatchObject({
      status: 'False',
      reason: 'Unschedulable',
      message: 'no nodes available to schedule pods',
    });
    await cluster.createNode('node-0');
    await cluster.settle();
    const message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
    expect(await scheduled('a')).toMatchObject({ status: 'False', message });
    const settled = cluster.writes();
    await cluster.settle(300_000);
    expect(cluster.writes()).toBe(settled);
    expect(cluster.notes.map(({ reason, message }) => [reason, message])).toContainEqual(['FailedScheduling', message]);

    const node = await cluster.get(Nodes, 'node-0');
    await cluster.client.update(Nodes, { ...node, metadata: { ...node.metadata, labels: { disk: 'fast' } } });
    await cluster.settle(20_000);
    expect(await nodeOf('a')).toBe('node-0');
  });

  test('counts pods that are only meant to be bound: many at once never overfill a node', async () => {
    await cluster.createNode('node-0');
    await cluster.createNode('node-1');
    const spec = { containers: [{ name: 'app', image: 'x', resources: { requests: { cpu: '1' } } }] };
    await Promise.all(Array.from({ length: 10 }, (_, index) => cluster.createPod(`p-${index}`, { spec })));
    await cluster.settle();
    const counts = new Map<string | undefined, number>();
    for (const pod of await cluster.list(Pods)) counts.set(pod.spec.nodeName, (counts.get(pod.spec.nodeName) ?? 0) + 1);
    expect(counts).toEqual(
      new Map([
        ['node-0', 4],
        ['node-1', 4],
        [undefined, 2],
      ]),
    );
    // A place becomes free: one of the two that wait gets it.
    const [first] = (await cluster.list(Pods)).filter((pod) => pod.spec.nodeName === 'node-0');
    await cluster.client.delete(Pods, { namespace: 'default', name: first!.metadata.name }, { gracePeriodSeconds: 0 });
    await cluster.settle(20_000);
    expect((await cluster.list(Pods)).filter((pod) => pod.spec.nodeName === undefined)).toHaveLength(1);
  });

  test('places a pod that wants to be near another when that one has come', async () => {
    await cluster.createNode('node-0');
    await cluster.createNode('node-1');
    const term = { labelSelector: { matchLabels: { app: 'cache' } }, topologyKey: 'kubernetes.io/hostname' };
    await cluster.createPod('web', {
      spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
    });
    await cluster.settle();
    expect(await nodeOf('web')).toBeUndefined();
    await cluster.createPod('cache', { labels: { app: 'cache' }, spec: { nodeName: 'node-1' } });
    await cluster.settle();
    expect(await nodeOf('web')).toBe('node-1');
  });

  test('places a pod that wants to be near one that it has just placed itself', async () => {
    await cluster.createNode('node-0');
    const term = { labelSelector: { matchLabels: { app: 'cache' } }, topologyKey: 'kubernetes.io/hostname' };
    await cluster.createPod('web', {
      spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
    });
    await cluster.settle();
    expect(await nodeOf('web')).toBeUndefined();
    await cluster.createPod('cache', { labels: { app: 'cache' } });
    await cluster.settle();
    expect(await nodeOf('cache')).toBe('node-0');
    expect(await nodeOf('web')).toBe('node-0');
  });

  test('takes the more important pod first', async () => {
    await cluster.client.create(PriorityClasses, { metadata: { name: 'important' }, value: 1000 });
    const spec = { containers: [{ name: 'app', image: 'x', resources: { requests: { cpu: '3' } } }] };
    await cluster.createPod('low', { spec });
    await cluster.createPod('high', { spec: { ...spec, priorityClassName: 'important' } });
    await cluster.settle();
    await cluster.createNode('node-0');
    await cluster.settle();
    expect(await nodeOf('high')).toBe('node-0');
    expect(await nodeOf('low')).toBeUndefined();
  });

  test('leaves alone what is not its own', async () => {
    await cluster.createNode('node-0');
    await cluster.createPod('other', { spec: { schedulerName: 'mine' } });
    await cluster.createPod('gated', { spec: { schedulingGates: [{ name: 'example.org/wait' }] } });
    await cluster.createPod('fixed', { spec: { nodeName: 'elsewhere' } });
    await cluster.settle();
    expect(await nodeOf('other')).toBeUndefined();
    expect(await nodeOf('gated')).toBeUndefined();
    expect(await nodeOf('fixed')).toBe('elsewhere');
  });

  test('chooses the node of a claim that waits for its consumer, and binds when the claim is bound', async () => {
    await cluster.createNode('node-0');
    await cluster.client.create(StorageClasses, {
      metadata: { name: 'berth-local' },
      provisioner: 'berth.dev/local',
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    await cluster.createClaim('data', { spec: { storageClassName: 'berth-local' } });
    const spec = { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] };
    await cluster.createPod('a', { spec });
    await cluster.createPod('b', { spec });
    await cluster.settle();
    expect((await cluster.claim('data')).metadata.annotations?.[SELECTED_NODE]).toBe('node-0');
    expect(await nodeOf('a')).toBeUndefined();

    await cluster.client.create(PersistentVolumes, {
      metadata: { name: 'pv' },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/x' },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-0'] }] },
            ],
          },
        },
      },
    });
    await cluster.client.patch(
      PersistentVolumeClaims,
      { namespace: 'default', name: 'data' },
      {
        type: 'merge',
        body: { metadata: { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } }, spec: { volumeName: 'pv' } },
      },
    );
    await cluster.settle();
    expect(await nodeOf('a')).toBe('node-0');
    expect(await nodeOf('b')).toBe('node-0');
  });

  test('a claim without a class that exists waits quietly', async () => {
    await cluster.createNode('node-0');
    await cluster.createClaim('data', { spec: { storageClassName: 'none' } });
    await cluster.createPod('a', { spec: { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }] } });
    await cluster.settle();
    expect(await scheduled('a')).toMatchObject({
      message:
        '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims: data waits for a volume of class "none", which nothing makes volumes of.',
    });
  });
});
