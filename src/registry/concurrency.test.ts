import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testRegistry } from '../../test/support/test-registry.ts';
import type { ConfigMap } from '../api/generated/types.ts';
import { ConfigMaps } from '../api/kinds.ts';
import type { Client, WatchEvent } from '../client/client.ts';

/** What one of several callers does, one thing after the other. */
type Step = { readonly does: 'create' | 'count' | 'rename' | 'delete' | 'hold'; readonly name: string };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    does: fc.constantFrom('create', 'count', 'count', 'rename', 'delete', 'hold'),
    name: fc.constantFrom('a', 'b'),
  }),
  { maxLength: 12 },
);

/** Runs a step; true when it was done. A refusal is an answer too, other failures are not. */
async function take(client: Client, { does, name }: Step): Promise<boolean> {
  const key = { namespace: 'default', name };
  try {
    switch (does) {
      case 'create':
        await client.create(ConfigMaps, { metadata: key, data: { counts: '' } });
        return true;
      case 'count': {
        // Read, change, write: another write in between must make it fail.
        const map = await client.get(ConfigMaps, key);
        await client.update(ConfigMaps, { ...map, data: { ...map.data, counts: `${map.data?.counts ?? ''}+` } });
        return true;
      }
      case 'rename':
        await client.patch(ConfigMaps, key, { type: 'merge', body: { metadata: { labels: { step: does } } } });
        return true;
      case 'hold':
        await client.patch(ConfigMaps, key, { type: 'merge', body: { metadata: { finalizers: ['berth.dev/hold'] } } });
        return true;
      case 'delete':
        await client.delete(ConfigMaps, key);
        return true;
    }
  } catch (error) {
    const { code } = error as { code?: number };
    // 422: a finalizer for something that is already ending.
    expect([404, 409, 422]).toContain(code);
    return false;
  }
}

describe('many callers at once', () => {
  test('no write is lost, and a watcher sees every state there was, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 2, maxLength: 5 }), async (callers) => {
        const { client } = await testRegistry();
        const events: WatchEvent<ConfigMap>[] = [];
        client.watch(ConfigMaps, { resourceVersion: '1' }, { events: (batch) => events.push(...batch), closed() {} });
        let counted = 0;
        await Promise.all(
          callers.map(async (own) => {
            for (const step of own) {
              if ((await take(client, step)) && step.does === 'count') counted += 1;
            }
          }),
        );
        // What the watcher knows is what there is.
        const known = new Map<string, ConfigMap>();
        let last = 0;
        let seen = 0;
        for (const event of events) {
          if (event.type === 'BOOKMARK') continue;
          const { name, resourceVersion } = event.object.metadata;
          const before = known.get(name);
          expect(Number(resourceVersion)).toBeGreaterThan(last);
          last = Number(resourceVersion);
          expect(before !== undefined).toBe(event.type !== 'ADDED');
          if (before !== undefined) expect(event.object.metadata.uid).toBe(before.metadata.uid);
          if ((event.object.data?.counts?.length ?? 0) > (before?.data?.counts?.length ?? 0)) seen += 1;
          if (event.type === 'DELETED') known.delete(name);
          else known.set(name, event.object);
        }
        expect(seen).toBe(counted);
        const { items } = await client.list(ConfigMaps);
        expect([...known.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))).toEqual(items);
      }),
      { numRuns: 150 },
    );
  });
});
