import { Resolver } from 'node:dns/promises';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { EndpointSlice, PodSpec, Service, ServiceSpec } from '../../api/generated/types.ts';
import { EndpointSlices, Endpoints, Pods, Services } from '../../api/kinds.ts';
import { startDnsServer } from '../../dns/start-dns-server.ts';
import { systemClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { seededRandom } from '../../platform/random.ts';
import { startEndpointsController } from './controller.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
  cluster.use(startEndpointsController(cluster.parts));
  await cluster.settle(1000);
});
afterEach(() => cluster.stop());

const createService = (name: string, spec: Partial<ServiceSpec> = {}): Promise<Service> =>
  cluster.client.create(Services, {
    metadata: { namespace: 'default', name, labels: { tier: 'data' } },
    spec: { selector: { app: name }, clusterIP: 'None', ports: [{ name: 'tcp', port: 6379 }], ...spec },
  });

const createMember = (name: string, app: string, spec: Partial<PodSpec> = {}) =>
  cluster.createPod(name, {
    labels: { app },
    spec: {
      nodeName: 'node-0',
      hostname: name,
      subdomain: app,
      containers: [{ name: 'app', image: 'x', ports: [{ name: 'tcp', containerPort: 6379 }] }],
      ...spec,
    },
  });

let address = 0;
const report = (name: string, ready: boolean, podIP = `10.244.0.${++address}`) =>
  cluster.reportPod(name, {
    phase: 'Running',
    podIP,
    podIPs: [{ ip: podIP }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  });

const slicesOf = async (service: string): Promise<readonly EndpointSlice[]> =>
  (await cluster.list(EndpointSlices)).filter(
    ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service,
  );
const endpointsOf = async (service: string) => (await slicesOf(service)).flatMap(({ endpoints = [] }) => endpoints);

describe('EndpointSlices', () => {
  test('a service without pods has one empty slice, marked as Kubernetes marks it', async () => {
    const service = await createService('db');
    await cluster.settle();
    expect(await slicesOf('db')).toMatchObject([
      {
        metadata: {
          generateName: 'db-',
          labels: {
            tier: 'data',
            'kubernetes.io/service-name': 'db',
            'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
            'service.kubernetes.io/headless': '',
          },
          ownerReferences: [{ kind: 'Service', name: 'db', uid: service.metadata.uid, controller: true }],
        },
        addressType: 'IPv4',
      },
    ]);
  });

  test('N1 a pod is there with its name, and ready when it is', async () => {
    await createService('db');
    await createMember('db-0', 'db');
    await report('db-0', false, '10.244.0.9');
    await cluster.settle();
    const uid = (await cluster.pod('db-0')).metadata.uid;
    expect(await endpointsOf('db')).toEqual([
      {
        addresses: ['10.244.0.9'],
        conditions: { ready: false, serving: false, terminating: false },
        hostname: 'db-0',
        nodeName: 'node-0',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'db-0', uid },
      },
    ]);
    expect((await slicesOf('db'))[0]?.ports).toEqual([{ name: 'tcp', port: 6379, protocol: 'TCP' }]);
    await report('db-0', true, '10.244.0.9');
    await cluster.settle(20);
    expect(await endpointsOf('db')).toMatchObject([{ conditions: { ready: true, serving: true } }]);
  });

  test('N1 a pod on its way out is not ready any more, and gone when it has ended', async () => {
    await createService('db');
    await createMember('db-0', 'db');
    await report('db-0', true);
    await cluster.settle();
    await cluster.client.delete(Pods, { namespace: 'default', name: 'db-0' }, { gracePeriodSeconds: 30 });
    await cluster.settle(20);
    expect(await endpointsOf('db')).toMatchObject([{ conditions: { ready: false, serving: true, terminating: true } }]);
    await cluster.client.delete(Pods, { namespace: 'default', name: 'db-0' }, { gracePeriodSeconds: 0 });
    await cluster.settle(1000);
    expect(await endpointsOf('db')).toEqual([]);
  });

  test('N1 publishNotReadyAddresses publishes all', async () => {
    await createService('db', { publishNotReadyAddresses: true });
    await createMember('db-0', 'db');
    await report('db-0', false);
    await cluster.settle(1000);
    expect(await endpointsOf('db')).toMatchObject([{ conditions: { ready: true, serving: false } }]);
    expect(await cluster.get(Endpoints, 'db')).toMatchObject({ subsets: [{ addresses: [{ hostname: 'db-0' }] }] });
  });

  test('a named port is looked up in each pod', async () => {
    await createService('db', {
      ports: [
        { name: 'sql', port: 1, targetPort: 'tcp' },
        { name: 'none', port: 2, targetPort: 'nothing' },
      ],
    });
    await createMember('db-0', 'db');
    await createMember('db-1', 'db', {
      containers: [{ name: 'app', image: 'x', ports: [{ name: 'tcp', containerPort: 7000 }] }],
    });
    await report('db-0', true);
    await report('db-1', true);
    await cluster.settle(1000);
    const found = (await slicesOf('db')).map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints?.[0]?.hostname]);
    expect(found.sort()).toEqual([
      [6379, 'db-0'],
      [7000, 'db-1'],
    ]);
  });

  test('pods that share an address have ports of their own', async () => {
    await createService('db');
    for (const [name, port] of [
      ['db-0', 20_000],
      ['db-1', 20_001],
    ] as const) {
      const pod = await createMember(name, 'db');
      const annotations = { 'berth.dev/ports': `6379=${port}` };
      const metadata = { ...pod.metadata, annotations };
      await cluster.client.update(Pods, { ...pod, metadata }, { subresource: 'status' });
      await report(name, true, '127.0.0.1');
    }
    await cluster.settle(1000);
    const found = async () =>
      (await slicesOf('db')).map(({ ports, endpoints }) => [endpoints?.[0]?.hostname, ports?.[0]?.port]).sort();
    expect(await found()).toEqual([
      ['db-0', 20_000],
      ['db-1', 20_001],
    ]);
    // Started again, it may have another.
    const pod = await cluster.pod('db-1');
    const metadata = { ...pod.metadata, annotations: { 'berth.dev/ports': '6379=20002' } };
    await cluster.client.update(Pods, { ...pod, metadata }, { subresource: 'status' });
    await cluster.settle(1000);
    expect(await found()).toEqual([
      ['db-0', 20_000],
      ['db-1', 20_002],
    ]);
  });

  test('a pod of another subdomain has no name here, one that is over no endpoint', async () => {
    await createService('db');
    await createMember('other', 'db', { subdomain: 'elsewhere' });
    await createMember('over', 'db');
    await report('other', true);
    await cluster.reportPod('over', { phase: 'Succeeded', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] });
    await cluster.settle(1000);
    const endpoints = await endpointsOf('db');
    expect(endpoints).toHaveLength(1);
    expect(endpoints[0]?.hostname).toBeUndefined();
  });

  test('250 pods are three slices, and one that changes is one write', async () => {
    await createService('db');
    await Promise.all(Array.from({ length: 250 }, (_, index) => createMember(`db-${index}`, 'db')));
    await Promise.all(
      Array.from({ length: 250 }, (_, index) => report(`db-${index}`, true, `10.1.${index % 5}.${index}`)),
    );
    await cluster.settle(5000);
    expect((await slicesOf('db')).map(({ endpoints }) => endpoints?.length).sort()).toEqual([100, 100, 50]);
    const settled = cluster.writes();
    await cluster.settle(60_000);
    expect(cluster.writes()).toBe(settled);
    await report('db-7', false, '10.1.2.7');
    await cluster.settle(50);
    // The pod's status and its slice; the object of the old kind follows.
    expect(cluster.writes() - settled).toBe(2);
    await cluster.settle(1000);
    expect(cluster.writes() - settled).toBe(3);
    expect((await endpointsOf('db')).filter(({ conditions }) => !conditions?.ready)).toHaveLength(1);
  });

  test('a burst of changes is few writes', async () => {
    await createService('db');
    await Promise.all(Array.from({ length: 50 }, (_, index) => createMember(`db-${index}`, 'db')));
    await cluster.settle(1000);
    const before = cluster.writes();
    for (let index = 0; index < 50; index++) await report(`db-${index}`, true);
    await cluster.settle(1000);
    expect(cluster.writes() - before).toBeLessThan(50 + 8);
    expect(await endpointsOf('db')).toHaveLength(50);
  });

  test('a status that changes nothing visible costs nothing', async () => {
    await createService('db');
    await createMember('db-0', 'db');
    await report('db-0', true, '10.0.0.1');
    await cluster.settle(1000);
    const before = cluster.writes();
    await cluster.reportPod('db-0', { message: 'something else' });
    await cluster.settle(1000);
    expect(cluster.writes() - before).toBe(1);
  });

  test('a slice that somebody removed comes back; a changed selector chooses again', async () => {
    await createService('db');
    await createMember('db-0', 'db');
    await createMember('web-0', 'web');
    await report('db-0', true);
    await report('web-0', true);
    await cluster.settle(1000);
    const [slice] = await slicesOf('db');
    await cluster.client.delete(EndpointSlices, { namespace: 'default', name: slice!.metadata.name });
    await cluster.settle(1000);
    expect(await endpointsOf('db')).toHaveLength(1);
    const service = await cluster.get(Services, 'db');
    await cluster.client.update(Services, { ...service, spec: { ...service.spec, selector: { app: 'web' } } });
    await cluster.settle(1000);
    expect((await endpointsOf('db')).map(({ targetRef }) => targetRef?.name)).toEqual(['web-0']);
  });

  test('a service without a selector, and an ExternalName, are left to others', async () => {
    await createService('manual', { selector: {} });
    await cluster.client.create(Services, {
      metadata: { namespace: 'default', name: 'outside' },
      spec: { type: 'ExternalName', externalName: 'example.org', selector: { app: 'x' } },
    });
    await cluster.settle(1000);
    expect(await cluster.list(EndpointSlices)).toEqual([]);
    expect(await cluster.list(Endpoints)).toEqual([]);
  });

  test('pods that no service selects cost nothing', async () => {
    await createService('db');
    await cluster.settle(1000);
    const before = cluster.writes();
    await createMember('lonely', 'nobody');
    await report('lonely', true);
    await cluster.settle(1000);
    expect(cluster.writes() - before).toBe(2);
  });
});

