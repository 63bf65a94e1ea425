import { describe, expect, test } from 'vitest';

import { tableLayout } from '../columns.ts';
import { ageOf, humanDuration } from '../duration.ts';
import type { ContainerStatus } from '../generated/types.ts';
import * as Kinds from '../kinds.ts';
import type { KubernetesObject } from '../meta.ts';
import type { ResourceType } from '../resource-type.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const created = '2026-01-01T00:55:00Z';

/** What `kubectl get -o wide` shows of the object, by column. */
function row<T extends KubernetesObject>(type: ResourceType<T>, object: object): Record<string, unknown> {
  const layout = tableLayout(type);
  const whole = { metadata: { name: 'x', creationTimestamp: created, ...(object as { metadata?: object }).metadata } };
  const cells = layout.cells({ ...object, ...whole } as T, now);
  expect(cells).toHaveLength(layout.columns.length);
  return Object.fromEntries(layout.columns.map((column, index) => [column.name, cells[index]]));
}

describe('durations', () => {
  const minute = 60;
  const hour = 60 * minute;
  const day = 24 * hour;
  test.each([
    [-5, '<invalid>'],
    [-0.5, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [125, '2m5s'],
    [599, '9m59s'],
    [600, '10m'],
    [179 * minute + 59, '179m'],
    [3 * hour, '3h'],
    [3 * hour + 5 * minute, '3h5m'],
    [8 * hour + 30 * minute, '8h'],
    [47 * hour, '47h'],
    [48 * hour, '2d'],
    [51 * hour, '2d3h'],
    [8 * day, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [800 * day, '2y70d'],
    [3000 * day, '8y'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(humanDuration(seconds * 1000)).toBe(text);
  });

  test('no time is unknown', () => {
    expect(ageOf(undefined, now)).toBe('<unknown>');
  });
});

describe('the STATUS of a pod', () => {
  const containers = [{ name: 'a' }, { name: 'b' }];
  const status = (name: string, state: object, more: object = {}): ContainerStatus =>
    ({ name, ready: false, restartCount: 0, state, ...more }) as ContainerStatus;
  const runs = (name: string, more: object = {}): ContainerStatus =>
    status(name, { running: { startedAt: created } }, { ready: true, ...more });
  const ready = [{ type: 'Ready', status: 'True' }];

  const show = (pod: object): Record<string, unknown> => row(Kinds.Pods, { spec: { containers }, ...pod });

  test.each<[string, object, string, string]>([
    ['Pending', { status: { phase: 'Pending' } }, 'Pending', '0/2'],
    [
      'waiting for a gate',
      {
        status: {
          phase: 'Pending',
          conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
        },
      },
      'SchedulingGated',
      '0/2',
    ],
    ['Running', { status: { phase: 'Running', containerStatuses: [runs('a'), runs('b')] } }, 'Running', '2/2'],
    [
      'one of two in back-off',
      {
        status: {
          phase: 'Running',
          containerStatuses: [status('a', { waiting: { reason: 'CrashLoopBackOff' } }), runs('b')],
        },
      },
      'CrashLoopBackOff',
      '1/2',
    ],
    [
      'killed by a signal',
      { status: { phase: 'Running', containerStatuses: [status('a', { terminated: { exitCode: 137, signal: 9 } })] } },
      'Signal:9',
      '0/2',
    ],
    [
      'ended with a code',
      { status: { phase: 'Failed', containerStatuses: [status('a', { terminated: { exitCode: 3 } })] } },
      'ExitCode:3',
      '0/2',
    ],
    [
      'Completed',
      {
        status: {
          phase: 'Succeeded',
          containerStatuses: [status('a', { terminated: { exitCode: 0, reason: 'Completed' } })],
        },
      },
      'Completed',
      '0/2',
    ],
    [
      'one done, the other running and ready',
      {
        status: {
          phase: 'Running',
          conditions: ready,
          containerStatuses: [status('a', { terminated: { exitCode: 0, reason: 'Completed' } }), runs('b')],
        },
      },
      'Running',
      '1/2',
    ],
    [
      'one done, the other running and not ready',
      {
        status: {
          phase: 'Running',
          containerStatuses: [status('a', { terminated: { exitCode: 0, reason: 'Completed' } }), runs('b')],
        },
      },
      'NotReady',
      '1/2',
    ],
    ['evicted', { status: { phase: 'Failed', reason: 'Evicted' } }, 'Evicted', '0/2'],
    [
      'being deleted',
      {
        metadata: { deletionTimestamp: created },
        status: { phase: 'Running', containerStatuses: [runs('a'), runs('b')] },
      },
      'Terminating',
      '2/2',
    ],
    [
      'being deleted on a lost node',
      { metadata: { deletionTimestamp: created }, status: { phase: 'Running', reason: 'NodeLost' } },
      'Unknown',
      '0/2',
    ],
    [
      'failed and being deleted',
      { metadata: { deletionTimestamp: created }, status: { phase: 'Failed' } },
      'Failed',
      '0/2',
    ],
  ])('%s', (_what, pod, text, count) => {
    expect(show(pod)).toMatchObject({ Status: text, Ready: count });
  });

  const init = (
    statuses: readonly ContainerStatus[],
    initContainers: readonly object[],
    more: object = {},
  ): object => ({
    spec: { containers, initContainers },
    status: { phase: 'Pending', initContainerStatuses: statuses, ...more },
  });
  const two = [{ name: 'i' }, { name: 'j' }];
  const done = status('i', { terminated: { exitCode: 0 } });

  test.each<[string, object, string, string]>([
    ['the first runs', init([status('i', { running: {} }), status('j', { waiting: {} })], two), 'Init:0/2', '0/2'],
    ['the second runs', init([done, status('j', { running: {} })], two), 'Init:1/2', '0/2'],
    ['one failed', init([status('i', { terminated: { exitCode: 2 } })], two), 'Init:ExitCode:2', '0/2'],
    [
      'one has an error',
      init([status('i', { terminated: { exitCode: 2, reason: 'Error' } })], two),
      'Init:Error',
      '0/2',
    ],
    [
      'one is in back-off',
      init([status('i', { waiting: { reason: 'CrashLoopBackOff' } })], two),
      'Init:CrashLoopBackOff',
      '0/2',
    ],
    ['one is being made', init([status('i', { waiting: { reason: 'PodInitializing' } })], two), 'Init:0/2', '0/2'],
    [
      'a sidecar is up and another is next',
      init(
        [status('i', { running: {} }, { started: true, ready: true }), status('j', { running: {} })],
        [{ name: 'i', restartPolicy: 'Always' }, { name: 'j' }],
      ),
      'Init:1/2',
      '1/3',
    ],
    [
      'a sidecar beside running containers',
      init([status('i', { running: {} }, { started: true, ready: true })], [{ name: 'i', restartPolicy: 'Always' }], {
        phase: 'Running',
        containerStatuses: [runs('a'), runs('b')],
      }),
      'Running',
      '3/3',
    ],
  ])('while init containers work: %s', (_what, pod, text, count) => {
    expect(show(pod)).toMatchObject({ Status: text, Ready: count });
  });

  test('restarts are counted, with when the last one was', () => {
    const ended = { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:57:55Z' } };
    const containerStatuses = [runs('a', { restartCount: 2, lastState: ended }), runs('b', { restartCount: 1 })];
    expect(show({ status: { phase: 'Running', containerStatuses } })).toMatchObject({ Restarts: '3 (2m5s ago)' });
    expect(show({ status: { phase: 'Running', containerStatuses: [runs('a')] } })).toMatchObject({ Restarts: '0' });
  });

  test('the wide columns name place and address', () => {
    const pod = {
      spec: { containers, nodeName: 'node-0', readinessGates: [{ conditionType: 'Ready' }, { conditionType: 'x' }] },
      status: { podIP: '10.1.0.4', conditions: ready },
    };
    expect(show(pod)).toMatchObject({
      IP: '10.1.0.4',
      Node: 'node-0',
      'Nominated Node': '<none>',
      'Readiness Gates': '1/2',
      Age: '5m',
    });
    expect(show({})).toMatchObject({ IP: '<none>', Node: '<none>', 'Readiness Gates': '<none>' });
  });
});

describe('columns', () => {
  test('a stateful set', () => {
    const template = {
      spec: {
        containers: [
          { name: 'redis', image: 'redis:7' },
          { name: 'exporter', image: 'e' },
        ],
      },
    };
    expect(row(Kinds.StatefulSets, { spec: { replicas: 3, template }, status: { readyReplicas: 2 } })).toEqual({
      Name: 'x',
      Ready: '2/3',
      Age: '5m',
      Containers: 'redis,exporter',
      Images: 'redis:7,e',
    });
    expect(tableLayout(Kinds.StatefulSets).columns.map(({ name, priority }) => `${name} ${priority}`)).toEqual([
      'Name 0',
      'Ready 0',
      'Age 0',
      'Containers 1',
      'Images 1',
    ]);
  });

  test('services of every type', () => {
    const ports = [
      { port: 80, nodePort: 30080 },
      { port: 53, protocol: 'UDP' },
    ];
    expect(
      row(Kinds.Services, { spec: { type: 'ClusterIP', clusterIP: 'None', selector: { b: '1', a: '2' }, ports } }),
    ).toEqual({
      Name: 'x',
      Type: 'ClusterIP',
      'Cluster-IP': 'None',
      'External-IP': '<none>',
      'Port(s)': '80:30080/TCP,53/UDP',
      Age: '5m',
      Selector: 'a=2,b=1',
    });
    expect(row(Kinds.Services, { spec: { type: 'ExternalName', externalName: 'a.example' } })).toMatchObject({
      'Cluster-IP': '<none>',
      'External-IP': 'a.example',
      'Port(s)': '<none>',
      Selector: '<none>',
    });
    expect(row(Kinds.Services, { spec: { type: 'LoadBalancer', clusterIP: '10.96.0.2' } })).toMatchObject({
      'External-IP': '<pending>',
    });
  });

  test('claims and volumes', () => {
    const spec = { volumeName: 'pv', storageClassName: 'berth-local', volumeMode: 'Filesystem' };
    const status = { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadOnlyMany', 'ReadWriteOnce'] };
    expect(row(Kinds.PersistentVolumeClaims, { spec, status })).toEqual({
      Name: 'x',
      Status: 'Bound',
      Volume: 'pv',
      Capacity: '1Gi',
      'Access Modes': 'RWO,ROX',
      StorageClass: 'berth-local',
      VolumeAttributesClass: '<unset>',
      Age: '5m',
      VolumeMode: 'Filesystem',
    });
    expect(row(Kinds.PersistentVolumeClaims, { spec: {}, status: { phase: 'Pending' } })).toMatchObject({
      Status: 'Pending',
      Volume: '',
      Capacity: '',
      'Access Modes': '',
    });
    const volume = {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOncePod'],
        persistentVolumeReclaimPolicy: 'Delete',
        claimRef: { namespace: 'default', name: 'data-kv-0' },
      },
      status: { phase: 'Bound' },
    };
    expect(row(Kinds.PersistentVolumes, volume)).toMatchObject({
      'Access Modes': 'RWOP',
      'Reclaim Policy': 'Delete',
      Claim: 'default/data-kv-0',
    });
  });

  test('the default storage class is marked', () => {
    const metadata = { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
    expect(row(Kinds.StorageClasses, { metadata, provisioner: 'berth.dev/local' })).toMatchObject({
      Name: 'x (default)',
      ReclaimPolicy: 'Delete',
      VolumeBindingMode: 'Immediate',
      AllowVolumeExpansion: false,
    });
  });

  test('nodes', () => {
    const metadata = { labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' } };
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v1.36.0' },
    };
    expect(row(Kinds.Nodes, { metadata, spec: { unschedulable: true }, status })).toMatchObject({
      Status: 'Ready,SchedulingDisabled',
      Roles: 'control-plane,worker',
      Version: 'v1.36.0',
      'Internal-IP': '10.0.0.1',
      'External-IP': '<none>',
      'OS-Image': '<unknown>',
    });
    expect(row(Kinds.Nodes, { spec: {} })).toMatchObject({ Status: 'Unknown', Roles: '<none>' });
  });

  test('events', () => {
    const event = {
      involvedObject: { kind: 'Pod', name: 'kv-0', fieldPath: 'spec.containers{kv}' },
      source: { component: 'node', host: 'node-0' },
      type: 'Normal',
      reason: 'Started',
      message: 'Started\n',
      firstTimestamp: created,
      lastTimestamp: '2026-01-01T00:59:00Z',
      count: 3,
    };
    expect(row(Kinds.Events, event)).toEqual({
      'Last Seen': '60s',
      Type: 'Normal',
      Reason: 'Started',
      Object: 'pod/kv-0',
      Subobject: 'spec.containers{kv}',
      Source: 'node, node-0',
      Message: 'Started',
      'First Seen': '5m',
      Count: 3,
      Name: 'x',
    });
  });

  test('endpoint slices name a few of their addresses', () => {
    const endpoints = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((ip) => ({ addresses: [ip] }));
    expect(row(Kinds.EndpointSlices, { addressType: 'IPv4', ports: [{ port: 80 }], endpoints })).toMatchObject({
      Ports: '80',
      Endpoints: '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...',
    });
    expect(row(Kinds.EndpointSlices, { addressType: 'IPv4' })).toMatchObject({
      Ports: '<unset>',
      Endpoints: '<unset>',
    });
  });

  test('revisions name their controller', () => {
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'kv', uid: 'u', controller: true }];
    expect(row(Kinds.ControllerRevisions, { metadata: { ownerReferences }, revision: 2 })).toMatchObject({
      Controller: 'statefulset.apps/kv',
      Revision: 2,
    });
  });

  test('kinds without columns of their own show when they were made', () => {
    expect(row(Kinds.Roles, {})).toEqual({ Name: 'x', 'Created At': created });
  });

  test('every column says what it is, and the first names the object', () => {
    for (const type of Kinds.builtInTypes) {
      const { columns } = tableLayout(type);
      expect(columns.filter(({ description }) => description === '')).toEqual([]);
      expect(columns.filter(({ format }) => format === 'name').map(({ name }) => name)).toEqual(['Name']);
    }
  });
});
