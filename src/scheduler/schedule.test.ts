import { describe, expect, test } from 'vitest';

import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  StorageClass,
} from '../api/generated/types.ts';
import { SELECTED_NODE } from '../api/volume-names.ts';
import { type Decision, schedule } from './schedule.ts';
import { ClusterSnapshot } from './snapshot.ts';
import type { VolumeLookup } from './volume-filters.ts';

const meta = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });

function node(
  name: string,
  change: {
    labels?: Record<string, string>;
    spec?: Node['spec'];
    allocatable?: Record<string, string>;
    ready?: string;
  } = {},
): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...meta(name), labels: { 'kubernetes.io/hostname': name, ...change.labels } },
    spec: change.spec ?? {},
    status: {
      allocatable: change.allocatable ?? { cpu: '2', memory: '4Gi', pods: '10' },
      conditions: [{ type: 'Ready', status: change.ready ?? 'True' }],
    },
  };
}

function pod(name: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = {}, owner?: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...meta(name),
      namespace: 'default',
      labels,
      ...(owner && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: owner, uid: owner, controller: true }],
      }),
    },
    spec: { containers: [{ name: 'app' }], ...spec },
  };
}

const wants = (requests: Record<string, string>): Partial<PodSpec> => ({
  containers: [{ name: 'app', resources: { requests } }],
});

function cluster(...nodes: Node[]): ClusterSnapshot {
  const snapshot = new ClusterSnapshot();
  for (const each of nodes) snapshot.setNode(each);
  return snapshot;
}

const NO_VOLUMES: VolumeLookup = {
  claim: () => undefined,
  volume: () => undefined,
  storageClass: () => undefined,
  freeVolumes: () => [],
  storageTaken: () => 0,
  selectedNode: () => undefined,
};

const decide = (of: Pod, snapshot: ClusterSnapshot, volumes = NO_VOLUMES): string => {
  const decision: Decision = schedule(of, snapshot, volumes);
  return decision.type === 'node' ? decision.nodeName : decision.message;
};

