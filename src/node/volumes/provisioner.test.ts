import { describe, expect, test } from 'vitest';

import { NODE, nodeHarness } from '../../../test/support/node-harness.ts';
import type { PersistentVolume, PersistentVolumeClaimSpec } from '../../api/generated/types.ts';
import { Events, PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../../api/kinds.ts';
import { LOCAL_PROVISIONER, PROVISIONED_BY, SELECTED_NODE } from '../../api/volume-names.ts';
import { noDisk } from './disk.ts';

const key = { namespace: 'default', name: 'data-db-0' };

async function cluster(reclaimPolicy = 'Delete') {
  const made: string[] = [];
  const removed: string[] = [];
  const disk = {
    ...noDisk,
    makeDirectory: async (directory: string) => void made.push(directory),
    remove: async (directory: string) => void removed.push(directory),
  };
  const harness = await nodeHarness({ directory: '/data/nodes/node-0', disk });
  const { client } = harness;
  await client.create(StorageClasses, {
    metadata: { name: 'local' },
    provisioner: LOCAL_PROVISIONER,
    reclaimPolicy,
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  const createClaim = (node?: string, name = key.name) =>
    client.create(PersistentVolumeClaims, {
      metadata: { ...key, name, ...(node && { annotations: { [SELECTED_NODE]: node } }) },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local', resources: { requests: { storage: '1Gi' } } },
    });
  const volumes = async () => (await client.list(PersistentVolumes)).items;
  /** As the volume controller does when the claim is gone. */
  const release = async (volume: PersistentVolume) => {
    const claim = await client.get(PersistentVolumeClaims, key);
    await client.update(PersistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, finalizers: [] } });
    await client.delete(PersistentVolumeClaims, key);
    const fresh = await client.get(PersistentVolumes, { name: volume.metadata.name });
    await client.update(PersistentVolumes, { ...fresh, status: { phase: 'Released' } }, { subresource: 'status' });
  };
  return { ...harness, made, removed, createClaim, volumes, release };
}

/** A pod that uses a bound claim, of which something runs on until `letGo` is called. */
async function clusterWithStuckPod() {
  const base = await cluster();
  const { client, clock, createClaim, volumes, createPod, runtime } = base;
  await createClaim(NODE);
  await clock.advance(1);
  const [volume] = await volumes();
  const claim = await client.get(PersistentVolumeClaims, key);
  const spec = { ...claim.spec, volumeName: volume!.metadata.name };
  const bound = await client.update(PersistentVolumeClaims, { ...claim, spec });
  await client.update(PersistentVolumeClaims, { ...bound, status: { phase: 'Bound' } }, { subresource: 'status' });
  const pod = await createPod('db-0', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: key.name } }] });
  await clock.advance(1);
  expect((await runtime.status(pod.metadata.uid))?.alive).toBe(true);
  return { ...base, volume: volume!, letGo: runtime.hold(pod.metadata.uid) };
}

