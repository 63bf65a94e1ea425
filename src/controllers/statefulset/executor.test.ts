import { describe, expect, test } from 'vitest';

import { setNamed, testRegistry } from '../../../test/support/test-registry.ts';
import { ControllerRevisions, StatefulSets } from '../../api/kinds.ts';
import { keyOf } from '../../api/meta.ts';
import { Executor, inGrowingBatches } from './executor.ts';
import { planRevisions } from './revisions.ts';

describe('growing batches', () => {
  /** The sizes of the batches that `count` items are worked on in, when item `failing` fails. */
  async function batches(count: number, failing = -1): Promise<readonly number[]> {
    const sizes: number[] = [];
    let running = 0;
    const items = Array.from({ length: count }, (_, index) => index);
    await inGrowingBatches(items, async (item) => {
      if (running === 0) sizes.push(0);
      running += 1;
      sizes[sizes.length - 1] = running;
      await Promise.resolve();
      await Promise.resolve();
      running -= 1;
      if (item === failing) throw new Error(`item ${item}`);
    }).catch((error: unknown) => {
      if (failing < 0) throw error;
    });
    return sizes;
  }

  test('O6 begin with one and double', async () => {
    expect(await batches(20)).toEqual([1, 2, 4, 8, 5]);
  });

  test('O6 stop growing at 500', async () => {
    expect((await batches(3000)).slice(-5)).toEqual([500, 500, 500, 500, 489]);
  });

  test('O6 end with the batch in which something fails', async () => {
    expect(await batches(20, 0)).toEqual([1]);
    expect(await batches(20, 4)).toEqual([1, 2, 4]);
  });

  test('O6 none is nothing', async () => {
    expect(await batches(0)).toEqual([]);
  });
});

test('A4 a set that is being deleted gets no revision, even when the cache has not heard of the deletion', async () => {
  const { client } = await testRegistry();
  const cached = await client.create(StatefulSets, setNamed('web'));
  await client.delete(StatefulSets, keyOf(cached), { propagationPolicy: 'Foreground' });
  const executor = new Executor({ client, events: { record: () => {} } });
  const { actions } = planRevisions(cached, []);
  expect(actions).toMatchObject([{ type: 'createRevision' }]);
  const writes = { wrote: () => {}, removed: () => {} };
  await expect(executor.execute(cached, actions, writes)).rejects.toThrow('web is being deleted');
  expect((await client.list(ControllerRevisions, { namespace: 'default' })).items).toEqual([]);
});
