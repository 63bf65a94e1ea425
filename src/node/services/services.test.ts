import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { EndpointSlice, Pod, Service, ServiceSpec } from '../../api/generated/types.ts';
import { EndpointSlices, Pods, Services } from '../../api/kinds.ts';
import type { Client } from '../../client/client.ts';
import { inProcessClient } from '../../client/in-process-client.ts';
import { InformerSet } from '../../client/informer.ts';
import { systemClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { systemRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import { createRegistry } from '../../registry/create-registry.ts';
import { memoryStore } from '../../store/memory-store.ts';
import { type NodeAgent, startNodeAgent } from '../agent.ts';
import { type ProcessRuntime, processRuntime } from '../runtimes/process/process-runtime.ts';
import { packetFilter } from './packet-filter.ts';
import { packetFilterRules } from './packet-filter-rules.ts';
import { type ReachablePort, reachablePorts } from './service-ports.ts';
import { type RunningServices, startServices } from './services.ts';

const able = process.platform === 'linux' && process.getuid?.() === 0;
const run = promisify(execFile);
const meta = (name: string) => ({ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' });

function service(name: string, spec: Partial<ServiceSpec>): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: meta(name), spec };
}

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

function slice(
  endpoints: readonly Endpoint[],
  ports: EndpointSlice['ports'] = [{ name: 'web', port: 8080, protocol: 'TCP' }],
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta('s'),
    addressType: 'IPv4',
    endpoints,
    ports,
  };
}

describe('what of a service is to be reached', () => {
  const web = service('web', { clusterIP: '10.96.0.5', ports: [{ name: 'web', port: 80, protocol: 'TCP' }] });
  const targets = (endpoints: readonly Endpoint[]) => reachablePorts([web], () => [slice(endpoints)]).ports[0]?.targets;

  test('its ready pods, on their own port', () => {
    expect(
      targets([
        { addresses: ['10.1.1.2'], conditions: { ready: true } },
        { addresses: ['10.1.1.1'] },
        { addresses: ['10.1.1.3'], conditions: { ready: false } },
      ]),
    ).toEqual([
      { address: '10.1.1.1', port: 8080 },
      { address: '10.1.1.2', port: 8080 },
    ]);
  });

  test('pods that share an address, each on its own port', () => {
    const slices = [20_001, 20_000].map((port) => slice([{ addresses: ['127.0.0.1'] }], [{ name: 'web', port }]));
    expect(reachablePorts([web], () => slices).ports[0]?.targets).toEqual([
      { address: '127.0.0.1', port: 20_000 },
      { address: '127.0.0.1', port: 20_001 },
    ]);
  });

  test('while none is ready, those that end and still serve', () => {
    const ending = { addresses: ['10.1.1.1'], conditions: { ready: false, serving: true, terminating: true } };
    expect(targets([ending])).toEqual([{ address: '10.1.1.1', port: 8080 }]);
    expect(targets([ending, { addresses: ['10.1.1.2'], conditions: { ready: true } }])).toEqual([
      { address: '10.1.1.2', port: 8080 },
    ]);
  });

  test('says of SCTP that it is not passed on', () => {
    const both = [{ port: 80 }, { port: 81, protocol: 'SCTP' }];
    const { ports, unreachable } = reachablePorts([service('web', { clusterIP: '10.96.0.5', ports: both })], () => []);
    expect(ports).toHaveLength(1);
    expect(unreachable).toEqual([
      { name: 'default/web:81', message: expect.stringContaining('81/SCTP leads nowhere') },
    ]);
  });

  test('nothing of headless and external services', () => {
    const none = [
      service('headless', { clusterIP: 'None', ports: [{ port: 80 }] }),
      service('external', { type: 'ExternalName', externalName: 'example.org' }),
    ];
    expect(reachablePorts(none, () => [])).toEqual({ ports: [], unreachable: [] });
  });
});

const port = (more: Partial<ReachablePort>): ReachablePort => ({
  name: 'default/web:80',
  protocol: 'TCP',
  addresses: ['10.96.0.5'],
  port: 80,
  nodePort: undefined,
  stickySeconds: undefined,
  targets: [],
  ...more,
});

test.runIf(able)('the packet filter accepts every kind of rule', async () => {
  const longest = port({
    name: `${'n'.repeat(63)}/${'s'.repeat(63)}:65535`,
    addresses: ['255.255.255.250'],
    port: 65_535,
    targets: ['255.255.255.252', '255.255.255.253'].map((address) => ({ address, port: 65_535 })),
  });
  const two = [
    { address: '10.1.1.1', port: 1 },
    { address: '10.1.1.2', port: 2 },
  ];
  const ports = [
    port({ targets: two }),
    port({ addresses: ['10.96.0.6', '192.0.2.1'], targets: two, stickySeconds: 60, nodePort: 30080 }),
    port({ addresses: ['10.96.0.7'], protocol: 'UDP', targets: two.slice(1) }),
    port({ addresses: ['10.96.0.8'] }),
    port({ addresses: [], isHostPort: true, port: 30080, nodePort: 30080, targets: two.slice(1) }),
    port({ addresses: ['127.0.0.1'], isHostPort: true, protocol: 'UDP', port: 30080, targets: two.slice(1) }),
    longest,
    { ...longest, addresses: ['255.255.255.251'], stickySeconds: 86_400 },
  ];
  const check = async (rules: string) => {
    const file = path.join(await fs.mkdtemp(path.join(os.tmpdir(), 'berth-nft-')), 'rules');
    await fs.writeFile(file, rules);
    await run('nft', ['-c', '-f', file]);
    await fs.rm(path.dirname(file), { recursive: true });
  };
  for (const podCidrs of [[], ['10.1.1.0/24'], ['10.1.1.0/24', '10.1.2.0/24']]) {
    for (const some of [[], ports]) {
      for (const zone of [undefined, 1])
        await check(packetFilterRules(some, { table: 'berth_check', podCidrs, zone }).text);
    }
  }
});

test('a change of the rules keeps which clients are with which pod, and only of the pods that are still there', () => {
  const scope = { table: 'berth_check', podCidrs: [] };
  const [one, two] = [
    { address: '10.1.1.1', port: 1 },
    { address: '10.1.1.2', port: 2 },
  ];
  const before = packetFilterRules([port({ targets: [one, two], stickySeconds: 60 })], scope);
  const { text: rules } = packetFilterRules([port({ targets: [two], stickySeconds: 60 })], scope, before);
  expect(rules).not.toContain('delete table');
  expect(rules.match(/delete set .*/g)).toEqual(['delete set ip berth_check clients_tcp_10_96_0_5_80_10_1_1_1_1_60']);
  expect(rules).toContain('set clients_tcp_10_96_0_5_80_10_1_1_2_2_60 {');
  // After a failure nothing is known of what is there.
  expect(packetFilterRules([], scope).text).toMatch(/^table ip berth_check\ndelete table ip berth_check/);
});

test('a pod that remembers as many clients as it may still takes others', () => {
  const scope = { table: 'berth_check', podCidrs: [] };
  const rules = packetFilterRules(
    [port({ targets: [{ address: '10.1.1.1', port: 1 }], stickySeconds: 60 })],
    scope,
  ).text;
  // A rule whose set is full goes no further.
  expect(rules).toMatch(/^ +meta l4proto tcp dnat ip to 10\.1\.1\.1:1$/m);
});

test('no endpoint leads pods to what listens on the machine itself, but the one of the API', () => {
  const scope = { table: 'berth_check', podCidrs: ['10.1.1.0/24'] };
  const loopback = [{ address: '127.0.0.1', port: 6443 }];
  expect(packetFilterRules([port({ targets: loopback })], scope).text).not.toContain('127.0.0.1:6443');
  const api = packetFilterRules([port({ name: 'default/kubernetes:443', targets: loopback })], scope);
  expect(api.text).toContain('dnat ip to 127.0.0.1:6443');
});

test('a port that cannot be had is told once, tried again, and told again only when it was had meanwhile', async () => {
  const registry = createRegistry({ store: memoryStore() });
  await registry.bootstrap();
  const client = inProcessClient(registry, { name: 'test', groups: ['system:masters'] });
  const informers = new InformerSet({ client, clock: systemClock, logger: silentLogger });
  await client.create(Services, { metadata: { name: 'web', namespace: 'default' }, spec: { ports: [{ port: 80 }] } });
  const clock = new VirtualClock();
  const told: string[] = [];
  let tries = 0;
  let taken = true;
  const services = startServices({
    informers,
    clock,
    logger: silentLogger,
    recorder: { record: ({ reason, message }) => told.push(`${reason} ${message}`) },
    backend: {
      async apply() {
        tries++;
        return taken ? [{ name: 'default/web:80', message: 'taken' }] : [];
      },
      isIntact: async () => true,
      async close() {},
    },
  });
  await services.ready;
  expect(told).toEqual(['ServiceUnreachable taken']);
  await clock.advance(60_000);
  expect(tries).toBeGreaterThan(3);
  expect(told).toHaveLength(1);
  taken = false;
  await clock.advance(60_000);
  const enough = tries;
  await clock.advance(60_000);
  expect(tries).toBe(enough);
  taken = true;
  await services.refresh();
  expect(told).toHaveLength(2);
  await services.stop({ remove: true });
  informers.stop();
});

describe.runIf(able)('a service of real pods, through the kernel', () => {
  let root: string;
  let client: Client;
  let runtime: ProcessRuntime;
  let agent: NodeAgent;
  let services: RunningServices;
  let informers: InformerSet;

  beforeAll(async () => {
    root = await fs.mkdtemp(path.join(os.tmpdir(), 'berth-services-'));
    const registry = createRegistry({ store: memoryStore() });
    await registry.bootstrap();
    client = inProcessClient(registry, { name: 'test', groups: ['system:masters'] });
    informers = new InformerSet({ client, clock: systemClock, logger: silentLogger });
    runtime = processRuntime({
      directory: path.join(root, 'node'),
      nodeName: 'services-test',
      clock: systemClock,
      logger: silentLogger,
      hidden: [],
    });
    agent = await startNodeAgent({
      name: 'services-test',
      client,
      runtime,
      informers,
      directory: path.join(root, 'node'),
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      dns: { nameservers: async () => [runtime.gateway] },
    });
    const networks = () => [{ podCidr: runtime.podCidr, gateway: runtime.gateway }];
    const backend = packetFilter({ owner: root, networks, random: systemRandom });
    services = startServices({
      informers,
      clock: systemClock,
      logger: silentLogger,
      recorder: { record() {} },
      backend,
      checkMs: 200,
    });
    await services.ready;
  });

  afterAll(async () => {
    await services.stop({ remove: true });
    await agent.stop();
    for (const { uid } of await runtime.list()) {
      await runtime.stopPod(uid);
      await runtime.removePod(uid);
    }
    informers.stop();
    await runtime.close();
    await fs.rm(root, { recursive: true, force: true });
  });

  const SERVER = `require('http').createServer((q, s) => s.end(require('os').hostname())).listen(8080)`;

  async function startPod(name: string, hostPort?: number): Promise<Pod> {
    await client.create(Pods, {
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: 'services-test',
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: 'none',
            command: [process.execPath, '-e', SERVER],
            ...(hostPort && { ports: [{ containerPort: 8080, hostPort }] }),
            readinessProbe: { tcpSocket: { port: 8080 } },
          },
        ],
      },
    });
    let pod: Pod | undefined;
    await expect
      .poll(async () => {
        pod = await client.get(Pods, { namespace: 'default', name });
        return pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
      })
      .toBe('True');
    return pod!;
  }

  async function ask(from: Pod | undefined, url: string): Promise<string> {
    const program = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(20_000) }).then((r) => r.text()).then((t) => console.log(t), (e) => console.log(e.cause?.code ?? e.name))`;
    if (from === undefined) return (await run(process.execPath, ['-e', program])).stdout.trim();
    const session = await agent.streams.exec(from, {
      container: 'main',
      command: [process.execPath, '-e', program],
      stdin: false,
      tty: false,
    });
    const [output] = await Promise.all([text(session.stdout), session.exited]);
    return output.trim();
  }

  test('is reached from pods, from itself and from the machine, refuses without pods, and leads to the API', async () => {
    // Most likely nobody has it.
    const hostPort = 12_000 + Math.floor(Math.random() * 8_000);
    const [one, two] = [await startPod('one', hostPort), await startPod('two')];
    // P10: from the machine and from other pods, on the machine's addresses.
    await expect.poll(() => ask(undefined, `http://127.0.0.1:${hostPort}`)).toBe('one');
    expect(await ask(two, `http://${runtime.gateway}:${hostPort}`)).toBe('one');
    const made = await client.create(Services, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { type: 'NodePort', ports: [{ name: 'web', port: 80, targetPort: 8080 }] },
    });
    const url = `http://${made.spec.clusterIP}`;
    const publish = async (...pods: Pod[]) => {
      const key = { namespace: 'default', name: 'web-1' };
      const endpoints = pods.map((pod) => ({ addresses: [pod.status!.podIP!], conditions: { ready: true } }));
      const { metadata: _, ...content } = slice(endpoints);
      const metadata = { ...key, labels: { 'kubernetes.io/service-name': 'web' } };
      await client.delete(EndpointSlices, key).catch(() => {});
      await client.create(EndpointSlices, { ...content, metadata });
    };
    await publish(one);
    await expect.poll(() => ask(two, url)).toBe('one');
    expect(await ask(one, url)).toBe('one');
    expect(await ask(undefined, `http://127.0.0.1:${made.spec.ports![0]!.nodePort}`)).toBe('one');
    await publish(one, two);
    await expect.poll(() => ask(one, url)).toBe('two');
    await expect.poll(() => ask(one, url)).toBe('one');
    // A firewall that is set up anew begins with an empty filter.
    const table = `berth_${createHash('sha256').update(root).digest('hex').slice(0, 12)}`;
    await run('nft', ['delete', 'table', 'ip', table]);
    await expect.poll(() => ask(two, url)).toMatch(/one|two/);
    await publish();
    await expect.poll(() => ask(two, url)).toMatch(/ECONNREFUSED|EHOSTUNREACH|ENETUNREACH/);

    const api = http.createServer((_request, response) => response.end('the API'));
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    const { port: apiPort } = api.address() as AddressInfo;
    const kubernetes = { namespace: 'default', name: 'kubernetes' };
    const { metadata: _, ...content } = slice(
      [{ addresses: ['127.0.0.1'] }],
      [{ name: 'https', port: apiPort, protocol: 'TCP' }],
    );
    await client.create(EndpointSlices, {
      ...content,
      metadata: { ...kubernetes, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    });
    const { spec } = await client.get(Services, kubernetes);
    await expect.poll(() => ask(two, `http://${spec.clusterIP}:443`)).toBe('the API');
    // Only by the service: what else listens on the machine's loopback addresses is no pod's business.
    expect(await ask(two, `http://127.0.0.2:${apiPort}`)).not.toBe('the API');
    api.close();
  });
});
