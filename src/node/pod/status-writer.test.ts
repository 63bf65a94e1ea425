import { afterEach, beforeEach, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import { actualPort } from '../../api/pod-ports.ts';
import { writeStatus } from './status-writer.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
});
afterEach(() => cluster.stop());

test('tells the ports of a pod as long as they are others than it declares, and writes nothing twice', async () => {
  const write = async (ports: Readonly<Record<number, number>> | undefined) =>
    writeStatus(cluster.client, await cluster.pod('kv-0'), ({ status }) => ({ ...status, phase: 'Running' }), ports);
  await cluster.createPod('kv-0', { labels: {}, spec: { containers: [{ name: 'app', image: 'x' }] } });
  const shared = await write({ 8080: 20_001 });
  expect(shared && actualPort(shared, 8080)).toBe(20_001);
  const writes = cluster.writes();
  await write({ 8080: 20_001 });
  expect(cluster.writes()).toBe(writes);
  // Started again where it has an address of its own.
  const own = await write(undefined);
  expect(own && actualPort(own, 8080)).toBe(8080);
  await write(undefined);
  expect(cluster.writes()).toBe(writes + 1);
});
