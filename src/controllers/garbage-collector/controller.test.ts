import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { ConfigMap, OwnerReference, Pod } from '../../api/generated/types.ts';
import { builtInTypes, ConfigMaps, PersistentVolumes, Pods, Secrets } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { controllerReference, ownerReference } from '../../api/owner-references.ts';
import { InformerSet } from '../../client/informer.ts';
import { startGarbageCollector } from './controller.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
});
afterEach(() => cluster.stop());

async function start(): Promise<void> {
  cluster.use(startGarbageCollector({ ...cluster.parts, types: builtInTypes }));
  await cluster.settle();
}

const create = (name: string, ownerReferences: readonly OwnerReference[] = [], finalizers: string[] = []) =>
  cluster.client.create(ConfigMaps, { metadata: { namespace: 'default', name, ownerReferences, finalizers } });
const ownedBy = (owner: ConfigMap, blockOwnerDeletion = true): OwnerReference =>
  blockOwnerDeletion ? { ...ownerReference(ConfigMaps, owner), blockOwnerDeletion } : ownerReference(ConfigMaps, owner);
const remove = (name: string, propagationPolicy: 'Background' | 'Foreground' | 'Orphan') =>
  cluster.client.delete(ConfigMaps, { namespace: 'default', name }, { propagationPolicy });
const names = async (): Promise<readonly string[]> =>
  (await cluster.list(ConfigMaps)).map(({ metadata }) => metadata.name).sort();
const map = (name: string): Promise<ConfigMap> => cluster.get(ConfigMaps, name);

