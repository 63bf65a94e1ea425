import fs from 'node:fs';
import path from 'node:path';
import { open } from 'lmdb';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { encodeRecord } from '../../src/store/record.ts';
import { TestBerth } from './support.ts';

let berth: TestBerth;
beforeAll(() => {
  berth = new TestBerth('files');
});
afterAll(() => berth.close());

test('files that nobody knows keep no cluster from starting, and stay', async () => {
  const files = ['a', 'store/b', 'pki/c', 'nodes/d', 'nodes/node-0/e', 'nodes/node-0/pods/f', 'nodes/node-0/volumes/g'];
  for (const file of files) {
    const where = path.join(berth.dataDir, file);
    fs.mkdirSync(path.dirname(where), { recursive: true });
    fs.writeFileSync(where, 'not ours');
  }
  fs.writeFileSync(path.join(berth.dataDir, 'berth.json'), 'not a status');
  const server = await berth.up();
  expect((await berth.status()).nodes).toHaveLength(1);
  server.signal('SIGTERM');
  expect(await server.ended).toBe(0);
  for (const file of files) expect(fs.readFileSync(path.join(berth.dataDir, file), 'utf8')).toBe('not ours');
  for (const file of files) fs.rmSync(path.join(berth.dataDir, file));
});

test('D5 a store of a newer version is refused with what to do, and left as it is', async () => {
  const file = path.join(berth.dataDir, 'store', 'data.mdb');
  const database = open<Buffer, number>({ path: file, noSubdir: true, encoding: 'binary', pageSize: 8192 });
  await database.put(0, encodeRecord(0, 'meta', false, JSON.stringify({ format: 9, compactedRevision: 0 })).bytes);
  await database.close();
  const before = fs.readFileSync(file);
  for (const command of [['up'], ['backup', path.join(berth.dataDir, 'backup')]]) {
    const { code, stderr } = await berth.run(...command);
    expect(code).toBe(1);
    expect(stderr).toContain(`${file} was written by a newer version of Berth (format 9, this version knows 1)`);
    expect(stderr).toContain('use that version or a later one');
  }
  expect(fs.readFileSync(file).equals(before)).toBe(true);
});
