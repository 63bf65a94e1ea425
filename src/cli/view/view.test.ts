import { describe, expect, test } from 'vitest';

import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { membersOf } from './members.ts';
import { readinessOf, WAITING_CONDITION } from './readiness.ts';
import { render } from './render.ts';
import { podTransition, setTransition } from './transitions.ts';

const meta = { namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function set(
  overrides: { readonly spec?: Partial<StatefulSet['spec']>; readonly status?: StatefulSet['status'] } = {},
): StatefulSet {
  const labels = { app: 'kv' };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { ...meta, name: 'kv', uid: 'set', generation: 1 },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c' }] } },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }],
      ...overrides.spec,
    },
    ...(overrides.status && { status: overrides.status }),
  };
}

function pod(ordinal: number, state: 'ready' | 'starting' | 'pending' | 'ending', status: Pod['status'] = {}): Pod {
  const ready = state === 'ready' || state === 'ending';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...meta,
      name: `kv-${ordinal}`,
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'kv', uid: 'set', controller: true }],
      ...(state === 'ending' && { deletionTimestamp: '2026-01-01T00:00:01Z' }),
    },
    spec: { containers: [{ name: 'c' }], ...(state !== 'pending' && { nodeName: 'node-0' }) },
    status: {
      phase: ready ? 'Running' : 'Pending',
      ...(state !== 'pending' && { podIP: `10.244.0.${ordinal + 2}` }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      ...status,
    },
  };
}

const claim = (ordinal: number): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { ...meta, name: `data-kv-${ordinal}` },
  spec: { volumeName: `pv-${ordinal}` },
});

const screen = { columns: 120, rows: 24, colour: false };

describe('the members of a set', () => {
  test('are its ordinals in order, those that are missing and those on their way out too', () => {
    const members = membersOf(set(), [pod(3, 'ending'), pod(0, 'ready'), pod(1, 'starting')], [claim(0)]);
    expect(members.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'kv-0 ready',
      'kv-1 starting',
      'kv-2 absent',
      'kv-3 ending',
    ]);
    expect(members[0]).toMatchObject({
      node: 'node-0',
      place: '10.244.0.2',
      volumes: [{ claim: 'data-kv-0', volume: 'pv-0' }],
    });
    expect(members[1]?.volumes).toEqual([{ claim: 'data-kv-1' }]);
  });

  test('I6 leave out pods of another owner, whatever they are called', () => {
    const stranger = { ...pod(1, 'ready'), metadata: { ...pod(1, 'ready').metadata, ownerReferences: [] } };
    expect(membersOf(set(), [stranger], []).map(({ state }) => state)).toEqual(['absent', 'absent', 'absent']);
  });

  test('are not counted to the end of any number of replicas', () => {
    const members = membersOf(set({ spec: { replicas: 2 ** 31 - 1 } }), [pod(2000, 'ready')], []);
    expect(members).toHaveLength(1001);
    expect(members.at(-1)?.name).toBe('kv-2000');
  });

  test('begin at ordinals.start', () => {
    expect(membersOf(set({ spec: { replicas: 2, ordinals: { start: 5 } } }), [], []).map(({ name }) => name)).toEqual([
      'kv-5',
      'kv-6',
    ]);
  });
});

describe('the live view', () => {
  test('draws the ordinals in a row, each with state, node, address and volume, and why the controller waits', () => {
    const waiting = { type: WAITING_CONDITION, status: 'True', message: 'kv-1 is not Ready: readiness probe failed' };
    const lines = render(
      {
        sets: [set({ status: { replicas: 2, conditions: [waiting] } })],
        pods: [pod(0, 'ready'), pod(1, 'starting')],
        claims: [claim(0)],
      },
      screen,
    );
    expect(lines).toEqual([
      'statefulset kv  1 of 3 ready  ● ◐ ·',
      '  kv-0  ● ready      node-0  10.244.0.2  data-kv-0',
      '  kv-1  ◐ starting   node-0  10.244.0.3  data-kv-1 (not bound)',
      '  kv-2  · not there                      data-kv-2 (not bound)',
      '  waiting: kv-1 is not Ready: readiness probe failed',
    ]);
  });

  test('shows first what is not ready when there are more members than rows', () => {
    const pods = Array.from({ length: 100 }, (_, n) => pod(n, n === 77 ? 'starting' : 'ready'));
    const lines = render({ sets: [set({ spec: { replicas: 100 } })], pods, claims: [] }, { ...screen, rows: 10 });
    expect(lines.length).toBeLessThanOrEqual(10);
    expect(lines.some((line) => line.includes('kv-77'))).toBe(true);
    expect(lines.at(-1)).toBe('  and 93 more');
  });

  test('never draws a line wider than the terminal', () => {
    const pods = [pod(0, 'starting', { reason: 'CrashLoopBackOff', message: 'x'.repeat(500) })];
    for (const line of render({ sets: [set()], pods, claims: [] }, { ...screen, columns: 60 }))
      expect(line.length).toBeLessThanOrEqual(60);
  });

  const reason =
    'kv-0 is not Ready: containers with unready status: [c]: Readiness probe failed: Get "http://10.244.0.2:8080/_ready": no answer within 1s';

  test.each([40, 80, 200])('tells all of the reason why it waits at %i columns', (columns) => {
    const waiting = { type: WAITING_CONDITION, status: 'True', message: reason };
    const sets = [set({ status: { replicas: 3, conditions: [waiting] } })];
    const lines = render({ sets, pods: [0, 1, 2].map((n) => pod(n, 'ready')), claims: [] }, { ...screen, columns });
    const at = lines.findIndex((line) => line.includes('waiting:'));
    const said = lines.slice(at).map((line) => line.trim());
    // A word that is longer than a line is broken.
    expect(said.join('').replaceAll(' ', '')).toBe(`waiting: ${reason}`.replaceAll(' ', ''));
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  });

  test('tells what is the matter with a member below it where there is no room beside it, and says nothing twice', () => {
    const pods = [pod(0, 'starting', { reason: 'CrashLoopBackOff', message: `${'back-off '.repeat(9)}restarting` })];
    const own = render(
      { sets: [set({ spec: { replicas: 1 } })], pods, claims: [claim(0)] },
      { ...screen, columns: 80 },
    );
    expect(own).toEqual([
      'statefulset kv  0 of 1 ready  ◐',
      '  kv-0  ◐ starting   node-0  10.244.0.2  data-kv-0',
      '      CrashLoopBackOff: back-off back-off back-off back-off back-off back-off',
      '      back-off back-off back-off restarting',
    ]);
    const message = `kv-0: CrashLoopBackOff: ${pods[0]?.status?.message}`;
    const status = { replicas: 1, conditions: [{ type: WAITING_CONDITION, status: 'True', message }] };
    const sets = [set({ spec: { replicas: 1 }, status })];
    expect(render({ sets, pods, claims: [claim(0)] }, { ...screen, columns: 80 })).toEqual([
      ...own.slice(0, 2),
      '  waiting: kv-0: CrashLoopBackOff: back-off back-off back-off back-off back-off',
      '  back-off back-off back-off back-off restarting',
    ]);
  });

  test.each([
    [10, '● ● ● ● ● ● ● ● ● ●'],
    [40, '●'.repeat(40)],
    [100, `${'●'.repeat(45)}…`],
  ])('draws the row of %i ordinals as wide as there is room', (replicas, row) => {
    const pods = Array.from({ length: replicas }, (_, n) => pod(n, 'ready'));
    const [head = ''] = render({ sets: [set({ spec: { replicas } })], pods, claims: [] }, { ...screen, columns: 80 });
    expect(head.slice(head.indexOf('●'))).toBe(row);
    expect(head.length).toBeLessThanOrEqual(80);
  });

  test('says what to do when there is nothing to show', () => {
    expect(render({ sets: [], pods: [], claims: [] }, screen)).toEqual([
      'no StatefulSets yet: berth apply -f FILE, or kubectl apply -f FILE',
    ]);
  });
});

