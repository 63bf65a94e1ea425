import { describe, expect, test } from 'vitest';

import type { ConfigMap, Container, Pod, PodSpec, Secret, Service } from '../../api/generated/types.ts';
import { containerConfig } from './container-config.ts';
import { fieldValue, resourceFieldValue } from './downward-api.ts';
import { containerEnvironment } from './environment.ts';
import { expand } from './expansion.ts';
import { podConfig } from './pod-config.ts';
import { ReferenceIndex } from './pod-references.ts';
import { portEnvironment } from './port-environment.ts';
import type { References } from './references.ts';
import { serviceEnvironment } from './service-environment.ts';

const facts = { podIPs: ['10.88.0.2', 'fd00::2'], hostIPs: ['10.0.0.1'], allocatable: { cpu: '4', memory: '8Gi' } };
const meta = (name: string, namespace = 'default') => ({
  name,
  namespace,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '',
});

function podWith(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta('redis-0'), ...metadata },
    spec: { containers: [], ...spec },
  };
}

describe('P6 $(VAR)', () => {
  const values = new Map([
    ['A', '1'],
    ['B', '$(A)'],
  ]);
  test.each([
    ['$(A)', '1'],
    ['x$(A)y$(A)', 'x1y1'],
    ['$(B)', '$(A)'],
    ['$(NONE)', '$(NONE)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$1'],
    ['$A {A} $', '$A {A} $'],
    ['$(A', '$(A'],
    ['$()', '$()'],
    ['$$', '$'],
  ])('%s becomes %s', (text, expected) => {
    expect(expand(text, (name) => values.get(name))).toBe(expected);
  });
});

describe('P6 the downward API', () => {
  const pod = podWith(
    { nodeName: 'node-0', serviceAccountName: 'robot' },
    { labels: { app: 'redis', 'a/b': 'c' }, annotations: { note: 'two "words"' } },
  );
  test.each([
    ['metadata.name', 'redis-0'],
    ['metadata.namespace', 'default'],
    ['metadata.uid', 'uid-redis-0'],
    ["metadata.labels['app']", 'redis'],
    ["metadata.labels['none']", ''],
    ["metadata.annotations['note']", 'two "words"'],
    ['metadata.labels', 'a/b="c"\napp="redis"'],
    ['metadata.annotations', 'note="two \\"words\\""'],
    ['spec.nodeName', 'node-0'],
    ['spec.serviceAccountName', 'robot'],
    ['status.podIP', '10.88.0.2'],
    ['status.podIPs', '10.88.0.2,fd00::2'],
    ['status.hostIP', '10.0.0.1'],
    ['spec.containers', undefined],
  ])('%s is %j', (path, expected) => {
    expect(fieldValue(pod, path, facts)).toBe(expected);
  });

  const container: Container = {
    name: 'main',
    resources: { limits: { cpu: '1500m', memory: '100Mi' }, requests: { cpu: '250m' } },
  };
  test.each([
    ['limits.cpu', undefined, '2'],
    ['limits.cpu', '1m', '1500'],
    ['limits.memory', '1Mi', '100'],
    ['requests.cpu', '1m', '250'],
    ['requests.memory', '1Mi', '100'],
    ['limits.ephemeral-storage', undefined, undefined],
  ])('%s in units of %s is %s', (resource, divisor, expected) => {
    expect(resourceFieldValue(container, { resource, ...(divisor && { divisor }) }, facts)).toBe(expected);
  });

  test('a limit that is not set is what the node has', () => {
    expect(resourceFieldValue({ name: 'main' }, { resource: 'limits.memory', divisor: '1Gi' }, facts)).toBe('8');
  });
});

