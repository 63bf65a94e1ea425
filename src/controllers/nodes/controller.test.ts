import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { Node, PodSpec } from '../../api/generated/types.ts';
import { Leases, Nodes, Pods } from '../../api/kinds.ts';
import { microTimestamp } from '../../platform/clock.ts';
import { startNodeController } from './controller.ts';

const SECOND = 1000;
let cluster: MemoryCluster;
const beating = new Set<string>();

beforeEach(async () => {
  cluster = await startMemoryCluster();
  beating.clear();
  cluster.use(startNodeController(cluster.parts));
  const beat = async (): Promise<void> => {
    for (const name of beating) await heartbeat(name);
    cluster.clock.after(10 * SECOND, () => void beat());
  };
  await beat();
});
afterEach(() => cluster.stop());

async function heartbeat(name: string): Promise<void> {
  const key = { namespace: 'kube-node-lease', name };
  const renewTime = microTimestamp(cluster.clock.now());
  await cluster.client
    .patch(Leases, key, { type: 'merge', body: { spec: { renewTime } } })
    .catch(() => cluster.client.create(Leases, { metadata: key, spec: { holderIdentity: name, renewTime } }));
}

async function createNode(name: string): Promise<void> {
  await cluster.createNode(name);
  beating.add(name);
  await heartbeat(name);
}

async function changeNode(name: string, change: (node: Node) => Node, subresource?: string): Promise<void> {
  await cluster.settle();
  const node = await cluster.get(Nodes, name);
  await cluster.client.update(Nodes, change(node), subresource === undefined ? {} : { subresource });
}

async function createPod(name: string, nodeName: string, spec: Partial<PodSpec> = {}): Promise<void> {
  await cluster.createPod(name, { spec: { nodeName, ...spec } });
  await cluster.reportPod(name, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] });
}

const ready = async (name: string) =>
  (await cluster.get(Nodes, name)).status?.conditions?.find(({ type }) => type === 'Ready');
const taints = async (name: string) =>
  ((await cluster.get(Nodes, name)).spec.taints ?? [])
    .map(({ key, effect }) => `${key.split('/')[1]}:${effect}`)
    .sort();
const condition = async (pod: string, wanted: string) =>
  (await cluster.pod(pod)).status?.conditions?.find(({ type }) => type === wanted);
const isEnding = async (pod: string): Promise<boolean> =>
  (await cluster.pod(pod)).metadata.deletionTimestamp !== undefined;
const podNames = async () => (await cluster.list(Pods)).map(({ metadata }) => metadata.name).sort();

