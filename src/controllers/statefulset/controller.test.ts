import { afterEach, describe, expect, test } from 'vitest';

import {
  newSet,
  type SetCluster,
  type SetClusterOptions,
  type SetOptions,
  startSetCluster,
} from '../../../test/support/set-cluster.ts';
import { apiError } from '../../api/errors.ts';
import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import type { Client } from '../../client/client.ts';
import { timestamp } from '../../platform/clock.ts';

let cluster: SetCluster | undefined;

afterEach(async () => {
  await cluster?.stop();
  cluster = undefined;
});

async function start(options?: SetClusterOptions): Promise<SetCluster> {
  cluster = await startSetCluster(options);
  return cluster;
}

/** A cluster with a set named `web` that is complete, and empty logs. */
async function startWith(set: SetOptions, options?: SetClusterOptions): Promise<SetCluster> {
  const started = await start(options);
  await started.createSet('web', set);
  await started.settle(5);
  started.log.length = 0;
  started.writes.length = 0;
  started.events.length = 0;
  return started;
}

const withImage =
  (image: string) =>
  (set: StatefulSet): StatefulSet => ({
    ...set,
    spec: {
      ...set.spec,
      template: {
        ...set.spec.template,
        spec: { ...set.spec.template.spec, containers: [{ name: 'app', image }] },
      },
    },
  });

const withSpec =
  (spec: Partial<StatefulSet['spec']>) =>
  (set: StatefulSet): StatefulSet => ({
    ...set,
    spec: { ...set.spec, ...spec },
  });

const web = (name = 'web') => ({ namespace: 'default', name });

