import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { Deployment, DeploymentSpec, Pod, ReplicaSet } from '../../api/generated/types.ts';
import { Deployments, Pods, ReplicaSets } from '../../api/kinds.ts';
import { timestamp } from '../../platform/clock.ts';
import { startReplicaSetController } from '../replicaset/controller.ts';
import { startDeploymentController } from './controller.ts';

const SECOND = 1000;
let cluster: MemoryCluster;
/** Whether a pod becomes Ready a second after it was made. */
let works: (pod: Pod) => boolean;
/** How many pods there were at once, ready ones first: the least and the most. */
let leastReady = Number.POSITIVE_INFINITY;
let mostPods = 0;

beforeEach(async () => {
  cluster = await startMemoryCluster();
  works = () => true;
  cluster.use(startReplicaSetController(cluster.parts));
  cluster.use(startDeploymentController(cluster.parts));
  const pods = cluster.informers.get(Pods);
  pods.subscribe((changes) => {
    for (const { type, object } of changes) {
      if (type === 'added' && works(object)) {
        cluster.clock.after(SECOND, () => void makeReady(object.metadata.name).catch(() => {}));
      }
    }
    const all = [...pods.list()];
    mostPods = Math.max(mostPods, all.length);
    leastReady = Math.min(leastReady, all.filter(isReady).length);
  });
  await cluster.settle();
});
afterEach(() => cluster.stop());

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

const makeReady = (name: string) =>
  cluster.reportPod(name, {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timestamp(cluster.clock.now()) }],
  });

const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'app', image }] },
});

const create = (replicas: number, spec: Partial<DeploymentSpec> = {}): Promise<Deployment> =>
  cluster.client.create(Deployments, {
    metadata: { namespace: 'default', name: 'web', annotations: { team: 'shop' } },
    spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template('app:1'), ...spec },
  });
const get = () => cluster.get(Deployments, 'web');

async function change(spec: Partial<DeploymentSpec>): Promise<void> {
  const deployment = await get();
  await cluster.client.update(Deployments, { ...deployment, spec: { ...deployment.spec, ...spec } });
}

const imageOf = ({ spec }: Pod | ReplicaSet): string | undefined =>
  ('containers' in spec ? spec : spec.template?.spec)?.containers[0]?.image;
const images = async () => (await cluster.list(Pods)).map(imageOf).sort();
const sets = async () =>
  Object.fromEntries((await cluster.list(ReplicaSets)).map((set) => [imageOf(set), set.spec.replicas]));
const condition = async (type: string) => (await get()).status?.conditions?.find((each) => each.type === type);

/** From now on the extremes are counted anew. */
function watchExtremes(): void {
  leastReady = Number.POSITIVE_INFINITY;
  mostPods = 0;
}

