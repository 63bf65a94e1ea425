import { describe, expect, test } from 'vitest';

import { NOW, partition, type SceneOptions, scene } from '../../../test/support/set-scene.ts';
import { timestamp } from '../../platform/clock.ts';
import { plan } from './plan.ts';

describe('why it waits', () => {
  const message = (pods: string, options: SceneOptions = {}): string | undefined =>
    plan(scene(pods, options)).waiting?.message;
  const statusOfApp = (state: object, lastState?: object): SceneOptions => ({
    changePods: (pod) => ({
      ...pod,
      status: {
        ...pod.status,
        containerStatuses: [
          {
            name: 'app',
            image: 'app:1',
            imageID: '',
            ready: false,
            restartCount: 3,
            state,
            ...(lastState && { lastState }),
          },
        ],
      },
    }),
  });

  test('O10 the failing probe is named with its output', () => {
    expect(message('ready unready')).toBe('web-1 is not Ready: readiness probe failed: HTTP 503');
  });

  test('O10 what is held back is named', () => {
    const held = (pods: string, options?: SceneOptions) => plan(scene(pods, options)).waiting?.holdsBack;
    expect(held('unready -')).toBe('web-1 is not created');
    expect(held('ready unready ready', { replicas: 2 })).toBe('web-2 is not removed');
    expect(held('ready ready unready')).toBe('web is not complete');
    const update = { version: 2, current: 1 };
    expect(held('ready@1 ready@1 crashing@2', update)).toBe('web-1 is not updated');
    expect(held('unready@1 ready@1 ready@2', update)).toBe('web-1 is not updated');
    expect(held('ready@1 ready@1 crashing@2', { ...update, updateStrategy: partition(2) })).toBe('web is not complete');
  });

  test('O10 since when is told', () => {
    expect(plan(scene('ready unready')).waiting?.sinceMs).toBe(NOW - 60_000);
    expect(plan(scene('ready ending')).waiting?.sinceMs).toBe(NOW - 10_000);
  });

  test('O10 a crashing container is named with its last exit code', () => {
    const crash = statusOfApp(
      { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' } },
      { terminated: { exitCode: 1, reason: 'Error', message: 'no such table' } },
    );
    expect(message('crashing', crash)).toBe(
      'container app of web-0: CrashLoopBackOff, the last run ended with exit code 1 (Error): no such table',
    );
  });

  test('O10 a container that ends time and again is told in the same words while it runs in between', () => {
    const at = (state: object): string | undefined =>
      message(
        'crashing',
        statusOfApp(state, { terminated: { exitCode: 1, reason: 'Error', message: 'no such table' } }),
      );
    const backOff = at({
      waiting: { reason: 'CrashLoopBackOff', message: 'back-off 40s restarting failed container' },
    });
    expect(backOff).toContain('no such table');
    expect(at({ running: { startedAt: timestamp(NOW - 5000) } })).toBe(backOff);
    expect(at({ terminated: { exitCode: 1, reason: 'Error', message: 'no such table' } })).toBe(backOff);
    // One that has run for longer than that is waited for as any other.
    expect(at({ running: { startedAt: timestamp(NOW - 60_000) } })).toContain('web-0 is not Ready');
  });

  test('O10 a container that ran for long and was started again is not told to loop: its node may have been stopped', () => {
    const ran = { startedAt: timestamp(NOW - 600_000), finishedAt: timestamp(NOW - 10_000) };
    const ended = { terminated: { exitCode: 0, reason: 'Completed', ...ran } };
    const running = { running: { startedAt: timestamp(NOW - 5000) } };
    expect(message('crashing', statusOfApp(running, ended))).toContain('web-0 is not Ready');
  });

  test('O10 the end of its moment is awaited', () => {
    const running = { running: { startedAt: timestamp(NOW - 5000) } };
    const options = statusOfApp(running, { terminated: { exitCode: 1, reason: 'Error' } });
    expect(plan(scene('crashing', options)).recheckAtMs).toBe(NOW + 25_000);
  });

  test('O10 an init container that does not come to its end is named', () => {
    const state = { running: { startedAt: timestamp(NOW) } };
    const initial = (container: object, told: object = {}): SceneOptions => ({
      changePods: (pod) => ({
        ...pod,
        spec: { ...pod.spec, initContainers: [{ name: 'migrate', ...container }] },
        status: {
          ...pod.status,
          phase: 'Pending',
          initContainerStatuses: [
            {
              name: 'migrate',
              image: 'app:1',
              imageID: '',
              ready: false,
              restartCount: 0,
              state,
              started: true,
              ...told,
            },
          ],
        },
      }),
    });
    expect(message('starting', initial({}))).toBe(
      'web-0 is starting on node-0: init container migrate runs since 2026-01-01T12:00:00Z',
    );
    const probed = initial({ restartPolicy: 'Always' }, { started: false });
    const unready = 'containers with unready status: [migrate app]: Startup probe failed: not up';
    const changePods: SceneOptions['changePods'] = (pod) => {
      const changed = probed.changePods?.(pod) ?? pod;
      const conditions = [{ type: 'Ready', status: 'False', message: unready }];
      return { ...changed, status: { ...changed.status, conditions } };
    };
    expect(message('starting', { changePods })).toMatch(
      /init container migrate runs since .*: Startup probe failed: not up$/,
    );
    // A sidecar that has started is not waited for.
    expect(message('starting', initial({ restartPolicy: 'Always' }))).toBe('web-0 is starting on node-0');
  });

  test('O10 what a pod cannot be started for is an alarm of its own', () => {
    const blocked = statusOfApp({ waiting: { reason: 'ContainerCreating', message: 'configmap "c" not found' } });
    expect(plan(scene('starting', blocked)).waiting).toMatchObject({
      reason: 'PodBlocked',
      message: 'web-0 cannot start on node-0: configmap "c" not found',
    });
  });

  test('O10 a pod that has ended and is held is told from one that is ending', () => {
    const held: SceneOptions = {
      changePods: (pod) => ({
        ...pod,
        metadata: { ...pod.metadata, finalizers: ['example.com/backup'] },
        status: { ...pod.status, phase: 'Failed' },
      }),
    };
    expect(message('ending', held)).toBe(
      'web-0 has ended on node node-0, and is held by example.com/backup until whoever set that takes it off',
    );
  });

  test('O10 an image that cannot be had is named', () => {
    const image = statusOfApp({ waiting: { reason: 'ErrImageNeverPull', message: 'no program for image app:1' } });
    expect(message('starting', image)).toBe('container app of web-0: ErrImageNeverPull: no program for image app:1');
  });

  test('O10 a pod that fits nowhere says what the scheduler says', () => {
    const unscheduled: SceneOptions = {
      changePods: (pod) => ({
        ...pod,
        status: {
          phase: 'Pending',
          conditions: [
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'Unschedulable',
              message: '0/1 nodes are available: 1 Insufficient memory.',
            },
          ],
        },
      }),
    };
    expect(message('pending', unscheduled)).toBe('web-0 has no node: 0/1 nodes are available: 1 Insufficient memory.');
  });

  test('O10 a claim that is not bound is named', () => {
    expect(message('pending', { claimTemplates: ['data'] })).toBe('web-0 has no node: claim data-web-0 is Pending');
  });

  test('M6 a node that does not answer is named', () => {
    const lost: SceneOptions = {
      changePods: (pod) => ({
        ...pod,
        status: {
          phase: 'Running',
          conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady', message: 'no heartbeat since 11:20' }],
        },
      }),
    };
    const { waiting } = plan(scene('ready', lost));
    expect(waiting).toMatchObject({ reason: 'NodeLost', node: 'node-0' });
    expect(waiting?.message).toBe('node node-0 of web-0 does not answer: no heartbeat since 11:20');
  });

  test('O10 an ending pod names its node and its finalizers', () => {
    const held: SceneOptions = {
      changePods: (pod) => ({ ...pod, metadata: { ...pod.metadata, finalizers: ['example.com/backup'] } }),
    };
    expect(message('ending', held)).toBe(
      'web-0 is ending on node node-0 (its grace period is over at 2026-01-01T12:00:20Z) and is held by example.com/backup',
    );
  });

  test('O10 a wait becomes a condition when it has lasted, and goes when it is over', () => {
    const young = scene('ready pending', {
      changePods: (pod) => ({ ...pod, metadata: { ...pod.metadata, creationTimestamp: '2026-01-01T11:59:59Z' } }),
    });
    expect(plan(young).status([])?.conditions).toBeUndefined();
    expect(plan(young).recheckAtMs).toBe(NOW + 1000);
    const lasting = plan({ ...young, now: NOW + 1000 }).status([]);
    expect(lasting?.conditions).toMatchObject([
      {
        type: 'berth.dev/Waiting',
        status: 'True',
        reason: 'PodUnscheduled',
        message: expect.stringContaining('web-1'),
      },
    ]);
    const set = { ...young.set, ...(lasting && { status: lasting }) };
    const { pods, revisions } = scene('ready ready ready');
    expect(plan({ ...young, set, pods, revisions }).status([])?.conditions).toMatchObject([
      { type: 'berth.dev/Waiting', status: 'False', reason: 'Settled' },
    ]);
  });

  test('O10 a wait that is reported already costs no further write', () => {
    const observed = scene('ready unready');
    const first = plan(observed).status([]);
    const again = plan({ ...observed, set: { ...observed.set, ...(first && { status: first }) } });
    expect(again.status([])?.conditions).toBe(first?.conditions);
  });
});