describe('what keeps a pod off a node', () => {
  test('there is no node at all', () => {
    expect(decide(pod('a'), cluster())).toBe('no nodes available to schedule pods');
  });

  test.each([
    ['cordoned', node('n', { spec: { unschedulable: true } }), {}, '1 node(s) were unschedulable'],
    [
      'not ready',
      node('n', { ready: 'False' }),
      {},
      '1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }',
    ],
    [
      'a taint',
      node('n', { spec: { taints: [{ key: 'disk', value: 'slow', effect: 'NoSchedule' }] } }),
      {},
      '1 node(s) had untolerated taint {disk: slow}',
    ],
    [
      'a selector',
      node('n'),
      { nodeSelector: { disk: 'fast' } },
      "1 node(s) didn't match Pod's node affinity/selector",
    ],
    ['processor', node('n'), wants({ cpu: '2001m' }), '1 Insufficient cpu'],
    ['memory', node('n'), wants({ memory: '5Gi' }), '1 Insufficient memory'],
    ['another resource', node('n'), wants({ 'example.org/gpu': '1' }), '1 Insufficient example.org/gpu'],
    ['the number of pods', node('n', { allocatable: { pods: '0' } }), {}, '1 Too many pods'],
  ] as const)('%s', (_what, only, spec, reason) => {
    expect(decide(pod('a', spec), cluster(only))).toBe(`0/1 nodes are available: ${reason}.`);
  });

  test('the reasons of all nodes are counted', () => {
    const snapshot = cluster(node('a', { spec: { unschedulable: true } }), node('b'), node('c'));
    expect(decide(pod('p', wants({ cpu: '3', memory: '9Gi' })), snapshot)).toBe(
      '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu, 2 Insufficient memory.',
    );
  });

  test('tolerations open tainted, cordoned and unready nodes', () => {
    const tolerations = [{ operator: 'Exists' }];
    const tainted = node('n', { spec: { unschedulable: true, taints: [{ key: 'a', effect: 'NoExecute' }] } });
    expect(decide(pod('p', { tolerations }), cluster(tainted))).toBe('n');
    expect(decide(pod('p', { tolerations }), cluster(node('n', { ready: 'False' })))).toBe('n');
  });

  test('what other pods asked for is taken, init containers and sidecars included', () => {
    const snapshot = cluster(node('n'));
    snapshot.place(
      pod('a', {
        containers: [{ name: 'app', resources: { requests: { cpu: '500m' } } }],
        initContainers: [
          { name: 'sidecar', restartPolicy: 'Always', resources: { requests: { cpu: '200m' } } },
          { name: 'init', resources: { requests: { cpu: '1' } } },
        ],
      }),
      'n',
    );
    expect(decide(pod('b', wants({ cpu: '801m' })), snapshot)).toContain('Insufficient cpu');
    expect(decide(pod('b', wants({ cpu: '800m' })), snapshot)).toBe('n');
    snapshot.remove('a');
    expect(decide(pod('b', wants({ cpu: '2' })), snapshot)).toBe('n');
  });

  test('host ports', () => {
    const snapshot = cluster(node('n'));
    const onPort = (hostIP?: string): Partial<PodSpec> => ({
      containers: [{ name: 'app', ports: [{ containerPort: 80, hostPort: 8080, ...(hostIP && { hostIP }) }] }],
    });
    snapshot.place(pod('a', onPort('127.0.0.1')), 'n');
    expect(decide(pod('b', onPort()), snapshot)).toContain("didn't have free ports for the requested pod ports");
    expect(decide(pod('b', onPort('127.0.0.2')), snapshot)).toBe('n');
  });

  test('required node affinity: any term, all of a term', () => {
    const requires = (...nodeSelectorTerms: object[]): Partial<PodSpec> => ({
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
    });
    const snapshot = cluster(
      node('a', { labels: { disk: 'fast', size: '8' } }),
      node('b', { labels: { disk: 'slow' } }),
    );
    const fast = {
      matchExpressions: [
        { key: 'disk', operator: 'In', values: ['fast'] },
        { key: 'size', operator: 'Gt', values: ['7'] },
      ],
    };
    expect(decide(pod('p', requires(fast)), snapshot)).toBe('a');
    expect(
      decide(pod('p', requires({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] })), snapshot),
    ).toBe('b');
    expect(decide(pod('p', requires({})), snapshot)).toContain("didn't match Pod's node affinity/selector");
  });
});

describe('pods near each other and apart', () => {
  const term = (app: string) => ({ labelSelector: { matchLabels: { app } }, topologyKey: 'kubernetes.io/hostname' });
  const near = (app: string): Partial<PodSpec> => ({
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } },
  });
  const apart = (app: string): Partial<PodSpec> => ({
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } },
  });

  test('anti-affinity puts one on each node, and no more', () => {
    const snapshot = cluster(node('a'), node('b'));
    for (const ordinal of [0, 1]) {
      const each = pod(`db-${ordinal}`, apart('db'), { app: 'db' });
      snapshot.place(each, decide(each, snapshot));
    }
    expect(snapshot.nodes.map(({ pods }) => pods.size)).toEqual([1, 1]);
    expect(decide(pod('db-2', apart('db'), { app: 'db' }), snapshot)).toBe(
      "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
    );
  });

  test('a pod that keeps others away is respected', () => {
    const snapshot = cluster(node('a'));
    snapshot.place(pod('db-0', apart('web'), { app: 'db' }), 'a');
    expect(decide(pod('web', {}, { app: 'web' }), snapshot)).toContain(
      "didn't satisfy existing pods anti-affinity rules",
    );
    expect(decide(pod('other', {}, { app: 'other' }), snapshot)).toBe('a');
  });

  test('affinity goes where the others are, and the first of a group anywhere', () => {
    const snapshot = cluster(node('a'), node('b'));
    snapshot.place(pod('cache', {}, { app: 'cache' }), 'b');
    expect(decide(pod('web', near('cache'), { app: 'web' }), snapshot)).toBe('b');
    expect(decide(pod('solo', near('solo'), { app: 'solo' }), snapshot)).toBe('a');
    expect(decide(pod('web', near('nobody'), { app: 'web' }), snapshot)).toContain("didn't match pod affinity rules");
  });

  test('topology spread keeps the skew', () => {
    const spread = (whenUnsatisfiable: string): Partial<PodSpec> => ({
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable, labelSelector: { matchLabels: { app: 'db' } } },
      ],
    });
    const snapshot = cluster(
      node('a', { labels: { zone: 'x' } }),
      node('b', { labels: { zone: 'y' }, spec: { unschedulable: true } }),
    );
    snapshot.place(pod('db-0', {}, { app: 'db' }), 'a');
    expect(decide(pod('db-1', spread('DoNotSchedule'), { app: 'db' }), snapshot)).toBe(
      "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.",
    );
    expect(decide(pod('db-1', spread('ScheduleAnyway'), { app: 'db' }), snapshot)).toBe('a');
  });
});

