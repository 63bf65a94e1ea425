import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import { newSet } from '../../../test/support/set-cluster.ts';
import type { Pod } from '../../api/generated/types.ts';
import { EndpointSlices, Leases, Nodes, Pods, Services, StatefulSets } from '../../api/kinds.ts';
import { microTimestamp } from '../../platform/clock.ts';
import { startScheduler } from '../../scheduler/scheduler.ts';
import { startEndpointsController } from '../endpoints/controller.ts';
import { startStatefulSetController } from '../statefulset/controller.ts';
import { startNodeController } from './controller.ts';

const SECOND = 1000;
let cluster: MemoryCluster;
/** Nodes whose agents work: they renew their leases, run what is bound to them, and confirm what ends. */
const alive = new Set<string>();

beforeEach(async () => {
  cluster = await startMemoryCluster();
  alive.clear();
  cluster.use(startScheduler(cluster.parts));
  cluster.use(startStatefulSetController(cluster.parts));
  cluster.use(startNodeController(cluster.parts));
  cluster.use(startEndpointsController(cluster.parts));
  cluster.informers.get(Pods).subscribe((changes) => {
    for (const { type, object } of changes) {
      if (type === 'deleted' || !alive.has(object.spec.nodeName ?? '')) continue;
      cluster.clock.after(0, () => void attend(object).catch(() => {}));
    }
  });
  const beat = async (): Promise<void> => {
    for (const name of alive) await renew(name);
    cluster.clock.after(10 * SECOND, () => void beat());
  };
  await cluster.client.create(Services, {
    metadata: { namespace: 'default', name: 'db' },
    spec: { clusterIP: 'None', selector: { app: 'db' } },
  });
  for (const name of ['node-0', 'node-1']) {
    await cluster.createNode(name);
    alive.add(name);
  }
  await beat();
  await cluster.client.create(StatefulSets, newSet('db', { replicas: 2 }));
  await cluster.settle(20 * SECOND);
});
afterEach(() => cluster.stop());

async function attend(pod: Pod): Promise<void> {
  const { name, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) {
    await cluster.client.delete(Pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  } else if (pod.status?.phase !== 'Running') {
    const podIP = `10.0.0.${1 + Number(name.at(-1))}`;
    const conditions = [{ type: 'Ready', status: 'True' }];
    await cluster.reportPod(name, { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions });
  }
}

async function renew(name: string): Promise<void> {
  const key = { namespace: 'kube-node-lease', name };
  const renewTime = microTimestamp(cluster.clock.now());
  await cluster.client
    .patch(Leases, key, { type: 'merge', body: { spec: { renewTime } } })
    .catch(() => cluster.client.create(Leases, { metadata: key, spec: { holderIdentity: name, renewTime } }));
}

const nodeOf = async (name: string) => (await cluster.pod(name)).spec.nodeName ?? '';
const readyMembers = async () =>
  (await cluster.list(EndpointSlices))
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter(({ conditions }) => conditions?.ready)
    .map(({ hostname }) => hostname);

describe('a set with a member on a lost node', () => {
  test('M6 gets no replacement, and nobody is sent to the member any more', async () => {
    const uid = (await cluster.pod('db-0')).metadata.uid;
    expect((await readyMembers()).sort()).toEqual(['db-0', 'db-1']);
    alive.delete(await nodeOf('db-0'));
    await cluster.settle(60 * SECOND);
    expect(await readyMembers()).toEqual(['db-1']);
    await cluster.settle(3600 * SECOND);
    const member = await cluster.pod('db-0');
    expect(member.metadata.uid).toBe(uid);
    expect(member.metadata.deletionTimestamp).toBeDefined();
    expect(member.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({ reason: 'NodeNotReady' });
    expect((await cluster.get(StatefulSets, 'db')).status).toMatchObject({ readyReplicas: 1 });
  });

  test('M6 gets one when the node is back and confirms the end', async () => {
    const lost = await nodeOf('db-0');
    const uid = (await cluster.pod('db-0')).metadata.uid;
    alive.delete(lost);
    await cluster.settle(600 * SECOND);
    alive.add(lost);
    await renew(lost);
    await attend(await cluster.pod('db-0'));
    await cluster.settle(30 * SECOND);
    const member = await cluster.pod('db-0');
    expect(member.metadata.uid).not.toBe(uid);
    expect(member.spec.nodeName).toBeDefined();
    expect(member.status?.phase).toBe('Running');
  });

  test('M6 gets one elsewhere when the node is deleted', async () => {
    const lost = await nodeOf('db-0');
    alive.delete(lost);
    await cluster.settle(60 * SECOND);
    await cluster.client.delete(Nodes, { name: lost });
    await cluster.settle(60 * SECOND);
    expect(await nodeOf('db-0')).not.toBe(lost);
    expect((await readyMembers()).sort()).toEqual(['db-0', 'db-1']);
  });

  test('M6 gets one elsewhere when the node is declared out of service', async () => {
    const lost = await nodeOf('db-0');
    alive.delete(lost);
    await cluster.settle(60 * SECOND);
    const node = await cluster.get(Nodes, lost);
    const taint = { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' };
    await cluster.client.update(Nodes, {
      ...node,
      spec: { ...node.spec, taints: [...(node.spec.taints ?? []), taint] },
    });
    await cluster.settle(10 * SECOND);
    expect(await nodeOf('db-0')).not.toBe(lost);
    expect((await readyMembers()).sort()).toEqual(['db-0', 'db-1']);
  });
});
