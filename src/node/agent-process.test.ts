import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { condition } from '../../test/support/node-harness.ts';
import type { Container, Pod, PodSpec } from '../api/generated/types.ts';
import { ConfigMaps, Pods } from '../api/kinds.ts';
import type { Client } from '../client/client.ts';
import { inProcessClient } from '../client/in-process-client.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { createRegistry } from '../registry/create-registry.ts';
import { memoryStore } from '../store/memory-store.ts';
import { type NodeAgent, startNodeAgent } from './agent.ts';
import { type ProcessRuntime, processRuntime } from './runtimes/process/process-runtime.ts';

const NODE = `agent-test-${process.pid}`;
const able = process.platform === 'linux' && process.getuid?.() === 0;

let root: string;
let client: Client;
let runtime: ProcessRuntime;
let agent: NodeAgent;

async function start(): Promise<void> {
  const directory = path.join(root, 'node');
  runtime = processRuntime({ directory, nodeName: NODE, clock: systemClock, logger: silentLogger, hidden: [] });
  agent = await startNodeAgent({
    name: NODE,
    client,
    runtime,
    directory,
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    dns: { nameservers: async () => [runtime.gateway] },
  });
}

/** Resolves with the pod as soon as `holds`; fails with what it is when that takes more than a minute. */
function when(name: string, holds: (pod: Pod) => boolean): Promise<Pod> {
  return new Promise((resolve, reject) => {
    let last: Pod | undefined;
    const timer = setTimeout(() => {
      watch.stop();
      reject(new Error(`${name} is still ${JSON.stringify(last?.status)}`));
    }, 60_000);
    const options = { namespace: 'default', fieldSelector: `metadata.name=${name}` };
    const watch = client.watch(Pods, options, {
      events(batch) {
        for (const event of batch) {
          if (event.type === 'BOOKMARK' || event.type === 'DELETED') continue;
          last = event.object;
          if (!holds(last)) continue;
          clearTimeout(timer);
          setImmediate(() => watch.stop());
          resolve(last);
          return;
        }
      },
      closed() {},
    });
  });
}

