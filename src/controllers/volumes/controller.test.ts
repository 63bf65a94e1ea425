import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec } from '../../api/generated/types.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../../api/kinds.ts';
import { startVolumeController } from './controller.ts';
import { DEFAULT_STORAGE_CLASS, ensureDefaultStorageClass } from './default-storage-class.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  await cluster.createNode('node-0');
});
afterEach(() => cluster.stop());

async function start(): Promise<void> {
  cluster.use(startVolumeController(cluster.parts));
  await cluster.settle();
}

const onNode = (name: string): PersistentVolumeSpec => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }],
    },
  },
});

const createVolume = (name: string, spec: PersistentVolumeSpec = {}, annotations = {}): Promise<PersistentVolume> =>
  cluster.client.create(PersistentVolumes, {
    metadata: { name, annotations },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      local: { path: `/data/${name}` },
      storageClassName: 'manual',
      ...onNode('node-0'),
      ...spec,
    },
  });

/** What a node's agent does for a claim that was sent to it. */
const provision = (claim: PersistentVolumeClaim, spec: PersistentVolumeSpec = {}): Promise<PersistentVolume> =>
  createVolume(
    `pvc-${claim.metadata.name}`,
    {
      storageClassName: claim.spec.storageClassName ?? '',
      persistentVolumeReclaimPolicy: 'Delete',
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: 'default',
        name: claim.metadata.name,
        uid: claim.metadata.uid,
      },
      ...spec,
    },
    { 'pv.kubernetes.io/provisioned-by': 'berth.dev/local' },
  );

const volume = (name: string): Promise<PersistentVolume> => cluster.get(PersistentVolumes, name);
const exists = async (name: string): Promise<boolean> =>
  (await cluster.list(PersistentVolumeClaims)).some(({ metadata }) => metadata.name === name);
const deleteClaim = (name: string) => cluster.client.delete(PersistentVolumeClaims, { namespace: 'default', name });
const deletePod = (name: string) =>
  cluster.client.delete(Pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
const usePod = (name: string, claimName: string, nodeName = 'node-0') =>
  cluster.createPod(name, { spec: { nodeName, volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] } });

