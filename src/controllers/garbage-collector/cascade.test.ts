import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import { newSet } from '../../../test/support/set-cluster.ts';
import { builtInTypes, ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import { startStatefulSetController } from '../statefulset/controller.ts';
import { startVolumeController } from '../volumes/controller.ts';
import { startGarbageCollector } from './controller.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startStatefulSetController(cluster.parts));
  cluster.use(startVolumeController(cluster.parts));
  cluster.use(startGarbageCollector({ ...cluster.parts, types: builtInTypes }));
  cluster.informers.get(Pods).subscribe((changes) => {
    for (const { type, object } of changes) {
      if (type !== 'added') continue;
      const conditions = [{ type: 'Ready', status: 'True' }];
      const report = () => cluster.reportPod(object.metadata.name, { phase: 'Running', conditions });
      cluster.clock.after(0, () => void report().catch(() => {}));
    }
  });
  await cluster.client.create(StatefulSets, newSet('db', { replicas: 3, claims: ['data'] }));
  await cluster.settle(5000);
});
afterEach(() => cluster.stop());

const pods = async () => (await cluster.list(Pods)).map(({ metadata }) => `${metadata.name} ${metadata.uid}`);
const claims = async () => (await cluster.list(PersistentVolumeClaims)).map(({ metadata }) => metadata.name);
const remove = (propagationPolicy: 'Background' | 'Foreground' | 'Orphan') =>
  cluster.client.delete(StatefulSets, { namespace: 'default', name: 'db' }, { propagationPolicy });

describe('a set that is deleted', () => {
  test.each(['Background', 'Foreground'] as const)(
    'A4 %s takes its pods and revisions with it, C2 not its claims',
    async (policy) => {
      expect(await pods()).toHaveLength(3);
      await remove(policy);
      await cluster.settle(5000);
      expect(await pods()).toEqual([]);
      expect(await cluster.list(StatefulSets)).toEqual([]);
      expect(await cluster.list(ControllerRevisions)).toEqual([]);
      expect(await claims()).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
    },
  );

  test('A3 with orphans leaves pods and claims, and a new set of its name takes them over as they are', async () => {
    const before = await pods();
    await remove('Orphan');
    await cluster.settle(5000);
    expect(await cluster.list(StatefulSets)).toEqual([]);
    expect(await pods()).toEqual(before);
    for (const { metadata } of await cluster.list(Pods)) expect(metadata.ownerReferences ?? []).toEqual([]);

    const again = await cluster.client.create(StatefulSets, newSet('db', { replicas: 3, claims: ['data'] }));
    await cluster.settle(5000);
    expect(await pods()).toEqual(before);
    for (const { metadata } of await cluster.list(Pods)) {
      expect(metadata.ownerReferences).toMatchObject([{ kind: 'StatefulSet', uid: again.metadata.uid }]);
    }
    expect((await cluster.get(StatefulSets, 'db')).status).toMatchObject({ replicas: 3, readyReplicas: 3 });
    expect(await claims()).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
  });

  test('C3 whenDeleted Delete takes the claims too', async () => {
    await cluster.client.create(
      StatefulSets,
      newSet('cache', {
        replicas: 2,
        claims: ['data'],
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
      }),
    );
    await cluster.settle(5000);
    expect(await claims()).toContain('data-cache-1');
    await cluster.client.delete(StatefulSets, { namespace: 'default', name: 'cache' });
    await cluster.settle(5000);
    expect(await claims()).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
  });
});
