import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/platform/logger.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { openLmdbStore } from '../../src/store/lmdb-store.ts';
import { StoreWriteError } from '../../src/store/store.ts';

/** How often the writer is killed. 300 and more for a long run. */
const ROUNDS = Number(process.env.BERTH_CRASH_ROUNDS ?? 40);
const SEED = Number(process.env.BERTH_CRASH_SEED ?? Date.now() % 1_000_000);
const WRITERS = 16;

let base: string;
beforeAll(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-crash-'));
});
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

/** What the writer found when it opened the store. */
interface Found {
  readonly revision: number;
  readonly compactedRevision: number;
  readonly from: number;
  readonly resumed: number;
  readonly isWhole: boolean;
  readonly entries: readonly (readonly [key: string, revision: number, count: number, ownRevision: number])[];
}

interface Life {
  readonly found: Found | undefined;
  readonly acknowledged: readonly (readonly [writer: number, count: number, revision: number])[];
}

/** Runs the writer and kills it: `delayMs` after it has opened the store, or after it was started. */
function liveAndDie(args: readonly string[], delayMs: number, from: 'start' | 'open'): Promise<Life> {
  const program = path.join(import.meta.dirname, 'store-writer.mjs');
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const acknowledged: (readonly [number, number, number])[] = [];
  let found: Found | undefined;
  const kill = (): void => {
    setTimeout(() => child.kill('SIGKILL'), delayMs);
  };
  if (from === 'start') kill();
  return new Promise((resolve, reject) => {
    const lines = readline.createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      let said: unknown;
      try {
        said = JSON.parse(line);
      } catch {
        return; // the last line, cut off by the kill: never said
      }
      if (Array.isArray(said)) {
        acknowledged.push(said as unknown as readonly [number, number, number]);
      } else {
        found = said as Found;
        if (from === 'open') kill();
      }
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve({ found, acknowledged });
      else reject(new Error(`the writer ended by itself: exit code ${code}, signal ${signal}`));
    });
  });
}

describe('a store whose process is killed at any moment', () => {
  test(`D1 has all that was acknowledged and no half of anything (${ROUNDS} kills, BERTH_CRASH_SEED=${SEED})`, {
    timeout: 30_000 + ROUNDS * 3000,
  }, async () => {
    const random = seededRandom(SEED);
    const directory = path.join(base, 'killed');
    const counts = new Map<number, number>();
    const revisions = new Map<number, string>();
    let newest = 0;
    let compacted = 0;
    let total = 0;

    const check = (found: Found): void => {
      expect(found.revision).toBeGreaterThanOrEqual(newest);
      expect(found.compactedRevision).toBeGreaterThanOrEqual(compacted);
      expect(found.isWhole, `resumed from ${found.from}: ${found.resumed} events up to ${found.revision}`).toBe(true);
      newest = found.revision;
      compacted = found.compactedRevision;
      const entries = new Map(found.entries.map(([key, ...rest]) => [key, rest]));
      for (const [key, [revision, , ownRevision]] of entries) expect(ownRevision, key).toBe(revision);
      for (const [writer, count] of counts) {
        const [firstRevision, firstCount] = entries.get(`/first/${writer}`) ?? [0, 0];
        const [secondRevision, secondCount] = entries.get(`/second/${writer}`) ?? [0, 0];
        expect(firstCount, `writer ${writer}`).toBeGreaterThanOrEqual(count);
        // One commit wrote both.
        expect([secondRevision, secondCount]).toEqual([firstRevision + 1, firstCount]);
      }
    };

    for (let round = 0; round < ROUNDS; round++) {
      const from = random.next() < 0.85 ? 'open' : 'start';
      const delayMs = random.next() * (from === 'open' ? 80 : 250);
      const maxEvents = random.next() < 0.5 ? 300 : 100_000;
      const args = [directory, `${WRITERS}`, `${maxEvents}`, `${Math.floor(newest - random.next() * 200)}`];
      const { found, acknowledged } = await liveAndDie(args, delayMs, from);
      if (found !== undefined) check(found);
      for (const [writer, count, revision] of acknowledged) {
        const what = `${writer}/${count}`;
        expect(revisions.get(revision) ?? what, `revision ${revision} was given twice`).toBe(what);
        revisions.set(revision, what);
        expect(revision).toBeGreaterThan(found?.revision ?? 0);
        counts.set(writer, count);
        newest = Math.max(newest, revision);
        total++;
      }
    }
    expect(total).toBeGreaterThan(ROUNDS);
    const store = await openLmdbStore({ directory, logger: silentLogger });
    expect(store.revision).toBeGreaterThanOrEqual(newest);
    await store.close();
  });
});

