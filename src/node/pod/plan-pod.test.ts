import { describe, expect, test } from 'vitest';

import type { Container, Pod, PodSpec, PodStatus } from '../../api/generated/types.ts';
import type { ContainerStatus, PodStatus as RuntimePod } from '../runtimes/runtime.ts';
import { type ContainerMemory, defaultBackOff, noMemory, type ObservedPod, type PodAction } from './observed.ts';
import { planPod } from './plan-pod.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const STARTED = NOW - 60_000;
const main: Container = { name: 'main', image: 'redis:7' };

function podWith(
  spec: Partial<PodSpec> = {},
  metadata: Partial<Pod['metadata']> = {},
  status: PodStatus = { phase: 'Pending' },
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'redis-0',
      namespace: 'default',
      uid: 'u1',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T11:59:00Z',
      ...metadata,
    },
    spec: {
      containers: [main],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      nodeName: 'node-0',
      ...spec,
    },
    status,
  };
}

const up = (name: string, attempt = 0, startedAtMs = STARTED + 1): ContainerStatus => ({
  state: 'running',
  name,
  attempt,
  startedAtMs,
});

const down = (
  name: string,
  exitCode: number,
  { attempt = 0, startedAtMs = STARTED + 1, finishedAtMs = NOW - 1_000 } = {},
): ContainerStatus => ({
  state: 'exited',
  name,
  attempt,
  startedAtMs,
  finishedAtMs,
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
});

const sandbox = (...containers: ContainerStatus[]): RuntimePod => ({
  uid: 'u1',
  namespace: 'default',
  name: 'redis-0',
  alive: true,
  ips: ['10.88.0.5'],
  startedAtMs: STARTED,
  containers,
});

const dead = (...containers: ContainerStatus[]): RuntimePod => ({ ...sandbox(...containers), alive: false, ips: [] });

function observed(pod: Pod, runtime: RuntimePod | undefined, more: Partial<ObservedPod> = {}): ObservedPod {
  return {
    api: { type: 'bound', pod },
    runtime,
    runtimeName: 'process',
    hostIPs: ['192.168.1.1'],
    nowMs: NOW,
    seenAtMs: NOW - 60_000,
    backOff: defaultBackOff,
    nodeStops: false,
    sandboxStopped: false,
    confirmed: false,
    containers: new Map(),
    ...more,
  };
}

const remembering = (name: string, memory: Partial<ContainerMemory>): Pick<ObservedPod, 'containers'> => ({
  containers: new Map([[name, { ...noMemory, ...memory }]]),
});

/** What is done, in short: `start main#1`, `stop main`, `startSandbox` ... */
function steps(actions: readonly PodAction[]): string[] {
  return actions.map((action) => {
    if (action.type === 'startContainer') return `start ${action.container.name}#${action.attempt}`;
    return action.type === 'stopContainer' ? `stop ${action.container}` : action.type;
  });
}

const does = (input: ObservedPod): string[] => steps(planPod(input).actions);
const condition = (status: PodStatus | undefined, type: string) =>
  status?.conditions?.find((other) => other.type === type);

