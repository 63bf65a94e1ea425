import { afterEach, beforeEach, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../test/support/memory-cluster.ts';
import { Nodes, PersistentVolumes, StorageClasses } from '../api/kinds.ts';
import { startScheduler } from './scheduler.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startScheduler(cluster.parts));
  await cluster.client.create(StorageClasses, {
    metadata: { name: 'local' },
    provisioner: 'berth.dev/local',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
});
afterEach(() => cluster.stop());

async function nodeWithDisk(name: string, size: string): Promise<void> {
  await cluster.createNode(name);
  const node = await cluster.get(Nodes, name);
  const allocatable = { ...node.status?.allocatable, 'ephemeral-storage': size };
  await cluster.client.update(Nodes, { ...node, status: { ...node.status, allocatable } }, { subresource: 'status' });
}

async function podWithClaim(name: string, storage: string): Promise<void> {
  await cluster.createClaim(name, { spec: { storageClassName: 'local', resources: { requests: { storage } } } });
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: name } }];
  await cluster.createPod(name, { spec: { volumes } });
}

const messageOf = async (name: string): Promise<string | undefined> =>
  (await cluster.pod(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
const selectedNode = async (name: string): Promise<string | undefined> =>
  (await cluster.claim(name)).metadata.annotations?.['volume.kubernetes.io/selected-node'];

test('local volumes go where there is room for them, those counted that are still to be made', async () => {
  await nodeWithDisk('node-0', '10Gi');
  await nodeWithDisk('node-1', '5Gi');
  await cluster.settle();
  await podWithClaim('large', '8Gi');
  await podWithClaim('small', '4Gi');
  await podWithClaim('late', '4Gi');
  await cluster.settle();
  expect(await selectedNode('large')).toBe('node-0');
  expect(await selectedNode('small')).toBe('node-1');
  expect(await selectedNode('late')).toBeUndefined();
  expect(await messageOf('late')).toBe('0/2 nodes are available: 2 node(s) did not have enough free storage.');
});

test('there is room for a pod where there is room for all of its claims', async () => {
  await nodeWithDisk('node-0', '10Gi');
  await nodeWithDisk('node-1', '15Gi');
  await cluster.settle();
  for (const name of ['data', 'log']) {
    await cluster.createClaim(name, {
      spec: { storageClassName: 'local', resources: { requests: { storage: '6Gi' } } },
    });
  }
  const volumes = ['data', 'log'].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  await cluster.createPod('both', { spec: { volumes } });
  await cluster.settle();
  expect([await selectedNode('data'), await selectedNode('log')]).toEqual(['node-1', 'node-1']);
});

test('and a volume that goes makes room', async () => {
  await nodeWithDisk('node-0', '5Gi');
  const term = { key: 'kubernetes.io/hostname', operator: 'In', values: ['node-0'] };
  await cluster.client.create(PersistentVolumes, {
    metadata: { name: 'old' },
    spec: {
      capacity: { storage: '3Gi' },
      accessModes: ['ReadWriteOnce'],
      local: { path: '/old' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [term] }] } },
    },
  });
  await cluster.settle();
  await podWithClaim('next', '4Gi');
  await cluster.settle();
  expect(await selectedNode('next')).toBeUndefined();
  await cluster.client.delete(PersistentVolumes, { name: 'old' });
  const { finalizers: _protection, ...metadata } = (await cluster.get(PersistentVolumes, 'old')).metadata;
  await cluster.client.update(PersistentVolumes, { ...(await cluster.get(PersistentVolumes, 'old')), metadata });
  await cluster.settle(20_000);
  expect(await selectedNode('next')).toBe('node-0');
});
