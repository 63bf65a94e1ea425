import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';

import type { ConfigMap } from '../../src/api/generated/types.ts';
import { ConfigMaps } from '../../src/api/kinds.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { openLmdbStore, STORE_FILE } from '../../src/store/lmdb-store.ts';
import { TestBerth } from './support.ts';

/** Large enough that the built program reads it with a thread of its own; every tenth has pages of its own. */
const MAPS = 8000;
const textOf = (index: number): string => `ä${index} `.repeat(index % 10 === 0 ? 2000 : 200);
const mapOf = (index: number, revision: number): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: `map-${index}`,
    namespace: 'default',
    uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    resourceVersion: String(revision),
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  data: { text: textOf(index) },
});

const berth = new TestBerth('large');
const directory = path.join(berth.dataDir, 'store');
const file = path.join(directory, STORE_FILE);
afterAll(() => berth.close());

test('D2 a large store is read whole, and one byte that is not what was written is found before anything is served', async () => {
  const store = await openLmdbStore({ directory, logger: silentLogger });
  await store.commit(
    Array.from({ length: MAPS }, (_, index) => ({
      type: 'put',
      key: `/core/configmaps/default/map-${index}`,
      value: (revision) => mapOf(index, revision),
    })),
  );
  await store.close();
  expect(fs.statSync(file).size).toBeGreaterThan(16 * 1024 * 1024);

  const server = await berth.up('--nodes', '0');
  const { items } = await berth.client().list(ConfigMaps, { namespace: 'default' });
  const texts = new Map(items.map(({ metadata, data }) => [metadata.name, data?.text]));
  for (let index = 0; index < MAPS; index++) expect(texts.get(`map-${index}`) === textOf(index), `${index}`).toBe(true);
  server.child.kill('SIGTERM');
  await server.ended;

  const healthy = fs.readFileSync(file);
  for (const index of [0, 1, MAPS / 2 + 1, MAPS - 1]) {
    const damaged = Buffer.from(healthy);
    const at = damaged.lastIndexOf(`ä${index} `);
    damaged[at + 2] = (damaged[at + 2] ?? 0) ^ 1;
    fs.writeFileSync(file, damaged);
    const { code, stdout, stderr } = await berth.run('up', '--nodes', '0', '--api-port', '0', '--dns-port', '0');
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(
      /data\.mdb is damaged: the record of revision \d+ is not what was written\. Restore a backup/,
    );
    expect(stdout).not.toContain('API');
  }
  fs.writeFileSync(file, healthy);
  const again = await berth.up('--nodes', '0');
  expect((await berth.client().get(ConfigMaps, { namespace: 'default', name: 'map-1' })).data?.text).toBe(textOf(1));
  again.child.kill('SIGTERM');
  await again.ended;
});
