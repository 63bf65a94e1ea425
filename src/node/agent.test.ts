import { describe, expect, test } from 'vitest';

import { condition, NODE, type NodeHarness, nodeHarness } from '../../test/support/node-harness.ts';
import type { Pod, PodSpec } from '../api/generated/types.ts';
import {
  ConfigMaps,
  Events,
  Leases,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  StorageClasses,
} from '../api/kinds.ts';
import type { Client } from '../client/client.ts';
import type { ContainerConfig, PodConfig, PodIdentity } from './runtimes/runtime.ts';
import { SimulatedRuntime } from './runtimes/simulated/simulated-runtime.ts';
import type { VolumeFiles } from './volumes/atomic-directory.ts';
import { noDisk } from './volumes/disk.ts';

const inDefault = (name: string) => ({ namespace: 'default', name });
const isReady = (pod: Pod | undefined) => pod !== undefined && condition(pod, 'Ready')?.status === 'True';
const state = (pod: Pod) => pod.status?.containerStatuses?.[0];

/** The reasons of the events about an object so far. */
async function reasons({ client, clock }: NodeHarness, name: string): Promise<readonly (string | undefined)[]> {
  await clock.advance(1_000);
  const { items } = await client.list(Events, { namespace: 'default' });
  return items.filter((event) => event.involvedObject.name === name).map((event) => event.reason);
}

describe('the node', () => {
  test('registers itself, is ready, and renews its lease', async () => {
    const { client, clock } = await nodeHarness({
      labels: { 'topology.kubernetes.io/zone': 'a' },
      podCIDR: '10.88.0.0/24',
    });
    const node = await client.get(Nodes, { name: NODE });
    expect(node.metadata.labels).toMatchObject({ 'kubernetes.io/hostname': NODE, 'topology.kubernetes.io/zone': 'a' });
    expect(node.spec.podCIDR).toBe('10.88.0.0/24');
    expect(node.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
    expect(node.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'berth.dev/FullIsolation', status: 'False', reason: 'Simulated' }),
    );
    const key = { namespace: 'kube-node-lease', name: NODE };
    const before = await client.get(Leases, key);
    await clock.advance(10_000);
    const after = await client.get(Leases, key);
    expect(after.spec.leaseDurationSeconds).toBe(40);
    expect(Date.parse(after.spec.renewTime!) - Date.parse(before.spec.renewTime!)).toBe(10_000);
  });

  test('M6 that was taken for lost says at once that it is there, and so do its pods', async () => {
    const { client, clock, createPod, pod } = await nodeHarness();
    await createPod('a');
    await clock.advance(1);
    const node = await client.get(Nodes, { name: NODE });
    const unknown = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' };
    await client.update(
      Nodes,
      { ...node, status: { ...node.status, conditions: [unknown] } },
      { subresource: 'status' },
    );
    const found = await pod('a');
    const lost = { type: 'Ready', status: 'False', reason: 'NodeNotReady' };
    await client.update(Pods, { ...found, status: { ...found.status, conditions: [lost] } }, { subresource: 'status' });
    await clock.advance(1);
    expect((await client.get(Nodes, { name: NODE })).status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'True' }),
    );
    expect(isReady(await pod('a'))).toBe(true);
  });

  test('M6 says that it is there before it says so of a pod that was marked because of it', async () => {
    const { client, clock, createPod, pod } = await nodeHarness();
    await createPod('a');
    await clock.advance(5_000);
    const key = { namespace: 'kube-node-lease', name: NODE };
    const before = await client.get(Leases, key);
    const found = await pod('a');
    const lost = { type: 'Ready', status: 'False', reason: 'NodeNotReady' };
    await client.update(Pods, { ...found, status: { ...found.status, conditions: [lost] } }, { subresource: 'status' });
    await clock.advance(1);
    const [lease, after] = [await client.get(Leases, key), await pod('a')];
    expect(isReady(after)).toBe(true);
    expect(Date.parse(lease.spec.renewTime!)).toBeGreaterThan(Date.parse(before.spec.renewTime!));
    expect(Number(lease.metadata.resourceVersion)).toBeLessThan(Number(after.metadata.resourceVersion));
  });

  test('keeps what users have made of its object', async () => {
    const { client, agent, startAgent } = await nodeHarness();
    const node = await client.get(Nodes, { name: NODE });
    await client.update(Nodes, {
      ...node,
      metadata: { ...node.metadata, labels: { ...node.metadata.labels, disk: 'ssd' } },
      spec: { ...node.spec, unschedulable: true },
    });
    await agent().stop();
    await startAgent();
    const again = await client.get(Nodes, { name: NODE });
    expect(again.metadata).toMatchObject({ uid: node.metadata.uid, labels: { disk: 'ssd' } });
    expect(again.spec.unschedulable).toBe(true);
  });
});

