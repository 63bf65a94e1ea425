import { describe, expect, test } from 'vitest';

import { condition, NODE, nodeHarness } from '../../test/support/node-harness.ts';
import { Leases, Nodes, Pods } from '../api/kinds.ts';

describe('the node', () => {
  test('registers itself, is ready, and renews its lease', async () => {
    const { client, clock } = await nodeHarness({
      labels: { 'topology.kubernetes.io/zone': 'a' },
      podCIDR: '10.88.0.0/24',
    });
    const node = await client.get(Nodes, { name: NODE });
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': NODE, 'topology.kubernetes.io/zone': 'a' });
    expect(node.spec.podCIDR).toBe('10.88.0.0/24');
    expect(node.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(node.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'berth.dev/FullIsolation', status: 'False', reason: 'Simulated' }),
    );
    const key = { namespace: 'kube-node-lease', name: NODE };
    const before = await client.get(Leases, key);
    await clock.advance(10_000);
    const after = await client.get(Leases, key);
    expect(after.spec.leaseDurationSeconds).toBe(40);
    expect(Date.parse(after.spec.renewTime!) - Date.parse(before.spec.renewTime!)).toBe(10_000);
  });
});

describe('a pod', () => {
  test('P1 that is bound becomes Running and Ready with one write of its status', async () => {
    const { createPod, pod, clock, statusWrites } = await nodeHarness();
    await createPod('a');
    await clock.advance(1);
    const { status } = await pod('a');
    expect(status).toMatchObject({
      phase: 'Running',
      hostIP: '10.0.0.1',
      podIP: '10.88.0.2',
      podIPs: [{ ip: '10.88.0.2' }],
      containerStatuses: [{ name: 'main', ready: true, started: true, restartCount: 0, image: 'redis:7' }],
    });
    for (const type of ['PodScheduled', 'PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready']) {
      expect(condition(await pod('a'), type), type).toMatchObject({ status: 'True' });
    }
    expect(statusWrites()).toBe(1);
    await clock.advance(60_000);
    expect(statusWrites()).toBe(1);
  });

  test('M1 M2 that is deleted keeps its name until nothing of it runs', async () => {
    const { createPod, podOrNothing, clock, client, runtime } = await nodeHarness({
      simulated: { run: () => ({ stopsAfterMs: 5_000 }) },
    });
    const { metadata } = await createPod('a');
    await clock.advance(1);
    await client.delete(Pods, { namespace: 'default', name: 'a' });
    await clock.advance(4_900);
    expect((await podOrNothing('a'))?.metadata.deletionTimestamp).toBeDefined();
    expect((await runtime.status(metadata.uid))?.alive).toBe(true);
    await clock.advance(200);
    expect(await podOrNothing('a')).toBeUndefined();
    expect(await runtime.list()).toEqual([]);
  });
});
