import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { BackupError, restoreBackup, verifyBackup, writeBackup } from './backup.ts';
import { put, RecordingWatcher, remove } from './contract.ts';
import { openLmdbStore } from './lmdb-store.ts';
import { CompactedError, type Store } from './store.ts';

const now = new Date('2026-01-01T00:00:00Z');
let base: string;
let file: string;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-backup-'));
  file = path.join(base, 'backup');
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const open = (name: string): Promise<Store> =>
  openLmdbStore({ directory: path.join(base, name), logger: silentLogger });

async function contentOf(store: Store): Promise<readonly (readonly [string, number, object])[]> {
  return (await store.list('')).entries.map(({ key, revision, value }) => [key, revision, value]);
}

test('a backup that is restored has every key, value and revision', async () => {
  const store = await open('first');
  for (let count = 0; count < 50; count++) await store.commit([put(`/p/${count % 20}`, `größer\u2028🚢 ${count}`)]);
  await store.commit([remove('/p/7')]);
  const content = await contentOf(store);
  expect(await writeBackup(store, file, now)).toEqual({ revision: 51, entries: 19, createdAt: now.toISOString() });
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  await store.close();

  await restoreBackup(file, path.join(base, 'second'), now);
  const restored = await open('second');
  expect(await contentOf(restored)).toEqual(content);
  await restored.close();
});

test('revisions go on far from where any client can have been, and watches from before are refused', async () => {
  const store = await open('first');
  await store.commit([put('/a')]);
  await writeBackup(store, file, now);
  await store.commit([put('/later')]);
  await store.close();
  await restoreBackup(file, path.join(base, 'first'), now);
  const restored = await open('first');
  expect(restored.revision).toBe(1_000_000_001);
  expect(() => restored.watch('/', 2, new RecordingWatcher())).toThrow(CompactedError);
  expect((await restored.commit([put('/b')])).revision).toBe(1_000_000_002);
  await restored.close();
});

test('a backup is of one moment, while others write and history is compacted', async () => {
  const store = await open('first');
  const keys = Array.from({ length: 400 }, (_, count) => `/p/${count}`);
  await Promise.all(keys.map((key) => store.commit([put(key, 'x'.repeat(3000))])));
  const content = await contentOf(store);
  const writing = writeBackup(store, file, now);
  await Promise.all(keys.map((key) => store.commit([put(key, 'changed')])));
  await store.compact(store.revision);
  expect((await writing).revision).toBe(400);
  await store.close();
  await restoreBackup(file, path.join(base, 'second'), now);
  const restored = await open('second');
  expect(await contentOf(restored)).toEqual(content);
  await restored.close();
});

test('what a restore replaces is kept beside it', async () => {
  const store = await open('first');
  await store.commit([put('/old')]);
  await writeBackup(store, file, now);
  await store.commit([put('/new')]);
  await store.close();
  const { replaced } = await restoreBackup(file, path.join(base, 'first'), now);
  const old = await openLmdbStore({ directory: replaced ?? '', logger: silentLogger });
  expect((await contentOf(old)).map(([key]) => key)).toEqual(['/new', '/old']);
  await old.close();
});

test('a damaged backup is refused, and nothing is changed', async () => {
  const store = await open('first');
  for (let count = 0; count < 20; count++) await store.commit([put(`/p/${count}`, 'some data')]);
  await writeBackup(store, file, now);
  const content = await contentOf(store);
  await store.close();
  const whole = fs.readFileSync(file);
  const damaged = [
    whole.subarray(0, whole.length - 1000),
    whole.subarray(0, 10),
    Buffer.alloc(0),
    Buffer.from(whole.toString().replace('some data', 'same data')),
    Buffer.from(whole.toString().split('\n').toSpliced(5, 1).join('\n')),
    Buffer.concat([whole, whole]),
    Buffer.from('apiVersion: v1\n'),
    Buffer.from('{"apiVersion":"v1"}\n'),
  ];
  for (const bytes of damaged) {
    fs.writeFileSync(file, bytes);
    await expect(verifyBackup(file)).rejects.toBeInstanceOf(BackupError);
    await expect(restoreBackup(file, path.join(base, 'first'), now)).rejects.toThrow(file);
  }
  fs.writeFileSync(file, whole.toString().replace('"version":1', '"version":2'));
  await expect(verifyBackup(file)).rejects.toThrow('was written by a newer version of Berth');
  expect(fs.readdirSync(base).sort()).toEqual(['backup', 'first']);
  const same = await open('first');
  expect(await contentOf(same)).toEqual(content);
  await same.close();
});

test('a backup that cannot be written leaves nothing and says why', async () => {
  const store = await open('first');
  await expect(writeBackup(store, path.join(base, 'no', 'such', 'directory'), now)).rejects.toThrow(
    'cannot be written',
  );
  await store.close();
});