describe('bringing a set up', () => {
  test('O1 C1 pods are created in order, each with its claim, the next one when the last is Ready', async () => {
    const { createSet, settle, log, getSet } = await start();
    await createSet('web', { replicas: 3, claims: ['data'] });
    await settle(5);
    expect(log).toEqual([
      'create claim data-web-0',
      'create pod web-0',
      'ready web-0',
      'create claim data-web-1',
      'create pod web-1',
      'ready web-1',
      'create claim data-web-2',
      'create pod web-2',
      'ready web-2',
    ]);
    const { status } = await getSet('web');
    expect(status).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
    });
    expect(status?.currentRevision).toBe(status?.updateRevision);
  });

  test('I1 I2 I3 C6 a pod has its identity from the start', async () => {
    const { createSet, settle, getPod, getSet } = await start();
    await createSet('web', { replicas: 1, claims: ['data'] });
    await settle(5);
    const { metadata, spec } = await getPod('web-0');
    const set = await getSet('web');
    expect(metadata.labels).toEqual({
      app: 'web',
      'statefulset.kubernetes.io/pod-name': 'web-0',
      'apps.kubernetes.io/pod-index': '0',
      'controller-revision-hash': set.status?.updateRevision,
    });
    expect(metadata.ownerReferences).toEqual([
      {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        name: 'web',
        uid: set.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(spec).toMatchObject({ hostname: 'web-0', subdomain: 'web' });
    expect(spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } });
  });

  test('C1 claims carry the labels of their template and of the selector', async () => {
    const { client, settle } = await start();
    const set = newSet('web', { replicas: 1, claims: ['data'] });
    const [claim] = set.spec.volumeClaimTemplates ?? [];
    if (claim === undefined) throw new Error('the set has a claim template');
    const labelled = { ...claim, metadata: { ...claim.metadata, labels: { tier: 'db' }, annotations: { note: 'x' } } };
    await client.create(StatefulSets, { ...set, spec: { ...set.spec, volumeClaimTemplates: [labelled] } });
    await settle(5);
    const { metadata } = await client.get(PersistentVolumeClaims, web('data-web-0'));
    expect(metadata).toMatchObject({ labels: { tier: 'db', app: 'web' }, annotations: { note: 'x' } });
    expect(metadata.ownerReferences).toBeUndefined();
  });

  test('the API is written to no more than needed: claim, pod and status for each pod, and the revision', async () => {
    const { createSet, settle, writes } = await start();
    await createSet('web', { replicas: 3, claims: ['data'] });
    await settle(20);
    expect(writes).toEqual([
      expect.stringMatching(/^create controllerrevision web-/),
      'create persistentvolumeclaim data-web-0',
      'create pod web-0',
      'status statefulset web',
      'create persistentvolumeclaim data-web-1',
      'create pod web-1',
      'status statefulset web',
      'create persistentvolumeclaim data-web-2',
      'create pod web-2',
      'status statefulset web',
      'status statefulset web',
    ]);
  });

  test('S4 a busy controller tells of several pods in one write, and of the last one at once', async () => {
    const { createSet, settle, getSet, writes } = await start({ busyFrom: 1 });
    await createSet('web', { replicas: 5 });
    await settle(5);
    expect((await getSet('web')).status).toMatchObject({ replicas: 5, readyReplicas: 5, availableReplicas: 5 });
    expect(writes.filter((write) => write.startsWith('status'))).toHaveLength(2);
  });

  test('S4 a busy controller keeps numbers to itself for a second at most', async () => {
    const cluster = await start({ busyFrom: 1 });
    cluster.becomesReady = (pod) => pod.metadata.name !== 'web-2';
    await cluster.createSet('web', { replicas: 5 });
    await cluster.settle(5);
    expect((await cluster.getSet('web')).status).toMatchObject({ replicas: 1, observedGeneration: 1 });
    await cluster.settle(1000);
    expect((await cluster.getSet('web')).status).toMatchObject({ replicas: 3, readyReplicas: 2 });
    cluster.writes.length = 0;
    await cluster.settle(900);
    expect(cluster.writes).toEqual([]);
  });

  test('S4 numbers that somebody has changed are put right, also by the controller that wrote them last', async () => {
    const cluster = await startWith({ replicas: 2 });
    const { status } = await cluster.getSet('web');
    const wrong = { ...(await cluster.getSet('web')), status: { ...status, replicas: 7, readyReplicas: 5 } };
    await cluster.client.update(StatefulSets, wrong, { subresource: 'status' });
    await cluster.settle(5);
    expect((await cluster.getSet('web')).status).toEqual(status);
  });

  test('S4 a set that is as it should be is not written to', async () => {
    const { settle, writes } = await startWith({ replicas: 3 });
    await settle(600_000);
    expect(writes).toEqual([]);
  });

  test('O6 Parallel creates all without waiting', async () => {
    const started = await start();
    started.becomesReady = () => false;
    await started.createSet('web', { replicas: 4, podManagementPolicy: 'Parallel' });
    await started.settle(5);
    expect(await started.podNames()).toEqual(['web-0', 'web-1', 'web-2', 'web-3']);
  });

  test('O6 a template that is refused makes few failures, not one for each pod', async () => {
    let refused = 0;
    const refusePods = (client: Client): Client => ({
      ...client,
      create: (type, object, options) => {
        if (type.kind !== 'Pod') return client.create(type, object, options);
        refused += 1;
        return Promise.reject(apiError('Forbidden', 'exceeded quota'));
      },
    });
    const { createSet, settle, events } = await start({ wrap: refusePods });
    await createSet('web', { replicas: 1000, podManagementPolicy: 'Parallel' });
    await settle(0);
    expect(refused).toBeLessThanOrEqual(2);
    expect(events.slice(0, 1)).toMatchObject([
      {
        type: 'Warning',
        reason: 'FailedCreate',
        message: 'create Pod web-0 in StatefulSet web failed error: exceeded quota',
      },
    ]);
  });

  test('S3 availability comes by time alone', async () => {
    const { createSet, settle, getSet, podNames } = await start();
    await createSet('web', { replicas: 2, minReadySeconds: 10 });
    await settle(5000);
    expect((await getSet('web')).status).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
    expect(await podNames()).toEqual(['web-0']);
    await settle(6000);
    expect(await podNames()).toEqual(['web-0', 'web-1']);
    await settle(11_000);
    expect((await getSet('web')).status).toMatchObject({ readyReplicas: 2, availableReplicas: 2 });
  });
});