describe('the garbage collector', () => {
  test('A4 background: the owner goes at once, then all that was below it', async () => {
    await start();
    const top = await create('top');
    const middle = await create('middle', [ownedBy(top)]);
    await create('leaf', [ownedBy(middle)]);
    await create('other');
    await cluster.settle();
    await remove('top', 'Background');
    expect(await names()).not.toContain('top');
    await cluster.settle();
    expect(await names()).toEqual(['other']);
  });

  test('A4 foreground: the owner stays until what blocks it has gone, from the bottom up', async () => {
    await start();
    const top = await create('top');
    const middle = await create('middle', [ownedBy(top)]);
    await create('leaf', [ownedBy(middle)], ['example.org/hold']);
    await create('loose', [ownedBy(top, false)], ['example.org/hold']);
    await cluster.settle();
    await remove('top', 'Foreground');
    await cluster.settle(1000);
    expect(await names()).toEqual(['leaf', 'loose', 'middle', 'top']);
    for (const name of ['top', 'middle', 'leaf', 'loose']) {
      expect((await map(name)).metadata.deletionTimestamp, name).toBeDefined();
    }
    const leaf = await map('leaf');
    await cluster.client.update(ConfigMaps, { ...leaf, metadata: { ...leaf.metadata, finalizers: [] } });
    await cluster.settle(1000);
    // What does not block is not waited for.
    expect(await names()).toEqual(['loose']);
  });

  test('A3 orphan: the dependents stay and forget their owner', async () => {
    await start();
    const top = await create('top');
    const second = await create('second');
    await create('one', [ownedBy(top)]);
    await create('two', [ownedBy(top), ownedBy(second)]);
    await cluster.settle();
    await remove('top', 'Orphan');
    await cluster.settle();
    expect(await names()).toEqual(['one', 'second', 'two']);
    expect((await map('one')).metadata.ownerReferences ?? []).toEqual([]);
    expect((await map('two')).metadata.ownerReferences).toEqual([ownedBy(second)]);
  });

  test('A4 one that has another owner stays, and forgets the one that has gone', async () => {
    await start();
    const a = await create('a');
    const b = await create('b');
    await create('shared', [ownedBy(a), ownedBy(b)]);
    await cluster.settle();
    await remove('a', 'Background');
    await cluster.settle();
    expect((await map('shared')).metadata.ownerReferences).toEqual([ownedBy(b)]);
    await remove('b', 'Background');
    await cluster.settle();
    expect(await names()).toEqual([]);
  });

  test('A4 an owner of another uid is no owner', async () => {
    await start();
    const owner = await create('owner');
    await create('stale', [{ ...ownedBy(owner), uid: '00000000-0000-4000-8000-000000000000' }]);
    await create('fresh', [ownedBy(owner)]);
    await cluster.settle();
    expect(await names()).toEqual(['fresh', 'owner']);
  });

  test('A4 it may start when others have filled the caches already', async () => {
    const errors: string[] = [];
    const logger = { ...cluster.parts.logger, error: (message: string) => void errors.push(message) };
    const informers = new InformerSet({ ...cluster.parts, logger });
    for (const type of builtInTypes) informers.get(type);
    const owner = await create('owner');
    await create('left', [ownedBy(owner)]);
    await cluster.settle();
    cluster.use(startGarbageCollector({ ...cluster.parts, informers, logger, types: builtInTypes }));
    await cluster.settle();
    await remove('owner', 'Background');
    await cluster.settle();
    expect(await names()).toEqual([]);
    expect(errors).toEqual([]);
    informers.stop();
  });

  test('A4 what was left behind while nobody looked is collected at the start', async () => {
    const owner = await create('owner');
    await create('left', [ownedBy(owner)]);
    await create('kept', [ownedBy(await create('alive'))]);
    await remove('owner', 'Background');
    await start();
    expect(await names()).toEqual(['alive', 'kept']);
  });

  test('A4 what somebody adopts in time is kept', async () => {
    await start();
    const owner = await create('owner', [], ['example.org/hold']);
    const other = await create('other');
    const dependent = await create('dependent', [ownedBy(owner)]);
    await remove('owner', 'Background');
    await cluster.settle();
    await cluster.client.update(ConfigMaps, {
      ...dependent,
      metadata: { ...dependent.metadata, ownerReferences: [ownedBy(other)] },
    });
    const held = await map('owner');
    await cluster.client.update(ConfigMaps, { ...held, metadata: { ...held.metadata, finalizers: [] } });
    await cluster.settle(1000);
    expect(await names()).toEqual(['dependent', 'other']);
  });

  test('an owner of a kind nobody knows, or out of reach, keeps what it has', async () => {
    await start();
    const owner = await create('owner');
    await create('custom', [{ apiVersion: 'example.org/v1', kind: 'Widget', name: 'w', uid: 'w' }]);
    await cluster.client.create(PersistentVolumes, {
      metadata: { name: 'pv', ownerReferences: [{ ...ownedBy(owner), uid: 'gone' }] },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
    });
    await cluster.settle(1000);
    expect(await names()).toEqual(['custom', 'owner']);
    expect(await cluster.list(PersistentVolumes)).toHaveLength(1);
  });

  test('a kind that is followed later is looked through for owners that have gone', async () => {
    const types = builtInTypes.filter((type) => type !== Secrets);
    const collector = cluster.use(startGarbageCollector({ ...cluster.parts, types }));
    const owner = { apiVersion: 'v1', kind: 'Secret', name: 'gone', uid: '00000000-0000-4000-8000-000000000000' };
    await create('dependent', [owner]);
    await cluster.settle();
    expect(await names()).toEqual(['dependent']);
    collector.follow(Secrets);
    await cluster.settle();
    expect(await names()).toEqual([]);
  });

  test('objects of other kinds are collected too, pods gracefully', async () => {
    await start();
    const owner = await create('owner');
    const reference = controllerReference(ConfigMaps, owner as KubernetesObject);
    await cluster.client.create(Secrets, {
      metadata: { namespace: 'default', name: 's', ownerReferences: [reference] },
    });
    await cluster.client.create(Pods, {
      metadata: { namespace: 'default', name: 'p', ownerReferences: [reference] },
      spec: { nodeName: 'node-0', containers: [{ name: 'app', image: 'x' }] },
    });
    await remove('owner', 'Background');
    await cluster.settle();
    expect(await cluster.list(Secrets)).toEqual([]);
    const [pod] = (await cluster.list(Pods)) as readonly Pod[];
    expect(pod?.metadata.deletionGracePeriodSeconds).toBe(30);
  });

  test('a thousand dependents cost a write each', async () => {
    await start();
    const owner = await create('owner');
    await Promise.all(Array.from({ length: 1000 }, (_, index) => create(`d-${index}`, [ownedBy(owner)])));
    await cluster.settle();
    const before = cluster.writes();
    await remove('owner', 'Background');
    await cluster.settle();
    expect(await names()).toEqual([]);
    expect(cluster.writes() - before).toBe(1001);
  });
});