describe('a pod that is to run', () => {
  test('P1 gets its sandbox, then its containers, and is Ready when they run', () => {
    expect(does(observed(podWith(), undefined))).toEqual(['startSandbox']);
    expect(does(observed(podWith(), sandbox()))).toEqual(['start main#0']);
    const { actions, status, waiting } = planPod(observed(podWith(), sandbox(up('main'))));
    expect(actions).toEqual([]);
    expect(waiting).toBeUndefined();
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.88.0.5', hostIP: '192.168.1.1' });
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(status?.containerStatuses?.[0]).toMatchObject({
      containerID: 'process://u1/main/0',
      state: { running: { startedAt: '2026-01-01T11:59:00Z' } },
      ready: true,
    });
  });

  test('P1 keeps the time of a condition until its status changes', () => {
    const first = planPod(observed(podWith(), sandbox(up('main')))).status!;
    const later = planPod(observed(podWith({}, {}, first), sandbox(up('main')), { nowMs: NOW + 5_000 })).status!;
    expect(later).toEqual(first);
    const ended = planPod(
      observed(podWith({}, {}, first), sandbox(down('main', 1, { finishedAtMs: NOW + 5_000 })), {
        nowMs: NOW + 5_000,
        ...remembering('main', { restarts: 1 }),
      }),
    ).status;
    expect(condition(ended, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      lastTransitionTime: '2026-01-01T12:00:05Z',
    });
    expect(condition(ended, 'Initialized')?.lastTransitionTime).toBe(
      condition(first, 'Initialized')?.lastTransitionTime,
    );
  });

  test('U7 that was never Ready says so by the time of its Ready condition', () => {
    const probed = podWith({ containers: [{ ...main, readinessProbe: { tcpSocket: { port: 6379 } } }] });
    const { status } = planPod(observed(probed, sandbox(up('main'))));
    expect(status?.startTime).toBe('2026-01-01T11:59:00Z');
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', lastTransitionTime: '2026-01-01T11:59:00Z' });
  });

  test('P2 is Ready when its readiness probe says so, and says why it is not', () => {
    const probed = podWith({ containers: [{ ...main, readinessProbe: { tcpSocket: { port: 6379 } } }] });
    const ready = (probes: ContainerMemory['probes']) =>
      planPod(observed(probed, sandbox(up('main')), remembering('main', { probes }))).status;
    expect(condition(ready({ readiness: true }), 'Ready')?.status).toBe('True');
    expect(condition(ready({ readiness: false, failure: 'Readiness probe failed: refused' }), 'Ready')).toMatchObject({
      status: 'False',
      message: 'containers with unready status: [main]: Readiness probe failed: refused',
    });
  });

  test('P2 is not Ready before its startup probe has succeeded', () => {
    const probed = podWith({ containers: [{ ...main, startupProbe: { tcpSocket: { port: 1 } } }] });
    const status = planPod(observed(probed, sandbox(up('main')))).status;
    expect(status?.containerStatuses?.[0]).toMatchObject({ started: false, ready: false });
  });

  test.each([
    ['liveness', { livenessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 5 } }],
    ['startup', { startupProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 5 } }],
  ] as const)('P2 stops a container whose %s probe has failed, with the grace of the probe', (probe, field) => {
    const pod = podWith({ containers: [{ ...main, ...field }] });
    const memory = remembering('main', { probes: { [probe]: false, failure: 'refused' } });
    expect(planPod(observed(pod, sandbox(up('main')), memory)).actions).toEqual([
      {
        type: 'stopContainer',
        container: 'main',
        ending: false,
        graceMs: 5_000,
        message: `Container main failed ${probe} probe, will be restarted`,
        why: 'refused',
      },
    ]);
  });

  test('P1 waits for its readiness gates', () => {
    const gated = (conditions: PodStatus['conditions'] = []) =>
      planPod(
        observed(
          podWith({ readinessGates: [{ conditionType: 'lb' }] }, {}, { phase: 'Pending', conditions }),
          sandbox(up('main')),
        ),
      ).status;
    expect(condition(gated(), 'Ready')).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady' });
    expect(condition(gated(), 'ContainersReady')?.status).toBe('True');
    expect(condition(gated([{ type: 'lb', status: 'True' }]), 'Ready')?.status).toBe('True');
    expect(condition(gated([{ type: 'lb', status: 'True' }]), 'lb')?.status).toBe('True');
  });

  test('M3 is left alone when it runs already', () => {
    expect(does(observed(podWith(), sandbox(up('main', 3))))).toEqual([]);
  });

  test('M7 waits for what still runs of the pod that had its name', () => {
    const { actions, waiting, status } = planPod(
      observed(podWith(), undefined, { predecessor: 'default/redis-0 with uid u0' }),
    );
    expect(actions).toEqual([]);
    expect(waiting?.message).toContain('u0');
    expect(status?.containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: 'ContainerCreating',
      message: 'waiting for what still runs of default/redis-0 with uid u0',
    });
  });

  test('P1 says so while its sandbox keeps ending', () => {
    const { status } = planPod(observed(podWith(), undefined, { sandboxNotBeforeMs: NOW + 1000 }));
    expect(status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('the pod as a whole keeps ending');
    const later = { sandboxNotBeforeMs: NOW + 1000, backOff: { initialMs: 1, maxMs: 1, resetAfterMs: 1 } };
    const again = planPod(observed(podWith(), dead(down('main', 137)), later)).status?.containerStatuses?.[0];
    expect(again).toMatchObject({
      state: { waiting: { reason: 'ContainerCreating', message: 'the pod as a whole keeps ending' } },
      lastState: { terminated: { exitCode: 137 } },
    });
    // One that has come to its end stays so.
    const once = podWith({ restartPolicy: 'OnFailure', containers: [main, { name: 'job' }] });
    const ended = planPod(observed(once, dead(down('main', 137), down('job', 0)), later)).status?.containerStatuses;
    expect(ended?.[1]?.state?.terminated).toMatchObject({ exitCode: 0 });
  });

  test('P5 says of init containers, too, why the pod cannot be started', () => {
    const blocked = { reason: 'FailedMount', message: 'configmap "c" not found', retryAtMs: NOW + 500 };
    const { status } = planPod(observed(podWith({ initContainers: [{ name: 'a' }] }), undefined, { blocked }));
    const waiting = { reason: 'PodInitializing', message: blocked.message };
    expect(status?.initContainerStatuses?.[0]?.state).toEqual({ waiting });
    expect(status?.containerStatuses?.[0]?.state).toEqual({ waiting });
  });

  test('M5 stays Pending while somebody else holds its volume, and says who', () => {
    const blocked = {
      reason: 'VolumeInUse',
      message: 'claim default/data-redis-0 is in use by pod x',
      retryAtMs: NOW + 500,
    };
    const { actions, status, waiting, wakeAtMs } = planPod(observed(podWith(), undefined, { blocked }));
    expect(actions).toEqual([]);
    expect(waiting).toMatchObject({ reason: 'VolumeInUse' });
    expect(wakeAtMs).toBe(NOW + 500);
    expect(status).toMatchObject({ phase: 'Pending' });
    expect(status?.containerStatuses?.[0]?.state?.waiting).toEqual({
      reason: 'ContainerCreating',
      message: blocked.message,
    });
    expect(does(observed(podWith(), undefined, { blocked, nowMs: NOW + 500 }))).toEqual(['startSandbox']);
  });
});

