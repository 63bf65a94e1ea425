import { describe, expect, test } from 'vitest';

import { ConfigMaps, Pods, StatefulSets } from '../api/kinds.ts';
import type { WatchEvent } from '../client/client.ts';
import { inProcessClient } from '../client/in-process-client.ts';
import { seededRandom } from '../platform/random.ts';
import { settle, VirtualClock } from '../platform/virtual-clock.ts';
import { memoryStore } from '../store/memory-store.ts';
import { createRegistry } from './create-registry.ts';

async function fixture() {
  const clock = new VirtualClock();
  const registry = createRegistry({ store: memoryStore({ clock }), clock, random: seededRandom(1) });
  const client = inProcessClient(registry, { name: 'tester', groups: [] });
  await registry.bootstrap();
  return { clock, registry, client };
}

describe('createRegistry', () => {
  test('an object that was created can be read, listed, changed, watched and deleted', async () => {
    const { client } = await fixture();
    const events: WatchEvent<object>[] = [];
    client.watch(ConfigMaps, { namespace: 'default' }, { events: (batch) => events.push(...batch), closed() {} });
    await settle();
    const created = await client.create(ConfigMaps, {
      metadata: { namespace: 'default', name: 'settings' },
      data: { colour: 'blue' },
    });
    const changed = await client.update(ConfigMaps, { ...created, data: { colour: 'red' } });
    expect(Number(changed.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
    expect((await client.list(ConfigMaps)).items).toEqual([changed]);
    await client.delete(ConfigMaps, { namespace: 'default', name: 'settings' });
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
  });

  test('a pod begins Pending, its status is written on its own route, and generation counts the spec', async () => {
    const { client } = await fixture();
    const pod = await client.create(Pods, {
      metadata: { namespace: 'default', name: 'redis-0' },
      spec: { containers: [{ name: 'redis', image: 'redis:7' }] },
    });
    expect(pod.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
    const running = await client.patch(
      Pods,
      { namespace: 'default', name: 'redis-0' },
      { type: 'merge', body: { status: { phase: 'Running' }, spec: { nodeName: 'x' } } },
      { subresource: 'status' },
    );
    expect(running.status?.phase).toBe('Running');
    expect(running.spec?.nodeName).toBeUndefined();
    expect(running.metadata.generation).toBe(1);
    const set = await client.create(StatefulSets, {
      metadata: { namespace: 'default', name: 'redis' },
      spec: {
        serviceName: 'redis',
        selector: { matchLabels: { app: 'redis' } },
        template: { metadata: { labels: { app: 'redis' } }, spec: { containers: [{ name: 'redis', image: 'redis' }] } },
      },
    });
    const scaled = await client.update(StatefulSets, { ...set, spec: { ...set.spec, replicas: 3 } });
    expect(scaled.metadata.generation).toBe(2);
  });
});
