import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { describeStoreContract, put, RecordingWatcher, remove } from './contract.ts';
import { openLmdbStore } from './lmdb-store.ts';

const directories: string[] = [];
function newDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-store-'));
  directories.push(directory);
  return directory;
}
afterAll(() => {
  for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true });
});

describeStoreContract('openLmdbStore', (history) =>
  openLmdbStore({ directory: newDirectory(), logger: silentLogger, ...(history && { history }) }),
);

test('a store that is opened again has its keys, its history and its revision', async () => {
  const directory = newDirectory();
  const first = await openLmdbStore({ directory, logger: silentLogger });
  await first.commit([put('/a', '1'), put('/b', '2')]);
  await first.commit([put('/a', '3'), remove('/b')]);
  await first.close();
  const second = await openLmdbStore({ directory, logger: silentLogger });
  expect(second.revision).toBe(4);
  const { entries } = await second.list('/');
  expect(entries.map(({ key, revision, value }) => [key, revision, value])).toEqual([
    ['/a', 3, { data: '3', revision: 3 }],
  ]);
  expect(Object.isFrozen(entries[0]?.value)).toBe(true);
  const watcher = new RecordingWatcher();
  second.watch('/', 1, watcher);
  expect(watcher.lines).toEqual(['put /b 2', 'put /a 3', 'delete /b 4']);
  expect(watcher.batches[0]?.[1]?.previous?.value).toEqual({ data: '1', revision: 1 });
  expect((await second.list('/', { revision: 2 })).entries.map(({ value }) => value)).toEqual([
    { data: '1', revision: 1 },
    { data: '2', revision: 2 },
  ]);
  expect((await second.commit([put('/c')])).revision).toBe(5);
  await second.close();
});

test('a store that is larger than what is read of it at once is read whole', async () => {
  const directory = newDirectory();
  const first = await openLmdbStore({ directory, logger: silentLogger });
  const keys = Array.from({ length: 40 }, (_, index) => `/${String(index).padStart(2, '0')}`);
  await first.commit(keys.map((key) => put(key, 'old')));
  for (const key of keys) await first.commit([put(key, key.padEnd(500_000, 'ä'))]);
  await first.close();
  const second = await openLmdbStore({ directory, logger: silentLogger });
  const values = (await second.list('/')).entries.map(({ value }) => (value as { readonly data: string }).data);
  expect(values.map((data) => [data.slice(0, 3), data.length, data.at(-1)])).toEqual(
    keys.map((key) => [key, 500_000, 'ä']),
  );
  const { entries } = await second.list('/', { revision: 40 });
  expect(entries.map(({ revision, value }) => [revision, value])).toEqual(
    keys.map((_, index) => [index + 1, { data: 'old', revision: index + 1 }]),
  );
  await second.close();
});

test('neither revision goes back when the newest record was a deletion that has been compacted', async () => {
  const directory = newDirectory();
  const first = await openLmdbStore({ directory, logger: silentLogger });
  await first.commit([put('/a')]);
  await first.commit([remove('/a')]);
  await first.compact(2);
  await first.close();
  const second = await openLmdbStore({ directory, logger: silentLogger });
  expect([second.revision, second.compactedRevision]).toEqual([2, 2]);
  expect((await second.commit([put('/a')])).revision).toBe(3);
  await second.close();
});

test('an entry that was never read can be read after its record has been dropped', async () => {
  const directory = newDirectory();
  const first = await openLmdbStore({ directory, logger: silentLogger });
  await first.commit([put('/a', 'old'), put('/b', 'deleted')]);
  await first.close();
  const second = await openLmdbStore({ directory, logger: silentLogger });
  const { entries } = await second.list('/');
  await second.commit([put('/a', 'new'), remove('/b')]);
  await second.compact(second.revision);
  expect(entries.map(({ value }) => value)).toEqual([
    { data: 'old', revision: 1 },
    { data: 'deleted', revision: 2 },
  ]);
  await second.close();
});

test('old versions and deletions that have left memory are read from the log', async () => {
  const store = await openLmdbStore({ directory: newDirectory(), logger: silentLogger });
  const large = 'x'.repeat(100_000);
  await store.commit([put('/a', 'first')]);
  await store.commit([remove('/a')]);
  for (let count = 0; count < 100; count++) await store.commit([put('/b', `${count}${large}`)]);
  const watcher = new RecordingWatcher();
  store.watch('/', 0, watcher);
  const events = watcher.batches.flat();
  expect(events[1]?.previous?.value).toEqual({ data: 'first', revision: 1 });
  expect(events[1]?.entry.value).toEqual({ data: 'gone', revision: 2 });
  expect(events[2]?.entry.value).toEqual({ data: `0${large}`, revision: 3 });
  expect(JSON.parse(String(events[2]?.entry.json()))).toEqual({ data: `0${large}`, revision: 3 });
  await store.close();
});