describe('scaling', () => {
  test('O4 O5 down: highest first, the next only when the last is gone', async () => {
    const started = await startWith({ replicas: 4 });
    started.ends = () => false;
    await started.changeSet('web', withSpec({ replicas: 2 }));
    await started.settle(1000);
    const ending = async (): Promise<readonly string[]> =>
      (await started.client.list(Pods)).items
        .filter((pod) => pod.metadata.deletionTimestamp)
        .map((pod) => pod.metadata.name);
    expect(await ending()).toEqual(['web-3']);
    started.ends = () => true;
    await started.client.delete(Pods, web('web-3'), { gracePeriodSeconds: 0 });
    await started.settle(5);
    expect(started.log).toEqual(['delete pod web-3', 'delete pod web-2']);
    expect((await started.getSet('web')).status).toMatchObject({ replicas: 2, readyReplicas: 2 });
  });

  test('O5 waits for a pod that is not Ready, and says for whom', async () => {
    const { changeSet, settle, report, log, events } = await startWith({ replicas: 3 });
    await report('web-0', { phase: 'Running', ready: false, message: 'readiness probe failed: connection refused' });
    await changeSet('web', withSpec({ replicas: 1 }));
    await settle(5000);
    expect(log).toEqual([]);
    expect(events).toMatchObject([
      {
        reason: 'WaitingPodNotReady',
        message: 'web-0 is not Ready: readiness probe failed: connection refused; until then web-2 is not removed',
      },
    ]);
    await report('web-0', { phase: 'Running', ready: true });
    await settle(5);
    expect(log).toEqual(['ready web-0', 'delete pod web-2', 'delete pod web-1']);
  });

  test('C2 claims stay, and a later scale-up uses them again', async () => {
    const { changeSet, settle, client, log } = await startWith({ replicas: 3, claims: ['data'] });
    const before = await client.get(PersistentVolumeClaims, web('data-web-2'));
    await changeSet('web', withSpec({ replicas: 1 }));
    await settle(5);
    expect((await client.list(PersistentVolumeClaims)).items).toHaveLength(3);
    log.length = 0;
    await changeSet('web', withSpec({ replicas: 3 }));
    await settle(5);
    expect(log).toEqual(['create pod web-1', 'ready web-1', 'create pod web-2', 'ready web-2']);
    expect((await client.get(PersistentVolumeClaims, web('data-web-2'))).metadata.uid).toBe(before.metadata.uid);
  });

  test('one write for the status of each pod that goes', async () => {
    const { changeSet, settle, writes } = await startWith({ replicas: 3 });
    await changeSet('web', withSpec({ replicas: 0 }));
    await settle(20);
    expect(writes.filter((write) => write.startsWith('delete'))).toEqual([
      'delete pod web-2',
      'delete pod web-1',
      'delete pod web-0',
    ]);
    expect(writes.filter((write) => write.startsWith('status')).length).toBeLessThanOrEqual(6);
  });

  test('C3 whenScaled Delete: the claim belongs to its pod before the pod is deleted', async () => {
    const started = await startWith({
      replicas: 2,
      claims: ['data'],
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
    });
    const pod = await started.getPod('web-1');
    await started.changeSet('web', withSpec({ replicas: 1 }));
    await started.settle(5);
    const owners = async (name: string) =>
      (await started.client.get(PersistentVolumeClaims, web(name))).metadata.ownerReferences;
    expect(await owners('data-web-1')).toMatchObject([
      { kind: 'Pod', name: 'web-1', uid: pod.metadata.uid, controller: true },
    ]);
    expect(await owners('data-web-0')).toBeUndefined();
    // C3: until the garbage collector has taken it, the ordinal waits; then it begins with a new one.
    await started.changeSet('web', withSpec({ replicas: 2 }));
    await started.settle(5);
    expect(await started.podNames()).toEqual(['web-0']);
    await started.client.delete(PersistentVolumeClaims, web('data-web-1'));
    await started.client
      .patch(PersistentVolumeClaims, web('data-web-1'), { type: 'merge', body: { metadata: { finalizers: null } } })
      .catch(() => {});
    await started.settle(5);
    expect(await started.podNames()).toEqual(['web-0', 'web-1']);
    expect(await owners('data-web-1')).toBeUndefined();
  });

  test('C3 whenDeleted Delete: claims are made with the set as their owner', async () => {
    const { client, getSet, writes } = await startWith({
      replicas: 1,
      claims: ['data'],
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Delete' },
    });
    const { uid } = (await getSet('web')).metadata;
    const claim = await client.get(PersistentVolumeClaims, web('data-web-0'));
    expect(claim.metadata.ownerReferences).toMatchObject([{ kind: 'StatefulSet', uid, controller: true }]);
    expect(writes).toEqual([]);
  });
});

