/*
 * What the whole server takes: time until it is ready with many objects stored, and the memory for each object, each
 * watch and each event that waits for a slow client. The built program runs without nodes, in a process of its own;
 * clients speak HTTPS to it. Memory is what is the process's own (RssAnon); pages of the store's file that are mapped
 * are shown by themselves. Every figure is the median of several runs, with the lowest and the highest beside it.
 *
 *   npm run build && node bench/memory.mjs [--runs 3] [--objects 100000] [--kind Pod|ConfigMap]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openLmdbStore } from '../dist/store/lmdb-store.js';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    objects: { type: 'string', default: '100000' },
    kind: { type: 'string' },
  },
});
const OBJECTS = Number(options.objects);
const WATCHES = 1000;
const EVENTS = 5000;
const quiet = { debug() {}, info() {}, warn() {}, error: console.error, child: () => quiet };

function metadata(kind, number, revision) {
  return {
    name: `${kind.toLowerCase()}-${number}`,
    namespace: 'default',
    uid: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    resourceVersion: `${revision}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'bench', 'bench/number': `${number}` },
  };
}

/** About 1.5 kB of JSON. */
const kinds = {
  ConfigMap: (number, revision) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('ConfigMap', number, revision),
    data: { text: `${number} `.padEnd(1200, 'text ') },
  }),
  // Without a node and an owner, so that no controller takes them away.
  Pod: (number, revision) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata('Pod', number, revision),
    spec: {
      containers: [
        {
          name: 'server',
          image: 'registry.example/server:1.2.3',
          command: ['/usr/bin/server', '--data', '/data', '--listen', ':8080'],
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
          env: Array.from({ length: 8 }, (_, index) => ({ name: `SETTING_${index}`, value: `value-${index}` })),
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 5, failureThreshold: 3 },
          imagePullPolicy: 'IfNotPresent',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
        },
      ],
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      hostname: `pod-${number}`,
      subdomain: 'bench',
    },
    status: { phase: 'Pending', qosClass: 'Burstable' },
  }),
};

