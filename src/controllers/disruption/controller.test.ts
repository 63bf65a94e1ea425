import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { PodDisruptionBudgetSpec, StatefulSet } from '../../api/generated/types.ts';
import { PodDisruptionBudgets, Pods, StatefulSets } from '../../api/kinds.ts';
import { controllerReference } from '../../api/owner-references.ts';
import { timestamp } from '../../platform/clock.ts';
import { startDisruptionController } from './controller.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startDisruptionController(cluster.parts));
});
afterEach(() => cluster.stop());

const createBudget = (spec: PodDisruptionBudgetSpec) =>
  cluster.client.create(PodDisruptionBudgets, {
    metadata: { namespace: 'default', name: 'db' },
    spec: { selector: { matchLabels: { app: 'db' } }, ...spec },
  });
const status = async () => {
  await cluster.settle(100);
  return (await cluster.get(PodDisruptionBudgets, 'db')).status;
};

async function createMember(name: string, ready: boolean, owner?: StatefulSet): Promise<void> {
  await cluster.client.create(Pods, {
    metadata: {
      namespace: 'default',
      name,
      labels: { app: 'db' },
      ...(owner && { ownerReferences: [controllerReference(StatefulSets, owner)] }),
    },
    spec: { nodeName: 'node-0', containers: [{ name: 'app', image: 'x' }] },
  });
  await cluster.reportPod(name, {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  });
}

const createSet = (replicas: number): Promise<StatefulSet> =>
  cluster.client.create(StatefulSets, {
    metadata: { namespace: 'default', name: 'db' },
    spec: {
      serviceName: 'db',
      replicas,
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'app', image: 'x' }] } },
    },
  });

describe('a disruption budget', () => {
  test('minAvailable counts the healthy pods there are', async () => {
    await createBudget({ minAvailable: 2 });
    expect(await status()).toMatchObject({ disruptionsAllowed: 0, expectedPods: 0 });
    for (const [name, ready] of [
      ['db-0', true],
      ['db-1', true],
      ['db-2', true],
      ['db-3', false],
    ] as const) {
      await createMember(name, ready);
    }
    expect(await status()).toMatchObject({
      observedGeneration: 1,
      currentHealthy: 3,
      desiredHealthy: 2,
      expectedPods: 4,
      disruptionsAllowed: 1,
      conditions: [{ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' }],
    });
    await cluster.reportPod('db-0', { conditions: [{ type: 'Ready', status: 'False' }] });
    expect(await status()).toMatchObject({
      currentHealthy: 2,
      disruptionsAllowed: 0,
      conditions: [{ status: 'False', reason: 'InsufficientPods' }],
    });
  });

  test('a pod on its way out is not healthy', async () => {
    await createBudget({ minAvailable: 1 });
    await createMember('db-0', true);
    await createMember('db-1', true);
    await cluster.client.delete(Pods, { namespace: 'default', name: 'db-0' });
    expect(await status()).toMatchObject({ currentHealthy: 1, expectedPods: 2, disruptionsAllowed: 0 });
  });

  test('maxUnavailable and percentages count what the controller wants', async () => {
    const set = await createSet(5);
    await createBudget({ maxUnavailable: '30%' });
    for (const ordinal of [0, 1, 2]) await createMember(`db-${ordinal}`, true, set);
    expect(await status()).toMatchObject({
      expectedPods: 5,
      desiredHealthy: 3,
      currentHealthy: 3,
      disruptionsAllowed: 0,
    });
    await cluster.client.update(StatefulSets, { ...set, spec: { ...set.spec, replicas: 3 } });
    expect(await status()).toMatchObject({ expectedPods: 3, desiredHealthy: 2, disruptionsAllowed: 1 });
  });

  test('fails safe when nobody says how many there should be', async () => {
    await createBudget({ maxUnavailable: 1 });
    await createMember('db-0', true);
    expect(await status()).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ status: 'False', reason: 'SyncFailed' }],
    });
  });

  test('an eviction that was granted counts until the pod ends, or for two minutes', async () => {
    await createBudget({ minAvailable: 1 });
    await createMember('db-0', true);
    await createMember('db-1', true);
    expect(await status()).toMatchObject({ disruptionsAllowed: 1 });
    const budget = await cluster.get(PodDisruptionBudgets, 'db');
    const granted = {
      ...budget.status,
      disruptionsAllowed: 0,
      disruptedPods: { 'db-0': timestamp(cluster.clock.now()) },
    };
    await cluster.client.update(PodDisruptionBudgets, { ...budget, status: granted }, { subresource: 'status' });
    expect(await status()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
    await cluster.settle(130_000);
    expect(await status()).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
    const before = cluster.writes();
    await cluster.settle(600_000);
    expect(cluster.writes()).toBe(before);
  });
});
