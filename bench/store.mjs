/*
 * The store on disk: durable writes a second from several numbers of writers, and what many objects cost to open and
 * to hold. Every figure is the median of several runs, with the lowest and the highest beside it.
 *
 *   npm run build && node bench/store.mjs [--runs 5] [--seconds 2] [--objects 100000] [--directory DIR]
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLmdbStore } from '../dist/store/lmdb-store.js';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    objects: { type: 'string', default: '100000' },
    directory: { type: 'string', default: os.tmpdir() },
    measure: { type: 'string' },
  },
});

const quiet = { debug() {}, info() {}, warn() {}, error: console.error, child: () => quiet };

/** An object of about 1.5 kB of JSON, shaped like a pod. */
function pod(number, revision) {
  const name = `web-${number}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
      resourceVersion: `${revision}`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      generateName: 'web-',
      labels: { app: 'web', 'apps.kubernetes.io/pod-index': `${number}`, 'statefulset.kubernetes.io/pod-name': name },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'StatefulSet',
          name: 'web',
          uid: 'a',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: `data-${name}` } }],
      containers: [
        {
          name: 'server',
          image: 'registry.example/server:1.2.3',
          command: ['/usr/bin/server', '--data', '/data', '--listen', ':8080'],
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          env: Array.from({ length: 4 }, (_, index) => ({ name: `SETTING_${index}`, value: `value-${index}` })),
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
          readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5, failureThreshold: 3 },
        },
      ],
      nodeName: 'node-0',
      hostname: name,
      subdomain: 'web',
    },
    status: {
      phase: 'Running',
      podIP: '10.244.0.7',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({ type, status: 'True' })),
    },
  };
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function show(what, values, unit) {
  const text = (value) => (value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en'));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  console.log(`${what.padEnd(44)} ${text(median(values)).padStart(9)} ${unit}   (${text(low)} to ${text(high)})`);
}

async function inNewDirectory(work) {
  const directory = fs.mkdtempSync(path.join(options.directory, 'berth-bench-'));
  try {
    return await work(directory);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/** How many puts a second `writers` get acknowledged, each waiting for its own before the next. */
function putsPerSecond(writers) {
  return inNewDirectory(async (directory) => {
    const store = await openLmdbStore({ directory, logger: quiet });
    const seconds = Number(options.seconds);
    let done = 0;
    let isOver = false;
    const write = async (writer) => {
      for (let round = 0; !isOver; round++) {
        const number = (round * writers + writer) % 10_000;
        const value = (revision) => pod(number, revision);
        await store.commit([{ type: 'put', key: `/core/pods/default/web-${number}`, value }]);
        done++;
      }
    };
    const begin = performance.now();
    setTimeout(() => {
      isOver = true;
    }, seconds * 1000);
    await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    const rate = done / ((performance.now() - begin) / 1000);
    await store.close();
    return rate;
  });
}

const megabytes = (bytes) => bytes / 1024 / 1024;

/** In a process of its own: opens a store and says what that took, before and after everything was read. */
async function measure(directory) {
  globalThis.gc();
  const before = process.memoryUsage.rss();
  const begin = performance.now();
  const store = await openLmdbStore({ directory, logger: quiet });
  const openMs = performance.now() - begin;
  globalThis.gc();
  const opened = process.memoryUsage();
  const { entries } = await store.list('/');
  const listBegin = performance.now();
  let bytes = 0;
  for (const entry of entries) bytes += entry.json().length;
  const jsonMs = performance.now() - listBegin;
  const parseBegin = performance.now();
  for (const entry of entries) bytes += entry.value.kind.length;
  const parseMs = performance.now() - parseBegin;
  globalThis.gc();
  const parsed = process.memoryUsage();
  console.log(
    JSON.stringify({
      before,
      openMs,
      jsonMs,
      parseMs,
      bytes,
      opened: { heap: opened.heapUsed, rss: opened.rss },
      parsed: { heap: parsed.heapUsed, rss: parsed.rss },
      fileBytes: fs.statSync(path.join(directory, 'data.mdb')).size,
    }),
  );
  await store.close();
}

async function openingMany() {
  const objects = Number(options.objects);
  await inNewDirectory(async (directory) => {
    const store = await openLmdbStore({ directory, logger: quiet });
    for (let first = 0; first < objects; first += 1000) {
      await Promise.all(
        Array.from({ length: Math.min(1000, objects - first) }, (_, index) =>
          store.commit([
            {
              type: 'put',
              key: `/core/pods/default/web-${first + index}`,
              value: (revision) => pod(first + index, revision),
            },
          ]),
        ),
      );
    }
    await store.close();
    const results = Array.from({ length: Number(options.runs) }, () =>
      JSON.parse(execFileSync(process.execPath, ['--expose-gc', import.meta.filename, '--measure', directory])),
    );
    const [{ bytes, fileBytes }] = results;
    console.log(
      `\n${objects.toLocaleString('en')} objects of ${Math.round(bytes / objects)} bytes; the file has ${Math.round(megabytes(fileBytes))} MB`,
    );
    const each = (pick) => results.map(pick);
    show(
      'open',
      each(({ openMs }) => openMs),
      'ms',
    );
    show(
      'heap after opening',
      each(({ opened }) => megabytes(opened.heap)),
      'MB',
    );
    show(
      'resident, all mapped pages counted',
      each(({ opened }) => megabytes(opened.rss)),
      'MB',
    );
    show(
      'JSON of all from the log',
      each(({ jsonMs }) => jsonMs),
      'ms',
    );
    show(
      'parse all',
      each(({ parseMs }) => parseMs),
      'ms',
    );
    show(
      'heap with all parsed',
      each(({ parsed }) => megabytes(parsed.heap)),
      'MB',
    );
    show(
      'resident with all parsed',
      each(({ parsed }) => megabytes(parsed.rss)),
      'MB',
    );
  });
}

if (options.measure !== undefined) {
  await measure(options.measure);
} else {
  for (const writers of [1, 16, 64, 512]) {
    const rates = [];
    for (let run = 0; run < Number(options.runs); run++) rates.push(await putsPerSecond(writers));
    show(`durable puts, ${writers} writer${writers === 1 ? '' : 's'}`, rates, 'a second');
  }
  await openingMany();
}
