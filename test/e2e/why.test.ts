import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { StatefulSets } from '../../src/api/kinds.ts';
import { recordPods, TestBerth, untilSettled, untilWaiting } from './support.ts';

const real = process.platform === 'linux';
if (!real) console.warn('SKIPPED: real processes with their own files need Linux');

const PATIENCE = { timeout: 60_000, interval: 500 };

/** A set of one container, which has these parts besides. */
function set(name: string, container: string, spec = '', replicas = 1): string {
  return `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ${name} }
spec:
  serviceName: ${name}
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: app, image: "busybox:1", ${container} }]
${spec}`;
}

const claimOf = (storageClass = 'berth-local') =>
  `  volumeClaimTemplates: [{ metadata: { name: data }, spec: { storageClassName: ${storageClass}, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } } }]\n`;
const SLEEP = 'command: [sleep, "1000000"]';
const CRASH = 'command: [sh, -c, "echo boom >&2; exit 3"], terminationMessagePolicy: FallbackToLogsOnError';

/** Sets that cannot become what they should be, and the cause of each. */
const troubles: readonly (readonly [set: string, cause: RegExp, manifest: string])[] = [
  ['program', /"no-such-program": executable file not found/, set('program', 'command: [no-such-program]')],
  [
    'probe',
    /Readiness probe failed: not yet/,
    set('probe', `${SLEEP}, readinessProbe: { periodSeconds: 1, exec: { command: [sh, -c, "echo not yet; exit 1"] } }`),
  ],
  ['crash', /exit code 3 \(Error\): boom/, set('crash', CRASH)],
  [
    'config',
    /configmap "settings" not found/,
    set('config', `${SLEEP}, envFrom: [{ configMapRef: { name: settings } }]`),
  ],
  [
    'secret',
    /secret "key" not found/,
    set(
      'secret',
      `${SLEEP}, volumeMounts: [{ name: key, mountPath: /key }]`,
      '      volumes: [{ name: key, secret: { secretName: key } }]\n',
    ),
  ],
  [
    'account',
    /account-0 cannot be created: .*serviceaccount "nobody" not found/,
    set('account', SLEEP, '      serviceAccountName: nobody\n'),
  ],
  [
    'initial',
    /initial-0 cannot start on .*configmap "settings" not found/,
    set(
      'initial',
      SLEEP,
      '      initContainers: [{ name: first, image: "busybox:1", command: ["true"] }]\n' +
        '      volumes: [{ name: settings, configMap: { name: settings } }]\n',
    ),
  ],
  [
    'liveness',
    /disk is full/,
    set(
      'liveness',
      `${SLEEP}, livenessProbe: { periodSeconds: 1, failureThreshold: 1, exec: { command: [sh, -c, "echo disk is full; exit 1"] } }`,
    ),
  ],
  ['large', /Insufficient cpu/, set('large', `${SLEEP}, resources: { requests: { cpu: "10000" } }`)],
  ['class', /class "nothing"/, set('class', SLEEP, claimOf('nothing'))],
];

