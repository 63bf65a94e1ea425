import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../test/support/memory-cluster.ts';
import { apiError } from '../api/errors.ts';
import { Nodes, Pods } from '../api/kinds.ts';
import type { Client } from '../client/client.ts';
import { type Random, seededRandom } from '../platform/random.ts';
import { startScheduler } from './scheduler.ts';

const SECOND = 1000;
let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
});
afterEach(() => cluster.stop());

/** A client whose bindings fail now and then, before or after they were done. */
function faulty(client: Client, random: Random, rate: number): Client {
  return {
    ...client,
    createSubresource: async (type, key, subresource, body) => {
      const chance = random.next();
      if (chance < rate / 3) throw apiError('InternalError', 'the disk is busy');
      if (chance < (rate * 2) / 3) throw apiError('Conflict', 'somebody was faster');
      const done = await client.createSubresource(type, key, subresource, body);
      if (chance < rate) throw apiError('Timeout', 'the answer was lost');
      return done;
    },
  };
}

const oneCpu = { containers: [{ name: 'app', image: 'x', resources: { requests: { cpu: '1' } } }] };

async function usage(): Promise<ReadonlyMap<string, number>> {
  const used = new Map<string, number>();
  for (const { spec } of await cluster.list(Pods)) {
    if (spec.nodeName) used.set(spec.nodeName, (used.get(spec.nodeName) ?? 0) + 1);
  }
  return used;
}

describe('the scheduler, when things go wrong', () => {
  test('somebody else binds a pod in between: the pod stays where it is, and is counted there', async () => {
    await cluster.createNode('node-0');
    await cluster.createNode('node-1');
    const elsewhere = { apiVersion: 'v1', kind: 'Node', name: 'node-1' };
    let stolen = false;
    const client: Client = {
      ...cluster.client,
      createSubresource: async (type, key, subresource, body) => {
        if (!stolen) {
          stolen = true;
          await cluster.client.createSubresource(type, key, subresource, { ...body, target: elsewhere });
        }
        return cluster.client.createSubresource(type, key, subresource, body);
      },
    };
    cluster.use(startScheduler({ ...cluster.parts, client }));
    await cluster.createPod('a', {
      spec: { containers: [{ name: 'app', image: 'x', resources: { requests: { cpu: '4' } } }] },
    });
    await cluster.settle(30 * SECOND);
    expect((await cluster.pod('a')).spec.nodeName).toBe('node-1');
    await cluster.createPod('b', { spec: oneCpu });
    await cluster.settle(SECOND);
    expect((await cluster.pod('b')).spec.nodeName).toBe('node-0');
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'run %i: no node is ever overfull, and in the end every pod that fits has a node',
    async (seed) => {
      const random = seededRandom(seed);
      const pick = (count: number): number => Math.floor(random.next() * count);
      cluster.use(startScheduler({ ...cluster.parts, client: faulty(cluster.client, random, 0.3) }));
      let made = 0;
      for (let step = 0; step < 60; step++) {
        const chance = random.next();
        if (chance < 0.15) await cluster.createNode(`node-${step}`);
        else if (chance < 0.75) await cluster.createPod(`p-${made++}`, { spec: oneCpu });
        else if (chance < 0.9) {
          const all = await cluster.list(Pods);
          const gone = all[pick(all.length)];
          if (gone) {
            const key = { namespace: 'default', name: gone.metadata.name };
            await cluster.client.delete(Pods, key, { gracePeriodSeconds: 0 }).catch(() => {});
          }
        } else {
          const nodes = await cluster.list(Nodes);
          const node = nodes[pick(nodes.length)];
          if (node) {
            const spec = { ...node.spec, unschedulable: !node.spec.unschedulable };
            await cluster.client.update(Nodes, { ...node, spec });
          }
        }
        if (random.next() < 0.5) await cluster.settle(pick(3000));
        for (const [name, used] of await usage()) expect(used, name).toBeLessThanOrEqual(4);
      }
      for (const node of await cluster.list(Nodes)) {
        await cluster.client.update(Nodes, { ...node, spec: { ...node.spec, unschedulable: false } });
      }
      await cluster.settle(120 * SECOND);
      const used = await usage();
      const nodes = await cluster.list(Nodes);
      const free = nodes.reduce((sum, { metadata }) => sum + 4 - (used.get(metadata.name) ?? 0), 0);
      const waiting = (await cluster.list(Pods)).filter(({ spec }) => !spec.nodeName).length;
      expect(Math.min(free, waiting)).toBe(0);
      for (const [name, count] of used) expect(count, name).toBeLessThanOrEqual(4);
    },
  );
});