test('D4 a backup that is killed does not keep the room of what is dropped', async () => {
  const directory = path.join(base, 'read');
  const store = await openLmdbStore({ directory, logger: silentLogger, history: { maxEvents: 100 } });
  const value = (revision: number): object => ({ revision, padding: 'x'.repeat(3000) });
  const write = async (): Promise<number> => {
    for (let round = 0; round < 30; round++) {
      const keys = Array.from({ length: 50 }, (_, key) => `/key/${key}`);
      await Promise.all(keys.map((key) => store.commit([{ type: 'put', key, value }])));
    }
    return fs.statSync(path.join(directory, 'data.mdb')).size;
  };
  await write();
  const snapshot = path.join(import.meta.dirname, '..', '..', 'dist', 'store', 'lmdb-snapshot.js');
  const reader = `const { LmdbSnapshot } = await import(${JSON.stringify(snapshot)});
    const snapshot = new LmdbSnapshot(${JSON.stringify(path.join(directory, 'data.mdb'))});
    console.log('open');
    setInterval(() => snapshot.size, 1000);`;
  const args = ['--input-type=module', '-e', reader];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const whileOpen = await write();
  child.kill('SIGKILL');
  await once(child, 'exit');
  await write();
  // What was held can be used again, for as much as was written then.
  expect(await write()).toBeLessThan(whileOpen + 1_000_000);
  await store.close();
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
if (!canMount) console.warn('SKIPPED: the full disk needs root on Linux, to mount a small file system');

describe.skipIf(!canMount)('a store whose disk is full', () => {
  let disk: string;
  beforeAll(() => {
    disk = path.join(base, 'disk');
    fs.mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
  });
  afterAll(() => execFileSync('umount', [disk]));

  test('D3 refuses writes and says why, goes on with reads, and recovers when there is room', async () => {
    const value = (revision: number): object => ({ revision, padding: 'x'.repeat(3000) });
    const room = path.join(disk, 'room');
    fs.writeFileSync(room, Buffer.alloc(1024 * 1024));
    const directory = path.join(disk, 'store');
    const store = await openLmdbStore({ directory, logger: silentLogger });
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    for (let count = 0; failures.length < 3; count++) {
      const keys = ['a', 'b', 'c'].map((name) => `/${name}/${count}`);
      const results = await Promise.allSettled(keys.map((key) => store.commit([{ type: 'put', key, value }])));
      for (const [index, result] of results.entries()) {
        if (result.status === 'fulfilled') acknowledged.push(keys[index] ?? '');
        else failures.push(result.reason);
      }
    }
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(StoreWriteError);
      expect(String(failure)).toContain(`there is no room left on the disk of ${directory}`);
    }
    const keysOf = async (): Promise<readonly string[]> => (await store.list('/')).entries.map(({ key }) => key);
    expect(await keysOf()).toEqual([...acknowledged].sort());
    expect(store.revision).toBe(acknowledged.length);
    await expect(store.commit([{ type: 'put', key: '/still', value }])).rejects.toBeInstanceOf(StoreWriteError);

    fs.rmSync(room);
    for (const key of ['/d/1', '/d/2']) {
      expect((await store.commit([{ type: 'put', key, value }])).revision).toBe(acknowledged.length + 1);
      acknowledged.push(key);
    }
    await store.close();
    const again = await openLmdbStore({ directory, logger: silentLogger });
    expect(again.revision).toBe(acknowledged.length);
    expect((await again.list('/')).entries.map(({ key }) => key)).toEqual([...acknowledged].sort());
    await again.close();
  });
});