describe('updating', () => {
  test('U1 S2 rolls from the highest ordinal down, and is complete at the end', async () => {
    const { changeSet, settle, log, getSet, getPod } = await startWith({ replicas: 3 });
    const before = (await getSet('web')).status?.currentRevision;
    await changeSet('web', withImage('app:2'));
    await settle(5);
    expect(log).toEqual([
      'delete pod web-2',
      'create pod web-2',
      'ready web-2',
      'delete pod web-1',
      'create pod web-1',
      'ready web-1',
      'delete pod web-0',
      'create pod web-0',
      'ready web-0',
    ]);
    const { status } = await getSet('web');
    expect(status).toMatchObject({ observedGeneration: 2, updatedReplicas: 3, currentReplicas: 3, readyReplicas: 3 });
    expect(status?.currentRevision).toBe(status?.updateRevision);
    expect(status?.currentRevision).not.toBe(before);
    expect((await getPod('web-0')).spec.containers[0]?.image).toBe('app:2');
  });

  test('U1 U3 with a partition: the rest stays, and comes back as it was', async () => {
    const { changeSet, settle, log, getPod, client } = await startWith({ replicas: 3 });
    await changeSet('web', (set) =>
      withSpec({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })(withImage('app:2')(set)),
    );
    await settle(5);
    expect(log).toEqual(['delete pod web-2', 'create pod web-2', 'ready web-2']);
    await client.delete(Pods, web('web-1'));
    await settle(5);
    expect((await getPod('web-1')).spec.containers[0]?.image).toBe('app:1');
    await client.delete(Pods, web('web-2'));
    await settle(5);
    expect((await getPod('web-2')).spec.containers[0]?.image).toBe('app:2');
  });

  test('U4 OnDelete: only what is deleted by hand is updated', async () => {
    const { changeSet, settle, log, getPod, client } = await startWith({
      replicas: 2,
      updateStrategy: { type: 'OnDelete' },
    });
    await changeSet('web', withImage('app:2'));
    await settle(1000);
    expect(log).toEqual([]);
    await client.delete(Pods, web('web-0'));
    await settle(5);
    expect((await getPod('web-0')).spec.containers[0]?.image).toBe('app:2');
    expect((await getPod('web-1')).spec.containers[0]?.image).toBe('app:1');
  });

  test('U7 a corrected template gets through a broken update', async () => {
    const started = await startWith({ replicas: 3 });
    started.becomesReady = (pod: Pod) => pod.spec.containers[0]?.image !== 'broken';
    await started.changeSet('web', withImage('broken'));
    await started.settle(60_000);
    expect(started.log).toEqual(['delete pod web-2', 'create pod web-2']);
    await started.changeSet('web', withImage('app:3'));
    await started.settle(5);
    const { items } = await started.client.list(Pods);
    expect(items.map((pod) => pod.spec.containers[0]?.image)).toEqual(['app:3', 'app:3', 'app:3']);
  });

  test('U5 R1 undoing an update goes back to the old revision', async () => {
    const started = await startWith({ replicas: 2 });
    const first = (await started.getSet('web')).status?.currentRevision;
    started.becomesReady = (pod: Pod) => pod.spec.containers[0]?.image !== 'broken';
    await started.changeSet('web', withImage('broken'));
    await started.settle(10);
    await started.changeSet('web', withImage('app:1'));
    await started.settle(10);
    const { items } = await started.client.list(ControllerRevisions);
    expect(items.map(({ revision }) => revision).sort()).toEqual([2, 3]);
    expect((await started.getSet('web')).status).toMatchObject({
      updateRevision: first,
      currentRevision: first,
      readyReplicas: 2,
    });
  });

  test('R2 a taken name raises the collision count', async () => {
    const started = await start();
    const probe = await started.createSet('web', { replicas: 1 });
    await started.settle(5);
    const name = (await started.getSet('web')).status?.updateRevision ?? '';
    await started.client.delete(StatefulSets, web());
    await started.client.delete(Pods, web('web-0'), { gracePeriodSeconds: 0 });
    await started.settle(5);
    const taken = await started.client.get(ControllerRevisions, web(name));
    await started.client.delete(ControllerRevisions, web(name));
    await started.client.create(ControllerRevisions, { metadata: web(name), revision: 1, data: { other: true } });
    expect(taken.metadata.ownerReferences?.[0]?.uid).toBe(probe.metadata.uid);
    await started.createSet('web', { replicas: 1 });
    await started.settle(100);
    const { status } = await started.getSet('web');
    expect(status).toMatchObject({ collisionCount: 1, readyReplicas: 1 });
    expect(status?.updateRevision).not.toBe(name);
  });

  test('R1 A1 a revision that lost its owner and its labels is taken back, and not made again at every pass', async () => {
    const { client, settle, getSet, changeSet } = await startWith({ replicas: 1 });
    const name = (await getSet('web')).status?.updateRevision ?? '';
    const body = { metadata: { ownerReferences: null, labels: null } };
    await client.patch(ControllerRevisions, web(name), { type: 'merge', body });
    await changeSet('web', (set) => ({ ...set, spec: { ...set.spec, replicas: 2 } }));
    await settle(20);
    const { items } = await client.list(ControllerRevisions);
    expect(items.map(({ metadata }) => metadata.name)).toEqual([name]);
    expect(items[0]?.metadata).toMatchObject({ labels: { app: 'web' }, ownerReferences: [{ kind: 'StatefulSet' }] });
    expect((await getSet('web')).status).toMatchObject({ readyReplicas: 2, collisionCount: 0, updateRevision: name });
  });

  test('R3 old revisions go, those in use stay', async () => {
    const { changeSet, settle, client } = await startWith({ replicas: 1, revisionHistoryLimit: 2 });
    for (let version = 2; version <= 6; version += 1) {
      await changeSet('web', withImage(`app:${version}`));
      await settle(10);
    }
    const { items } = await client.list(ControllerRevisions);
    expect(items.map(({ revision }) => revision).sort()).toEqual([4, 5, 6]);
  });
});

