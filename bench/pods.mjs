/*
 * Real pods on a whole cluster: the time until a node is ready, three members in order with claims, one that is deleted
 * and comes back, sixty at once with claims, and what the agent costs at rest. Needs root on Linux for full isolation.
 *
 *   npm run build && node bench/pods.mjs [--runs 3] [--pods 60] [--rest 10] [--isolation auto]
 */
import { readdirSync, readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PersistentVolumeClaims, Pods, StatefulSets } from '../dist/api/kinds.js';
import { startCluster } from '../dist/cluster/cluster.js';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    pods: { type: 'string', default: '60' },
    rest: { type: 'string', default: '10' },
    isolation: { type: 'string', default: 'auto' },
  },
});

function set(name, replicas, podManagementPolicy) {
  const labels = { app: name };
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      serviceName: name,
      replicas,
      podManagementPolicy,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'loop',
              image: 'none',
              command: ['sh', '-c', 'while :; do sleep 1000; done'],
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
  };
}

const isReady = (pod) => pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');

/** Resolves when `holds` of the set's pods, which are kept up to date by name. */
function when(client, app, holds) {
  return new Promise((resolve) => {
    const pods = new Map();
    const watch = client.watch(
      Pods,
      { namespace: 'default', labelSelector: `app=${app}` },
      {
        events(batch) {
          for (const { type, object } of batch) {
            if (type === 'DELETED') pods.delete(object.metadata.name);
            else if (type !== 'BOOKMARK') pods.set(object.metadata.name, object);
          }
          if (!holds(pods)) return;
          setImmediate(() => watch.stop());
          resolve();
        },
        closed() {},
      },
    );
  });
}

const allReady = (count) => (pods) => pods.size === count && [...pods.values()].every(isReady);

async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

async function remove(client, name) {
  const gone = when(client, name, (pods) => pods.size === 0);
  await client.delete(StatefulSets, { namespace: 'default', name });
  await gone;
  await client.deleteCollection(PersistentVolumeClaims, { namespace: 'default' });
}

const SETTLING_MS = 10_000;

/** What the processes that supervise pods have for themselves, and their part of what they share. */
function shimBytes(dataDir) {
  let kilobytes = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes(dataDir) || !/(sandbox|container)\.sh/.test(command)) continue;
      kilobytes += Number(/Pss:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // it has ended
    }
  }
  return kilobytes * 1024;
}

const figures = new Map();
const note = (name, value) => figures.set(name, [...(figures.get(name) ?? []), value]);
const many = Number(options.pods);

for (let run = 0; run < Number(options.runs); run++) {
  const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'berth-bench-'));
  let cluster;
  const startMs = await timed(async () => {
    cluster = await startCluster({
      dataDir,
      runtime: 'process',
      isolation: options.isolation,
      nodes: 1,
      apiPort: 0,
      dnsPort: 0,
      version: 'bench',
    });
  });
  note('cluster with a ready node', startMs);
  const { client } = cluster;
  const create = async (name, replicas, policy) => {
    const ready = when(client, name, allReady(replicas));
    await client.create(StatefulSets, set(name, replicas, policy));
    await ready;
  };

  note('3 pods in order, with claims', await timed(() => create('three', 3, 'OrderedReady')));
  note(
    'deleted, back and ready (grace 1 s)',
    await timed(async () => {
      const { metadata } = await client.get(Pods, { namespace: 'default', name: 'three-1' });
      const back = when(client, 'three', (pods) => {
        const again = pods.get('three-1');
        return again !== undefined && again.metadata.uid !== metadata.uid && isReady(again);
      });
      await client.delete(Pods, { namespace: 'default', name: 'three-1' });
      await back;
    }),
  );
  await remove(client, 'three');

  const before = process.memoryUsage().rss;
  note(`${many} pods in parallel, with claims`, await timed(() => create('many', many, 'Parallel')));
  const restMs = Number(options.rest) * 1000;
  if (restMs > 0) {
    // What the burst leaves to do (optimizing, collecting garbage) is over by then.
    await new Promise((resolve) => setTimeout(resolve, SETTLING_MS));
    const used = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, restMs));
    const { user, system } = process.cpuUsage(used);
    note(`share of a core at rest with ${many} pods, %`, ((user + system) / 1000 / restMs) * 100);
  }
  note('memory of the whole process, MB', process.memoryUsage().rss / 1e6);
  note('of that for each pod, MB', (process.memoryUsage().rss - before) / 1e6 / many);
  note('memory of what supervises a pod, MB', shimBytes(dataDir) / 1e6 / many);
  note(`${many} pods gone`, await timed(() => remove(client, 'many')));
  await cluster.stop({ pods: 'end' });
  await fs.rm(dataDir, { recursive: true, force: true });
}

for (const [name, values] of figures) {
  const sorted = [...values].sort((a, b) => a - b);
  const text = (value) => (value < 10 ? value.toFixed(value < 1 ? 2 : 1) : Math.round(value).toLocaleString('en'));
  const unit = /%|MB/.test(name) ? '' : ' ms';
  const middle = sorted[sorted.length >> 1];
  console.log(`${name.padEnd(48)} ${text(middle).padStart(8)}${unit}   (${text(sorted[0])} to ${text(sorted.at(-1))})`);
}
process.exit(0);
