import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { BackupError, type BackupSummary, restoreBackup, streamBackup, verifyBackup, writeBackup } from './backup.ts';
import { put, RecordingWatcher, remove } from './contract.ts';
import { openLmdbStore, STORE_FILE } from './lmdb-store.ts';
import { CompactedError, type Store } from './store.ts';
import { StoreFileError } from './store-file-error.ts';

const now = new Date('2026-01-01T00:00:00Z');
const createdAt = now;
let base: string;
let file: string;

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-backup-'));
  file = path.join(base, 'backup');
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const open = (name: string): Promise<Store> =>
  openLmdbStore({ directory: path.join(base, name), logger: silentLogger });
/** Of a store that is open in this process: as good as another one, as a snapshot opens the file itself. */
const backUp = (name: string): Promise<BackupSummary> =>
  writeBackup({ directory: path.join(base, name), isInUse: true }, file, { createdAt });
const restore = (name: string): ReturnType<typeof restoreBackup> => restoreBackup(file, path.join(base, name), { now });

async function contentOf(store: Store): Promise<readonly (readonly [string, number, object])[]> {
  return (await store.list('')).entries.map(({ key, revision, value }) => [key, revision, value]);
}

test('a backup that is restored has every key, value and revision', async () => {
  const store = await open('first');
  for (let count = 0; count < 50; count++) await store.commit([put(`/p/${count % 20}`, `größer\u2028🚢 ${count}`)]);
  await store.commit([remove('/p/7')]);
  const content = await contentOf(store);
  expect(await backUp('first')).toMatchObject({
    revision: 51,
    objects: 19,
    createdAt: now.toISOString(),
  });
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  await store.close();

  await restore('second');
  const restored = await open('second');
  expect(await contentOf(restored)).toEqual(content);
  await restored.close();
});

test('revisions go on far from where any client can have been, and watches from before are refused', async () => {
  const store = await open('first');
  await store.commit([put('/a')]);
  await backUp('first');
  await store.commit([put('/later')]);
  await store.close();
  await restore('first');
  const restored = await open('first');
  const beginning = now.getTime() * 100;
  expect(restored.revision).toBe(beginning);
  expect(() => restored.watch('/', 2, new RecordingWatcher())).toThrow(CompactedError);
  expect((await restored.commit([put('/b')])).revision).toBe(beginning + 1);
  await restored.close();
});

test('a backup is of one moment, while others write and history is compacted', async () => {
  const store = await open('first');
  const keys = Array.from({ length: 400 }, (_, count) => `/p/${count}`);
  await Promise.all(keys.map((key) => store.commit([put(key, 'x'.repeat(3000))])));
  const content = await contentOf(store);
  const chunks: Buffer[] = [];
  const take = async (chunk: Buffer): Promise<void> => {
    chunks.push(chunk);
    await store.commit([put('/p/0', 'changed meanwhile')]);
  };
  const source = { directory: path.join(base, 'first'), isInUse: true };
  const writing = streamBackup(source, take, { createdAt });
  await Promise.all(keys.map((key) => store.commit([put(key, 'changed')])));
  await store.compact(store.revision);
  expect((await writing).revision).toBe(400);
  fs.writeFileSync(file, Buffer.concat(chunks));
  await store.close();
  await restore('second');
  const restored = await open('second');
  expect(await contentOf(restored)).toEqual(content);
  await restored.close();
});

test('what a restore replaces is kept beside it', async () => {
  const store = await open('first');
  await store.commit([put('/old')]);
  await backUp('first');
  await store.commit([put('/new')]);
  await store.close();
  const { replaced } = await restore('first');
  fs.mkdirSync(path.join(base, 'old'));
  fs.renameSync(replaced ?? '', path.join(base, 'old', STORE_FILE));
  const old = await open('old');
  expect((await contentOf(old)).map(([key]) => key)).toEqual(['/new', '/old']);
  await old.close();
});

test('a damaged backup is refused, and nothing is changed', async () => {
  const store = await open('first');
  for (let count = 0; count < 20; count++) await store.commit([put(`/p/${count}`, 'some data')]);
  await backUp('first');
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
    await expect(restore('first')).rejects.toThrow(file);
  }
  fs.writeFileSync(file, whole.toString().replace('"version":1', '"version":2'));
  await expect(verifyBackup(file)).rejects.toThrow('was written by a newer version of Berth');
  expect(fs.readdirSync(path.join(base, 'first')).filter((name) => !name.startsWith(STORE_FILE))).toEqual([]);
  const same = await open('first');
  expect(await contentOf(same)).toEqual(content);
  await same.close();
});

test('a later restore of the same backup goes on above an earlier one, whatever the clock says', async () => {
  const store = await open('first');
  await store.commit([put('/a')]);
  await backUp('first');
  await store.close();
  const revisions: number[] = [];
  for (const [index, time] of [
    '2026-01-01T00:00:00.000Z',
    '2026-01-01T00:00:00.001Z',
    '1970-01-01T00:00:00Z',
  ].entries()) {
    await restoreBackup(file, path.join(base, `restored-${index}`), { now: new Date(time) });
    const restored = await open(`restored-${index}`);
    revisions.push(restored.revision);
    await restored.close();
  }
  expect(revisions).toEqual([176_722_560_000_000, 176_722_560_000_100, 1_000_000_001]);
});

test('nothing but a file is ever replaced by a backup', async () => {
  const store = await open('first');
  await store.commit([put('/a')]);
  fs.writeFileSync(file, 'an old one');
  const source = { directory: path.join(base, 'first'), isInUse: true };
  await expect(writeBackup(source, '/dev/null', { createdAt })).rejects.toThrow('no ordinary file');
  await backUp('first');
  expect(await verifyBackup(file)).toMatchObject({ objects: 1 });
  expect(fs.readdirSync(base).sort()).toEqual(['backup', 'first']);
  await store.close();
});

test('a damaged store that nobody uses is not backed up', async () => {
  const store = await open('first');
  for (let count = 0; count < 20; count++) await store.commit([put(`/p/${count}`, 'some data')]);
  await store.close();
  const storeFile = path.join(base, 'first', STORE_FILE);
  fs.truncateSync(storeFile, 20_000);
  const source = { directory: path.join(base, 'first'), isInUse: false };
  await expect(writeBackup(source, file, { createdAt })).rejects.toBeInstanceOf(StoreFileError);
  expect(fs.readdirSync(base)).toEqual(['first']);
});

test('a backup that is not there is said so, by its name', async () => {
  await expect(restore('first')).rejects.toThrow(`${file} cannot be restored into ${path.join(base, 'first')}: ENOENT`);
  await expect(verifyBackup(file)).rejects.toThrow(`${file} cannot be read: ENOENT`);
});

test('a backup that cannot be written leaves nothing and says why', async () => {
  const store = await open('first');
  await expect(
    writeBackup({ directory: path.join(base, 'first'), isInUse: true }, path.join(base, 'no', 'such'), { createdAt }),
  ).rejects.toThrow('cannot be written');
  await store.close();
});