describe('the provisioner of a node', () => {
  test('C1 makes a directory and a volume for a claim that was given to its node', async () => {
    const { clock, createClaim, volumes, made } = await cluster();
    const { metadata } = await createClaim(NODE);
    await clock.advance(1);
    const directory = `/data/nodes/node-0/volumes/pvc-${metadata.uid}`;
    expect(made).toContain(directory);
    expect(await volumes()).toMatchObject([
      {
        metadata: { name: `pvc-${metadata.uid}`, annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER } },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'local',
          persistentVolumeReclaimPolicy: 'Delete',
          claimRef: { ...key, kind: 'PersistentVolumeClaim', uid: metadata.uid },
          local: { path: directory },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] }] },
              ],
            },
          },
        },
      },
    ]);
  });

  test('C8 gives a claim the volume that was kept and is offered again, to one claim alone', async () => {
    const { clock, createClaim, volumes, release, client, agent, startAgent } = await cluster('Retain');
    await createClaim(NODE);
    await clock.advance(1);
    const [kept] = await volumes();
    await release(kept!);
    const fresh = await client.get(PersistentVolumes, { name: kept!.metadata.name });
    const { claimRef: _, ...spec } = fresh.spec;
    const offered = await client.update(PersistentVolumes, { ...fresh, spec });
    await client.update(PersistentVolumes, { ...offered, status: { phase: 'Available' } }, { subresource: 'status' });
    const [first, second] = await Promise.all([createClaim(NODE), createClaim(NODE, 'data-db-1')]);
    await clock.advance(1_000);
    // Nothing more is made for it while it is being bound, by the next agent either.
    await agent().stop();
    await startAgent();
    await clock.advance(1_000);
    const made = await volumes();
    expect(made).toHaveLength(2);
    const owners = made.map((volume) => volume.spec.claimRef?.uid);
    expect(owners.sort()).toEqual([first, second].map(({ metadata }) => metadata.uid).sort());
    expect(made.map(({ metadata }) => metadata.name)).toContain(kept!.metadata.name);
  });

  test.each<[string, Partial<PersistentVolumeClaimSpec>]>([
    ['data of another volume', { dataSource: { kind: 'PersistentVolumeClaim', name: 'other' } }],
    ['a selector', { selector: { matchLabels: { disk: 'fast' } } }],
    ['a block device', { volumeMode: 'Block' }],
  ])('C1 makes none for a claim that asks for %s, and says so', async (_, spec) => {
    const { clock, client, made, volumes } = await cluster();
    await client.create(PersistentVolumeClaims, {
      metadata: { ...key, annotations: { [SELECTED_NODE]: NODE } },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'local',
        resources: { requests: { storage: '1Gi' } },
        ...spec,
      },
    });
    await clock.advance(2_000);
    expect(made).toEqual([]);
    expect(await volumes()).toEqual([]);
    const { items } = await client.list(Events, { namespace: 'default' });
    expect(items.find(({ reason }) => reason === 'ProvisioningFailed')?.message).toContain('not supported');
  });

  test('leaves the claims of other nodes, and those that wait for a consumer, alone', async () => {
    const { clock, createClaim, volumes, client } = await cluster();
    await createClaim();
    await clock.advance(1);
    expect(await volumes()).toEqual([]);
    const annotations = { [SELECTED_NODE]: 'node-1' };
    await client.patch(PersistentVolumeClaims, key, { type: 'merge', body: { metadata: { annotations } } });
    await clock.advance(1);
    expect(await volumes()).toEqual([]);
  });

  test('M3 goes on with a claim that was left half done', async () => {
    const { clock, createClaim, volumes, agent, startAgent } = await cluster();
    await agent().stop();
    await createClaim(NODE);
    await startAgent();
    await clock.advance(1);
    expect(await volumes()).toHaveLength(1);
    await agent().stop();
    await startAgent();
    await clock.advance(1);
    expect(await volumes()).toHaveLength(1);
  });

  test('C8 removes the directory and then the volume when the claim is gone', async () => {
    const { clock, createClaim, volumes, release, removed } = await cluster();
    await createClaim(NODE);
    await clock.advance(1);
    const [volume] = await volumes();
    await release(volume!);
    await clock.advance(1);
    expect(removed).toContain(volume!.spec.local!.path);
    expect((await volumes()).filter(({ metadata }) => !metadata.deletionTimestamp)).toEqual([]);
  });

  test.each([
    ['Delete', 1],
    ['Retain', 0],
  ])('C8 with %s, a volume that was deleted before its claim loses its data %i times', async (policy, times) => {
    const { clock, createClaim, volumes, release, removed, client } = await cluster(policy);
    await createClaim(NODE);
    await clock.advance(1);
    const [volume] = await volumes();
    const { name } = volume!.metadata;
    await client.delete(PersistentVolumes, { name });
    await clock.advance(1_000);
    expect(removed).toEqual([]);
    await release(volume!);
    // As the volume controller does with what nobody uses.
    const fresh = await client.get(PersistentVolumes, { name });
    await client.update(PersistentVolumes, { ...fresh, metadata: { ...fresh.metadata, finalizers: [] } });
    await clock.advance(1_000);
    expect(await volumes()).toEqual([]);
    expect([...new Set(removed)]).toEqual(times === 0 ? [] : [volume!.spec.local!.path]);
  });

  test('C8 keeps everything while the claim is there, whatever the phase says', async () => {
    const { clock, createClaim, volumes, removed, client } = await cluster();
    await createClaim(NODE);
    await clock.advance(1);
    const [volume] = await volumes();
    await client.update(PersistentVolumes, { ...volume!, status: { phase: 'Released' } }, { subresource: 'status' });
    await clock.advance(10_000);
    expect(removed).toEqual([]);
    expect(await volumes()).toHaveLength(1);
  });

  test('C8 keeps what is to be retained', async () => {
    const { clock, createClaim, volumes, release, removed } = await cluster('Retain');
    await createClaim(NODE);
    await clock.advance(1);
    const [volume] = await volumes();
    await release(volume!);
    await clock.advance(10_000);
    expect(removed).toEqual([]);
    expect(await volumes()).toHaveLength(1);
  });

  test('C8 M2 waits for what still runs of a pod that was deleted by force', async () => {
    const { clock, volume, letGo, release, removed, client } = await clusterWithStuckPod();
    await client.delete(Pods, { namespace: 'default', name: 'db-0' }, { gracePeriodSeconds: 0 });
    await release(volume);
    await clock.advance(30_000);
    expect(removed).not.toContain(volume.spec.local!.path);
    letGo();
    await clock.advance(5_000);
    expect(removed).toContain(volume.spec.local!.path);
  });

  test('C8 M2 and for what runs of a pod that only the node knows', async () => {
    const { clock, volume, letGo, release, removed, client, agent, startAgent } = await clusterWithStuckPod();
    const stopped = agent().stop();
    await client.delete(Pods, { namespace: 'default', name: 'db-0' }, { gracePeriodSeconds: 0 });
    await startAgent();
    await release(volume);
    await clock.advance(30_000);
    expect(removed).not.toContain(volume.spec.local!.path);
    letGo();
    await clock.advance(5_000);
    await stopped;
    expect(removed).toContain(volume.spec.local!.path);
  });

  test('C8 a volume that was made again to keep its data keeps it, whatever its policy was before', async () => {
    const { clock, volume, letGo, release, removed, client } = await clusterWithStuckPod();
    const { name, annotations } = volume.metadata;
    await client.delete(Pods, { namespace: 'default', name: 'db-0' }, { gracePeriodSeconds: 0 });
    await release(volume);
    const drop = async () => {
      await client.delete(PersistentVolumes, { name });
      const fresh = await client.get(PersistentVolumes, { name });
      await client.update(PersistentVolumes, { ...fresh, metadata: { ...fresh.metadata, finalizers: [] } });
      await clock.advance(2_000);
    };
    await drop();
    const kept = { ...volume.spec, persistentVolumeReclaimPolicy: 'Retain' as const };
    const again = await client.create(PersistentVolumes, { metadata: { name, annotations: annotations! }, spec: kept });
    await client.update(PersistentVolumes, { ...again, status: { phase: 'Released' } }, { subresource: 'status' });
    await clock.advance(2_000);
    letGo();
    await clock.advance(5_000);
    await drop();
    expect(removed).not.toContain(volume.spec.local!.path);
  });

  test('C8 never removes a directory that is not its own, whatever the volume says', async () => {
    const { clock, createClaim, client, removed } = await cluster();
    const { metadata } = await createClaim();
    const spec = {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Delete',
      local: { path: '/home' },
      claimRef: { ...key, uid: `${metadata.uid}-before` },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] }] },
          ],
        },
      },
    };
    const volume = await client.create(PersistentVolumes, {
      metadata: { name: 'mine', annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER } },
      spec,
    });
    await client.update(PersistentVolumes, { ...volume, status: { phase: 'Released' } }, { subresource: 'status' });
    await clock.advance(5_000);
    expect(removed).toEqual([]);
  });
});