describe('what others do', () => {
  test('I4 M1 a deleted pod comes back as itself when it is gone, and not before', async () => {
    const started = await startWith({ replicas: 2, claims: ['data'] });
    const before = await started.getPod('web-0');
    started.ends = () => false;
    await started.client.delete(Pods, web('web-0'));
    await started.settle(60_000);
    expect((await started.getPod('web-0')).metadata.uid).toBe(before.metadata.uid);
    await started.client.delete(Pods, web('web-0'), { gracePeriodSeconds: 0 });
    await started.settle(5);
    const after = await started.getPod('web-0');
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
    expect(after.spec).toMatchObject({ hostname: 'web-0', subdomain: 'web' });
    expect(after.spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } });
  });

  test('O2 a failed pod is deleted and made again', async () => {
    const { report, settle, log, getPod, events } = await startWith({ replicas: 1 });
    const { uid } = (await getPod('web-0')).metadata;
    await report('web-0', { phase: 'Failed', ready: false });
    await settle(5);
    expect(log).toEqual(['delete pod web-0', 'create pod web-0', 'ready web-0']);
    expect((await getPod('web-0')).metadata.uid).not.toBe(uid);
    expect(events.map(({ reason }) => reason)).toContain('RecreatingFailedPod');
  });

  test('I5 an identity label is put back', async () => {
    const { client, settle, getPod } = await startWith({ replicas: 1 });
    const body = { metadata: { labels: { 'statefulset.kubernetes.io/pod-name': 'nobody' } } };
    await client.patch(Pods, web('web-0'), { type: 'merge', body });
    await settle(5);
    expect((await getPod('web-0')).metadata.labels).toMatchObject({ 'statefulset.kubernetes.io/pod-name': 'web-0' });
  });

  test('A1 a pod that stops matching is released, and its name is waited for', async () => {
    const { client, settle, getPod, getSet, clock } = await startWith({ replicas: 1 });
    await settle(60_000);
    const since = timestamp(clock.now());
    await client.patch(Pods, web('web-0'), { type: 'merge', body: { metadata: { labels: { app: 'other' } } } });
    await settle(5000);
    expect((await getPod('web-0')).metadata.ownerReferences ?? []).toEqual([]);
    expect((await getSet('web')).status).toMatchObject({
      replicas: 0,
      conditions: [{ type: 'berth.dev/Waiting', status: 'True', reason: 'NameTaken', lastTransitionTime: since }],
    });
  });

  test('A1 A3 a new set takes over the pods, claims and history of one that was deleted with its pods left', async () => {
    const { client, settle, log, getSet, getPod, createSet } = await startWith({ replicas: 2, claims: ['data'] });
    const orphan = { type: 'merge', body: { metadata: { ownerReferences: null } } } as const;
    await client.delete(StatefulSets, web());
    for (const name of ['web-0', 'web-1']) await client.patch(Pods, web(name), orphan);
    for (const { metadata } of (await client.list(ControllerRevisions)).items) {
      await client.patch(ControllerRevisions, web(metadata.name), orphan);
    }
    await settle(5);
    await createSet('web', { replicas: 2, claims: ['data'] });
    await settle(5);
    expect(log).toEqual([]);
    const { uid } = (await getSet('web')).metadata;
    expect((await getPod('web-1')).metadata.ownerReferences).toMatchObject([{ uid, controller: true }]);
    expect((await getSet('web')).status).toMatchObject({ replicas: 2, readyReplicas: 2, updatedReplicas: 2 });
    expect((await client.list(ControllerRevisions)).items).toHaveLength(1);
  });

  test('O8 a claim that has vanished under a Pending pod is made again', async () => {
    const started = await start();
    started.becomesReady = () => false;
    await started.createSet('web', { replicas: 1, claims: ['data'] });
    await started.settle(5);
    await started.client.patch(PersistentVolumeClaims, web('data-web-0'), {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    await started.client.delete(PersistentVolumeClaims, web('data-web-0'));
    await started.settle(5);
    expect(started.log).toEqual(['create claim data-web-0', 'create pod web-0', 'create claim data-web-0']);
  });

  test('U6 annotations of the set are kept with the revision, for kubectl rollout history', async () => {
    const { client, settle } = await start();
    const set = newSet('web', { replicas: 1 });
    const annotations = { 'kubernetes.io/change-cause': 'first' };
    await client.create(StatefulSets, { ...set, metadata: { ...set.metadata, annotations } });
    await settle(5);
    const { items } = await client.list(ControllerRevisions);
    expect(items[0]?.metadata.annotations).toEqual(annotations);
    expect(items[0]?.data).toMatchObject({ spec: { template: { $patch: 'replace' } } });
  });

  test('O10 a wait is told once, and again when it changes', async () => {
    const started = await start();
    started.becomesReady = () => false;
    await started.createSet('web', { replicas: 2 });
    await started.settle(60_000);
    const waits = (): readonly string[] =>
      started.events.filter(({ reason }) => reason.startsWith('Waiting')).map(({ reason }) => reason);
    expect(waits()).toEqual(['WaitingPodStarting']);
    await started.report('web-0', { phase: 'Running', ready: false, message: 'HTTP 503' });
    await started.settle(60_000);
    expect(waits()).toEqual(['WaitingPodStarting', 'WaitingPodNotReady']);
    started.becomesReady = () => true;
    await started.report('web-0', { phase: 'Running', ready: true });
    await started.settle(10_000);
    expect((await started.getSet('web')).status?.conditions).toMatchObject([{ status: 'False', reason: 'Settled' }]);
  });

  test('O10 a pod that the API does not take: since when and why, told once, also by a controller that is started anew', async () => {
    let answer: string | undefined = 'pods "web-0" is forbidden: no service account';
    const refusePods = (client: Client): Client => ({
      ...client,
      create: (type, object, options) =>
        type.kind === 'Pod' && answer !== undefined
          ? Promise.reject(apiError('Forbidden', answer))
          : client.create(type, object, options),
    });
    const started = await start({ wrap: refusePods });
    await started.settle(10_000);
    const since = timestamp(started.clock.now());
    await started.createSet('web', { replicas: 2 });
    const told = async () => (await started.getSet('web')).status?.conditions;
    const waits = (): readonly string[] =>
      started.events.filter(({ reason }) => reason.startsWith('Waiting')).map(({ message }) => message);
    await started.settle(1000);
    expect(await told()).toBeUndefined();

    await started.settle(60_000);
    const message =
      'web-0 cannot be created: pods "web-0" is forbidden: no service account; until then web-1 is not created';
    const refused = { status: 'True', reason: 'PodRefused', lastTransitionTime: since };
    expect(await told()).toMatchObject([{ ...refused, message }]);
    await started.restart();
    await started.settle(60_000);
    expect(await told()).toMatchObject([{ ...refused, message }]);
    expect(waits()).toEqual([message]);

    answer = 'exceeded quota';
    await started.settle(60_000);
    expect(await told()).toMatchObject([
      { ...refused, message: expect.stringContaining('web-0 cannot be created: exceeded quota') },
    ]);
    expect(waits()).toHaveLength(2);

    answer = undefined;
    await started.settle(60_000);
    expect(await started.podNames()).toEqual(['web-0', 'web-1']);
    expect(await told()).toMatchObject([{ status: 'False', reason: 'Settled' }]);
    expect(waits()).toHaveLength(2);
  });

  test('O10 C3 a claim that nobody takes away after its pod is told as an alarm, since it was met', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Retain' };
    const started = await startWith({ replicas: 2, claims: ['data'], persistentVolumeClaimRetentionPolicy });
    await started.changeSet('web', withSpec({ replicas: 1 }));
    await started.settle(10_000);
    const since = timestamp(started.clock.now());
    await started.changeSet('web', withSpec({ replicas: 2 }));
    await started.settle(60_000);
    expect((await started.getSet('web')).status?.conditions).toMatchObject([
      { status: 'True', reason: 'ClaimStale', lastTransitionTime: since },
    ]);
    expect(started.events.filter(({ reason }) => reason === 'WaitingClaimStale')).toMatchObject([{ type: 'Warning' }]);
  });
});

