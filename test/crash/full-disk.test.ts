import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import { ConfigMaps, Nodes, Pods, StatefulSets } from '../../src/api/kinds.ts';
import { TestBerth, untilSettled } from '../e2e/support.ts';

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
if (!canMount) console.warn('SKIPPED: the full disk needs root on Linux, to mount a small file system');

const manifest = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'set' },
  spec: {
    serviceName: 'set',
    replicas: 2,
    selector: { matchLabels: { app: 'set' } },
    template: {
      metadata: { labels: { app: 'set' } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'main', image: 'none', command: ['sleep', '100000'] }],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
      },
    ],
  },
};

describe.skipIf(!canMount)('a cluster whose disk is full', () => {
  let disk: string;
  let berth: TestBerth;
  beforeAll(() => {
    disk = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]);
    berth = new TestBerth('full', undefined, disk);
  });
  afterAll(async () => {
    await berth.close();
    execFileSync('umount', [disk]);
    fs.rmdirSync(disk);
  });

  test('D3 says so to those who write, answers those who read, keeps its pods, and goes on when there is room', async () => {
    const file = path.join(disk, 'set.json');
    fs.writeFileSync(file, JSON.stringify(manifest));
    const server = await berth.up('-f', file);
    const client = berth.client();
    await untilSettled(client, 'set', 2);
    const podsOf = async (): Promise<readonly string[]> =>
      (await client.list(Pods, { namespace: 'default' })).items
        .map(
          ({ metadata, status }) => `${metadata.name} ${metadata.uid} ${status?.containerStatuses?.[0]?.restartCount}`,
        )
        .sort();
    const before = await podsOf();

    const filler = fs.openSync(path.join(disk, 'filler'), 'w');
    const fill = (): void => {
      try {
        for (;;) fs.writeSync(filler, Buffer.alloc(64 * 1024));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
    };
    fill();
    // The store may have some room in its file, and nothing else has.
    let refused: unknown;
    const acknowledged: string[] = [];
    for (let count = 0; refused === undefined && count < 500; count++) {
      const metadata = { name: `config-${count}`, namespace: 'default' };
      await client.create(ConfigMaps, { metadata, data: { text: 'x'.repeat(20_000) } }).then(
        () => acknowledged.push(metadata.name),
        (error: unknown) => {
          refused = error;
        },
      );
      fill();
    }
    fs.closeSync(filler);
    expect(refused).toBeInstanceOf(ApiError);
    const { status } = refused as ApiError;
    expect(status).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'InternalError', code: 500 });
    expect(status.message).toContain(`there is no room left on the disk of ${berth.dataDir}`);

    const kept = (await client.list(ConfigMaps, { namespace: 'default' })).items.map(({ metadata }) => metadata.name);
    expect(kept.filter((name) => name.startsWith('config-')).sort()).toEqual(acknowledged.sort());
    expect((await client.get(StatefulSets, { namespace: 'default', name: 'set' })).status?.readyReplicas).toBe(2);
    expect(await podsOf()).toEqual(before);
    const scaled = await berth.run('scale', 'statefulset/set', '--replicas', '3');
    expect(scaled.code).toBe(1);
    expect(scaled.stderr).toContain('there is no room left on the disk');

    fs.rmSync(path.join(disk, 'filler'));
    await berth.ok('scale', 'statefulset/set', '--replicas', '3');
    await untilSettled(client, 'set', 3);
    expect((await podsOf()).slice(0, 2)).toEqual(before);
    expect((await client.list(Nodes)).items[0]?.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe(
      'True',
    );
    server.signal('SIGTERM');
    expect(await server.ended).toBe(0);
  });
});