describe('what one change is worth saying', () => {
  test.each<[string, Pod | undefined, Pod | undefined, string | undefined]>([
    ['a new pod', undefined, pod(0, 'pending'), 'pod kv-0 created'],
    [
      'a pod that was there before us',
      undefined,
      pod(0, 'ready'),
      'pod kv-0 is ready at 10.244.0.2 on node-0, running since before',
    ],
    ['a node is found', pod(0, 'pending'), pod(0, 'starting'), 'pod kv-0 starts on node-0'],
    ['it becomes ready', pod(0, 'starting'), pod(0, 'ready'), 'pod kv-0 is ready at 10.244.0.2'],
    ['it is told to end', pod(0, 'ready'), pod(0, 'ending'), 'pod kv-0 is ending'],
    ['it is gone', pod(0, 'ending'), undefined, 'pod kv-0 is gone'],
    [
      'nothing anyone cares for',
      pod(0, 'ready'),
      pod(0, 'ready', { qosClass: 'BestEffort', conditions: [{ type: 'Ready', status: 'True' }] }),
      undefined,
    ],
  ])('%s', (_, before, after, line) => {
    expect(podTransition(before, after)).toBe(line);
  });

  test('O10 the set says for whom it waits, once', () => {
    const waiting = set({
      status: { replicas: 2, conditions: [{ type: WAITING_CONDITION, status: 'True', message: 'kv-1 is not Ready' }] },
    });
    expect(setTransition(set({ status: { replicas: 2 } }), waiting)).toBe('statefulset kv waits: kv-1 is not Ready');
    expect(setTransition(waiting, { ...waiting })).toBeUndefined();
  });
});

describe('readiness of what was applied', () => {
  const complete = {
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 3,
    updatedReplicas: 3,
    currentRevision: 'a',
    updateRevision: 'a',
  };
  test.each<[string, StatefulSet, string | undefined]>([
    ['all members ready', set({ status: complete }), undefined],
    ['not seen by the controller', set(), 'the controller has not seen it yet'],
    ['one is missing', set({ status: { ...complete, readyReplicas: 2 } }), '2 of 3 members are ready'],
    ['one is too many', set({ status: { ...complete, replicas: 4 } }), '1 members are still to go'],
    [
      'an update is under way',
      set({ status: { ...complete, updateRevision: 'b', updatedReplicas: 1 } }),
      '1 of 3 members are updated',
    ],
    [
      'it says why',
      set({
        status: {
          ...complete,
          readyReplicas: 1,
          conditions: [{ type: WAITING_CONDITION, status: 'True', message: 'kv-1 crashes' }],
        },
      }),
      '1 of 3 members are ready: kv-1 crashes',
    ],
  ])('%s', (_, object, why) => {
    const members = [pod(0, 'ready'), pod(1, 'ready'), pod(2, 'ready')];
    expect(readinessOf(object, members)).toEqual(why === undefined ? { ready: true } : { ready: false, why });
  });

  test('a status that an earlier server left is not believed before the pods are as it says', () => {
    const members = [pod(0, 'ready'), pod(1, 'ending'), pod(2, 'starting')];
    expect(readinessOf(set({ status: complete }), members)).toEqual({ ready: false, why: '1 of 3 members are ready' });
  });
});