describe('what goes wrong', () => {
  test('a controller that is stopped at any point goes on from what is stored', async () => {
    const started = await start();
    await started.createSet('web', { replicas: 4, claims: ['data'] });
    for (let i = 0; i < 4; i += 1) {
      await started.settle(0);
      await started.restart();
    }
    await started.settle(5);
    expect(started.log.filter((line) => line.startsWith('create pod'))).toEqual(
      [0, 1, 2, 3].map((n) => `create pod web-${n}`),
    );
    expect((await started.getSet('web')).status).toMatchObject({ readyReplicas: 4, observedGeneration: 1 });
  });

  test('a pod that was made though the answer was lost is not made twice', async () => {
    let lost = 0;
    const loseAnswers = (client: Client): Client => ({
      ...client,
      create: async (type, object, options) => {
        const created = await client.create(type, object, options);
        if (type.kind === 'Pod' && lost < 2) {
          lost += 1;
          throw apiError('Timeout', 'the answer was lost');
        }
        return created;
      },
    });
    const started = await start({ wrap: loseAnswers });
    await started.createSet('web', { replicas: 3 });
    await started.settle(1000);
    expect(started.log.filter((line) => line.startsWith('create'))).toEqual(
      [0, 1, 2].map((n) => `create pod web-${n}`),
    );
    expect((await started.getSet('web')).status).toMatchObject({ readyReplicas: 3 });
  });

  test('S4 a status that is refused is written with the next version', async () => {
    let refusals = 3;
    const conflicts = (client: Client): Client => ({
      ...client,
      update: (type, object, options) => {
        if (options?.subresource !== 'status' || refusals === 0) return client.update(type, object, options);
        refusals -= 1;
        return Promise.reject(apiError('ServiceUnavailable', 'not now'));
      },
    });
    const started = await start({ wrap: conflicts });
    await started.createSet('web', { replicas: 2 });
    await started.settle(1000);
    expect((await started.getSet('web')).status).toMatchObject({ readyReplicas: 2 });
  });

  test('O7 a set that is being deleted in the foreground gets no new pods', async () => {
    const started = await startWith({ replicas: 2 });
    await started.client.delete(StatefulSets, web(), { propagationPolicy: 'Foreground' });
    await started.client.delete(Pods, web('web-0'));
    await started.settle(1000);
    expect(await started.podNames()).toEqual(['web-1']);
  });
});