describe('the default storage class', () => {
  test('is made when there is none, and left alone when somebody made one', async () => {
    await ensureDefaultStorageClass(cluster.client);
    await ensureDefaultStorageClass(cluster.client);
    expect(await cluster.list(StorageClasses)).toMatchObject([
      {
        metadata: {
          name: DEFAULT_STORAGE_CLASS,
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
        provisioner: 'berth.dev/local',
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
        allowVolumeExpansion: true,
      },
    ]);
    expect((await cluster.createClaim('data')).spec.storageClassName).toBe(DEFAULT_STORAGE_CLASS);
  });

  test('is given to claims that were made before it', async () => {
    await start();
    await cluster.createClaim('early');
    await cluster.settle();
    await ensureDefaultStorageClass(cluster.client);
    await cluster.settle();
    expect((await cluster.claim('early')).spec.storageClassName).toBe(DEFAULT_STORAGE_CLASS);
  });
});

describe('claims and the volumes made for them', () => {
  beforeEach(async () => {
    await ensureDefaultStorageClass(cluster.client);
    await start();
  });

  test('a claim waits for its consumer, and then is bound to the volume made for it', async () => {
    const claim = await cluster.createClaim('data');
    const before = cluster.writes();
    await cluster.settle(60_000);
    expect(cluster.writes()).toBe(before);
    expect(claim.status?.phase).toBe('Pending');

    await provision(claim);
    await cluster.settle();
    expect(await cluster.claim('data')).toMatchObject({
      metadata: {
        annotations: { 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' },
      },
      spec: { volumeName: 'pvc-data' },
      status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } },
    });
    expect(await volume('pvc-data')).toMatchObject({ status: { phase: 'Bound' } });
    // The volume; then what it says and what the claim says: four writes, and none after them.
    expect(cluster.writes() - before).toBe(4);
    await cluster.settle(60_000);
    expect(cluster.writes() - before).toBe(4);
  });

  test('a claim whose chosen node has gone is free to go elsewhere', async () => {
    await cluster.createClaim('data', { annotations: { 'volume.kubernetes.io/selected-node': 'gone' } });
    await cluster.settle();
    expect((await cluster.claim('data')).metadata.annotations?.['volume.kubernetes.io/selected-node']).toBeUndefined();
  });

  test('a class that binds at once gets a node chosen', async () => {
    await cluster.client.create(StorageClasses, { metadata: { name: 'now' }, provisioner: 'berth.dev/local' });
    await cluster.createClaim('data', { spec: { storageClassName: 'now' } });
    await cluster.settle();
    expect((await cluster.claim('data')).metadata.annotations?.['volume.kubernetes.io/selected-node']).toBe('node-0');
  });

  test('C7 a claim in use is not deleted before its pod is gone', async () => {
    const claim = await cluster.createClaim('data');
    await provision(claim);
    await usePod('p', 'data');
    await cluster.settle();
    await deleteClaim('data');
    await cluster.settle(60_000);
    expect(await exists('data')).toBe(true);
    await deletePod('p');
    await cluster.settle();
    expect(await exists('data')).toBe(false);
  });

  test('C7 a claim may go when all that is left of its pod is a finalizer, which may wait for the claim', async () => {
    await provision(await cluster.createClaim('data'));
    await usePod('p', 'data');
    const body = { metadata: { finalizers: ['example.com/hold'] } };
    await cluster.client.patch(Pods, { namespace: 'default', name: 'p' }, { type: 'merge', body });
    await cluster.settle();
    await deleteClaim('data');
    await deletePod('p');
    await cluster.settle(60_000);
    expect(await exists('data')).toBe(true);
    await cluster.reportPod('p', { phase: 'Succeeded' });
    await cluster.settle();
    expect(await exists('data')).toBe(false);
    expect((await cluster.list(Pods)).map(({ metadata }) => metadata.name)).toEqual(['p']);
  });

  test('C7 a claim that nobody uses goes at once, and so do many', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, index) => cluster.createClaim(`c-${index}`)));
    await usePod('p', 'c-7');
    await Promise.all(Array.from({ length: 50 }, (_, index) => deleteClaim(`c-${index}`)));
    await cluster.settle();
    expect((await cluster.list(PersistentVolumeClaims)).map(({ metadata }) => metadata.name)).toEqual(['c-7']);
  });

  test('C7 a volume in use is not deleted before its claim is gone', async () => {
    await provision(await cluster.createClaim('data'));
    await cluster.settle();
    await cluster.client.delete(PersistentVolumes, { name: 'pvc-data' });
    await cluster.settle();
    expect(await volume('pvc-data')).toMatchObject({ status: { phase: 'Bound' } });
    await deleteClaim('data');
    await cluster.settle();
    expect(await cluster.list(PersistentVolumes)).toEqual([]);
  });

  test('C8 reclaim Delete: the volume is released only after the claim is gone, for the node to remove', async () => {
    await provision(await cluster.createClaim('data'));
    await usePod('p', 'data');
    await cluster.settle();
    await deleteClaim('data');
    await cluster.settle();
    expect((await volume('pvc-data')).status?.phase).toBe('Bound');
    await deletePod('p');
    await cluster.settle();
    expect((await volume('pvc-data')).status?.phase).toBe('Released');
  });

  test('C8 reclaim Retain keeps the data and says where it is', async () => {
    await provision(await cluster.createClaim('data'), { persistentVolumeReclaimPolicy: 'Retain' });
    await cluster.settle();
    await deleteClaim('data');
    await cluster.settle();
    expect((await volume('pvc-data')).status?.phase).toBe('Released');
    const [note] = cluster.notes;
    expect(note).toMatchObject({ reason: 'VolumeRetained', type: 'Normal' });
    expect(note?.message).toContain('claim default/data stays at /data/pvc-data on node-0');
    // A new claim of the same name is another one and does not get it.
    await cluster.createClaim('data');
    await cluster.settle();
    expect((await cluster.claim('data')).status?.phase).toBe('Pending');
  });

  test('C8 a retained volume is offered again when its reference is removed', async () => {
    await createVolume('kept', { storageClassName: 'manual', persistentVolumeReclaimPolicy: 'Retain' });
    await cluster.createClaim('data', { spec: { storageClassName: 'manual' } });
    await cluster.settle();
    await deleteClaim('data');
    await cluster.settle();
    const released = await volume('kept');
    expect(released.status?.phase).toBe('Released');
    const { claimRef: _, ...spec } = released.spec;
    await cluster.client.update(PersistentVolumes, { ...released, spec });
    await cluster.createClaim('again', { spec: { storageClassName: 'manual' } });
    await cluster.settle();
    expect(await cluster.claim('again')).toMatchObject({ spec: { volumeName: 'kept' }, status: { phase: 'Bound' } });
  });

  test('a claim whose volume has vanished is Lost', async () => {
    await provision(await cluster.createClaim('data'));
    await cluster.settle();
    const found = await volume('pvc-data');
    await cluster.client.update(PersistentVolumes, { ...found, metadata: { ...found.metadata, finalizers: [] } });
    await cluster.client.delete(PersistentVolumes, { name: 'pvc-data' });
    await cluster.settle();
    expect((await cluster.claim('data')).status).toEqual({ phase: 'Lost' });
    expect(cluster.notes).toMatchObject([{ reason: 'ClaimLost', type: 'Warning' }]);
  });

  test('a claim may grow', async () => {
    await provision(await cluster.createClaim('data'));
    await cluster.settle();
    const claim = await cluster.claim('data');
    await cluster.client.update(PersistentVolumeClaims, {
      ...claim,
      spec: { ...claim.spec, resources: { requests: { storage: '3Gi' } } },
    });
    await cluster.settle();
    expect((await cluster.claim('data')).status?.capacity).toEqual({ storage: '3Gi' });
    expect((await volume('pvc-data')).spec.capacity).toEqual({ storage: '3Gi' });
  });
});