const EMPTY = { name: 'vars', emptyDir: {} };
const FROM_FILE = { fileKeyRef: { volumeName: 'vars', path: 'all', key: 'A' } };

describe('a pod', () => {
  test('P1 that is bound becomes Running and Ready with one write of its status', async () => {
    const { createPod, pod, clock, statusWrites } = await nodeHarness();
    await createPod('a');
    await clock.advance(1);
    const { status } = await pod('a');
    expect(status).toMatchObject({
      phase: 'Running',
      hostIP: '10.0.0.1',
      podIP: '10.88.0.2',
      podIPs: [{ ip: '10.88.0.2' }],
      containerStatuses: [{ name: 'main', ready: true, started: true, restartCount: 0, image: 'redis:7' }],
    });
    for (const type of ['PodScheduled', 'PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready']) {
      expect(condition(await pod('a'), type), type).toMatchObject({ status: 'True' });
    }
    expect(statusWrites()).toBe(1);
    await clock.advance(60_000);
    expect(statusWrites()).toBe(1);
  });

  test('P1 P3 that crashes is restarted at once, then after a growing wait that its status names', async () => {
    const harness = await nodeHarness();
    const { createPod, pod, clock, runtime } = harness;
    const { metadata } = await createPod('a');
    await clock.advance(1_000);
    runtime.crash(metadata.uid, 'main', 3);
    await clock.advance(1);
    expect(state(await pod('a'))).toMatchObject({
      restartCount: 1,
      ready: true,
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
    runtime.crash(metadata.uid, 'main', 4);
    await clock.advance(1);
    expect(state(await pod('a'))).toMatchObject({
      restartCount: 1,
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
    });
    expect(isReady(await pod('a'))).toBe(false);
    await clock.advance(9_990);
    expect(state(await pod('a'))?.restartCount).toBe(1);
    await clock.advance(20);
    expect(state(await pod('a'))).toMatchObject({ restartCount: 2, ready: true });
    expect(await reasons(harness, 'a')).toEqual(expect.arrayContaining(['Started', 'BackOff']));
  });

  test('P1 that runs to its end stays as Succeeded or Failed', async () => {
    const { createPod, pod, clock } = await nodeHarness({
      simulated: { run: (_pod, { args }) => ({ endsAfterMs: 500, exitCode: Number(args[0]) }) },
    });
    const containers = (exitCode: string) => [{ name: 'main', image: 'x', args: [exitCode] }];
    await createPod('good', { restartPolicy: 'Never', containers: containers('0') });
    await createPod('bad', { restartPolicy: 'Never', containers: containers('2') });
    await clock.advance(1_000);
    expect((await pod('good')).status?.phase).toBe('Succeeded');
    expect((await pod('bad')).status).toMatchObject({
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 2 } } }],
    });
  });

  test('P5 runs its init containers first', async () => {
    const started: string[] = [];
    const { createPod, pod, clock } = await nodeHarness({
      simulated: {
        run: (_pod, { name, kind }) => {
          started.push(name);
          return kind === 'init' ? { endsAfterMs: 100 } : {};
        },
      },
    });
    await createPod('a', {
      initContainers: [
        { name: 'one', image: 'x' },
        { name: 'two', image: 'x' },
      ],
    });
    await clock.advance(150);
    expect(started).toEqual(['one', 'two']);
    expect((await pod('a')).status?.phase).toBe('Pending');
    await clock.advance(100);
    expect(started).toEqual(['one', 'two', 'main']);
    expect(isReady(await pod('a'))).toBe(true);
  });

  test('M1 M2 that is deleted keeps its name until nothing of it runs', async () => {
    const { createPod, podOrNothing, clock, client, runtime } = await nodeHarness({
      simulated: { run: () => ({ stopsAfterMs: 5_000 }) },
    });
    const { metadata } = await createPod('a');
    await clock.advance(1);
    await client.delete(Pods, inDefault('a'));
    await clock.advance(4_900);
    const ending = await podOrNothing('a');
    expect(ending?.metadata.deletionTimestamp).toBeDefined();
    expect(isReady(ending)).toBe(false);
    expect((await runtime.status(metadata.uid))?.alive).toBe(true);
    await clock.advance(200);
    expect(await podOrNothing('a')).toBeUndefined();
    expect(await runtime.list()).toEqual([]);
  });

  test('P4 that does not end by itself is killed when its grace period is over', async () => {
    const { createPod, podOrNothing, clock, client } = await nodeHarness({
      simulated: { run: () => ({ stopsAfterMs: 600_000 }) },
    });
    await createPod('a', { terminationGracePeriodSeconds: 7 });
    await clock.advance(1);
    await client.delete(Pods, inDefault('a'));
    await clock.advance(6_900);
    expect(await podOrNothing('a')).toBeDefined();
    await clock.advance(200);
    expect(await podOrNothing('a')).toBeUndefined();
  });

  test('P4 gets less time when it is deleted again with less', async () => {
    const { createPod, podOrNothing, clock, client } = await nodeHarness({
      simulated: { run: () => ({ stopsAfterMs: 600_000 }) },
    });
    await createPod('a', { terminationGracePeriodSeconds: 300 });
    await clock.advance(1);
    await client.delete(Pods, inDefault('a'));
    await clock.advance(10_000);
    await client.delete(Pods, inDefault('a'), { gracePeriodSeconds: 12 });
    await clock.advance(1_900);
    expect(await podOrNothing('a')).toBeDefined();
    await clock.advance(200);
    expect(await podOrNothing('a')).toBeUndefined();
  });

  test('P4 its preStop hook comes before the signal and within the grace period', async () => {
    const { createPod, podOrNothing, clock, client } = await nodeHarness();
    const lifecycle = { preStop: { sleep: { seconds: 3 } } };
    await createPod('a', { containers: [{ name: 'main', image: 'x', lifecycle }] });
    await createPod('b', { containers: [{ name: 'main', image: 'x', lifecycle }], terminationGracePeriodSeconds: 1 });
    await clock.advance(1);
    await Promise.all(['a', 'b'].map((name) => client.delete(Pods, inDefault(name))));
    await clock.advance(1_100);
    expect(await podOrNothing('b')).toBeUndefined();
    await clock.advance(1_800);
    expect(await podOrNothing('a')).toBeDefined();
    await clock.advance(200);
    expect(await podOrNothing('a')).toBeUndefined();
  });

  test('P4 a hook that uses up the grace period leaves the program two seconds', async () => {
    const { createPod, podOrNothing, clock, client } = await nodeHarness({
      simulated: { run: () => ({ stopsAfterMs: 1_500 }) },
    });
    const lifecycle = { preStop: { sleep: { seconds: 3 } } };
    await createPod('a', { containers: [{ name: 'main', image: 'x', lifecycle }], terminationGracePeriodSeconds: 1 });
    await clock.advance(1);
    await client.delete(Pods, inDefault('a'));
    await clock.advance(2_400);
    expect(await podOrNothing('a')).toBeDefined();
    await clock.advance(200);
    expect(await podOrNothing('a')).toBeUndefined();
  });

  test('P10 that does not fit is Failed with the reason', async () => {
    const harness = await nodeHarness({ capacity: { cpu: '2', memory: '1Gi' } });
    const { createPod, pod, clock } = harness;
    const needs = (cpu: string, ports: readonly { containerPort: number; hostPort: number }[] = []) => ({
      containers: [{ name: 'main', image: 'x', resources: { requests: { cpu } }, ports }],
    });
    await createPod('first', needs('1500m', [{ containerPort: 80, hostPort: 8080 }]));
    await clock.advance(1);
    await createPod('large', needs('600m'));
    await createPod('port', needs('100m', [{ containerPort: 80, hostPort: 8080 }]));
    await createPod('far', { nodeSelector: { disk: 'ssd' } });
    await createPod('fits', needs('400m'));
    await clock.advance(1);
    expect((await pod('large')).status).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu' });
    expect((await pod('port')).status).toMatchObject({ phase: 'Failed', reason: 'NodePorts' });
    expect((await pod('far')).status).toMatchObject({ phase: 'Failed', reason: 'NodeAffinity' });
    expect(isReady(await pod('fits'))).toBe(true);
    expect(await reasons(harness, 'port')).toContain('NodePorts');
  });

  test.each<[string, Partial<PodSpec>]>([
    ['claims of devices', { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] }],
    [
      'block devices',
      {
        volumes: [{ name: 'disk', persistentVolumeClaim: { claimName: 'disk' } }],
        containers: [{ name: 'main', image: 'x', volumeDevices: [{ name: 'disk', devicePath: '/dev/xvda' }] }],
      },
    ],
    ['huge pages', { volumes: [{ name: 'large', emptyDir: { medium: 'HugePages-2Mi' } }] }],
    [
      'variables from a file',
      { containers: [{ name: 'main', image: 'x', env: [{ name: 'A', valueFrom: FROM_FILE }] }], volumes: [EMPTY] },
    ],
  ])('P9 that asks for %s is not run without, and says so', async (what, spec) => {
    const harness = await nodeHarness();
    await harness.createPod('a', spec);
    await harness.clock.advance(1);
    const pod = await harness.pod('a');
    expect(pod.status?.phase).toBe('Pending');
    expect(state(pod)?.state?.waiting?.message).toMatch(new RegExp(`${what}.* not supported by this node`));
    await harness.clock.advance(100);
    const { items } = await harness.client.list(Events, { namespace: 'default' });
    expect(items.some(({ message }) => message?.includes('not supported by this node'))).toBe(true);
  });

  test('P10 that is for another system is Failed', async () => {
    const { createPod, pod, clock } = await nodeHarness();
    await createPod('a', { os: { name: 'windows' } });
    await clock.advance(1);
    expect((await pod('a')).status).toMatchObject({ phase: 'Failed', reason: 'PodOSNotSupported' });
  });

  test('P6 waits for what it refers to, says so, and starts as soon as it is there', async () => {
    const configs = new Map<string, ContainerConfig>();
    const harness = await nodeHarness({
      simulated: {
        run: (_pod, container) => {
          configs.set(container.name, container);
          return {};
        },
      },
    });
    const { createPod, pod, clock, client } = harness;
    await createPod('a', {
      volumes: [{ name: 'conf', configMap: { name: 'settings' } }],
      containers: [
        {
          name: 'main',
          image: 'x',
          args: ['--mode=$(MODE)', '$(UNKNOWN)', '$$(MODE)'],
          env: [
            { name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } },
            { name: 'ME', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          volumeMounts: [{ name: 'conf', mountPath: '/etc/app' }],
        },
      ],
    });
    await clock.advance(2_500);
    const waiting = await pod('a');
    expect(waiting.status?.phase).toBe('Pending');
    expect(state(waiting)?.state?.waiting).toMatchObject({
      reason: 'ContainerCreating',
      message: expect.stringContaining('configmap "settings" not found'),
    });
    expect(await reasons(harness, 'a')).toContain('FailedMount');
    await client.create(ConfigMaps, { metadata: inDefault('settings'), data: { mode: 'fast' } });
    await clock.advance(1);
    expect(isReady(await pod('a'))).toBe(true);
    expect(configs.get('main')).toMatchObject({
      args: ['--mode=fast', '$(UNKNOWN)', '$(MODE)'],
      env: { MODE: 'fast', ME: '10.88.0.2', HOSTNAME: 'a' },
      mounts: [{ mountPath: '/etc/app', readOnly: true }, { mountPath: '/dev/termination-log' }],
    });
  });
});