describe('a container that ended', () => {
  test('P3 is restarted at once the first time', () => {
    const plan = planPod(observed(podWith(), sandbox(down('main', 1))));
    expect(steps(plan.actions)).toEqual(['start main#1']);
    expect(plan.actions[0]).toMatchObject({ restarts: 1, previousExit: { exitCode: 1 } });
  });

  test.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [5, 160_000],
    [6, 300_000],
    [60, 300_000],
  ])('P3 waits, after %i restarts in a row, %i ms from its end', (restarts, waitMs) => {
    const run = down('main', 1, { attempt: restarts, finishedAtMs: NOW, startedAtMs: NOW - 1_000 });
    const input = observed(podWith(), sandbox(run), remembering('main', { restarts }));
    const { actions, wakeAtMs, status } = planPod(input);
    expect(actions).toEqual([]);
    expect(wakeAtMs).toBe(NOW + waitMs);
    expect(status?.containerStatuses?.[0]).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
      restartCount: restarts,
      ready: false,
    });
    expect(does({ ...input, nowMs: NOW + waitMs })).toEqual([`start main#${restarts + 1}`]);
  });

  test('M2 is not confirmed before what its sandbox left behind is cleared, though nothing of it lives', () => {
    const pod = podWith({}, { deletionTimestamp: '2026-01-01T12:00:00Z' });
    const dead = { ...sandbox(down('main', 137)), alive: false };
    expect(does(observed(pod, dead))).toEqual(['stopSandbox']);
    expect(does(observed(pod, dead, { sandboxStopped: true }))).toEqual(['confirm']);
  });

  test('P3 does not wait for a time of before the clock was set back', () => {
    const hour = 3_600_000;
    const run = down('main', 1, { attempt: 6, finishedAtMs: NOW + hour, startedAtMs: NOW + hour - 1_000 });
    expect(does(observed(podWith(), sandbox(run), remembering('main', { restarts: 6 })))).toEqual(['start main#7']);
    const blocked = { reason: 'VolumeInUse', message: 'in use', retryAtMs: NOW + hour };
    expect(does(observed(podWith(), undefined, { blocked }))).toEqual(['startSandbox']);
    expect(does(observed(podWith(), undefined, { sandboxNotBeforeMs: NOW + hour }))).toEqual(['startSandbox']);
    const memory = { restarts: 0, blocked: { ...blocked, failures: 1 } };
    expect(does(observed(podWith(), sandbox(), remembering('main', memory)))).toEqual(['start main#0']);
  });

  test('P3 begins the back-off anew after a run of ten minutes', () => {
    const run = down('main', 1, { attempt: 5, startedAtMs: NOW - 600_000, finishedAtMs: NOW });
    const plan = planPod(
      observed(podWith(), { ...sandbox(run), startedAtMs: NOW - 700_000 }, remembering('main', { restarts: 5 })),
    );
    expect(plan.actions[0]).toMatchObject({ type: 'startContainer', restarts: 1 });
  });

  test('P1 shows how the run before ended', () => {
    const previousExit = {
      attempt: 0,
      exitCode: 137,
      reason: 'OOMKilled',
      startedAtMs: STARTED,
      finishedAtMs: NOW - 5_000,
    };
    const { status } = planPod(
      observed(podWith(), sandbox(up('main', 1)), remembering('main', { previousExit, restarts: 1 })),
    );
    expect(status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', containerID: 'process://u1/main/0' } },
    });
  });

  test('P1 M3 keeps what the API knows of the run before when the agent has forgotten it', () => {
    const terminated = { exitCode: 3, reason: 'Error' };
    const told = {
      name: 'main',
      image: '',
      imageID: '',
      ready: true,
      restartCount: 1,
      containerID: 'process://u1/main/1',
      lastState: { terminated },
    };
    const pod = podWith({}, {}, { phase: 'Running', containerStatuses: [told] });
    expect(planPod(observed(pod, sandbox(up('main', 1)))).status?.containerStatuses?.[0]?.lastState).toEqual({
      terminated,
    });
  });

  test.each([
    ['OnFailure', [0], 'Succeeded'],
    ['OnFailure', [1], 'Running'],
    ['Never', [0, 0], 'Succeeded'],
    ['Never', [0, 1], 'Failed'],
    ['Always', [0], 'Running'],
  ] as const)('P1 with restartPolicy %s and exit codes %j makes the pod %s', (restartPolicy, exitCodes, phase) => {
    const containers = exitCodes.map((_, index) => ({ name: `c${index}` }));
    const pod = podWith({ restartPolicy, containers });
    const runtime = dead(...exitCodes.map((code, index) => down(`c${index}`, code)));
    const { status } = planPod(observed(pod, runtime, { sandboxStopped: true }));
    expect(status?.phase).toBe(phase);
  });

  test('P1 in a sandbox that died is started again with it, without a back-off', () => {
    const pod = podWith();
    expect(does(observed(pod, dead(down('main', 137, { attempt: 4 })), remembering('main', { restarts: 4 })))).toEqual([
      'startSandbox',
    ]);
    const anew = { ...sandbox(down('main', 137, { attempt: 4 })), startedAtMs: NOW };
    expect(does(observed(pod, anew, remembering('main', { restarts: 4 })))).toEqual(['start main#5']);
  });

  test('P1 is counted on from what the API knows when the node has lost everything', () => {
    const told = {
      name: 'main',
      image: '',
      imageID: '',
      ready: true,
      restartCount: 7,
      containerID: 'x',
      state: { running: {} },
    };
    const pod = podWith({}, {}, { phase: 'Running', containerStatuses: [told] });
    expect(does(observed(pod, sandbox()))).toEqual(['start main#8']);
  });

  test('is not run twice when it is to run once and nobody saw its end', () => {
    const told = {
      name: 'main',
      image: '',
      imageID: '',
      ready: true,
      restartCount: 0,
      containerID: 'x',
      state: { running: {} },
    };
    const pod = podWith({ restartPolicy: 'Never' }, {}, { phase: 'Running', containerStatuses: [told] });
    const { actions, status } = planPod(observed(pod, undefined));
    expect(actions).toEqual([]);
    expect(status).toMatchObject({ phase: 'Failed' });
    expect(status?.containerStatuses?.[0]?.state?.terminated?.reason).toBe('ContainerStatusUnknown');
  });
});

