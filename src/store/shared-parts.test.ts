import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { openLmdbStore } from './lmdb-store.ts';
import type { Value } from './store.ts';

/** Values as a store has them that was opened again. */
async function reopened<T extends Value>(values: readonly T[]): Promise<readonly T[]> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-parts-'));
  try {
    const written = await openLmdbStore({ directory, logger: silentLogger });
    const keys = values.map((_, index) => `/${String(index).padStart(6, '0')}`);
    await written.commit(values.map((value, index) => ({ type: 'put', key: keys[index]!, value: () => value })));
    await written.close();
    const store = await openLmdbStore({ directory, logger: silentLogger });
    const { entries } = await store.list('/');
    await store.close();
    expect(entries.map(({ key }) => key)).toEqual(keys);
    return entries.map(({ value }) => value as T);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

const containers = [{ name: 'main', image: 'example/"main"\\', command: ['/bin/main', '--text', '}],{['.repeat(20)] }];
const pod = (name: string) => ({
  kind: 'Pod',
  metadata: { name, labels: { app: 'main' } },
  spec: { containers, hostname: name },
  status: { phase: 'Pending' },
});

test('objects of one template share what they have in common', async () => {
  const values = [pod('main-0'), pod('main-1')];
  const [first, second] = await reopened(values);
  expect([first, second]).toEqual(values);
  expect(second?.spec.containers).toBe(first?.spec.containers);
  expect([first, first?.spec, first?.spec.containers].every(Object.isFrozen)).toBe(true);
});

test('what differs by one character is not shared', async () => {
  const lists = ['a', 'b'].map((end) => ({ spec: { list: ['x'.repeat(200), end] } }));
  expect(await reopened(lists)).toEqual(lists);
});

test('more parts than are remembered come out right', async () => {
  const values = Array.from({ length: 3000 }, (_, index) => ({ data: { list: ['x'.repeat(100), index % 1500] } }));
  expect(await reopened(values)).toEqual(values);
});

test('any value comes out as JSON.parse has it, with its members in order, whatever was read before', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('"', '\\', '\\"', '}', ']', '{"a":[', '__proto__', '1'),
  );
  const leaf = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
  const large = fc.oneof(
    fc.array(fc.oneof(leaf, fc.dictionary(text, leaf)), { minLength: 8 }),
    fc.dictionary(text, leaf, { minKeys: 8 }),
  );
  const value = fc.oneof(
    fc.array(fc.jsonValue()),
    fc.dictionary(text, fc.oneof(leaf, large, fc.array(large), fc.dictionary(text, fc.oneof(leaf, large)))),
  );
  const values = fc.sample(value, 2000).flatMap((one) => [one, one] as const);
  const json = values.map((one) => JSON.stringify(one));
  expect((await reopened(values)).map((one) => JSON.stringify(one))).toEqual(
    json.map((one) => JSON.stringify(JSON.parse(one))),
  );
});
