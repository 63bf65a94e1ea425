import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Pods, Services } from '../../src/api/kinds.ts';
import { podPlace } from '../../src/api/pod-ports.ts';
import { example, kv, run, type Server, TestBerth, untilReplaced, untilSettled } from './support.ts';

const NOBODY = 65_534;
const linux = process.platform === 'linux';
const root = process.getuid?.() === 0;

/** Asks 24 times, each from a socket of its own, and prints who answered, or what went wrong. */
const ASK_UDP = `
  const [host, port] = process.argv.slice(1);
  const ask = () => new Promise((resolve) => {
    const socket = require('dgram').createSocket('udp4');
    const end = (answer) => { clearTimeout(late); socket.close(); resolve(answer); };
    const late = setTimeout(end, 5000, 'nobody');
    // Only what comes from the address that is asked arrives at a connected socket.
    socket.on('message', (name) => end(String(name))).on('error', (error) => end(error.code));
    socket.connect(Number(port), host, () => socket.send('who?'));
  });
  Promise.all(Array.from({ length: 24 }, ask)).then((answers) => console.log(JSON.stringify(answers)));`;

async function onHost(address: string, port: string): Promise<readonly string[]> {
  const { stdout } = await run([process.execPath, '-e', ASK_UDP, address, port], { env: {} });
  return JSON.parse(stdout) as string[];
}

