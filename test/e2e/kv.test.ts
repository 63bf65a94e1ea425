import { execFileSync } from 'node:child_process';
import { Resolver } from 'node:dns/promises';
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Pod } from '../../src/api/generated/types.ts';
import { Nodes, PersistentVolumeClaims, PersistentVolumes, Pods, StatefulSets } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import {
  example,
  kv,
  recordPods,
  type Server,
  TestBerth,
  until,
  untilReplaced,
  untilSettled,
  untilWaiting,
} from './support.ts';

const root = process.getuid?.() === 0 && process.platform === 'linux';
if (!root) console.warn('SKIPPED: the kv example at full isolation needs Linux and root');

/** The main job, told as one story: each test goes on where the one before it stopped. */
describe.runIf(root)('the kv example on real processes', () => {
  const berth = new TestBerth('kv');
  let server: Server;
  let client: Client;
  const namespace = 'default';
  const pod = (ordinal: number): Promise<Pod> => client.get(Pods, { namespace, name: `kv-${ordinal}` });
  const address = async (ordinal: number): Promise<string> => (await pod(ordinal)).status?.podIP ?? '';
  const inPod = (name: string, ...command: string[]): Promise<string> => berth.ok('exec', name, '--', ...command);

  beforeAll(async () => {
    server = await berth.up('-f', example('kv.yaml'));
    client = berth.client();
    await server.line(/Everything is ready/);
  });
  afterAll(() => berth.close());

  test('O1 pods 0, 1, 2 appear in order, each only when the one before is ready', async () => {
    const said = server.output
      .split('\n')
      .map((line) => /pod (kv-\d) (created|is ready)/.exec(line))
      .filter((match) => match !== null)
      .map(([, name, what]) => `${name} ${what}`);
    expect(said).toEqual([
      'kv-0 created',
      'kv-0 is ready',
      'kv-1 created',
      'kv-1 is ready',
      'kv-2 created',
      'kv-2 is ready',
    ]);
  });

  test('I1 I2 I3 C1 each member has its name, labels, hostname, address and claim', async () => {
    const { items } = await client.list(Pods, { namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['kv-0', 'kv-1', 'kv-2']);
    expect(new Set(items.map(({ status }) => status?.podIP)).size).toBe(3);
    const second = items[1]!;
    expect(second.metadata.labels).toMatchObject({
      app: 'kv',
      'statefulset.kubernetes.io/pod-name': 'kv-1',
      'apps.kubernetes.io/pod-index': '1',
    });
    expect(second.spec).toMatchObject({ hostname: 'kv-1', subdomain: 'kv' });
    expect(second.spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-kv-1' } });
    expect((await inPod('kv-1', 'hostname')).trim()).toBe('kv-1');
    const claim = await client.get(PersistentVolumeClaims, { namespace, name: 'data-kv-1' });
    expect(claim.status?.phase).toBe('Bound');
  });

  test('P7 the input of `kubectl run -i` ends the program that reads it', async () => {
    const run = ['run', 'once', '-i', '--rm', '--quiet', '--restart=Never', '--image=busybox'];
    expect(await berth.kubectlFed('a word\n', ...run, '--', 'wc', '-w')).toMatchObject({ code: 0, stdout: '2\n' });
  });

  test('a member is alone in its namespaces, with its volume at its mount path', async () => {
    const processes = (await inPod('kv-1', 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"')).split('\n');
    expect(processes).toContain('/app/server.mjs');
    expect(processes).not.toContain('up'); // the host's processes cannot be seen
    await inPod('kv-1', 'sh', '-c', 'echo mine > /data/mine && echo x > /etc/only-here');
    const claim = await client.get(PersistentVolumeClaims, { namespace, name: 'data-kv-1' });
    const volume = await client.get(PersistentVolumes, { name: claim.spec.volumeName ?? '' });
    expect(fs.readFileSync(`${volume.spec.local?.path}/mine`, 'utf8')).toBe('mine\n');
    expect(fs.existsSync('/etc/only-here')).toBe(false);
    expect(await inPod('kv-2', 'sh', '-c', 'ls /data /etc/only-here 2>&1 || true')).not.toContain('mine');
  });

  test('N1 N2 N3 N4 the governing name finds every member, from outside and inside', async () => {
    const status = await berth.status();
    const resolver = new Resolver();
    resolver.setServers([status.dns]);
    const addresses = await Promise.all([0, 1, 2].map(address));
    expect(await resolver.resolve4('kv-1.kv.default.svc.cluster.local')).toEqual([addresses[1]]);
    expect((await resolver.resolve4('kv.default.svc.cluster.local')).sort()).toEqual([...addresses].sort());
    const srv = await resolver.resolveSrv('_http._tcp.kv.default.svc.cluster.local');
    expect(srv.map((record) => `${record.name}:${record.port}`).sort()).toEqual(
      [0, 1, 2].map((n) => `kv-${n}.kv.default.svc.cluster.local:8080`),
    );
    expect(await resolver.reverse(addresses[2]!)).toEqual(['kv-2.kv.default.svc.cluster.local']);
    expect((await berth.ok('dns', 'kv-0.kv')).trim()).toMatch(new RegExp(`${addresses[0]}$`));
    const inside = await inPod('kv-2', 'node', '-e', 'require("dns").lookup("kv-0.kv", (e, a) => console.log(e ?? a))');
    expect(inside.trim()).toBe(addresses[0]);
  });

  test('a write through any member reaches all of them', async () => {
    const written = await kv(await address(2), 'PUT', '/colour', 'blue');
    expect(written).toMatchObject({ status: 200, body: { by: 'kv-0' } });
    for (const ordinal of [0, 1, 2]) await untilKnows(await address(ordinal), 'colour', 'blue');
    expect((await kv(await address(1), 'GET', '/')).body).toMatchObject({
      name: 'kv-1',
      leader: false,
      members: ['kv-0', 'kv-1', 'kv-2'],
    });
  });

  test('I4 M1 kill -9 of a member: the same name comes back, with its data', async () => {
    const before = await pod(1);
    const [process] = berth.processesOf('kv-1', 'server.mjs');
    globalThis.process.kill(process!, 'SIGKILL');
    const [after] = (
      await until(
        client,
        Pods,
        (pods) =>
          pods.some(
            (p) =>
              p.metadata.name === 'kv-1' &&
              (p.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0 &&
              p.status?.containerStatuses?.[0]?.ready === true,
          ),
        'kv-1 restarted and ready',
      )
    ).filter((p) => p.metadata.name === 'kv-1');
    expect(after?.metadata.uid).toBe(before.metadata.uid);
    expect(after?.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 137 });
    expect((await kv(await address(1), 'GET', '/colour')).body).toMatchObject({ value: 'blue', from: 'kv-1' });
    expect(berth.processesOf('kv-1', 'server.mjs')).toHaveLength(1);
  });

  test('I4 a deleted pod is replaced under its name, with its claim', async () => {
    const before = await pod(0);
    await berth.ok('delete', 'pod', 'kv-0');
    const after = await untilReplaced(client, 'kv-0', before.metadata.uid);
    expect(after.spec.volumes).toContainEqual({ name: 'data', persistentVolumeClaim: { claimName: 'data-kv-0' } });
    expect((await kv(after.status?.podIP ?? '', 'GET', '/colour')).body).toMatchObject({ value: 'blue', from: 'kv-0' });
    await untilSettled(client, 'kv', 3);
  });

  test('O4 scaling up takes the next ordinals, one after the other', async () => {
    const record = await recordPods(client);
    await berth.ok('scale', 'statefulset/kv', '--replicas', '5');
    await untilSettled(client, 'kv', 5);
    record.stop();
    expect(record.steps).toEqual(['+kv-3', 'ready kv-3', '+kv-4', 'ready kv-4']);
    await untilKnows(await address(4), 'colour', 'blue');
    await inPod('kv-4', 'sh', '-c', 'echo four > /data/mine');
  });

  test('O5 while a member is not ready, scaling down waits and says for whom', async () => {
    const [process] = berth.processesOf('kv-1', 'server.mjs');
    globalThis.process.kill(process!, 'SIGSTOP');
    await until(
      client,
      Pods,
      (pods) =>
        pods.some(
          (p) =>
            p.metadata.name === 'kv-1' && p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'False'),
        ),
      'kv-1 is not ready',
    );
    const record = await recordPods(client);
    await berth.ok('scale', 'statefulset/kv', '--replicas', '3');
    const waiting = await untilWaiting(client, 'kv', /kv-1/);
    expect(waiting).toMatch(/kv-1/);
    expect(await berth.ok('describe', 'statefulset', 'kv')).toContain(waiting);
    expect(record.steps.filter((step) => step.startsWith('ending'))).toEqual([]);
    globalThis.process.kill(process!, 'SIGCONT');
    await untilSettled(client, 'kv', 3);
    record.stop();
    expect(record.steps.filter((step) => !step.includes('kv-1'))).toEqual([
      'ending kv-4',
      '-kv-4',
      'ending kv-3',
      '-kv-3',
    ]);
  });

  test('C2 the claims of 3 and 4 stay, and scaling up again brings their data back', async () => {
    const { items } = await client.list(PersistentVolumeClaims, { namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual([0, 1, 2, 3, 4].map((n) => `data-kv-${n}`));
    await berth.ok('scale', 'statefulset/kv', '--replicas', '5');
    await untilSettled(client, 'kv', 5);
    expect(await inPod('kv-4', 'cat', '/data/mine')).toBe('four\n');
    await berth.ok('scale', 'statefulset/kv', '--replicas', '3');
    await untilSettled(client, 'kv', 3);
  });

  test('U1 a changed template rolls from the highest ordinal down', async () => {
    const record = await recordPods(client);
    const set = await client.get(StatefulSets, { namespace, name: 'kv' });
    await client.patch(
      StatefulSets,
      { namespace, name: 'kv' },
      { type: 'merge', body: { spec: { template: { metadata: { annotations: { rolled: 'yes' } } } } } },
    );
    await until(
      client,
      StatefulSets,
      (sets) =>
        sets.some(
          ({ status }) =>
            status?.updateRevision !== set.status?.updateRevision &&
            status?.currentRevision === status?.updateRevision &&
            status?.readyReplicas === 3,
        ),
      'kv rolled',
    );
    record.stop();
    expect(record.steps).toEqual([2, 1, 0].flatMap((n) => [`ending kv-${n}`, `-kv-${n}`, `+kv-${n}`, `ready kv-${n}`]));
    expect((await pod(0)).metadata.annotations).toMatchObject({ rolled: 'yes' });
  });

  test('C2 deleting the set leaves claims and data; applying it again brings everything back', async () => {
    await berth.ok('delete', 'statefulset/kv');
    await until(client, Pods, (pods) => pods.length === 0, 'all pods are gone');
    expect(berth.processesOf('kv-0', 'server.mjs')).toEqual([]);
    expect((await client.list(PersistentVolumeClaims, { namespace })).items).toHaveLength(5);
    await berth.ok('apply', '-f', example('kv.yaml'));
    await untilSettled(client, 'kv', 3);
    expect((await kv(await address(1), 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
  });

  test('KUBECONFIG=<data-dir>/kubeconfig kubectl works', async () => {
    const { code, stdout } = await berth.kubectl('get', 'statefulsets,pods,pvc');
    expect(code).toBe(0);
    expect(stdout).toMatch(/statefulset.apps\/kv +3\/3/);
    expect(stdout).toMatch(/pod\/kv-2 +1\/1 +Running/);
    expect(stdout).toMatch(/persistentvolumeclaim\/data-kv-0 +Bound/);
  });

  test('M3 kill -9 of Berth leaves the pods running, and the next up adopts them', async () => {
    const before = new Map([0, 1, 2].map((n) => [n, berth.processesOf(`kv-${n}`, 'server.mjs')]));
    const uids = await Promise.all([0, 1, 2].map(async (n) => (await pod(n)).metadata.uid));
    server.signal('SIGKILL');
    await server.ended;
    for (const n of [0, 1, 2]) expect(berth.processesOf(`kv-${n}`, 'server.mjs')).toEqual(before.get(n));
    const status = await berth.run('status');
    expect(status).toMatchObject({ code: 3, stdout: '' });
    expect(status.stderr).toMatch(
      /no server runs on .*, but 3 pods of it run on: kv-0, kv-1, kv-2\n.*up takes them over/,
    );
    const { code, stdout } = await berth.run('status', '-o', 'json');
    const pods = uids.map((uid, n) => ({ uid, namespace: 'default', name: `kv-${n}`, node: 'node-0' }));
    expect([code, JSON.parse(stdout)]).toEqual([3, { running: false, dataDir: berth.dataDir, pods }]);
    server = await berth.up();
    client = berth.client();
    await untilSettled(client, 'kv', 3);
    for (const n of [0, 1, 2]) {
      expect(berth.processesOf(`kv-${n}`, 'server.mjs')).toEqual(before.get(n));
      const { metadata, status } = await pod(n);
      expect(metadata.uid).toBe(uids[n]);
      expect(status?.containerStatuses?.[0]?.restartCount).toBe(0);
    }
    expect((await kv(await address(1), 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
    expect(await berth.ok('logs', 'kv-1')).toMatch(/kv-1 listens on/);
  });

  test('Ctrl-C ends all pods gracefully, highest ordinal first, and a later up continues', async () => {
    const uids = await Promise.all([0, 1, 2].map(async (n) => (await pod(n)).metadata.uid));
    const { podCIDR } = (await client.get(Nodes, { name: 'node-0' })).spec;
    const gateway = podCIDR!.replace(/0\/24$/, '1/24');
    expect(execFileSync('ip', ['-brief', 'address']).toString()).toContain(gateway);
    server.signal('SIGINT');
    expect(await server.ended).toBe(0);
    const endings = server.output
      .split('\n')
      .map((line) => /pod (kv-\d)(?: has)? ended/.exec(line)?.[1])
      .filter((name) => name !== undefined);
    expect(endings).toEqual(['kv-2', 'kv-1', 'kv-0']);
    for (const n of [0, 1, 2]) expect(berth.processesOf(`kv-${n}`, 'server.mjs')).toEqual([]);
    expect(execFileSync('ip', ['-brief', 'address']).toString()).not.toContain(gateway);
    server = await berth.up();
    client = berth.client();
    await untilSettled(client, 'kv', 3);
    for (const n of [0, 1, 2]) expect((await pod(n)).metadata.uid).toBe(uids[n]);
    expect((await kv(await address(2), 'GET', '/colour')).body).toMatchObject({ value: 'blue', from: 'kv-2' });
    // Graceful: the program had its signal, and said so.
    expect(await berth.ok('logs', 'kv-2', '--previous')).toMatch(/kv-2 ends with \d+ writes/);
  });

  /** Resolves when the member has the value: its own long poll is the store's replication, so it is asked again at once. */
  async function untilKnows(member: string, key: string, value: string): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const answer = await kv(member, 'GET', `/${key}`);
      if (answer.body.value === value) return;
      if (Date.now() > deadline) throw new Error(`${member} does not know ${key}: ${JSON.stringify(answer.body)}`);
    }
  }
});