describe('a node out of contact', () => {
  test('M6 is Unknown after 40 seconds and not before, and tainted', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await cluster.settle(300 * SECOND);
    expect(await ready('node-0')).toMatchObject({ status: 'True' });
    expect(await taints('node-0')).toEqual([]);
    beating.delete('node-0');
    await cluster.settle(29 * SECOND);
    expect(await ready('node-0')).toMatchObject({ status: 'True' });
    await cluster.settle(12 * SECOND);
    expect(await ready('node-0')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' });
    expect(await taints('node-0')).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule']);
    expect(await ready('node-1')).toMatchObject({ status: 'True' });
    expect(cluster.notes.some(({ reason, about }) => reason === 'NodeNotReady' && about.kind === 'Node')).toBe(true);
  });

  test('a node that is well is not written to, however often it is heard of', async () => {
    await createNode('node-0');
    await cluster.settle(10 * SECOND);
    let writes = 0;
    const { update } = cluster.client;
    const spy = vi.spyOn(cluster.client, 'update').mockImplementation((type, object, options) => {
      if (type.kind === 'Node') writes += 1;
      return update.call(cluster.client, type, object, options);
    });
    await cluster.settle(100 * SECOND);
    spy.mockRestore();
    expect(writes).toBe(0);
  });

  test('M6 its pods turn not Ready and say why and since when; none is removed', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0');
    await createPod('db-1', 'node-1');
    beating.delete('node-0');
    await cluster.settle(60 * SECOND);
    const lost = await condition('db-0', 'Ready');
    expect(lost).toMatchObject({ status: 'False', reason: 'NodeNotReady' });
    expect(lost?.message).toMatch(/^node node-0 has not been heard of since 2026-01-01T00:0\d:\d\dZ$/);
    expect(await condition('db-1', 'Ready')).toMatchObject({ status: 'True' });
    expect(await isEnding('db-0')).toBe(false);
  });

  test('M6 a pod is marked once each time its node is lost, whoever calls it Ready meanwhile', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0');
    const isReady = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    beating.delete('node-0');
    await cluster.settle(60 * SECOND);
    expect(await condition('db-0', 'Ready')).toMatchObject({ reason: 'NodeNotReady' });
    await cluster.reportPod('db-0', isReady);
    await cluster.settle(60 * SECOND);
    expect(await condition('db-0', 'Ready')).toMatchObject({ status: 'True' });
    await changeNode(
      'node-0',
      (node) => ({ ...node, status: { ...node.status, conditions: [{ type: 'Ready', status: 'True' }] } }),
      'status',
    );
    await cluster.settle(60 * SECOND);
    expect(await ready('node-0')).toMatchObject({ status: 'Unknown' });
    expect(await condition('db-0', 'Ready')).toMatchObject({ reason: 'NodeNotReady' });
  });

  test('M6 its pods are marked as ending after the time they tolerate, and stay until the node is back', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0');
    await createPod('patient', 'node-0', { tolerations: [{ operator: 'Exists' }] });
    beating.delete('node-0');
    await cluster.settle(330 * SECOND);
    expect(await isEnding('db-0')).toBe(false);
    await cluster.settle(20 * SECOND);
    expect(await isEnding('db-0')).toBe(true);
    expect(await condition('db-0', 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'DeletionByTaintManager',
    });
    expect(await isEnding('patient')).toBe(false);
    await cluster.settle(3600 * SECOND);
    expect(await podNames()).toEqual(['db-0', 'patient']);
  });

  test('M6 it comes back: the taints go, and nothing was evicted in time', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0');
    beating.delete('node-0');
    await cluster.settle(200 * SECOND);
    beating.add('node-0');
    await changeNode(
      'node-0',
      (node) => ({ ...node, status: { ...node.status, conditions: [{ type: 'Ready', status: 'True' }] } }),
      'status',
    );
    await cluster.settle(1000 * SECOND);
    expect(await taints('node-0')).toEqual([]);
    expect(await isEnding('db-0')).toBe(false);
  });

  test('M6 when no node is ready nobody is sent away: there is nowhere to go', async () => {
    await createNode('node-0');
    await createPod('db-0', 'node-0');
    beating.delete('node-0');
    await cluster.settle(3600 * SECOND);
    expect(await taints('node-0')).toEqual(['unreachable:NoSchedule']);
    expect(await condition('db-0', 'Ready')).toMatchObject({ status: 'False', reason: 'NodeNotReady' });
    expect(await isEnding('db-0')).toBe(false);
    await createNode('node-1');
    await cluster.settle(310 * SECOND);
    expect(await isEnding('db-0')).toBe(true);
  });

  test('M6 the node is deleted: its pods are removed for good, unless it is registered again in time', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0');
    await createPod('db-1', 'node-1');
    beating.clear();
    await cluster.client.delete(Nodes, { name: 'node-0' });
    await cluster.settle(30 * SECOND);
    expect(await podNames()).toEqual(['db-0', 'db-1']);
    await cluster.settle(15 * SECOND);
    expect(await podNames()).toEqual(['db-1']);
    await cluster.client.delete(Nodes, { name: 'node-1' });
    await cluster.settle(20 * SECOND);
    await createNode('node-1');
    await cluster.settle(60 * SECOND);
    expect(await podNames()).toEqual(['db-1']);
  });

  test('M6 the out-of-service taint removes what is ending there', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0');
    beating.delete('node-0');
    await cluster.settle(60 * SECOND);
    expect(await podNames()).toEqual(['db-0']);
    await changeNode('node-0', (node) => ({
      ...node,
      spec: {
        ...node.spec,
        taints: [
          ...(node.spec.taints ?? []),
          { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' },
        ],
      },
    }));
    await cluster.settle(SECOND);
    expect(await podNames()).toEqual([]);
  });

  test('M6 the out-of-service taint leaves a pod alone that tolerates it, and is not being deleted', async () => {
    await createNode('node-0');
    await createNode('node-1');
    await createPod('db-0', 'node-0', { tolerations: [{ operator: 'Exists' }] });
    beating.delete('node-0');
    await cluster.settle(60 * SECOND);
    await changeNode('node-0', (node) => ({
      ...node,
      spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
    }));
    await cluster.settle(60 * SECOND);
    expect(await isEnding('db-0')).toBe(false);
  });

  test('M6 a node counts as deleted when the API says so, not when a cache has not seen it', async () => {
    await createNode('node-0');
    await cluster.settle(SECOND);
    const cache = vi.spyOn(cluster.parts.informers.get(Nodes), 'get').mockReturnValue(undefined);
    await createPod('db-0', 'node-0');
    await cluster.settle(120 * SECOND);
    expect(cache).toHaveBeenCalled();
    expect(await podNames()).toEqual(['db-0']);
  });

  test('M6 the out-of-service taint on a node that works only sends pods away', async () => {
    await createNode('node-0');
    await createPod('db-0', 'node-0');
    await changeNode('node-0', (node) => ({
      ...node,
      spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] },
    }));
    await cluster.settle(5 * SECOND);
    expect(await isEnding('db-0')).toBe(true);
  });

  test('M6 when this process itself was held up nobody is lost', async () => {
    await createNode('node-0');
    await cluster.settle(15 * SECOND);
    // The machine slept: time has passed, and no timer of anybody has fired.
    const { clock } = cluster;
    const now = clock.now.bind(clock);
    clock.now = () => now() + 3600 * SECOND;
    await cluster.settle(35 * SECOND);
    expect(await ready('node-0')).toMatchObject({ status: 'True' });
  });
});