/** Without root, and on other systems: the same example, and honest words about what is missing. */
describe.each([
  { isolation: 'user', what: 'namespaces of a user without rights', options: [], possible: linux },
  { isolation: 'processes', what: 'plain process groups', options: [], possible: linux },
  {
    isolation: 'processes',
    what: 'plain process groups at one address, as where there are no others',
    options: ['--shared-address'],
    possible: true,
  },
])('the kv example at isolation $isolation: $what', ({ isolation, options, possible }) => {
  if (!possible) console.warn(`SKIPPED: isolation ${isolation} with addresses of its own needs Linux`);
  const shared = options.includes('--shared-address');
  describe.runIf(possible)('as a user without rights', () => {
    const berth = new TestBerth(isolation, root ? NOBODY : undefined);
    const level = ['--isolation', isolation, ...options];
    let server: Server;
    beforeAll(async () => {
      server = await berth.up(...level, '-f', example('kv.yaml'));
      await untilSettled(berth.client(), 'kv', 3);
    });
    afterAll(() => berth.close());

    const place = async (ordinal: number): Promise<string> =>
      podPlace(await berth.client().get(Pods, { namespace: 'default', name: `kv-${ordinal}` })) ?? '';

    test('each member has an address or a port of its own, and a write reaches all', async () => {
      const places = await Promise.all([0, 1, 2].map(place));
      expect(new Set(places).size).toBe(3);
      for (const one of places) expect(one).toMatch(shared ? /^127\.0\.0\.1:\d+$/ : /^127\.\d+\.\d+\.\d+$/);
      expect(await kv(places[1]!, 'PUT', '/colour', 'blue')).toMatchObject({ status: 200, body: { by: 'kv-0' } });
      expect((await kv(places[0]!, 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
    });

    test('N3 the governing name has every member, with the port it is found at', async () => {
      const { answers } = JSON.parse(await berth.ok('dns', 'kv', 'SRV', '-o', 'json')) as { answers: string[] };
      const found = answers.map((answer) => {
        const [, , port, name = ''] = answer.split(' ');
        return `${name.split('.')[0]} ${port}`;
      });
      const wanted = [0, 1, 2].map(async (ordinal) => `kv-${ordinal} ${(await place(ordinal)).split(':')[1] ?? 8080}`);
      expect(found.sort()).toEqual(await Promise.all(wanted));
    });

    test.skipIf(!linux)(
      'a service has an address of its own, without root too, and spreads what comes over the members',
      async () => {
        const service = await berth.client().create(Services, {
          metadata: { namespace: 'default', name: 'members' },
          spec: { selector: { app: 'kv' }, ports: [{ port: 8080 }] },
        });
        expect(service.spec.clusterIP).toMatch(/^127\.96\./);
        const members = new Set<unknown>();
        await expect
          .poll(
            async () => {
              // A connection of its own each time: it is connections that are spread.
              const url = `http://${service.spec.clusterIP}:8080/`;
              const answer = await fetch(url, { headers: { connection: 'close' } }).catch(() => undefined);
              if (answer !== undefined) members.add(((await answer.json()) as { name: string }).name);
              return members.size;
            },
            { timeout: 30_000 },
          )
          .toBe(3);
      },
    );

    test.skipIf(!linux)(
      'UDP: a service, a node port and P10 a host port lead to pods, from pods and from the machine',
      async () => {
        await berth.ok('apply', '-f', path.join(import.meta.dirname, 'udp.yaml'));
        await untilSettled(berth.client(), 'names', 2);
        const { spec } = await berth.client().get(Services, { namespace: 'default', name: 'names' });
        const cluster = [spec.clusterIP ?? '', '5353'] as const;
        const nodePort = ['127.0.0.1', `${spec.ports?.[0]?.nodePort}`] as const;
        const asked = (answers: readonly string[]) => [...new Set(answers)].sort();
        await expect.poll(async () => asked(await onHost(...cluster))).toEqual(['names-0', 'names-1']);
        expect(asked(await onHost(...nodePort))).toEqual(['names-0', 'names-1']);
        const inPod = await berth.ok('exec', 'names-0', '--', 'node', '-e', ASK_UDP, ...cluster);
        expect(asked(JSON.parse(inPod) as string[])).toEqual(['names-0', 'names-1']);

        // Most likely nobody has it.
        const hostPort = 12_000 + Math.floor(Math.random() * 7_000);
        const names = await berth.client().get(Pods, { namespace: 'default', name: 'names-0' });
        const ports = [{ name: 'name', containerPort: 5353, hostPort, protocol: 'UDP' }];
        const containers = names.spec.containers.map((container) => ({ ...container, volumeMounts: [], ports }));
        await berth.client().create(Pods, {
          metadata: { namespace: 'default', name: 'single' },
          spec: { terminationGracePeriodSeconds: 1, containers },
        });
        await expect.poll(async () => asked(await onHost('127.0.0.1', `${hostPort}`))).toEqual(['single']);

        // Who goes on asking meets the one that is left.
        await berth.ok('scale', 'sts', 'names', '--replicas', '1');
        await untilSettled(berth.client(), 'names', 1);
        await expect.poll(async () => asked(await onHost(...cluster))).toEqual(['names-0']);
      },
    );

    test('what is missing is said: at the start, in status, and in the condition of the node', async () => {
      expect(server.output).toMatch(/limited: .*network/);
      const status = await berth.ok('status');
      expect(status).toMatch(/limited: .*network/);
      expect(status).toMatch(shared ? /BERTH_PORT_/ : /an address in 127\.0\.0\.0\/8/);
    });

    test('I4 a member that is deleted comes back as itself, with its data', async () => {
      const { metadata } = await berth.client().get(Pods, { namespace: 'default', name: 'kv-0' });
      await berth.ok('delete', 'pod', 'kv-0', '--grace-period', '1');
      await untilReplaced(berth.client(), 'kv-0', metadata.uid);
      await untilSettled(berth.client(), 'kv', 3);
      expect((await kv(await place(0), 'GET', '/colour')).body).toMatchObject({ value: 'blue', from: 'kv-0' });
    });

    test('M3 kill -9 of Berth leaves the members running, and the next up adopts them', async () => {
      const uids = async () =>
        (await berth.client().list(Pods, { namespace: 'default' })).items.map(
          ({ metadata, status }) => `${metadata.uid} ${status?.containerStatuses?.[0]?.containerID}`,
        );
      const before = await uids();
      server.signal('SIGKILL');
      await server.ended;
      expect((await berth.run('status')).stderr).toMatch(/pods of it run on: kv-0, kv-1, kv-2/);
      server = await berth.up(...level);
      await untilSettled(berth.client(), 'kv', 3);
      expect(await uids()).toEqual(before);
      expect((await kv(await place(2), 'GET', '/')).body).toMatchObject({ name: 'kv-2', ready: true });
      if (!linux) return;
      const { spec } = await berth.client().get(Services, { namespace: 'default', name: 'names' });
      await expect.poll(async () => new Set(await onHost(spec.clusterIP ?? '', '5353'))).toEqual(new Set(['names-0']));
    });

    test.runIf(shared && linux)('the same members are found again where they have addresses of their own', async () => {
      server.signal('SIGINT');
      expect(await server.ended).toBe(0);
      server = await berth.up('--isolation', isolation);
      await untilSettled(berth.client(), 'kv', 3);
      for (const ordinal of [0, 1, 2]) expect(await place(ordinal)).toMatch(/^127\.\d+\.\d+\.\d+$/);
      expect((await kv(await place(2), 'PUT', '/size', '3')).body).toMatchObject({ by: 'kv-0' });
      expect((await kv(await place(0), 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
    });
  });
});