describe('init containers', () => {
  const pod = podWith({
    initContainers: [{ name: 'a' }, { name: 'proxy', restartPolicy: 'Always' }, { name: 'b' }],
  });

  test('P5 run in order, a sidecar being passed when it has started', () => {
    expect(does(observed(pod, sandbox()))).toEqual(['start a#0']);
    expect(does(observed(pod, sandbox(up('a'))))).toEqual([]);
    expect(does(observed(pod, sandbox(down('a', 0))))).toEqual(['start proxy#0']);
    expect(does(observed(pod, sandbox(down('a', 0), up('proxy'))))).toEqual(['start b#0']);
    expect(does(observed(pod, sandbox(down('a', 0), up('proxy'), up('b'))))).toEqual([]);
    expect(does(observed(pod, sandbox(down('a', 0), up('proxy'), down('b', 0))))).toEqual(['start main#0']);
  });

  test('P5 hold the pod in Pending and say which', () => {
    const { status } = planPod(observed(pod, sandbox(up('a'))));
    expect(status?.phase).toBe('Pending');
    expect(condition(status, 'Initialized')).toMatchObject({
      status: 'False',
      message: 'containers with incomplete status: [a proxy b]',
    });
    expect(status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('PodInitializing');
  });

  test('P5 are not run again when an ordinary container restarts, but a sidecar is', () => {
    const all = [down('a', 0), down('proxy', 1), down('b', 0), down('main', 1)];
    expect(does(observed(pod, sandbox(...all)))).toEqual(['start proxy#1', 'start main#1']);
  });

  test('P5 are run again in a new sandbox', () => {
    const before = [down('a', 0), down('proxy', 0), down('b', 0), down('main', 137)];
    expect(does(observed(pod, { ...sandbox(...before), startedAtMs: NOW }))).toEqual(['start a#1']);
  });

  test('P5 that fail for good fail the pod', () => {
    const once = podWith({ restartPolicy: 'Never', initContainers: [{ name: 'a' }] });
    const { status } = planPod(observed(once, dead(down('a', 2)), { sandboxStopped: true }));
    expect(status?.phase).toBe('Failed');
    expect(does(observed(once, sandbox(down('a', 2))))).toEqual(['stopSandbox']);
  });

  test('P5 a container waits for the postStart hook of the one before it', () => {
    const hooked = podWith({
      containers: [{ ...main, lifecycle: { postStart: { exec: { command: ['x'] } } } }, { name: 'two' }],
    });
    expect(does(observed(hooked, sandbox()))).toEqual(['start main#0']);
    expect(
      does(observed(hooked, sandbox(up('main')), remembering('main', { operation: { type: 'starting' } }))),
    ).toEqual([]);
    expect(does(observed(hooked, sandbox(up('main'))))).toEqual(['start two#0']);
  });
});

describe('a pod that ends', () => {
  const deleted = { deletionTimestamp: '2026-01-01T12:00:30Z', deletionGracePeriodSeconds: 30 };
  const pod = podWith(
    {
      initContainers: [
        { name: 'p1', restartPolicy: 'Always' },
        { name: 'p2', restartPolicy: 'Always' },
      ],
      containers: [main, { name: 'two' }],
    },
    deleted,
  );

  test('P4 M1 M2 stops the containers, then the sidecars from the last, then the sandbox, and only then confirms', () => {
    const rest = [up('p1'), up('p2')];
    expect(does(observed(pod, sandbox(...rest, up('main'), up('two'))))).toEqual(['stop main', 'stop two']);
    expect(does(observed(pod, sandbox(...rest, up('main'), down('two', 0))))).toEqual(['stop main']);
    expect(does(observed(pod, sandbox(...rest, down('main', 0), down('two', 0))))).toEqual(['stop p2']);
    expect(does(observed(pod, sandbox(up('p1'), down('p2', 0), down('main', 0), down('two', 0))))).toEqual(['stop p1']);
    expect(does(observed(pod, sandbox(down('p1', 0), down('p2', 0), down('main', 0), down('two', 0))))).toEqual([
      'stopSandbox',
    ]);
    expect(does(observed(pod, dead(), { sandboxStopped: true }))).toEqual(['confirm']);
    expect(does(observed(pod, undefined))).toEqual(['confirm']);
    expect(does(observed(pod, undefined, { confirmed: true }))).toEqual([]);
  });

  test('P4 has one grace period for everything, and a shorter one asked for later counts', () => {
    const grace = (input: ObservedPod) =>
      planPod(input).actions.flatMap((a) => (a.type === 'stopContainer' ? [a.graceMs] : []));
    const stopping = remembering('main', { operation: { type: 'stopping', deadlineMs: NOW + 20_000 } });
    const one = podWith({}, deleted);
    expect(grace(observed(one, sandbox(up('main'))))).toEqual([30_000]);
    const begun = { endingSinceMs: NOW - 10_000, ...stopping };
    expect(grace(observed(one, sandbox(up('main')), begun))).toEqual([]);
    const sooner = podWith({}, { ...deleted, deletionGracePeriodSeconds: 12 });
    expect(grace(observed(sooner, sandbox(up('main')), begun))).toEqual([2_000]);
    const now = podWith({}, { ...deleted, deletionGracePeriodSeconds: 0 });
    expect(grace(observed(now, sandbox(up('main')), begun))).toEqual([0]);
  });

  test('P4 is not ready any more from the moment it is stopped', () => {
    const stopping = remembering('main', { operation: { type: 'stopping', deadlineMs: NOW + 20_000 } });
    const { status } = planPod(observed(podWith({}, deleted), sandbox(up('main')), stopping));
    expect(condition(status, 'Ready')?.status).toBe('False');
  });

  test('M7 whose object is gone is stopped and then forgotten, and nothing is said about it', () => {
    const gone = { api: { type: 'gone', pod: podWith() } } as const;
    expect(does(observed(podWith(), sandbox(up('main')), gone))).toEqual(['stop main']);
    expect(does(observed(podWith(), sandbox(down('main', 0)), gone))).toEqual(['stopSandbox']);
    const end = planPod(observed(podWith(), dead(), { ...gone, sandboxStopped: true }));
    expect(steps(end.actions)).toEqual(['forget']);
    expect(end.status).toBeUndefined();
  });

  test('M3 is stopped even when only the runtime knows it', () => {
    expect(does(observed(podWith(), sandbox(up('main')), { api: { type: 'gone' } }))).toEqual(['stop main']);
  });

  test('is stopped and kept when the node stops, and is started again with the node', () => {
    const stops = { nodeStops: true };
    expect(does(observed(podWith(), sandbox(up('main')), stops))).toEqual(['stop main']);
    expect(does(observed(podWith(), sandbox(down('main', 0)), stops))).toEqual(['stopSandbox']);
    const end = planPod(
      observed(podWith({}, {}, { phase: 'Running' }), dead(down('main', 0)), { ...stops, sandboxStopped: true }),
    );
    expect(end.actions).toEqual([]);
    expect(end.status?.phase).toBe('Running');
    expect(condition(end.status, 'Ready')?.status).toBe('False');
    expect(does(observed(podWith({}, {}, end.status), dead(down('main', 0))))).toEqual(['startSandbox']);
  });

  test('P3 does not back off from what ends it', () => {
    const restarted = remembering('main', { restarts: 3 });
    const state = (pod: Pod, stops = {}): unknown =>
      planPod(observed(pod, sandbox(down('main', 0, { attempt: 3 })), { ...restarted, ...stops })).status
        ?.containerStatuses?.[0]?.state;
    expect(state(podWith())).toMatchObject({ waiting: { reason: 'CrashLoopBackOff' } });
    expect(state(podWith(), { nodeStops: true })).toMatchObject({ terminated: { exitCode: 0 } });
    expect(state(podWith({}, deleted))).toMatchObject({ terminated: { exitCode: 0 } });
  });

  test('P10 never starts when the node refuses it', () => {
    const refused = { reason: 'NodePorts', message: 'taken' };
    const { actions, status } = planPod(observed(podWith(), undefined, { refused }));
    expect(actions).toEqual([]);
    expect(status).toMatchObject({ phase: 'Failed', reason: 'NodePorts', message: 'taken' });
  });

  test('P1 that somebody else has evicted stays Failed while it is stopped', () => {
    const evicted = podWith({}, {}, { phase: 'Failed', reason: 'Evicted', message: 'too large' });
    expect(does(observed(evicted, sandbox(up('main'))))).toEqual(['stop main']);
    const { status } = planPod(observed(evicted, sandbox(up('main'))));
    expect(status).toMatchObject({ phase: 'Failed', reason: 'Evicted', message: 'too large' });
    const deleted = { ...evicted, metadata: { ...evicted.metadata, deletionTimestamp: '2026-01-01T12:00:00Z' } };
    expect(planPod(observed(deleted, sandbox(up('main')))).status).toMatchObject({ phase: 'Failed' });
  });

  test('P1 ends at its deadline', () => {
    const status = { phase: 'Running', startTime: '2026-01-01T11:59:50Z' };
    const limited = podWith({ activeDeadlineSeconds: 20 }, {}, status);
    const before = planPod(observed(limited, sandbox(up('main'))));
    expect(before.actions).toEqual([]);
    expect(before.wakeAtMs).toBe(NOW + 10_000);
    expect(does(observed(limited, sandbox(up('main')), { nowMs: NOW + 10_000 }))).toEqual(['stop main']);
    const end = planPod(observed(limited, dead(down('main', 0)), { nowMs: NOW + 10_000, sandboxStopped: true }));
    expect(end.status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  test('P1 stays as it ended when the node knows nothing of it any more', () => {
    const told = {
      name: 'main',
      image: 'redis:7',
      imageID: 'redis:7',
      ready: false,
      started: false,
      restartCount: 0,
      containerID: 'process://u1/main/0',
      lastState: {},
      state: {
        terminated: {
          exitCode: 0,
          reason: 'Completed',
          startedAt: '2026-01-01T11:00:00Z',
          finishedAt: '2026-01-01T11:00:01Z',
          containerID: 'process://u1/main/0',
        },
      },
    };
    const first = planPod(
      observed(podWith({ restartPolicy: 'Never' }, {}, { phase: 'Succeeded', containerStatuses: [told] }), undefined),
    ).status!;
    expect(first.containerStatuses).toEqual([told]);
    expect(
      planPod(observed(podWith({ restartPolicy: 'Never' }, {}, first), undefined, { nowMs: NOW + 9_000 })).status,
    ).toEqual(first);
  });
});