describe('claims', () => {
  const withClaim = (name: string): Pod =>
    pod(name, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
  const claim = (
    change: Partial<PersistentVolumeClaim['spec']> = {},
    annotations: Record<string, string> = {},
  ): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...meta('data'), namespace: 'default', annotations },
    spec: { storageClassName: 'local', ...change },
  });
  const storageClass: StorageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: meta('local'),
    provisioner: 'berth.dev/local',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  const volumeOn = (name: string): PersistentVolume => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: meta('pv'),
    spec: {
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] },
          ],
        },
      },
    },
  });
  const lookup = (change: Partial<VolumeLookup>): VolumeLookup => ({
    ...NO_VOLUMES,
    storageClass: () => storageClass,
    ...change,
  });
  const snapshot = cluster(node('a'), node('b'));

  test('a claim that does not exist', () => {
    expect(decide(withClaim('p'), snapshot)).toBe('0/2 nodes are available: persistentvolumeclaim "data" not found.');
  });

  test('a volume that the pod describes never takes the claim of somebody else', () => {
    const own = pod('p', { volumes: [{ name: 'data', ephemeral: {} }] });
    const theirs = { ...claim(), metadata: { ...claim().metadata, name: 'p-data' } };
    expect(decide(own, snapshot, lookup({ claim: () => theirs }))).toContain('was not created for the pod');
  });

  test('a claim that waits for its consumer gets its volume where the pod goes', () => {
    expect(schedule(withClaim('p'), snapshot, lookup({ claim: () => claim() }))).toMatchObject({
      type: 'node',
      nodeName: 'a',
      unboundClaims: [{ metadata: { name: 'data' } }],
    });
  });

  test('a claim whose node is chosen holds its pods there', () => {
    const volumes = lookup({ claim: () => claim({}, { [SELECTED_NODE]: 'b' }), selectedNode: () => 'b' });
    expect(decide(withClaim('p'), snapshot, volumes)).toBe('b');
  });

  test('a claim that is bound by itself is waited for', () => {
    const immediate = lookup({
      claim: () => claim(),
      storageClass: () => ({ ...storageClass, volumeBindingMode: 'Immediate' }),
    });
    expect(decide(withClaim('p'), snapshot, immediate)).toBe(
      '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
    );
  });

  test('I4 a pod goes where its volume is', () => {
    const bound = claim({ volumeName: 'pv' }, { 'pv.kubernetes.io/bind-completed': 'yes' });
    expect(decide(withClaim('p'), snapshot, lookup({ claim: () => bound, volume: () => volumeOn('b') }))).toBe('b');
    expect(decide(withClaim('p'), snapshot, lookup({ claim: () => bound, volume: () => volumeOn('gone') }))).toBe(
      '0/2 nodes are available: 2 node(s) had volume node affinity conflict.',
    );
  });

  test('volumes made by hand are taken where each claim of the pod finds one of its own that will do', () => {
    const byHand: StorageClass = { ...storageClass, provisioner: 'kubernetes.io/no-provisioner' };
    const made = (name: string, where: string, storage: string): PersistentVolume => ({
      ...volumeOn(where),
      metadata: meta(name),
      spec: {
        ...volumeOn(where).spec,
        storageClassName: 'local',
        capacity: { storage },
        accessModes: ['ReadWriteOnce'],
      },
    });
    const two = pod('p', {
      volumes: ['data', 'log'].map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    });
    const free = [made('a-1', 'a', '10Gi'), made('a-2', 'a', '1Gi'), made('b-1', 'b', '10Gi')];
    const volumes = (more: readonly PersistentVolume[]): VolumeLookup =>
      lookup({
        storageClass: () => byHand,
        freeVolumes: () => [...free, ...more],
        claim: (_namespace, name) => {
          const one = claim({ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '5Gi' } } });
          return { ...one, metadata: { ...one.metadata, name } };
        },
      });
    expect(decide(two, snapshot, volumes([]))).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    );
    expect(decide(two, snapshot, volumes([made('b-2', 'b', '5Gi')]))).toBe('b');
  });

  test('M5 a ReadWriteOncePod claim has one pod', () => {
    const own = cluster(node('a'));
    own.place(withClaim('first'), 'a');
    const bound = claim(
      { volumeName: 'pv', accessModes: ['ReadWriteOncePod'] },
      { 'pv.kubernetes.io/bind-completed': 'yes' },
    );
    const volumes = lookup({ claim: () => bound, volume: () => volumeOn('a') });
    expect(decide(withClaim('second'), own, volumes)).toContain('ReadWriteOncePod access mode');
    own.remove('first');
    expect(decide(withClaim('second'), own, volumes)).toBe('a');
  });
});