describe('a deployment', () => {
  test('makes a replica set of its template, and says when it is there', async () => {
    const deployment = await create(3);
    await cluster.settle(5 * SECOND);
    expect(await images()).toEqual(['app:1', 'app:1', 'app:1']);
    const [set] = await cluster.list(ReplicaSets);
    const hash = set!.metadata.labels?.['pod-template-hash'];
    expect(set).toMatchObject({
      metadata: {
        name: `web-${hash}`,
        labels: { app: 'web' },
        annotations: {
          team: 'shop',
          'deployment.kubernetes.io/revision': '1',
          'deployment.kubernetes.io/desired-replicas': '3',
          'deployment.kubernetes.io/max-replicas': '4',
        },
        ownerReferences: [{ kind: 'Deployment', uid: deployment.metadata.uid, controller: true }],
      },
      spec: { selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } } },
    });
    const after = await get();
    expect(after.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(after.status).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    expect(await condition('Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(await condition('Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    const before = cluster.writes();
    await cluster.settle(3600 * SECOND);
    expect(cluster.writes()).toBe(before);
  });

  test('rolls to a new template within its limits', async () => {
    await create(4, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    await cluster.settle(5 * SECOND);
    watchExtremes();
    await change({ template: template('app:2') });
    await cluster.settle(30 * SECOND);
    expect(await images()).toEqual(Array.from({ length: 4 }, () => 'app:2'));
    expect(await sets()).toEqual({ 'app:1': 0, 'app:2': 4 });
    expect(leastReady).toBeGreaterThanOrEqual(3);
    expect(mostPods).toBeLessThanOrEqual(5);
    expect((await get()).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    expect(await condition('Progressing')).toMatchObject({ reason: 'NewReplicaSetAvailable' });
  });

  test('U6 goes back to an earlier template without a new set, under a new revision', async () => {
    await create(2);
    await cluster.settle(5 * SECOND);
    await change({ template: template('app:2') });
    await cluster.settle(30 * SECOND);
    await change({ template: template('app:1') });
    await cluster.settle(30 * SECOND);
    expect(await images()).toEqual(['app:1', 'app:1']);
    const all = await cluster.list(ReplicaSets);
    expect(all).toHaveLength(2);
    expect(all.find((set) => imageOf(set) === 'app:1')?.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect((await get()).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  test('a template that does not work stops the update, says so at the deadline, and a corrected one gets through', async () => {
    await create(4, { progressDeadlineSeconds: 60 });
    await cluster.settle(5 * SECOND);
    works = (pod) => imageOf(pod) !== 'app:broken';
    watchExtremes();
    await change({ template: template('app:broken') });
    await cluster.settle(30 * SECOND);
    expect(leastReady).toBeGreaterThanOrEqual(3);
    expect(await condition('Progressing')).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });
    await cluster.settle(60 * SECOND);
    expect(await condition('Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    await change({ template: template('app:3') });
    await cluster.settle(60 * SECOND);
    expect(await images()).toEqual(Array.from({ length: 4 }, () => 'app:3'));
    expect(await condition('Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  test('scales, also in the middle of an update, in proportion', async () => {
    await create(10, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } });
    await cluster.settle(5 * SECOND);
    works = () => false;
    await change({ template: template('app:2') });
    await cluster.settle(5 * SECOND);
    expect(await sets()).toEqual({ 'app:1': 8, 'app:2': 5 });
    await change({ replicas: 15 });
    await cluster.settle(5 * SECOND);
    expect(await sets()).toEqual({ 'app:1': 11, 'app:2': 7 });
    works = () => true;
    for (const { metadata } of await cluster.list(Pods)) await makeReady(metadata.name).catch(() => {});
    await change({ template: template('app:1') });
    await cluster.settle(60 * SECOND);
    expect(await sets()).toEqual({ 'app:1': 15, 'app:2': 0 });
    await change({ replicas: 1 });
    await cluster.settle(5 * SECOND);
    expect(await images()).toEqual(['app:1']);
  });

  test('paused, it scales and does not roll; resumed, it rolls', async () => {
    await create(2, { paused: true });
    await cluster.settle(5 * SECOND);
    expect(await cluster.list(ReplicaSets)).toEqual([]);
    expect(await condition('Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
    await change({ paused: false });
    await cluster.settle(10 * SECOND);
    expect(await images()).toEqual(['app:1', 'app:1']);
    await change({ paused: true, template: template('app:2') });
    await cluster.settle(10 * SECOND);
    await change({ replicas: 3 });
    await cluster.settle(10 * SECOND);
    expect(await images()).toEqual(['app:1', 'app:1', 'app:1']);
    await change({ paused: false });
    await cluster.settle(30 * SECOND);
    expect(await images()).toEqual(['app:2', 'app:2', 'app:2']);
  });

  test('S3 hands a change of minReadySeconds on, even while it is paused, and restarts nothing', async () => {
    await create(2);
    await cluster.settle(5 * SECOND);
    const before = (await cluster.list(Pods)).map(({ metadata }) => metadata.uid).sort();
    const minReadySeconds = async () => (await cluster.list(ReplicaSets)).map(({ spec }) => spec.minReadySeconds ?? 0);
    await change({ minReadySeconds: 60 });
    await cluster.settle(20 * SECOND);
    expect(await minReadySeconds()).toEqual([60]);
    expect((await get()).status).toMatchObject({ readyReplicas: 2, unavailableReplicas: 2 });
    expect(await condition('Available')).toMatchObject({ status: 'False' });
    await cluster.settle(60 * SECOND);
    expect((await get()).status?.availableReplicas).toBe(2);
    await change({ minReadySeconds: 5, paused: true });
    await cluster.settle(5 * SECOND);
    expect(await minReadySeconds()).toEqual([5]);
    expect((await cluster.list(Pods)).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
  });

  test('an update that failed is still said to have failed when it is paused and resumed', async () => {
    await create(2, { progressDeadlineSeconds: 60 });
    await cluster.settle(5 * SECOND);
    works = () => false;
    await change({ template: template('app:broken') });
    await cluster.settle(90 * SECOND);
    const failed = await condition('Progressing');
    expect(failed).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    await change({ paused: true });
    await cluster.settle(10 * SECOND);
    expect(await condition('Progressing')).toEqual(failed);
    await change({ paused: false });
    await cluster.settle(10 * SECOND);
    expect(await condition('Progressing')).toEqual(failed);
    works = () => true;
    await change({ template: template('app:3') });
    await cluster.settle(60 * SECOND);
    expect(await condition('Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  test('Recreate never runs old and new at the same time', async () => {
    await create(3, { strategy: { type: 'Recreate' } });
    await cluster.settle(5 * SECOND);
    let mixed = false;
    const pods = cluster.informers.get(Pods);
    pods.subscribe(() => {
      mixed ||= new Set([...pods.list()].map(imageOf)).size > 1;
    });
    await change({ template: template('app:2') });
    await cluster.settle(30 * SECOND);
    expect(await images()).toEqual(['app:2', 'app:2', 'app:2']);
    expect(mixed).toBe(false);
  });

  test('keeps only so many old sets', async () => {
    await create(1, { revisionHistoryLimit: 2 });
    for (let version = 1; version <= 6; version++) {
      await change({ template: template(`app:${version}`) });
      await cluster.settle(30 * SECOND);
    }
    expect(await sets()).toEqual({ 'app:4': 0, 'app:5': 0, 'app:6': 1 });
    await change({ paused: true, revisionHistoryLimit: 1 });
    await cluster.settle(30 * SECOND);
    expect(await sets()).toEqual({ 'app:5': 0, 'app:6': 1 });
  });

  test('takes over a set of an earlier deployment of its name, without a restart', async () => {
    await create(2);
    await cluster.settle(5 * SECOND);
    const before = (await cluster.list(Pods)).map(({ metadata }) => metadata.uid).sort();
    // No garbage collector here: the sets stay as if they had been orphaned.
    await cluster.client.delete(Deployments, { namespace: 'default', name: 'web' });
    const [set] = await cluster.list(ReplicaSets);
    await cluster.client.update(ReplicaSets, { ...set!, metadata: { ...set!.metadata, ownerReferences: [] } });
    await create(2);
    await cluster.settle(30 * SECOND);
    expect((await cluster.list(Pods)).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
    expect(await cluster.list(ReplicaSets)).toHaveLength(1);
  });
});
