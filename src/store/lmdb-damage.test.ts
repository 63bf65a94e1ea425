import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import { put } from './contract.ts';
import { openLmdbStore, STORE_FILE } from './lmdb-store.ts';
import { encodeRecord } from './record.ts';
import type { Store } from './store.ts';
import { StoreFileError } from './store-file-error.ts';

let base: string;
/** The file of a store that has lived for a while: free pages, values of several pages, compacted history. */
let healthy: Buffer;
let content: string;

const open40 = (directory: string): Promise<Store> =>
  openLmdbStore({ directory, logger: silentLogger, history: { maxEvents: 40 } });

async function contentOf(store: Store): Promise<string> {
  const { entries, revision } = await store.list('/');
  return JSON.stringify([revision, entries.map((entry) => [entry.key, entry.revision, entry.value])]);
}

/** A directory whose store file is `bytes`. */
function directoryWith(bytes: Buffer): string {
  const directory = fs.mkdtempSync(path.join(base, 'damaged-'));
  fs.writeFileSync(path.join(directory, STORE_FILE), bytes);
  return directory;
}

beforeAll(async () => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-store-'));
  const directory = path.join(base, 'healthy');
  const store = await open40(directory);
  for (let count = 0; count < 150; count++) {
    await store.commit([put(`/p/${count % 30}`, 'x'.repeat(count % 20 === 0 ? 20_000 : 50 * (count % 30)))]);
  }
  content = await contentOf(store);
  await store.close();
  healthy = fs.readFileSync(path.join(directory, STORE_FILE));
});
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

/** Opens a changed copy: either it is refused, with an error that names the file, or it has what was written. */
async function openDamaged(bytes: Buffer): Promise<'refused' | 'intact'> {
  const directory = directoryWith(bytes);
  let store: Store;
  try {
    store = await open40(directory);
  } catch (error) {
    expect(error).toBeInstanceOf(StoreFileError);
    expect(String(error)).toContain(`${path.join(directory, STORE_FILE)} is damaged: `);
    expect(String(error)).toContain('Restore a backup, or move the file away');
    return 'refused';
  }
  expect(await contentOf(store)).toBe(content);
  await store.commit([put('/new')]);
  await store.close();
  return 'intact';
}

describe('a damaged file is found when it is opened, and never served:', () => {
  test('a file as it was is intact', async () => {
    expect(await openDamaged(healthy)).toBe('intact');
  });

  test('D2 cut off at any length', async () => {
    const random = seededRandom(1);
    for (let round = 0; round < 40; round++) {
      const length = 1 + Math.floor(random.next() * (healthy.length / 2));
      expect(await openDamaged(healthy.subarray(0, length))).toBe('refused');
      // Towards the end there may be nothing but free pages.
      await openDamaged(healthy.subarray(0, healthy.length - Math.floor(random.next() * (healthy.length / 2))));
    }
  });

  test('D2 garbled anywhere', async () => {
    const random = seededRandom(2);
    const outcomes = new Set<string>();
    for (let round = 0; round < 120; round++) {
      const bytes = Buffer.from(healthy);
      const from = Math.floor(random.next() * bytes.length);
      const to = Math.min(bytes.length, from + 1 + Math.floor(random.next() * (round % 2 === 0 ? 1 : 4000)));
      for (let index = from; index < to; index++) bytes[index] = Math.floor(random.next() * 256);
      outcomes.add(await openDamaged(bytes));
    }
    // Some of the file is free space, where damage does no harm.
    expect([...outcomes].sort()).toEqual(['intact', 'refused']);
  });

  test('garbled at its beginning', async () => {
    const random = seededRandom(3);
    for (let round = 0; round < 120; round++) {
      const bytes = Buffer.from(healthy);
      const from = (round % 2) * 8192 + Math.floor(random.next() * 168);
      const to = from + 1 + Math.floor(random.next() * 16);
      for (let index = from; index < to; index++) bytes[index] = Math.floor(random.next() * 256);
      await openDamaged(bytes);
    }
  });

  test('a page of zeros, or in the place of another, as a lost write leaves it', async () => {
    const pages = Math.floor(healthy.length / 8192);
    for (let page = 2; page < pages; page++) {
      const zeroed = Buffer.from(healthy).fill(0, page * 8192, (page + 1) * 8192);
      await openDamaged(zeroed);
      const misplaced = Buffer.from(healthy);
      healthy.copy(misplaced, page * 8192, ((page + 5) % pages) * 8192, ((page + 5) % pages) * 8192 + 8192);
      await openDamaged(misplaced);
    }
  });

  test('something else altogether', async () => {
    expect(await openDamaged(Buffer.from('not a database at all\n'))).toBe('refused');
    expect(await openDamaged(Buffer.alloc(100_000, 7))).toBe('refused');
  });
});

test('what is left of the lock file does no harm', async () => {
  const directory = directoryWith(healthy);
  fs.writeFileSync(path.join(directory, `${STORE_FILE}-lock`), Buffer.alloc(8192, 7));
  const store = await open40(directory);
  expect(await contentOf(store)).toBe(content);
  await store.commit([put('/new')]);
  await store.close();
});

test('a file of a newer format is refused politely and left as it is', async () => {
  const directory = fs.mkdtempSync(path.join(base, 'newer-'));
  const file = path.join(directory, STORE_FILE);
  const database = open<Buffer, number>({ path: file, noSubdir: true, encoding: 'binary', pageSize: 8192 });
  const meta = JSON.stringify({ format: 2, compactedRevision: 0 });
  await database.put(0, encodeRecord(0, 'meta', false, meta).bytes);
  await database.close();
  const before = fs.readFileSync(file);
  const refused = openLmdbStore({ directory, logger: silentLogger });
  await expect(refused).rejects.toThrow(
    `${file} was written by a newer version of Berth (format 2, this version knows 1)`,
  );
  expect(fs.readFileSync(file).equals(before)).toBe(true);
});

test('the file can be read by its user only', async () => {
  const directory = path.join(base, 'private');
  const store = await openLmdbStore({ directory, logger: silentLogger });
  await store.close();
  for (const name of fs.readdirSync(directory)) {
    expect(fs.statSync(path.join(directory, name)).mode & 0o077, name).toBe(0);
  }
});
