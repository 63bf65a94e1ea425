import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import { builtInTypes, PersistentVolumeClaims, Pods } from '../../api/kinds.ts';
import { startGarbageCollector } from '../garbage-collector/controller.ts';
import { startVolumeController } from './controller.ts';
import { startEphemeralClaims } from './ephemeral-claims.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startEphemeralClaims(cluster.parts));
  cluster.use(startVolumeController(cluster.parts));
  cluster.use(startGarbageCollector({ ...cluster.parts, types: builtInTypes }));
  await cluster.settle();
});
afterEach(() => cluster.stop());

const createPod = () =>
  cluster.createPod('p', {
    spec: {
      volumes: [
        {
          name: 'scratch',
          ephemeral: {
            volumeClaimTemplate: {
              metadata: { labels: { kind: 'scratch' } },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
            },
          },
        },
      ],
    },
  });

describe('a volume that a pod describes', () => {
  test('gets a claim of the pod, which goes with it', async () => {
    const pod = await createPod();
    await cluster.settle();
    expect(await cluster.claim('p-scratch')).toMatchObject({
      metadata: { labels: { kind: 'scratch' }, ownerReferences: [{ kind: 'Pod', uid: pod.metadata.uid }] },
      spec: { resources: { requests: { storage: '1Gi' } } },
    });
    await cluster.client.delete(Pods, { namespace: 'default', name: 'p' });
    await cluster.settle();
    expect(await cluster.list(PersistentVolumeClaims)).toEqual([]);
  });

  test('never takes the claim of somebody else', async () => {
    const theirs = await cluster.createClaim('p-scratch');
    await createPod();
    await cluster.settle();
    expect((await cluster.claim('p-scratch')).metadata.ownerReferences ?? []).toEqual([]);
    expect((await cluster.claim('p-scratch')).metadata.uid).toBe(theirs.metadata.uid);
    expect(cluster.notes[0]).toMatchObject({ reason: 'FailedBinding', type: 'Warning' });
  });
});
