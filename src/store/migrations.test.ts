import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { put, remove } from './contract.ts';
import { LmdbLog } from './lmdb-log.ts';
import { openLmdbStore, STORE_FILE } from './lmdb-store.ts';
import type { LoadedRecord } from './log.ts';
import type { Migrations } from './migrations.ts';
import { decodeRecord, encodeRecord } from './record.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-migrations-'));
  file = path.join(directory, STORE_FILE);
  const store = await openLmdbStore({ directory, logger: silentLogger });
  for (let count = 0; count < 300; count++) await store.commit([put(`/p/${count % 40}`, `${count}`)]);
  await store.commit([remove('/p/7')]);
  await store.compact(100);
  await store.close();
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

/** As if the next two formats had other keys, and other names in the JSON. */
const later: Migrations = [
  (bytes, revision) => changed(bytes, revision, (key, json) => [key.replace('/p/', '/pods/'), json]),
  (bytes, revision) => changed(bytes, revision, (key, json) => [key, json.replace('"data"', '"text"')]),
];

function changed(bytes: Buffer, revision: number, change: (key: string, json: string) => [string, string]): Buffer {
  const { key, deleted, json } = decodeRecord(revision, bytes)!;
  const [newKey, newJson] = change(key, json.toString());
  return encodeRecord(revision, newKey, deleted, newJson).bytes;
}

async function contentOf(log: LmdbLog): Promise<readonly string[]> {
  const found: LoadedRecord[] = [];
  for await (const rows of log.load())
    found.unshift(...rows.filter((row): row is LoadedRecord => row.length > 1).reverse());
  return found.map(([revision, , key, deleted]) => `${revision} ${key} ${deleted ? 'deleted' : log.read(revision)}`);
}

async function openOnce<T>(migrations: Migrations, look: (log: LmdbLog) => T | Promise<T>): Promise<T> {
  const log = new LmdbLog(file, migrations);
  try {
    return await look(log);
  } finally {
    await log.close();
  }
}

test('D5 a file of an older format is brought to the newest, with every record and revision, and kept', async () => {
  const before = await openOnce([], contentOf);
  const bytesBefore = fs.readFileSync(file);
  const expected = before.map((line) => line.replace('/p/', '/pods/').replace('"data"', '"text"'));
  expect(await openOnce(later, contentOf)).toEqual(expected);
  expect(expected.length).toBeGreaterThan(200);
  expect(await openOnce(later, ({ compactedRevision }) => compactedRevision)).toBe(100);
  expect(fs.readFileSync(`${file}.format-1`).equals(bytesBefore)).toBe(true);
  expect(fs.statSync(`${file}.format-1`).mode & 0o077).toBe(0);
  await expect(openOnce([], contentOf)).rejects.toThrow(
    'written by a newer version of Berth (format 3, this version knows 1)',
  );
});

test('what the newest format has is not migrated again, and one step in between only from there', async () => {
  const once = await openOnce(later.slice(0, 1), contentOf);
  expect(await openOnce(later.slice(0, 1), contentOf)).toEqual(once);
  expect(await openOnce(later, contentOf)).toEqual(once.map((line) => line.replace('"data"', '"text"')));
  expect(
    fs
      .readdirSync(directory)
      .filter((name) => name.includes('format'))
      .sort(),
  ).toEqual([`${STORE_FILE}.format-1`, `${STORE_FILE}.format-2`]);
});

test('a migration that fails half way changes nothing', async () => {
  const before = await openOnce([], contentOf);
  const failing: Migrations = [
    (bytes, revision) => {
      if (revision === 200) throw new Error('no idea what this is');
      return later[0]!(bytes, revision);
    },
  ];
  await expect(openOnce(failing, contentOf)).rejects.toThrow(
    `${file} is of an older format and cannot be brought to that of this version: no idea what this is`,
  );
  expect(await openOnce([], contentOf)).toEqual(before);
});

test('after a migration the store goes on where it was', async () => {
  await openOnce(later, () => {});
  const log = new LmdbLog(file, later);
  const { bytes } = encodeRecord(302, '/pods/new', false, '{}');
  await log.write({ append: [{ revision: 302, bytes }], drop: [], compactedRevision: 100 });
  await log.close();
  expect((await openOnce(later, contentOf)).at(-1)).toBe('302 /pods/new {}');
});
