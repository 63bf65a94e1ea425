import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

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
    /initial-0 is starting .*configmap "settings" not found/,
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
  [
    'class',
    /class "nothing"/,
    set(
      'class',
      SLEEP,
      '  volumeClaimTemplates: [{ metadata: { name: data }, spec: { storageClassName: nothing, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } } }]\n',
    ),
  ],
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

  test('O10 a claim tells why it is not bound, and who uses it', async () => {
    const said = await berth.ok('why', 'pvc/data-class-0');
    expect(said).toMatch(/there is no storage class nothing/);
    expect(said).toMatch(/used by pod class-0/);
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