describe('claims and volumes made by hand', () => {
  beforeEach(start);
  const manual = (spec: Partial<PersistentVolumeClaim['spec']> = {}) => ({
    spec: { storageClassName: 'manual', ...spec },
  });

  test('a volume is Available, and goes to the claim it fits best', async () => {
    await createVolume('large', { capacity: { storage: '9Gi' } });
    await createVolume('small', { capacity: { storage: '500Mi' } });
    await createVolume('fits', { capacity: { storage: '2Gi' } });
    await createVolume('other', { storageClassName: 'other' });
    await cluster.settle();
    expect((await volume('fits')).status?.phase).toBe('Available');
    await cluster.createClaim('data', manual());
    await cluster.settle();
    expect(await cluster.claim('data')).toMatchObject({
      spec: { volumeName: 'fits' },
      status: { phase: 'Bound', capacity: { storage: '2Gi' } },
    });
    expect(await volume('fits')).toMatchObject({
      metadata: { annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' } },
      spec: { claimRef: { namespace: 'default', name: 'data' } },
      status: { phase: 'Bound' },
    });
  });

  test('a claim that came first is bound when a volume comes', async () => {
    await cluster.createClaim('data', manual());
    await cluster.settle();
    await createVolume('late');
    await cluster.settle();
    expect((await cluster.claim('data')).spec.volumeName).toBe('late');
  });

  test('access modes, selectors and reservations decide', async () => {
    await createVolume('once');
    await createVolume('reserved', { claimRef: { namespace: 'default', name: 'mine' } });
    await createVolume('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] });
    await cluster.createClaim('shared', manual({ accessModes: ['ReadWriteMany'] }));
    await cluster.createClaim('mine', manual());
    await cluster.createClaim('choosy', manual({ selector: { matchLabels: { disk: 'fast' } } }));
    await cluster.settle();
    expect((await cluster.claim('shared')).spec.volumeName).toBe('many');
    expect((await cluster.claim('mine')).spec.volumeName).toBe('reserved');
    expect((await cluster.claim('choosy')).status?.phase).toBe('Pending');
    expect((await volume('once')).status?.phase).toBe('Available');
  });

  test('a claim may name its volume, and two claims never share one', async () => {
    await createVolume('v');
    await cluster.createClaim('first', manual({ volumeName: 'v' }));
    await cluster.settle();
    await cluster.createClaim('second', manual({ volumeName: 'v' }));
    await cluster.settle();
    expect((await cluster.claim('first')).status?.phase).toBe('Bound');
    expect((await cluster.claim('second')).status?.phase).toBe('Pending');
    expect(cluster.notes).toMatchObject([
      { reason: 'FailedBinding', message: 'volume "v" already bound to a different claim.' },
    ]);
  });

  test('C8 reclaim Delete of what nobody can delete fails and says where the data is', async () => {
    await createVolume('v', { persistentVolumeReclaimPolicy: 'Delete' });
    await cluster.createClaim('data', manual());
    await cluster.settle();
    await deleteClaim('data');
    await cluster.settle();
    expect((await volume('v')).status?.phase).toBe('Failed');
    expect(cluster.notes).toMatchObject([{ reason: 'VolumeFailedDelete' }]);
  });

  test('a class that does not exist costs nothing', async () => {
    const before = cluster.writes();
    await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        cluster.createClaim(`c-${index}`, { spec: { storageClassName: 'none' } }),
      ),
    );
    await cluster.settle(600_000);
    expect(cluster.writes() - before).toBe(20);
    expect(cluster.notes).toEqual([]);
  });
});