test('P6 a token in a volume is renewed well before it ends', async () => {
  const written: string[] = [];
  const disk = {
    ...noDisk,
    writeFiles: async (_directory: string, files: VolumeFiles) =>
      void written.push(files.get('token')?.content.toString() ?? ''),
  };
  const { agent, client, startAgent, createPod, clock } = await nodeHarness();
  await agent().stop();
  let tokens = 0;
  const issuing: Client = { ...client, createSubresource: async () => ({ status: { token: `token ${++tokens}` } }) };
  await startAgent({ client: issuing, disk });
  const serviceAccountToken = { path: 'token', expirationSeconds: 1000 };
  await createPod('a', { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken }] } }] });
  await clock.advance(799_000);
  expect(written).toEqual(['token 1']);
  await clock.advance(2_000);
  expect(written).toEqual(['token 1', 'token 2']);
  await clock.advance(800_000);
  expect(written).toEqual(['token 1', 'token 2', 'token 3']);
});

test('P6 a token of unknown age, of a pod that ran on without an agent, is renewed at once; one that cannot be, soon', async () => {
  const { agent, client, startAgent, createPod, clock } = await nodeHarness();
  await agent().stop();
  let tokens = 0;
  let works = true;
  const issuing: Client = {
    ...client,
    createSubresource: async () => {
      if (!works) throw new Error('no tokens now');
      return { status: { token: `token ${++tokens}` } };
    },
  };
  await startAgent({ client: issuing });
  const serviceAccountToken = { path: 'token', expirationSeconds: 1000 };
  await createPod('a', { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken }] } }] });
  await clock.advance(1_000);
  expect(tokens).toBe(1);
  await agent().stop();
  await clock.advance(5_000_000);
  works = false;
  await startAgent({ client: issuing });
  await clock.advance(1_000);
  expect(tokens).toBe(1);
  works = true;
  await clock.advance(60_000);
  expect(tokens).toBe(2);
});