describe.runIf(real)('what a set waits for, and what would become of it', () => {
  const berth = new TestBerth('why');
  const write = (name: string, text: string): string => {
    const file = path.join(berth.dataDir, name);
    fs.writeFileSync(file, text);
    return file;
  };
  /** What a plan says is done to pods, in its order. */
  const planned = (text: string): readonly string[] => text.match(/(create|delete) pod \S+/g) ?? [];

  beforeAll(async () => {
    const manifest = write('troubles.yaml', troubles.map(([, , text]) => text).join('---'));
    await berth.up('-f', manifest, '-f', write('calm.yaml', set('calm', SLEEP, '', 3)));
  });
  afterAll(() => berth.close());

  test.each(troubles)('O10 the cause of the trouble of %s is told, and stands on the set', async (name, cause) => {
    // One that keeps ending runs for moments in between.
    const told = new RegExp(`${cause.source}[^]* \\(for \\d+\\w+, since \\d{4}-[^]*until then: `);
    await expect.poll(() => berth.ok('why', `statefulset/${name}`), PATIENCE).toMatch(told);
    await expect.poll(() => berth.ok('why', `pod/${name}-0`), PATIENCE).toMatch(told);
    await untilWaiting(berth.client(), name, cause);
  });

  test('O10 of a container that fails again and again its log is asked', async () => {
    const failing = 'command: [sh, -c, "echo Error: no port is left; echo at line 7; exit 3"]';
    await berth.ok('apply', '-f', write('words.yaml', set('words', failing)));
    await expect.poll(() => berth.ok('why', 'pod/words-0'), PATIENCE).toMatch(/its log says: Error: no port is left\n/);
  });

  test('O10 a claim tells why it is not bound, and who uses it', async () => {
    const said = await berth.ok('why', 'pvc/data-class-0');
    expect(said).toMatch(/there is no storage class nothing/);
    expect(said).toMatch(/used by pod class-0/);
  });

  test('A3 C2 a plan for a set that is not there yet sees what an earlier one has left', async () => {
    const text = set('again', SLEEP, claimOf(), 2);
    const manifest = write('again.yaml', text);
    await berth.ok('apply', '-f', manifest);
    await untilSettled(berth.client(), 'again', 2);
    await berth.client().delete(StatefulSets, { namespace: 'default', name: 'again' }, { propagationPolicy: 'Orphan' });
    await expect.poll(() => berth.ok('get', 'statefulsets'), PATIENCE).not.toMatch(/again/);
    await berth.ok('delete', 'pod', 'again-1');
    await expect.poll(() => berth.ok('get', 'pods'), PATIENCE).not.toMatch(/again-1/);
    const plan = await berth.ok('plan', '-f', manifest);
    expect(plan).toMatch(/adopt pod again-0/);
    expect(planned(plan)).toEqual(['create pod again-1']);
    expect(plan).not.toMatch(/create (claim|revision)/);
  });

  test('a plan for a set in a namespace that the same file makes names the steps that are taken then', async () => {
    const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: fresh }\n---';
    const text = set('calm', SLEEP, claimOf(), 2).replace('name: calm }', 'name: calm, namespace: fresh }');
    const manifest = write('fresh.yaml', namespace + text);
    const plan = await berth.ok('plan', '-f', manifest);
    expect(plan).toMatch(/namespace\/fresh: created/);
    expect(planned(plan)).toEqual(['create pod calm-0', 'create pod calm-1']);
    await berth.ok('apply', '-f', manifest);
    const revision = /create revision (\S+)/.exec(plan)?.[1] ?? 'none is planned';
    await expect
      .poll(() => berth.ok('get', 'statefulset', 'calm', '-n', 'fresh', '-o', 'json'), PATIENCE)
      .toContain(`"updateRevision": "${revision}"`);
    // Now that it is there, the same file changes nothing.
    await expect.poll(() => berth.ok('plan', '-f', manifest), PATIENCE).toMatch(/calm: nothing to do/);
    const wrong = write('wrong.yaml', text.replace('replicas: 2', 'replicas: -2').replaceAll('fresh', 'other'));
    await expect(
      berth.ok('plan', '-f', write('other.yaml', namespace.replace('fresh', 'other')), '-f', wrong),
    ).rejects.toThrow(/spec.replicas/);
  });

  test('U1 O5 a plan names the very steps that are taken then', async () => {
    await untilSettled(berth.client(), 'calm', 3);
    for (const [change, args] of [
      ['apply', ['-f', write('changed.yaml', set('calm', SLEEP, '', 3).replace('busybox:1', 'busybox:2'))]],
      ['scale', ['statefulset/calm', '--replicas', '1']],
    ] as const) {
      const plan = await berth.ok('plan', ...(change === 'scale' ? ['scale'] : []), ...args);
      expect(planned(plan).length).toBeGreaterThan(1);
      const recorded = await recordPods(berth.client());
      await berth.ok(change, ...args);
      const done = () =>
        recorded.steps.flatMap((step) => {
          const [, what, pod] = /^(\+|ending )(\S+)$/.exec(step) ?? [];
          return what === undefined ? [] : `${what === '+' ? 'create' : 'delete'} pod ${pod}`;
        });
      await expect.poll(done, PATIENCE).toEqual(planned(plan));
      await untilSettled(berth.client(), 'calm', change === 'scale' ? 1 : 3);
      recorded.stop();
    }
  });
});