describe('P6 the environment', () => {
  const configMaps: Record<string, Pick<ConfigMap, 'data'>> = { conf: { data: { MODE: 'fast', SIZE: '1' } } };
  const secrets: Record<string, Pick<Secret, 'data'>> = {
    pass: { data: { PASSWORD: Buffer.from('geheim').toString('base64') } },
  };
  const references: References = {
    configMap: async (_namespace, name) =>
      configMaps[name] && { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta(name), ...configMaps[name] },
    secret: async (_namespace, name) =>
      secrets[name] && { apiVersion: 'v1', kind: 'Secret', metadata: meta(name), ...secrets[name] },
    claim: async () => undefined,
    volume: async () => undefined,
    token: async () => '',
  };
  const environment = (container: Partial<Container>, fixed: Readonly<Record<string, string>> = {}) =>
    containerEnvironment(
      podWith(),
      { name: 'main', ...container },
      { DB_SERVICE_HOST: '10.96.0.7' },
      fixed,
      references,
      facts,
    );

  test('what the node gives wins over what the pod says, so that a manifest can name what holds elsewhere', async () => {
    const env = [
      { name: 'BERTH_PORT_WEB', value: '8080' },
      { name: 'URL', value: 'http://here:$(BERTH_PORT_WEB)' },
    ];
    expect(await environment({ env })).toMatchObject({ BERTH_PORT_WEB: '8080', URL: 'http://here:8080' });
    expect(await environment({ env }, { BERTH_PORT_WEB: '20001' })).toMatchObject({
      BERTH_PORT_WEB: '20001',
      URL: 'http://here:20001',
    });
  });

  test('a pod that shares its address is told its ports by number and by name', () => {
    const web = { name: 'web', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9090 }] };
    const proxy = {
      name: 'proxy',
      ports: [
        { name: 'http', containerPort: 80 },
        { name: 'admin-api', containerPort: 81 },
      ],
    };
    const pod = podWith({ containers: [web, proxy] });
    const ports = { 8080: 20_000, 9090: 20_001, 80: 20_002, 81: 20_003 };
    const numbers = {
      BERTH_PORT_8080: '20000',
      BERTH_PORT_9090: '20001',
      BERTH_PORT_80: '20002',
      BERTH_PORT_81: '20003',
      BERTH_PORT_ADMIN_API: '20003',
    };
    expect(portEnvironment(pod, web, ports)).toEqual({ ...numbers, BERTH_PORT_HTTP: '20000' });
    expect(portEnvironment(pod, proxy, ports)).toEqual({ ...numbers, BERTH_PORT_HTTP: '20002' });
    expect(portEnvironment(pod, web)).toEqual({});
  });

  test('is made of services, sources and variables, the later over the earlier', async () => {
    expect(
      await environment({
        envFrom: [{ configMapRef: { name: 'conf' } }, { prefix: 'P_', secretRef: { name: 'pass' } }],
        env: [
          { name: 'SIZE', value: '2' },
          { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'pass', key: 'PASSWORD' } } },
          { name: 'ALL', value: '$(SIZE) $(MODE) $(DB_SERVICE_HOST) $(LATER)' },
          { name: 'LATER', value: 'x' },
          { name: 'DB_SERVICE_HOST', value: 'mine' },
        ],
      }),
    ).toEqual({
      MODE: 'fast',
      SIZE: '2',
      P_PASSWORD: 'geheim',
      SECRET: 'geheim',
      ALL: '2 fast 10.96.0.7 $(LATER)',
      LATER: 'x',
      DB_SERVICE_HOST: 'mine',
    });
  });

  test('leaves out what is optional and missing', async () => {
    const optional = true;
    expect(
      await environment({
        envFrom: [{ configMapRef: { name: 'none', optional } }],
        env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'conf', key: 'none', optional } } }],
      }),
    ).toEqual({ DB_SERVICE_HOST: '10.96.0.7' });
  });

  test.each([
    [{ envFrom: [{ secretRef: { name: 'none' } }] }, 'secret "none" not found'],
    [
      { env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'conf', key: 'none' } } }] },
      "couldn't find key none in configmap default/conf",
    ],
    [
      { env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'spec.nothing' } } }] },
      'unsupported fieldPath: spec.nothing',
    ],
  ])('cannot be made of %j', async (container, message) => {
    await expect(environment(container)).rejects.toMatchObject({ reason: 'CreateContainerConfigError', message });
  });

  test('tells where the services of the namespace are, and the API always', () => {
    const service = (
      name: string,
      namespace: string,
      clusterIP: string,
      ports = [{ port: 6379, name: 'redis-tcp' }],
    ): Service => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta(name, namespace),
      spec: { clusterIP, ports },
    });
    const all = [
      service('kubernetes', 'default', '10.96.0.1', [{ port: 443, name: 'https' }]),
      service('my-db', 'apps', '10.96.0.2'),
      service('headless', 'apps', 'None'),
    ];
    const services = (namespace: string) => all.filter(({ metadata }) => metadata.namespace === namespace);
    expect(serviceEnvironment(services, 'apps', true)).toMatchObject({
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      KUBERNETES_SERVICE_PORT_HTTPS: '443',
      MY_DB_SERVICE_HOST: '10.96.0.2',
      MY_DB_SERVICE_PORT_REDIS_TCP: '6379',
      MY_DB_PORT: 'tcp://10.96.0.2:6379',
      MY_DB_PORT_6379_TCP_ADDR: '10.96.0.2',
      MY_DB_PORT_6379_TCP_PROTO: 'tcp',
    });
    expect(serviceEnvironment(services, 'apps', true, { host: '127.0.0.1', port: 6443 })).toMatchObject({
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: '6443',
      KUBERNETES_SERVICE_PORT_HTTPS: '6443',
      MY_DB_SERVICE_HOST: '10.96.0.2',
    });
    expect(Object.keys(serviceEnvironment(services, 'apps', true)).filter((key) => key.startsWith('HEADLESS'))).toEqual(
      [],
    );
    expect(Object.keys(serviceEnvironment(services, 'apps', false)).every((key) => key.startsWith('KUBERNETES'))).toBe(
      true,
    );
  });
});

