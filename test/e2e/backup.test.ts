import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isReason } from '../../src/api/errors.ts';
import type { ConfigMap } from '../../src/api/generated/types.ts';
import { ConfigMaps } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import { type Server, TestBerth } from './support.ts';

const WRITERS = 8;

let berth: TestBerth;
let other: TestBerth;
let files: string;
beforeAll(() => {
  berth = new TestBerth('backup');
  other = new TestBerth('restore');
  files = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-backups-'));
});
afterAll(async () => {
  await berth.close();
  await other.close();
  fs.rmSync(files, { recursive: true, force: true });
});

async function end(server: Server): Promise<void> {
  server.signal('SIGTERM');
  expect(await server.ended).toBe(0);
}

const configMaps = async (client: Client): Promise<readonly ConfigMap[]> =>
  (await client.list(ConfigMaps, { namespace: 'default', labelSelector: 'test=backup' })).items;

/** Each writer makes one object after the other until it is told to end, and remembers those that were acknowledged. */
function write(client: Client): { readonly made: ReadonlyMap<string, ConfigMap>; end(): Promise<void> } {
  const made = new Map<string, ConfigMap>();
  let isOver = false;
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; !isOver; count++) {
      const metadata = { name: `${writer}-${count}`, namespace: 'default', labels: { test: 'backup' } };
      const object = await client.create(ConfigMaps, { metadata, data: { text: 'größer\u2028🚢'.repeat(50) } });
      made.set(object.metadata.name, object);
    }
  });
  return {
    made,
    async end() {
      isOver = true;
      await Promise.all(writers);
    },
  };
}

describe('berth backup and restore', () => {
  test('D4 a running cluster is backed up at one moment, and restored elsewhere it is the same', async () => {
    const server = await berth.up('--nodes', '0');
    const writing = write(berth.client());
    await expect.poll(() => writing.made.size, { timeout: 60_000 }).toBeGreaterThan(200);
    const before = new Map(writing.made);
    const file = path.join(files, 'running');
    const said = JSON.parse(await berth.ok('backup', file, '-o', 'json')) as Record<string, unknown>;
    const after = writing.made.size;
    await writing.end();
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(said).toMatchObject({ file, bytes: fs.statSync(file).size });

    await other.ok('restore', file);
    const restoredServer = await other.up('--nodes', '0');
    const client = other.client();
    const restored = await configMaps(client);
    // All that was acknowledged before, and of what came meanwhile no later one without the earlier.
    const counts = new Map<string, number>();
    for (const object of restored) {
      expect(object).toEqual(writing.made.get(object.metadata.name));
      const writer = object.metadata.name.slice(0, 1);
      counts.set(writer, (counts.get(writer) ?? 0) + 1);
    }
    for (const [writer, count] of counts) {
      expect(restored.some(({ metadata }) => metadata.name === `${writer}-${count - 1}`)).toBe(true);
    }
    for (const name of before.keys()) expect(restored.some(({ metadata }) => metadata.name === name)).toBe(true);
    expect(restored.length).toBeLessThanOrEqual(after + WRITERS);
    for (const { metadata } of restored)
      expect(Number(metadata.resourceVersion)).toBeLessThanOrEqual(said.revision as number);

    // Who knows a version of the first cluster starts again instead of missing something, and what is new is above.
    const refused = await new Promise((resolve) => {
      client.watch(ConfigMaps, { resourceVersion: `${said.revision}` }, { events() {}, closed: resolve });
    });
    expect(isReason(refused, 'Expired')).toBe(true);
    const fresh = await client.create(ConfigMaps, { metadata: { name: 'new', namespace: 'default' } });
    const newest = Math.max(...[...writing.made.values()].map(({ metadata }) => Number(metadata.resourceVersion)));
    expect(Number(fresh.metadata.resourceVersion)).toBeGreaterThan(newest);
    await end(restoredServer);
    await end(server);
  });

  test('a cluster that does not run is backed up, to a stream too', async () => {
    const file = path.join(files, 'stopped');
    expect(await berth.ok('backup', file)).toMatch(/\d+ objects at revision \d+, [\d,]+ bytes, read back and right/);
    const { code, stdout, stderr } = await berth.run('backup', '-');
    expect(code).toBe(0);
    expect(stderr).toContain('the data of volumes is not in it');
    const objects = (text: string): readonly string[] => text.trimEnd().split('\n').slice(1, -1);
    expect(objects(stdout)).toEqual(objects(fs.readFileSync(file, 'utf8')));
  });

  test('nothing is overwritten unasked', async () => {
    const file = path.join(files, 'precious');
    fs.writeFileSync(file, 'precious');
    const taken = await berth.run('backup', file);
    expect([taken.code, fs.readFileSync(file, 'utf8')]).toEqual([1, 'precious']);
    expect(taken.stderr).toContain(`${file} is there already`);
    expect(taken.stderr).toContain('--force');
    await berth.ok('backup', file, '--force');
    const filled = await berth.run('restore', file);
    expect(filled.code).toBe(1);
    expect(filled.stderr).toContain(`${berth.dataDir} has a store already`);
  });

  test('a running cluster is not restored into, nor a damaged backup', async () => {
    const file = path.join(files, 'again');
    await berth.ok('backup', file);
    const server = await berth.up('--nodes', '0');
    const running = await berth.run('restore', file, '--force');
    expect(running.code).toBe(1);
    expect(running.stderr).toContain(`is in use by process ${server.child.pid}`);
    await end(server);
    fs.truncateSync(file, fs.statSync(file).size - 100);
    const store = path.join(berth.dataDir, 'store', 'data.mdb');
    const before = fs.readFileSync(store);
    const damaged = await berth.run('restore', file, '--force');
    expect(damaged.code).toBe(1);
    expect(damaged.stderr).toContain(`${file} is not a whole backup of Berth`);
    expect(fs.readFileSync(store).equals(before)).toBe(true);
  });

  test('D2 a damaged store is refused with what to do, and restoring a backup mends it', async () => {
    const file = path.join(files, 'good');
    await berth.ok('backup', file);
    const store = path.join(berth.dataDir, 'store', 'data.mdb');
    fs.truncateSync(store, Math.floor(fs.statSync(store).size / 2));
    for (const command of [
      ['up', '--nodes', '0'],
      ['backup', path.join(files, 'bad')],
    ]) {
      const { code, stderr } = await berth.run(...command);
      expect(code).toBe(1);
      expect(stderr).toMatch(/data\.mdb is damaged: .*Restore a backup/);
    }
    const { replaced } = JSON.parse(await berth.ok('restore', file, '--force', '-o', 'json')) as { replaced: string };
    expect(fs.existsSync(replaced)).toBe(true);
    const server = await berth.up('--nodes', '0');
    expect((await configMaps(berth.client())).length).toBeGreaterThan(200);
    await end(server);
  });
});