describe('taints', () => {
  test('a cordoned node and one under pressure keep new pods away, and others keep their taints', async () => {
    await createNode('node-0');
    await changeNode('node-0', (node) => ({
      ...node,
      spec: { unschedulable: true, taints: [{ key: 'example.org/mine', effect: 'NoSchedule' }] },
    }));
    await changeNode(
      'node-0',
      (node) => ({
        ...node,
        status: {
          ...node.status,
          conditions: [...(node.status?.conditions ?? []), { type: 'DiskPressure', status: 'True' }],
        },
      }),
      'status',
    );
    await cluster.settle(SECOND);
    expect(await taints('node-0')).toEqual(['disk-pressure:NoSchedule', 'mine:NoSchedule', 'unschedulable:NoSchedule']);
    await changeNode('node-0', (node) => ({ ...node, spec: { ...node.spec, unschedulable: false } }));
    await cluster.settle(SECOND);
    expect(await taints('node-0')).toEqual(['disk-pressure:NoSchedule', 'mine:NoSchedule']);
  });

  test('a NoExecute taint sends away at once who does not tolerate it, and in time who does so for a while', async () => {
    await createNode('node-0');
    await createPod('a', 'node-0');
    const tolerations = [{ key: 'drain', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }];
    await createPod('b', 'node-0', { tolerations });
    await changeNode('node-0', (node) => ({ ...node, spec: { taints: [{ key: 'drain', effect: 'NoExecute' }] } }));
    await cluster.settle(SECOND);
    expect(await isEnding('a')).toBe(true);
    expect(await isEnding('b')).toBe(false);
    await cluster.settle(55 * SECOND);
    expect(await isEnding('b')).toBe(false);
    await createPod('late', 'node-0', { tolerations });
    // Counted from when the taint was first seen, as `kubectl taint` does not say when that was.
    await cluster.settle(6 * SECOND);
    expect(await isEnding('b')).toBe(true);
    expect(await isEnding('late')).toBe(false);
    await cluster.settle(55 * SECOND);
    expect(await isEnding('late')).toBe(true);
  });

  test('healthy nodes and their pods cost nothing', async () => {
    await createNode('node-0');
    await createPod('a', 'node-0');
    await cluster.settle(SECOND);
    beating.clear();
    const before = cluster.writes();
    await cluster.settle(30 * SECOND);
    expect(cluster.writes()).toBe(before);
  });
});