describe('the sandbox of a pod', () => {
  const dns = {
    zone: 'cluster.local',
    nameservers: ['10.96.0.10'],
    host: { nameservers: ['9.9.9.9'], searches: ['lan'] },
  };
  const config = (spec: Partial<PodSpec>, name = 'redis-0') => podConfig(podWith(spec, { name }), dns, []);

  test('I3 N8 has the hostname and the full name of its identity, and finds short names', () => {
    expect(config({ hostname: 'redis-0', subdomain: 'redis' })).toMatchObject({
      hostname: 'redis-0',
      fullyQualifiedName: 'redis-0.redis.default.svc.cluster.local',
      dns: {
        nameservers: ['10.96.0.10'],
        searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
        options: ['ndots:5'],
      },
    });
    expect(config({ subdomain: 'redis', setHostnameAsFQDN: true }).hostname).toBe(
      'redis-0.redis.default.svc.cluster.local',
    );
    expect(config({}, `${'x'.repeat(62)}-tail`).hostname).toBe('x'.repeat(62));
  });

  test.each([
    [{ dnsPolicy: 'Default' }, { nameservers: ['9.9.9.9'], searches: ['lan'], options: [] }],
    [
      { dnsPolicy: 'ClusterFirst', hostNetwork: true },
      { nameservers: ['9.9.9.9'], searches: ['lan'], options: [] },
    ],
    [
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'] } },
      { nameservers: ['1.1.1.1'], searches: [], options: [] },
    ],
  ])('resolves with %j as it asks for', (spec, expected) => {
    expect(config(spec).dns).toEqual(expected);
  });

  test('takes what it is given on top', () => {
    const dnsConfig = { searches: ['extra'], options: [{ name: 'ndots', value: '2' }, { name: 'rotate' }] };
    expect(config({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true, dnsConfig }).dns).toMatchObject({
      nameservers: ['10.96.0.10'],
      searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan', 'extra'],
      options: ['ndots:2', 'rotate'],
    });
  });
});

test('P9 a container has the security of its pod, unless it has its own', () => {
  const pod = podWith({
    securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, supplementalGroups: [3] },
  });
  const container: Container = {
    name: 'main',
    command: ['server', '$(PORT)'],
    securityContext: { runAsUser: 0, readOnlyRootFilesystem: true },
    resources: { limits: { cpu: '250m', memory: '1Mi' } },
  };
  const resolved = { kind: 'main', attempt: 2, env: { PORT: '80' }, mounts: [], terminationMessagePath: '/x' } as const;
  expect(containerConfig(pod, container, resolved)).toMatchObject({
    attempt: 2,
    command: ['server', '80'],
    securityContext: {
      runAsUser: 0,
      runAsGroup: 1000,
      fsGroup: 2000,
      supplementalGroups: [3],
      readOnlyRootFilesystem: true,
    },
    limits: { cpuMillis: 250, memoryBytes: 1024 * 1024 },
  });
});

test('P6 the pods that refer to an object are found', () => {
  const index = new ReferenceIndex();
  const pod = podWith({
    volumes: [
      { name: 'a', configMap: { name: 'one' } },
      { name: 'b', projected: { sources: [{ secret: { name: 'two' } }] } },
      { name: 'c', persistentVolumeClaim: { claimName: 'three' } },
    ],
    containers: [{ name: 'main', envFrom: [{ configMapRef: { name: 'four' } }] }],
  });
  index.add(pod);
  const keys = [
    'ConfigMap default/one',
    'Secret default/two',
    'PersistentVolumeClaim default/three',
    'ConfigMap default/four',
  ];
  for (const key of keys) expect([...index.podsOf(key)], key).toEqual([pod.metadata.uid]);
  expect([...index.podsOf('ConfigMap other/one')]).toEqual([]);
  index.remove(pod.metadata.uid);
  for (const key of keys) expect([...index.podsOf(key)]).toEqual([]);
});
