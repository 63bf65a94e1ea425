import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

import type { Pod } from '../../src/api/generated/types.ts';
import { Events, Pods, StatefulSets } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import { type Cluster, startCluster } from '../../src/cluster/cluster.ts';

const able = process.platform === 'linux' && process.getuid?.() === 0;
const KEY = { namespace: 'default', name: 'db-0' };
const PATIENCE_MS = 120_000;

let directories: string[] = [];
let clusters: Cluster[] = [];
let watcher: NodeJS.Timeout | undefined;

afterEach(async () => {
  clearInterval(watcher);
  for (const cluster of clusters) await cluster.stop({ pods: 'end' });
  for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true });
  [clusters, directories] = [[], []];
});

function newDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-one-'));
  directories.push(directory);
  return directory;
}

async function start(dataDir: string): Promise<Cluster> {
  const cluster = await startCluster({
    dataDir,
    runtime: 'process',
    isolation: 'auto',
    nodes: 1,
    apiPort: 0,
    dnsPort: 0,
    version: 'test',
  });
  clusters.push(cluster);
  return cluster;
}

async function stop(cluster: Cluster, pods: 'end' | 'leave'): Promise<void> {
  clusters = clusters.filter((other) => other !== cluster);
  await cluster.stop({ pods });
}

/** A process whose command line tells it from all others of this machine. */
let members = 5_000_000 + process.pid * 10;

function createSet(client: Client): Promise<{ readonly program: string }> {
  const program = `sleep ${++members}`;
  const labels = { app: 'db' };
  return client
    .create(StatefulSets, {
      metadata: { name: 'db', namespace: 'default' },
      spec: {
        serviceName: 'db',
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'main',
                image: 'none',
                command: ['sh', '-c', `echo begin >> /data/log; exec ${program}`],
                volumeMounts: [{ name: 'data', mountPath: '/data' }],
              },
            ],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
          },
        ],
      },
    })
    .then(() => ({ program }));
}

/** The processes with exactly this command line. */
function processesOf(program: string): string[] {
  return fs.readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ').trim() === program;
    } catch {
      return false;
    }
  });
}

/** From now on looks, again and again, how many there are at once. */
function watchMost(program: string): { readonly most: () => number } {
  let most = 0;
  watcher = setInterval(() => {
    most = Math.max(most, processesOf(program).length);
  }, 10);
  return { most: () => most };
}

async function ready(client: Client, not = ''): Promise<Pod> {
  let pod: Pod | undefined;
  await expect
    .poll(
      async () => {
        pod = await client.get(Pods, KEY).catch(() => undefined);
        return pod?.metadata.uid !== not && pod?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
      },
      { timeout: PATIENCE_MS },
    )
    .toBe('True');
  return pod!;
}

describe.runIf(able)('whatever the API says, one process of an identity', () => {
  test('M5 M7 is there through forced deletions, one after the other', async () => {
    const { client } = await start(newDirectory());
    const { program } = await createSet(client);
    let { metadata } = await ready(client);
    const { most } = watchMost(program);
    for (let round = 0; round < 20; round++) {
      await client.delete(Pods, KEY, { gracePeriodSeconds: 0 });
      ({ metadata } = await ready(client, metadata.uid));
    }
    expect(processesOf(program)).toHaveLength(1);
    expect(most()).toBe(1);
  }, 120_000);

  test('M5 is there when a second server runs on a copy of the data directory, and an event says who has it', async () => {
    const original = newDirectory();
    const first = await start(original);
    const { program } = await createSet(first.client);
    await ready(first.client);
    const [pid] = processesOf(program);
    const { most } = watchMost(program);

    // What a careful person copies: the database, the volumes, the keys. The server that is copied goes on.
    await stop(first, 'leave');
    const copy = newDirectory();
    for (const name of ['store', 'pki'])
      fs.cpSync(path.join(original, name), path.join(copy, name), { recursive: true });
    fs.cpSync(path.join(original, 'nodes', 'node-0', 'volumes'), path.join(copy, 'nodes', 'node-0', 'volumes'), {
      recursive: true,
    });
    const again = await start(original);
    await ready(again.client);
    expect(processesOf(program)).toEqual([pid]);

    const second = await start(copy);
    await expect
      .poll(
        async () => {
          const { items } = await second.client.list(Events, { namespace: 'default' });
          return items.find(({ reason, involvedObject }) => reason === 'VolumeInUse' && involvedObject.name === 'db-0')
            ?.message;
        },
        { timeout: PATIENCE_MS },
      )
      .toMatch(/claim default\/data-db-0 is in use by .*db-0/);
    expect(processesOf(program)).toEqual([pid]);

    await stop(again, 'end');
    await ready(second.client);
    expect(processesOf(program)).toHaveLength(1);
    expect(most()).toBe(1);
  }, 120_000);

  test('M5 M3 is there when an old database is restored', async () => {
    const dataDir = newDirectory();
    let cluster = await start(dataDir);
    const { program } = await createSet(cluster.client);
    const old = await ready(cluster.client);
    await stop(cluster, 'leave');
    const backup = newDirectory();
    fs.cpSync(path.join(dataDir, 'store'), backup, { recursive: true });

    cluster = await start(dataDir);
    const { most } = watchMost(program);
    await cluster.client.delete(Pods, KEY);
    const young = await ready(cluster.client, old.metadata.uid);
    await stop(cluster, 'leave');
    expect(processesOf(program)).toHaveLength(1);
    fs.rmSync(path.join(dataDir, 'store'), { recursive: true });
    fs.cpSync(backup, path.join(dataDir, 'store'), { recursive: true });

    // The database has never heard of the pod that runs, and believes in one that has long ended.
    cluster = await start(dataDir);
    const found = await ready(cluster.client, young.metadata.uid);
    expect(found.metadata.uid).toBe(old.metadata.uid);
    await expect.poll(() => processesOf(program), { timeout: PATIENCE_MS }).toHaveLength(1);
    expect(most()).toBe(1);
  }, 120_000);
});