describe('at most one', () => {
  test('M3 an agent that is started again takes over what runs', async () => {
    const { createPod, pod, clock, agent, startAgent, runtime, statusWrites } = await nodeHarness();
    const { metadata } = await createPod('a');
    await clock.advance(1_000);
    const before = await pod('a');
    await agent().stop();
    await startAgent();
    await clock.advance(60_000);
    expect(await pod('a')).toEqual(before);
    expect(statusWrites()).toBe(1);
    runtime.crash(metadata.uid, 'main');
    await clock.advance(11_000);
    expect(state(await pod('a'))).toMatchObject({ restartCount: 1, ready: true });
  });

  test('M3 an end that cannot be looked at when it is told is not forgotten', async () => {
    const { createPod, pod, clock, runtime } = await nodeHarness();
    const { metadata } = await createPod('a');
    await clock.advance(1_000);
    const status = runtime.status.bind(runtime);
    let failures = 2;
    runtime.status = (uid) => (failures-- > 0 ? Promise.reject(new Error('EMFILE')) : status(uid));
    runtime.crash(metadata.uid, 'main', 9);
    await clock.advance(11_000);
    expect(state(await pod('a'))).toMatchObject({ restartCount: 1, ready: true });
  });

  test('P10 what runs has its ports before anything that is new, whatever the order the agent finds them in', async () => {
    const { createPod, pod, clock, agent, startAgent } = await nodeHarness();
    const containers = [{ name: 'main', image: 'redis:7', ports: [{ containerPort: 80, hostPort: 80 }] }];
    await createPod('z', { containers });
    await clock.advance(1_000);
    await agent().stop();
    await createPod('a', { containers });
    await startAgent();
    await clock.advance(1_000);
    expect((await pod('a')).status).toMatchObject({ phase: 'Failed', reason: 'NodePorts' });
    expect(isReady(await pod('z'))).toBe(true);
  });

  test('M3 what ends while the agent looks at what runs is dealt with too', async () => {
    const { createPod, pod, clock, agent, startAgent, runtime } = await nodeHarness();
    const { metadata } = await createPod('a');
    await clock.advance(1_000);
    await agent().stop();
    const list = runtime.list.bind(runtime);
    runtime.list = async () => {
      const found = await list();
      runtime.crash(metadata.uid, 'main', 9);
      return found;
    };
    await startAgent();
    await clock.advance(11_000);
    expect(state(await pod('a'))).toMatchObject({ restartCount: 1, ready: true });
  });

  test('M3 what ended, and what was deleted, while no agent was there is dealt with by the next one', async () => {
    const { createPod, pod, podOrNothing, clock, agent, startAgent, runtime, client } = await nodeHarness();
    const a = await createPod('a');
    await createPod('b');
    const c = await createPod('c');
    await clock.advance(1_000);
    await agent().stop();
    runtime.crash(a.metadata.uid, 'main', 9);
    await client.delete(Pods, inDefault('b'));
    await client.delete(Pods, inDefault('c'), { gracePeriodSeconds: 0 });
    await clock.advance(5_000);
    expect(await podOrNothing('b')).toBeDefined();
    expect((await runtime.status(c.metadata.uid))?.alive).toBe(true);
    await startAgent();
    await clock.advance(1_000);
    expect(state(await pod('a'))).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 9 } } });
    expect(await podOrNothing('b')).toBeUndefined();
    expect((await runtime.list()).map(({ name }) => name)).toEqual(['a']);
  });

  test('M3 a pod that goes while the next agent starts is not kept by it, and neither is its name', async () => {
    const { client, clock, createPod, agent, startAgent, pod } = await nodeHarness();
    await createPod('a');
    await clock.advance(1_000);
    await agent().stop();
    // It looks for old volumes right after it has taken stock.
    const names = async (): Promise<readonly string[]> => {
      await client.delete(Pods, inDefault('a'), { gracePeriodSeconds: 0 });
      return [];
    };
    await startAgent({ disk: { ...noDisk, names } });
    await createPod('a');
    await clock.advance(35_000);
    expect(agent().pods()).toHaveLength(1);
    expect(isReady(await pod('a'))).toBe(true);
  });

  test('M3 a pod whose deletion was half done is not confirmed before it has ended', async () => {
    const { createPod, podOrNothing, clock, agent, startAgent, runtime, client } = await nodeHarness();
    const { metadata } = await createPod('a');
    await clock.advance(1);
    const release = runtime.hold(metadata.uid);
    await client.delete(Pods, inDefault('a'));
    await clock.advance(40_000);
    const stopped = agent().stop();
    await startAgent();
    await clock.advance(40_000);
    expect(await podOrNothing('a')).toBeDefined();
    release();
    await stopped;
    await clock.advance(1_000);
    expect(await podOrNothing('a')).toBeUndefined();
    expect(await runtime.list()).toEqual([]);
  });

  test('M7 a replacement waits on the node for what still runs of the pod that was deleted by force', async () => {
    const { createPod, pod, clock, runtime, client } = await nodeHarness();
    const first = await createPod('a');
    await clock.advance(1);
    const release = runtime.hold(first.metadata.uid);
    await client.delete(Pods, inDefault('a'), { gracePeriodSeconds: 0 });
    const second = await createPod('a');
    await clock.advance(60_000);
    expect(await runtime.status(second.metadata.uid)).toBeUndefined();
    expect((await pod('a')).status?.phase).toBe('Pending');
    release();
    await clock.advance(1);
    expect(isReady(await pod('a'))).toBe(true);
    expect((await runtime.list()).map(({ uid }) => uid)).toEqual([second.metadata.uid]);
  });

  test('M7 also for what is left of one that died by itself', async () => {
    const { createPod, pod, clock, runtime, client } = await nodeHarness();
    const first = await createPod('a');
    await clock.advance(1);
    const release = runtime.hold(first.metadata.uid);
    runtime.kill(first.metadata.uid);
    await clock.advance(1);
    await client.delete(Pods, inDefault('a'), { gracePeriodSeconds: 0 });
    const second = await createPod('a');
    await clock.advance(60_000);
    expect(await runtime.status(second.metadata.uid)).toBeUndefined();
    release();
    await clock.advance(10_000);
    expect(isReady(await pod('a'))).toBe(true);
  });

  test('M1 the end of a pod that was deleted is never confirmed of the one that has its name since', async () => {
    const { createPod, pod, clock, client, agent, startAgent } = await nodeHarness();
    let second: Pod | undefined;
    await agent().stop();
    await startAgent({
      client: {
        ...client,
        async delete(type, key, options) {
          if (type.kind === 'Pod' && second === undefined) {
            // Somebody was faster than this request.
            await client.delete(Pods, inDefault('a'), { gracePeriodSeconds: 0 });
            second = await createPod('a');
          }
          return client.delete(type, key, options);
        },
      },
    });
    await createPod('a');
    await clock.advance(1);
    await client.delete(Pods, inDefault('a'));
    await clock.advance(10_000);
    expect(second).toBeDefined();
    expect((await pod('a')).metadata.uid).toBe(second?.metadata.uid);
    expect(isReady(await pod('a'))).toBe(true);
  });

  test('M5 a pod of a set does not start while another process holds its volume, and an event says who', async () => {
    const locks = new Map<string, PodIdentity>();
    const harness = await nodeHarness({ simulated: { locks } });
    const { pod, clock, client } = harness;
    await withClaim(harness, 'data-db-0');
    const elsewhere = new SimulatedRuntime({ clock, locks });
    const { metadata } = await client.get(PersistentVolumes, { name: 'disk' });
    const lock = { id: `volume-${metadata.uid}`, description: 'claim default/data-db-0' };
    const copy: PodConfig = {
      uid: 'copy',
      namespace: 'default',
      name: 'db-0',
      hostname: 'db-0',
      hostNetwork: false,
      ports: [],
      dns: { nameservers: [], searches: [], options: [] },
      hostAliases: [],
      sysctls: {},
      locks: [lock],
    };
    await elsewhere.startPod(copy);

    await createSetPod(harness, 'db-0', 'data-db-0');
    await clock.advance(20_000);
    expect((await pod('db-0')).status?.phase).toBe('Pending');
    expect(state(await pod('db-0'))?.state?.waiting?.message).toBe(
      'claim default/data-db-0 is in use by pod default/db-0 with uid copy',
    );
    expect(await reasons(harness, 'db-0')).toContain('VolumeInUse');
    await elsewhere.stopPod('copy');
    await clock.advance(5_000);
    expect(isReady(await pod('db-0'))).toBe(true);
  });

  test('M5 pods that share a claim as its access mode allows hold no lock', async () => {
    const locks = new Map<string, PodIdentity>();
    const harness = await nodeHarness({ simulated: { locks } });
    await withClaim(harness, 'shared');
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'shared' } }];
    await harness.createPod('x', { volumes });
    await harness.createPod('y', { volumes });
    await harness.clock.advance(1);
    expect(isReady(await harness.pod('x'))).toBe(true);
    expect(isReady(await harness.pod('y'))).toBe(true);
    expect(locks.size).toBe(0);
  });

  test('a pod that ends with its node keeps its object, is not Ready meanwhile, and is started again by the next agent', async () => {
    const harness = await nodeHarness({ simulated: { run: () => ({ stopsAfterMs: 1_000 }) } });
    const { createPod, pod, clock, agent, startAgent, runtime, client } = harness;
    const { metadata } = await createPod('db-0');
    await clock.advance(1);
    await agent().leave();
    let ended = false;
    const ending = agent()
      .endPod(metadata.uid)
      .then(() => {
        ended = true;
      });
    await clock.advance(900);
    expect(ended).toBe(false);
    await clock.advance(200);
    expect(ended).toBe(true);
    await ending;
    await agent().stop();
    expect((await runtime.list()).map(({ alive }) => alive)).toEqual([false]);
    expect((await pod('db-0')).status).toMatchObject({ phase: 'Running', containerStatuses: [{ ready: false }] });
    expect(isReady(await pod('db-0'))).toBe(false);
    expect((await client.get(Nodes, { name: NODE })).status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False' }),
    );

    await startAgent();
    await clock.advance(1);
    const again = await pod('db-0');
    expect(again.metadata.uid).toBe(metadata.uid);
    expect(isReady(again)).toBe(true);
    expect(state(again)?.restartCount).toBe(1);
  });

  test('P1 the pods of a machine that lost its power are started again, with one restart more', async () => {
    const { createPod, pod, clock, runtime } = await nodeHarness();
    await createPod('a');
    await clock.advance(5_000);
    runtime.reboot();
    await clock.advance(1);
    expect(state(await pod('a'))).toMatchObject({
      restartCount: 1,
      ready: true,
      lastState: { terminated: { exitCode: 137 } },
    });
  });
});

async function withClaim({ client }: NodeHarness, name: string): Promise<void> {
  await client.create(StorageClasses, { metadata: { name: 'fixed' }, provisioner: 'kubernetes.io/no-provisioner' });
  const claim = await client.create(PersistentVolumeClaims, {
    metadata: inDefault(name),
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fixed',
      resources: { requests: { storage: '1Gi' } },
      volumeName: 'disk',
    },
  });
  await client.create(PersistentVolumes, {
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fixed',
      hostPath: { path: '/data' },
      claimRef: { ...inDefault(name), uid: claim.metadata.uid },
    },
  });
  await client.update(PersistentVolumeClaims, { ...claim, status: { phase: 'Bound' } }, { subresource: 'status' });
}

function createSetPod({ createPod }: NodeHarness, name: string, claimName?: string): Promise<Pod> {
  const controller = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'set', controller: true };
  return createPod(
    name,
    claimName === undefined ? {} : { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] },
    { ownerReferences: [controller] },
  );
}