async function gone(name: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await client.list(Pods, { fieldSelector: `metadata.name=${name}` })).items.length > 0) {
    if (Date.now() > deadline) throw new Error(`${name} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The processes of this machine that were started with exactly this command line. */
async function pidsOf(commandLine: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await fs.readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = await fs.readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (line.split('\0').join(' ').trim() === commandLine) pids.push(Number(name));
  }
  return pids;
}

const isReady = (pod: Pod): boolean => condition(pod, 'Ready')?.status === 'True';
const FOREVER = 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done';
const shell = (script: string, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'none',
  command: ['sh', '-c', script],
  ...more,
});

function create(name: string, container: Container, spec: Partial<PodSpec> = {}): Promise<Pod> {
  return client.create(Pods, {
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { nodeName: NODE, terminationGracePeriodSeconds: 3, containers: [container], ...spec },
  });
}

async function run(pod: Pod, ...command: string[]): Promise<string> {
  const session = await agent.streams.exec(pod, { container: 'main', command, stdin: false, tty: false });
  const [output] = await Promise.all([text(session.stdout), session.exited]);
  return output.trim();
}

describe.runIf(able)('a node with real processes', () => {
  beforeAll(async () => {
    root = await fs.mkdtemp(path.join(os.tmpdir(), 'berth-agent-'));
    const registry = createRegistry({ store: memoryStore() });
    await registry.bootstrap();
    client = inProcessClient(registry, { name: 'test', groups: ['system:masters'] });
    await start();
  });

  afterAll(async () => {
    // First the agent, which would start again what is stopped.
    await agent.stop();
    for (const { uid } of await runtime.list()) {
      await runtime.stopPod(uid);
      await runtime.removePod(uid);
    }
    await runtime.close();
    await fs.rm(root, { recursive: true, force: true });
  });

  test('I3 P6 a pod has its hostname, its environment, its resolver and its volumes', async () => {
    await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'facts' }, data: { 'app.conf': 'one' } });
    await create(
      'facts-0',
      shell(FOREVER, {
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'URL', value: 'http://$(IP):80' },
        ],
        volumeMounts: [
          { name: 'conf', mountPath: '/etc/facts' },
          { name: 'scratch', mountPath: '/scratch' },
        ],
      }),
      {
        hostname: 'facts-0',
        subdomain: 'facts',
        volumes: [
          { name: 'conf', configMap: { name: 'facts' } },
          { name: 'scratch', emptyDir: {} },
        ],
      },
    );
    const pod = await when('facts-0', isReady);
    expect(await run(pod, 'hostname')).toBe('facts-0');
    expect(await run(pod, 'sh', '-c', 'echo $URL $HOSTNAME')).toBe(`http://${pod.status?.podIP}:80 facts-0`);
    expect(await run(pod, 'cat', '/etc/resolv.conf')).toContain('search default.svc.cluster.local svc.cluster.local');
    expect(await run(pod, 'sh', '-c', 'cat /etc/facts/app.conf; echo x > /scratch/x; cat /scratch/x')).toBe('onex');
    expect(await run(pod, 'sh', '-c', 'echo y > /etc/facts/app.conf || echo refused')).toBe('refused');

    const map = await client.get(ConfigMaps, { namespace: 'default', name: 'facts' });
    await client.update(ConfigMaps, { ...map, data: { 'app.conf': 'two' } });
    await expect.poll(() => run(pod, 'cat', '/etc/facts/app.conf')).toBe('two');
  });

  test('P2 P5 a pod goes through its init container, its hook and its probe', async () => {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const init = shell('echo init >> /v/log', { name: 'init', volumeMounts });
    const main = shell(`echo main >> /v/log; sleep 0.2; touch /v/ready; ${FOREVER}`, {
      volumeMounts,
      readinessProbe: { exec: { command: ['test', '-e', '/v/ready'] } },
      lifecycle: { postStart: { exec: { command: ['sh', '-c', 'sleep 0.1; echo hook >> /v/log'] } } },
    });
    await create('steps', main, { initContainers: [init], volumes: [{ name: 'v', emptyDir: {} }] });
    const pod = await when('steps', isReady);
    expect(await run(pod, 'cat', '/v/log')).toBe('init\nmain\nhook');
    expect(pod.status?.initContainerStatuses?.[0]).toMatchObject({
      ready: true,
      state: { terminated: { exitCode: 0, reason: 'Completed' } },
    });
  });

  test('P4 a pod that is deleted runs its hook, hears its signal, and has ended when its name is free', async () => {
    const directory = path.join(root, 'shared');
    await fs.mkdir(directory);
    const main = shell(`trap 'echo signal >> /v/log; exit 0' TERM; while :; do sleep 1000 & wait; done`, {
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
      lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /v/log'] } } },
    });
    const { metadata } = await create('ends', main, { volumes: [{ name: 'v', hostPath: { path: directory } }] });
    await when('ends', isReady);
    await client.delete(Pods, { namespace: 'default', name: 'ends' });
    await gone('ends');
    expect(await fs.readFile(path.join(directory, 'log'), 'utf8')).toBe('hook\nsignal\n');
    expect((await runtime.status(metadata.uid))?.alive ?? false).toBe(false);
  });

  test('P1 P7 a process that is killed is started again; how it ended and what it wrote can be read', async () => {
    // From outside: the first process of a container is its kernel's init, which nobody inside can kill.
    const program = `sleep ${1_000_000 + process.pid}`;
    await create('dies', shell(`echo run; exec ${program}`));
    const pod = await when('dies', isReady);
    expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await expect.poll(() => pidsOf(program)).toHaveLength(1);
    for (const pid of await pidsOf(program)) process.kill(pid, 'SIGKILL');
    const again = await when(
      'dies',
      (found) => isReady(found) && found.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(again.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      reason: 'Error',
    });
    const options = { container: 'main', follow: false, timestamps: false };
    expect(await text(await agent.streams.logs(again, { ...options, previous: true }))).toBe('run\n');
  });

  test('P1 a process says why it ended, by its message or by the end of its log', async () => {
    await create('says', shell('echo because > /dev/termination-log; exit 3'), { restartPolicy: 'Never' });
    await create('logs', shell('echo out of luck; exit 4', { terminationMessagePolicy: 'FallbackToLogsOnError' }), {
      restartPolicy: 'Never',
    });
    const end = async (name: string) =>
      (await when(name, ({ status }) => status?.phase === 'Failed')).status?.containerStatuses?.[0]?.state?.terminated;
    expect(await end('says')).toMatchObject({ exitCode: 3, message: 'because\n' });
    expect(await end('logs')).toMatchObject({ exitCode: 4, message: 'out of luck\n' });
  });

  test('P1 P2 a container that is ended for its probe or its hook says what that said', async () => {
    const fails: Container['livenessProbe'] = {
      periodSeconds: 1,
      failureThreshold: 1,
      exec: { command: ['sh', '-c', 'echo disk is full; exit 1'] },
    };
    const hook = { postStart: { exec: { command: ['sh', '-c', 'echo no license; exit 1'] } } };
    await create('lives', shell('sleep 1000000', { livenessProbe: fails }));
    await create('hooked', shell('sleep 1000000', { lifecycle: hook }));
    const lastRun = async (name: string) => {
      const pod = await when(name, ({ status }) => status?.containerStatuses?.[0]?.lastState?.terminated !== undefined);
      return pod.status?.containerStatuses?.[0]?.lastState?.terminated;
    };
    expect(await lastRun('lives')).toMatchObject({ message: 'Liveness probe failed: disk is full' });
    expect(await lastRun('hooked')).toMatchObject({ message: 'PostStartHook failed: no license' });
  });

  test('P1 a program that is not there is named', async () => {
    await create('wrong', { name: 'main', image: 'none', command: ['/no/such/program'] });
    const pod = await when(
      'wrong',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'RunContainerError',
    );
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('/no/such/program');
  });

  test('P7 a port of a pod can be reached', async () => {
    // The probe goes as soon as it is connected: what is written to it then is an error that must not end the server.
    const server = `require('net').createServer((s) => s.on('error', () => {}).end('hello from ' + require('os').hostname())).listen(7000)`;
    const main: Container = {
      name: 'main',
      image: 'none',
      command: [process.execPath, '-e', server],
      readinessProbe: { tcpSocket: { port: 7000 } },
    };
    await create('port', main);
    const pod = await when('port', isReady);
    expect(await text(await agent.streams.portForward(pod, 7000))).toBe('hello from port');
  });

  test('M3 another agent and another runtime take over the same processes', async () => {
    await create('stays', shell(FOREVER));
    const pod = await when('stays', isReady);
    const alive = async () =>
      (await runtime.list()).flatMap((found) => (found.alive ? [`${found.uid} ${found.startedAtMs}`] : [])).sort();
    const processes = await alive();
    await agent.stop();
    await runtime.close();
    await start();
    expect(await alive()).toEqual(processes);
    expect(await client.get(Pods, { namespace: 'default', name: 'stays' })).toEqual(pod);
    expect(await run(pod, 'hostname')).toBe('stays');
  });

  test('N1 a pod that ended while no agent was there is not ready any more when the next one has started', async () => {
    const ready = path.join(root, 'ready');
    await fs.writeFile(ready, '');
    const volumes = [{ name: 'root', hostPath: { path: root } }];
    await create(
      'ends',
      shell(FOREVER, {
        readinessProbe: { exec: { command: ['test', '-e', '/root-of-test/ready'] }, periodSeconds: 1 },
        volumeMounts: [{ name: 'root', mountPath: '/root-of-test' }],
      }),
      { volumes },
    );
    const { metadata } = await when('ends', isReady);
    await agent.stop();
    await fs.rm(ready);
    await runtime.stopPod(metadata.uid);
    await runtime.close();
    await start();
    const pod = await client.get(Pods, { namespace: 'default', name: 'ends' });
    expect(condition(pod, 'Ready')).toMatchObject({ status: 'False' });
    await fs.writeFile(ready, '');
    expect((await when('ends', isReady)).status?.containerStatuses).toMatchObject([{ restartCount: 1 }]);
  });
});
