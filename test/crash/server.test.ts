import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { ConfigMaps } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { TestBerth } from '../e2e/support.ts';

/** How often the server is killed. 100 and more for a long run. */
const ROUNDS = Number(process.env.BERTH_CRASH_ROUNDS ?? 3);
const SEED = Number(process.env.BERTH_CRASH_SEED ?? Date.now() % 1_000_000);
const WRITERS = 12;

let berth: TestBerth;
beforeAll(() => {
  berth = new TestBerth('killed');
});
afterAll(() => berth.close());

/** What one object is, as its only writer knows it. */
interface Known {
  /** As the server has acknowledged it last; undefined when it does not exist. */
  acknowledged: ConfigMap | undefined;
  /** A change was sent, and nobody knows whether it was taken. */
  isOpen: boolean;
}

/** Creates, updates and deletes one object until the server is gone. */
async function write(client: Client, name: string, known: Known, note: (revision: number) => void): Promise<void> {
  const key = { namespace: 'default', name };
  const took = (object: ConfigMap): void => {
    known.acknowledged = object;
    note(Number(object.metadata.resourceVersion));
  };
  for (let count = 0; ; count++) {
    known.isOpen = true;
    const { acknowledged } = known;
    const data = { count: `${count}`, padding: 'x'.repeat((count * 37) % 3000) };
    if (acknowledged === undefined) {
      took(await client.create(ConfigMaps, { metadata: { ...key, labels: { test: 'crash' } }, data }));
    } else if (count % 7 === 6) {
      await client.delete(ConfigMaps, key);
      known.acknowledged = undefined;
    } else {
      took(await client.update(ConfigMaps, { ...acknowledged, data }));
    }
    known.isOpen = false;
  }
}

test(`D1 a server that is killed at any moment has all it has acknowledged, and watches go on (${ROUNDS} kills, BERTH_CRASH_SEED=${SEED})`, {
  timeout: 120_000 + ROUNDS * 10_000,
}, async () => {
  const random = seededRandom(SEED);
  const known = new Map(
    Array.from({ length: WRITERS }, (_, writer) => [
      `object-${writer}`,
      { acknowledged: undefined, isOpen: false } as Known,
    ]),
  );
  const acknowledged = new Set<number>();
  const watched: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const server = await berth.up('--nodes', '0');
    const client = berth.client();
    const { items, metadata } = await client.list(ConfigMaps, { namespace: 'default', labelSelector: 'test=crash' });
    const newest = Number(metadata.resourceVersion);
    for (const revision of acknowledged) expect(revision).toBeLessThanOrEqual(newest);
    const found = new Map(items.map((object) => [object.metadata.name, object]));
    for (const [name, state] of known) {
      const object = found.get(name);
      if (state.isOpen) {
        // The change nobody has heard about is there as a whole, or not at all.
        const version = (of: ConfigMap | undefined): number => Number(of?.metadata.resourceVersion ?? 0);
        if (object !== undefined) expect(version(object)).toBeGreaterThanOrEqual(version(state.acknowledged));
      } else {
        expect(object, name).toEqual(state.acknowledged);
      }
      known.set(name, { acknowledged: object, isOpen: false });
    }

    // The watch of the life before goes on where it was.
    const from = watched.at(-1) ?? newest;
    let caughtUp = (): void => {};
    const isCaughtUp = new Promise<void>((resolve) => {
      caughtUp = resolve;
    });
    const seen = (): void => {
      if ((watched.at(-1) ?? from) >= Math.max(from, ...acknowledged)) caughtUp();
    };
    const watch = client.watch(
      ConfigMaps,
      { namespace: 'default', labelSelector: 'test=crash', resourceVersion: `${from}` },
      {
        events: (batch) => {
          for (const event of batch) {
            if (event.type !== 'BOOKMARK') watched.push(Number(event.object.metadata.resourceVersion));
          }
          seen();
        },
        closed: () => {},
      },
    );
    seen();
    await isCaughtUp;
    if (round === ROUNDS) {
      watch.stop();
      break;
    }
    let begun = (): void => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const note = (revision: number): void => {
      acknowledged.add(revision);
      begun();
    };
    const writing = [...known].map(([name, state]) =>
      write(client, name, state, note).catch((error: unknown) => {
        // Whoever was refused knows that nothing was taken; the others were cut off.
        expect(error).toBeInstanceOf(ApiError);
      }),
    );
    await hasBegun;
    await new Promise((resolve) => setTimeout(resolve, random.next() * 500));
    const gone = once(server.child, 'exit');
    server.signal('SIGKILL');
    await Promise.all([gone, ...writing]);
    watch.stop();
  }
  for (const [index, revision] of watched.entries()) expect(revision).toBeGreaterThan(watched[index - 1] ?? 0);
  const told = new Set(watched);
  for (const revision of acknowledged) expect(told.has(revision), `revision ${revision} was watched`).toBe(true);
  expect(acknowledged.size).toBeGreaterThanOrEqual(ROUNDS);
});