describe('Endpoints, for clients of the old kind', () => {
  test('say the same, and go with their service', async () => {
    await createService('db');
    await createMember('db-0', 'db');
    await createMember('db-1', 'db');
    await report('db-0', true, '10.0.0.1');
    await report('db-1', false, '10.0.0.2');
    await cluster.settle(1000);
    expect(await cluster.get(Endpoints, 'db')).toMatchObject({
      metadata: { labels: { tier: 'data', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } },
      subsets: [
        {
          addresses: [
            { ip: '10.0.0.1', hostname: 'db-0', nodeName: 'node-0', targetRef: { kind: 'Pod', name: 'db-0' } },
          ],
          notReadyAddresses: [{ ip: '10.0.0.2', hostname: 'db-1' }],
          ports: [{ name: 'tcp', port: 6379, protocol: 'TCP' }],
        },
      ],
    });
    await cluster.client.delete(Services, { namespace: 'default', name: 'db' });
    await cluster.settle(1000);
    expect(await cluster.list(Endpoints)).toEqual([]);
  });
});

describe('from readiness to the answer', () => {
  test('N7 a change of readiness is in the DNS answer at once', async () => {
    const dns = await startDnsServer({
      informers: cluster.informers,
      listen: [{ address: '127.0.0.1', port: 0 }],
      upstream: [],
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
    });
    cluster.use({ stop: () => dns.close() });
    const resolver = new Resolver({ timeout: 20_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${dns.addresses[0]!.port}`]);
    await createService('db');
    await createMember('db-0', 'db');
    await createMember('db-1', 'db');
    await report('db-0', true, '10.244.0.1');
    await report('db-1', true, '10.244.0.2');
    await cluster.settle(1000);
    const name = 'db.default.svc.cluster.local';
    expect((await resolver.resolveSrv(name)).map((record) => record.name).sort()).toEqual([
      `db-0.${name}`,
      `db-1.${name}`,
    ]);
    await report('db-1', false, '10.244.0.2');
    await cluster.settle(20);
    expect(await resolver.resolve4(name)).toEqual(['10.244.0.1']);
    await expect(resolver.resolve4(`db-1.${name}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await report('db-1', true, '10.244.0.77');
    await cluster.settle(20);
    expect(await resolver.resolve4(`db-1.${name}`)).toEqual(['10.244.0.77']);
    expect(await resolver.reverse('10.244.0.77')).toEqual([`db-1.${name}`]);
  });
});
