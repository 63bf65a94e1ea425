import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { PersistentVolumeClaims, Pods, StatefulSets } from '../../../src/api/kinds.ts';
import { podPlace } from '../../../src/api/pod-ports.ts';
import type { Client } from '../../../src/client/client.ts';
import { example, kv, recordPods, run, type Server, TestBerth, until, untilSettled, untilWaiting } from '../support.ts';
import { LikeMacOS } from './world.ts';

const NOBODY = 65_534;
const root = process.getuid?.() === 0 && process.platform === 'linux';
if (!root) console.warn('SKIPPED: making Linux look like macOS needs Linux and root');

/** Of what happens to a pod, what was done to it: a busy machine may answer a probe too late. */
const isDeed = (step: string): boolean => !/ready /.test(step);

/** What macOS does otherwise is done here as far as programs can tell. Its kernel is not here: nothing was tried on a Mac. */
describe.runIf(root)('the kv example on Linux made to look like macOS, as a user without rights', () => {
  let macOS: LikeMacOS;
  let berth: TestBerth;
  let server: Server;
  let client: Client;
  const namespace = 'default';
  const place = async (ordinal: number): Promise<string> =>
    podPlace(await client.get(Pods, { namespace, name: `kv-${ordinal}` })) ?? '';
  const runs = async (): Promise<readonly string[]> =>
    (await client.list(Pods, { namespace })).items.map(
      ({ metadata, status }) => `${metadata.name} ${metadata.uid} ${status?.containerStatuses?.[0]?.containerID}`,
    );

  /** The processes of this cluster's pods: of one, or of all. */
  function processes(name?: string): readonly number[] {
    const pids = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    return pids.map(Number).filter((pid) => {
      try {
        const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        if (!command.includes(`${berth.dataDir}/nodes/`)) return false;
        return name === undefined || (command.startsWith('node\0') && environment.includes(`POD_NAME=${name}`));
      } catch {
        return false; // it has ended meanwhile
      }
    });
  }

  beforeAll(async () => {
    macOS = await LikeMacOS.open();
    berth = new TestBerth('like-macos', NOBODY, macOS.temporary, macOS);
    server = await berth.up('-f', example('kv.yaml'));
    client = berth.client();
    await untilSettled(client, 'kv', 3);
  });
  afterAll(async () => {
    await berth?.close();
    macOS?.close();
  });

  test('the world is as it says: no /proc, no other loopback address, and commands without the options of GNU', () => {
    expect(macOS.tell('ls', '-A', '/proc', '/sys')).toBe('/proc:\n\n/sys:\n');
    for (const command of ['ip', 'nft', 'unshare', 'setsid', 'setpriv', 'flock', 'fallocate'])
      expect(macOS.tell('sh', '-c', `command -v ${command} || echo none`)).toBe('none\n');
    expect(macOS.tell('env', '--chdir=/', 'true')).toContain('illegal option');
    expect(macOS.tell('ps', '-A', '-o', 'sid')).toContain('keyword not found');
    expect(macOS.tell('stty', '-F', '/dev/tty', 'size')).toContain('illegal option');
    const listen =
      'net.createServer().on("error", (e) => console.log(process.platform, e.code)).listen(0, "127.0.0.2")';
    expect(macOS.tell('node', '-e', listen)).toBe('darwin EADDRNOTAVAIL\n');
  });

  test('O1 the members appear in order, each at a port of its own of the one address', async () => {
    const said = [...server.output.matchAll(/pod (kv-\d) (created|is ready)/g)].map(
      ([, name, what]) => `${name} ${what}`,
    );
    expect(said).toEqual([0, 1, 2].flatMap((n) => [`kv-${n} created`, `kv-${n} is ready`]));
    const places = await Promise.all([0, 1, 2].map(place));
    expect(new Set(places).size).toBe(3);
    for (const one of places) expect(one).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(server.output).toContain('isolation processes');
    expect(server.output).toMatch(/limited: pods share the network of this machine and its address 127\.0\.0\.1/);
  });

  test('a write through any member reaches all, and kill -9 of one brings it back with its data', async () => {
    expect(await kv(await place(2), 'PUT', '/colour', 'blue')).toMatchObject({ status: 200, body: { by: 'kv-0' } });
    const [pid] = processes('kv-1');
    process.kill(pid!, 'SIGKILL');
    await until(
      client,
      Pods,
      (pods) =>
        pods.some(({ metadata, status }) => {
          const [container] = status?.containerStatuses ?? [];
          return metadata.name === 'kv-1' && container?.restartCount === 1 && container.ready;
        }),
      'kv-1 runs again',
    );
    expect((await kv(await place(1), 'GET', '/colour')).body).toMatchObject({ value: 'blue', from: 'kv-1' });
  });

  test('O4 C2 scaling down removes the highest first and keeps claims and data', async () => {
    await berth.ok('scale', 'statefulset/kv', '--replicas', '4');
    await untilSettled(client, 'kv', 4);
    await berth.ok('exec', 'kv-3', '--', 'sh', '-c', 'echo three >"$DATA_DIR/mine"');
    const record = await recordPods(client);
    await berth.ok('scale', 'statefulset/kv', '--replicas', '2');
    await untilSettled(client, 'kv', 2);
    record.stop();
    expect(record.steps.filter(isDeed)).toEqual(['ending kv-3', '-kv-3', 'ending kv-2', '-kv-2']);
    expect((await client.list(PersistentVolumeClaims, { namespace })).items).toHaveLength(4);
    await berth.ok('scale', 'statefulset/kv', '--replicas', '4');
    await untilSettled(client, 'kv', 4);
    expect(await berth.ok('exec', 'kv-3', '--', 'sh', '-c', 'cat "$DATA_DIR/mine"')).toBe('three\n');
    await berth.ok('scale', 'statefulset/kv', '--replicas', '3');
    await untilSettled(client, 'kv', 3);
  });

  test('P7 exec gives a terminal of its own, of the size of the client’s', async () => {
    const untilSized = 'until [ "$(stty size)" = "33 77" ]; do sleep 0.1; done';
    const { command } = berth.command(
      'exec',
      '-it',
      'kv-1',
      '--',
      'sh',
      '-c',
      `tty; ${untilSized}; echo sized; exit 7`,
    );
    const words = command.map((word) => `'${word}'`);
    // The client's terminal is one of Linux' `script`; the pod's is of the stand-in for that of macOS.
    const session = ['script', '-qec', `stty rows 33 cols 77; ${words.join(' ')}`, '/dev/null'] as const;
    const { code, stdout } = await run(session, { env: {} });
    expect(stdout).toMatch(/\/dev\/pts\/\d+\r+\nsized\r+\n/);
    expect(code).toBe(7);
  });

  test('U1 a changed template rolls from the highest ordinal down', async () => {
    const before = (await client.get(StatefulSets, { namespace, name: 'kv' })).status?.currentRevision;
    const record = await recordPods(client);
    const body = { spec: { template: { metadata: { annotations: { rolled: 'yes' } } } } };
    await client.patch(StatefulSets, { namespace, name: 'kv' }, { type: 'merge', body });
    await until(
      client,
      StatefulSets,
      (sets) => sets.some(({ status }) => status?.currentRevision !== before && status?.readyReplicas === 3),
      'kv rolled',
    );
    record.stop();
    expect(record.steps.filter(isDeed)).toEqual([2, 1, 0].flatMap((n) => [`ending kv-${n}`, `-kv-${n}`, `+kv-${n}`]));
  });

  test('O5 while a member is not ready nothing is removed, and why says for whom it waits', async () => {
    const [pid] = processes('kv-0');
    process.kill(pid!, 'SIGSTOP');
    await until(
      client,
      Pods,
      (pods) =>
        pods.some(
          ({ metadata, status }) => metadata.name === 'kv-0' && status?.containerStatuses?.[0]?.ready === false,
        ),
      'kv-0 is not ready',
    );
    await berth.ok('scale', 'statefulset/kv', '--replicas', '2');
    await untilWaiting(client, 'kv', /kv-0 is not Ready.*until then kv-2 is not removed/);
    process.kill(pid!, 'SIGCONT');
    await untilSettled(client, 'kv', 2);
    await berth.ok('scale', 'statefulset/kv', '--replicas', '3');
    await untilSettled(client, 'kv', 3);
  });

  test('M4 a second server on the directory refuses and says who holds it', async () => {
    const { code, stderr } = await berth.run('up', '--api-port', '0', '--dns-port', '0');
    expect(code).toBe(1);
    expect(stderr).toContain(`is in use by process ${server.child.pid} since`);
  });

  test('M3 kill -9 of Berth leaves the members running, and the next up adopts them', async () => {
    const before = await runs();
    server.signal('SIGKILL');
    await server.ended;
    expect((await berth.run('status')).stderr).toContain('3 pods of it run on: kv-0, kv-1, kv-2');
    server = await berth.up();
    client = berth.client();
    await untilSettled(client, 'kv', 3);
    expect(await runs()).toEqual(before);
    expect(await berth.ok('logs', 'kv-1')).toMatch(/kv-1 listens on/);
  });

  test('Ctrl-C ends the members gracefully, highest first, and nothing of them is left', async () => {
    server.signal('SIGINT');
    expect(await server.ended).toBe(0);
    const ended = [...server.output.matchAll(/pod (kv-\d) has ended/g)].map(([, name]) => name);
    expect(ended).toEqual(['kv-2', 'kv-1', 'kv-0']);
    expect(processes()).toEqual([]);
    server = await berth.up();
    client = berth.client();
    await untilSettled(client, 'kv', 3);
    expect(await berth.ok('logs', 'kv-2', '--previous')).toMatch(/kv-2 ends with 1 writes/);
    expect((await kv(await place(1), 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
  });

  test('C2 M1 deleting the set ends its pods and keeps its data; applying it again brings it back', async () => {
    await berth.ok('delete', 'statefulset/kv');
    await until(client, Pods, (pods) => pods.length === 0, 'all pods are gone');
    expect(processes()).toEqual([]);
    await berth.ok('apply', '-f', example('kv.yaml'));
    await untilSettled(client, 'kv', 3);
    expect((await kv(await place(2), 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
  });
});