async function fill(directory, kind) {
  const store = await openLmdbStore({ directory: path.join(directory, 'store'), logger: quiet });
  const plural = `${kind.toLowerCase()}s`;
  for (let first = 0; first < OBJECTS; first += 1000) {
    await Promise.all(
      Array.from({ length: Math.min(1000, OBJECTS - first) }, (_, index) => {
        const number = first + index;
        const key = `/core/${plural}/default/${kind.toLowerCase()}-${number}`;
        return store.commit([{ type: 'put', key, value: (revision) => kinds[kind](number, revision) }]);
      }),
    );
  }
  await store.close();
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

class Server {
  static async start(directory) {
    const server = new Server();
    const began = performance.now();
    const program = path.join(import.meta.dirname, '..', 'bin', 'berth.js');
    server.port = await freePort();
    const args = ['up', '--nodes', '0', '--api-port', `${server.port}`, '--dns-port', '0', '--data-dir', directory];
    // Not ours, and 100 ms of every Node process where it is set.
    const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
    server.child = spawn(process.execPath, [program, ...args], { env, stdio: 'ignore' });
    for (;;) {
      const answer = await server.request('GET', '/readyz').catch(() => undefined);
      if (answer?.status === 200) break;
      await pause(10);
    }
    server.readyMs = performance.now() - began;
    const file = path.join(directory, 'kubeconfig');
    while (!fs.existsSync(file)) await pause(10);
    const kubeconfig = fs.readFileSync(file, 'utf8');
    server.token = /token: "?([^"\s]+)/.exec(kubeconfig)[1];
    return server;
  }

  request(method, url, body) {
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          ...this.#options(method, url),
          headers: { ...this.#headers(), ...(body && { 'content-type': 'application/json' }) },
        },
        async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve({ status: response.statusCode, text });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  async watch(url) {
    const request = https.request({ ...this.#options('GET', url), headers: this.#headers(), agent: false });
    request.end();
    const [response] = await once(request, 'response');
    response.on('error', () => {});
    response.pause();
    return response;
  }

  #headers() {
    return this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
  }

  #options(method, path) {
    return { method, host: '127.0.0.1', port: this.port, path, rejectUnauthorized: false };
  }

  /** Bytes. */
  memory() {
    const status = fs.readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * 1024;
    return { own: of('RssAnon'), mapped: of('RssFile'), all: of('VmRSS') };
  }

  /** Seconds of processor time until now. */
  processorTime() {
    const fields = fs.readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  async end() {
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }
}

const results = new Map();
function note(what, value, unit) {
  if (!results.has(what)) results.set(what, { unit, values: [] });
  results.get(what).values.push(value);
}

function report() {
  const text = (value) => (value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en'));
  for (const [what, { unit, values }] of results) {
    const sorted = [...values].sort((a, b) => a - b);
    const spread = `(${text(sorted[0])} to ${text(sorted.at(-1))})`;
    console.log(`${what.padEnd(60)} ${text(sorted[sorted.length >> 1]).padStart(9)} ${unit}   ${spread}`);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const megabytes = (bytes) => bytes / 1024 / 1024;

async function inNewDirectory(work) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'));
  try {
    return await work(directory);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function stored(kind) {
  await inNewDirectory(async (directory) => {
    await fill(directory, kind);
    for (let run = 0; run < Number(options.runs); run++) {
      const server = await Server.start(directory);
      const name = `${OBJECTS.toLocaleString('en')} ${kind}s`;
      note(`${name}: until /readyz answers`, server.readyMs / 1000, 's');
      note(`${name}: processor time until then`, server.processorTime(), 's');
      await pause(5000);
      note(`${name}: processor time until it is at rest`, server.processorTime(), 's');
      const { own, mapped, all } = server.memory();
      note(`${name}: memory of its own, at rest`, megabytes(own), 'MB');
      note(`${name}: mapped pages of files`, megabytes(mapped), 'MB');
      note(`${name}: resident, all together`, megabytes(all), 'MB');
      const began = performance.now();
      const { text } = await server.request('GET', `/api/v1/namespaces/default/${kind.toLowerCase()}s`);
      note(
        `${name}: list of all over HTTPS (${Math.round(megabytes(text.length))} MB)`,
        (performance.now() - began) / 1000,
        's',
      );
      note(`${name}: memory of its own after it`, megabytes(server.memory().own), 'MB');
      await server.end();
    }
  });
}

async function watches() {
  await inNewDirectory(async (directory) => {
    for (let run = 0; run < Number(options.runs); run++) {
      const server = await Server.start(directory);
      await pause(2000);
      const idle = server.memory().own;
      note('idle: memory of its own', megabytes(idle), 'MB');
      const url = '/api/v1/namespaces/default/configmaps';
      const open = [];
      for (let count = 0; count < WATCHES; count++) open.push(await server.watch(`${url}?watch=1&resourceVersion=0`));
      await pause(2000);
      note('each open watch, its TLS connection included', (server.memory().own - idle) / WATCHES / 1024, 'kB');
      for (const response of open) response.destroy();
      await pause(2000);
      await server.request('POST', url, JSON.stringify(kinds.ConfigMap(0, 0)));
      const slow = await server.watch(`${url}?watch=1&resourceVersion=0`);
      const before = server.memory().own;
      for (let count = 0; count < EVENTS; count += 50) {
        await Promise.all(
          Array.from({ length: 50 }, (_, index) => {
            const body = { ...kinds.ConfigMap(0, 0), metadata: { name: `event-${count + index}` } };
            return server.request('POST', url, JSON.stringify(body));
          }),
        );
      }
      await pause(2000);
      note(
        'each event of 1.5 kB that waits, its object included',
        (server.memory().own - before) / EVENTS / 1024,
        'kB',
      );
      slow.destroy();
      await server.end();
    }
  });
}

for (const kind of options.kind === undefined ? Object.keys(kinds) : [options.kind]) await stored(kind);
if (options.kind === undefined) await watches();
report();