describe('which of several nodes', () => {
  test('pods of one owner spread, and equal nodes are taken in the order of their names', () => {
    const snapshot = cluster(node('node-10'), node('node-2'), node('node-1'));
    const order = ['a', 'b', 'c', 'd'].map((name) => {
      const each = pod(name, {}, {}, 'set');
      const chosen = decide(each, snapshot);
      snapshot.place(each, chosen);
      return chosen;
    });
    expect(order).toEqual(['node-1', 'node-2', 'node-10', 'node-1']);
  });

  test('the emptier node', () => {
    const snapshot = cluster(node('a'), node('b'));
    snapshot.place(pod('x', wants({ cpu: '1500m' })), 'a');
    expect(decide(pod('p', wants({ cpu: '100m' })), snapshot)).toBe('b');
  });

  test('preferred node affinity, and away from nodes that would rather not', () => {
    const prefer: Partial<PodSpec> = {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } },
          ],
        },
      },
    };
    expect(decide(pod('p', prefer), cluster(node('a'), node('b', { labels: { disk: 'fast' } })))).toBe('b');
    const reluctant = node('a', { spec: { taints: [{ key: 'x', effect: 'PreferNoSchedule' }] } });
    expect(decide(pod('p'), cluster(reluctant, node('b')))).toBe('b');
  });

  test('preferred pod affinity and anti-affinity', () => {
    const term = { labelSelector: { matchLabels: { app: 'web' } }, topologyKey: 'kubernetes.io/hostname' };
    const snapshot = cluster(node('a'), node('b'));
    snapshot.place(pod('web', {}, { app: 'web' }), 'b');
    const preferred = [{ weight: 50, podAffinityTerm: term }];
    const near = { affinity: { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } } };
    const apart = { affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } } };
    expect(decide(pod('p', near), snapshot)).toBe('b');
    expect(decide(pod('p', apart), snapshot)).toBe('a');
  });
});
