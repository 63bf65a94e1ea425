/*
 * The process runtime alone, without an API: what starting, keeping, finding again and ending real pods costs. Each pod
 * is one container that sleeps, with an identity lock and a volume.
 *
 *   npm run build && node --expose-gc bench/process-runtime.mjs [--pods 60] [--isolation auto]
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { pods: { type: 'string', default: '60' }, isolation: { type: 'string', default: 'auto' } },
});
const dist = process.env.BERTH_DIST ?? path.join(import.meta.dirname, '..', 'dist');
const { processRuntime } = await import(path.join(dist, 'node/runtimes/process/process-runtime.js'));
const { systemClock } = await import(path.join(dist, 'platform/clock.js'));
const { silentLogger } = await import(path.join(dist, 'platform/logger.js'));

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'));
const count = Number(options.pods);
const open = () =>
  processRuntime({
    directory: path.join(directory, 'node'),
    nodeName: 'node-0',
    clock: systemClock,
    logger: { ...silentLogger, warn: console.error },
    isolation: options.isolation,
  });

const pod = (number) => ({
  uid: `bench-${number}`,
  namespace: 'default',
  name: `bench-${number}`,
  hostname: `bench-${number}`,
  hostNetwork: false,
  ports: [],
  dns: { nameservers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] },
  hostAliases: [],
  sysctls: {},
  locks: [{ id: `${directory}/${number}`, description: `claim default/data-bench-${number}` }],
});

function container(number) {
  const volume = path.join(directory, `volume-${number}`);
  fs.mkdirSync(volume, { recursive: true });
  return {
    name: 'main',
    kind: 'main',
    attempt: 0,
    image: 'busybox',
    command: ['sleep', '100000'],
    args: [],
    env: { POD_NAME: `bench-${number}` },
    mounts: [{ hostPath: volume, mountPath: '/data', readOnly: false }],
    stdin: false,
    tty: false,
    securityContext: {},
    limits: {},
    terminationMessagePath: '',
  };
}

async function start(runtime, number) {
  const begin = performance.now();
  await runtime.startPod(pod(number));
  await runtime.startContainer(`bench-${number}`, container(number));
  return performance.now() - begin;
}

/** Kilobytes of memory of the processes that keep the pods, the containers' programs left out. */
function shimMemory() {
  let sumKb = 0;
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('/scripts/')) continue;
      sumKb += Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // it has ended
    }
  }
  return sumKb;
}

const say = (what, value, unit) => console.log(`${what.padEnd(52)} ${value.toFixed(value < 10 ? 2 : 0)} ${unit}`);
const timed = async (work) => {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
};
const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage();
};

let runtime = open();
say('start of the runtime', await timed(() => runtime.start(() => {})), 'ms');
console.log(`isolation: ${runtime.isolation}`);
const shimBefore = shimMemory();
const one = [];
for (let number = 0; number < 10; number++) one.push(await start(runtime, number));
say('a pod and its container, one after another, median', one.sort((a, b) => a - b)[5], 'ms');
const memoryBefore = heap();
const rest = Array.from({ length: count - 10 }, (_, number) => number + 10);
say(`${rest.length} pods at once`, await timed(() => Promise.all(rest.map((number) => start(runtime, number)))), 'ms');
say('shims, per pod', (shimMemory() - shimBefore) / count, 'kB PSS');
const memoryAfter = heap();
say('agent, heap per pod', (memoryAfter.heapUsed - memoryBefore.heapUsed) / rest.length / 1024, 'kB');
say('agent, resident per pod', (memoryAfter.rss - memoryBefore.rss) / rest.length / 1024, 'kB');
const cpuBefore = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 3000));
const cpu = process.cpuUsage(cpuBefore);
say('agent at rest', (cpu.user + cpu.system) / 1000 / 3, 'ms of CPU a second');
await runtime.close();
runtime = open();
say(`start of a runtime that finds ${count} pods`, await timed(() => runtime.start(() => {})), 'ms');
const stop = async (number) => {
  await runtime.stopContainer(`bench-${number}`, 'main', { signal: 'SIGTERM', graceMs: 1000 });
  await runtime.stopPod(`bench-${number}`);
  await runtime.removePod(`bench-${number}`);
};
say('the end of a pod, alone', await timed(() => stop(0)), 'ms');
const others = Array.from({ length: count - 1 }, (_, number) => number + 1);
say(`the end of ${others.length} pods at once`, await timed(() => Promise.all(others.map(stop))), 'ms');
await runtime.close();
fs.rmSync(directory, { recursive: true });
