import { execFile, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { EndpointSlices, Pods, Services } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import { TestBerth, until, untilSettled } from './support.ts';

const root = process.getuid?.() === 0 && process.platform === 'linux';
const filter = spawnSync('nft', ['list', 'tables']).status === 0;
if (!root || !filter) console.warn('SKIPPED: services need Linux, root and nft (Debian: apt-get install nftables)');

interface Answer {
  readonly name: string;
  readonly from: string;
}

/** Asks `count` times, each over a new connection, `pauseMs` apart; answers, or what went wrong. */
const ASK = `
  const [url, count, pauseMs] = process.argv.slice(1);
  const get = () => new Promise((resolve) => {
    const module = require(url.split(':')[0]);
    module.get(url, { agent: false, timeout: 20000, rejectUnauthorized: false }, async (response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve(response.statusCode === 200 ? JSON.parse(text) : response.statusCode);
    }).on('timeout', function () { this.destroy({ code: 'TIMEOUT' }); }).on('error', (error) => resolve(error.code));
  });
  (async () => {
    const answers = [];
    for (let index = 0; index < Number(count); index++) {
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, Number(pauseMs)));
      answers.push(await get());
    }
    console.log(JSON.stringify(answers));
  })();`;

const ASK_UDP = `
  const [host, port, count] = process.argv.slice(1);
  const names = new Set();
  (async () => {
    for (let index = 0; index < Number(count); index++) {
      await new Promise((resolve) => {
        const socket = require('dgram').createSocket('udp4');
        socket.on('message', (name) => { names.add(String(name)); socket.close(resolve); });
        socket.send('who?', Number(port), host);
      });
    }
    console.log(JSON.stringify([...names].sort()));
  })();`;

describe.runIf(root && filter)('services in front of real pods', () => {
  const berth = new TestBerth('services');
  let client: Client;

  beforeAll(async () => {
    await berth.up('--nodes', '2', '-f', path.join(import.meta.dirname, 'services.yaml'));
    client = berth.client();
    await untilSettled(client, 'web', 2);
  });
  afterAll(() => berth.close());

  const inPod = async (pod: string, program: string, ...args: readonly string[]): Promise<unknown> =>
    JSON.parse(await berth.ok('exec', pod, '--', 'node', '-e', program, ...args));
  const onHost = async (program: string, ...args: readonly string[]): Promise<unknown> =>
    JSON.parse((await promisify(execFile)(process.execPath, ['-e', program, ...args])).stdout);
  const names = (answers: unknown): readonly string[] =>
    [...new Set((answers as readonly Answer[]).map(({ name }) => name))].sort();
  const address = async (name: string): Promise<string> =>
    (await client.get(Services, { namespace: 'default', name })).spec.clusterIP ?? '';

  const readyEndpoints = (count: number) =>
    until(
      client,
      EndpointSlices,
      (slices) =>
        slices
          .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'web')
          .flatMap(({ endpoints = [] }) => endpoints)
          .filter(({ conditions }) => conditions?.ready).length === count,
      `${count} ready endpoints`,
    );

  test('a cluster address leads to all ready pods, from pods, from the machine, and to the asking pod itself', async () => {
    const answers = (await inPod('web-0', ASK, 'http://web', '24', '0')) as readonly Answer[];
    expect(names(answers)).toEqual(['web-0', 'web-1']);
    expect(names(await onHost(ASK, `http://${await address('web')}`, '24', '0'))).toEqual(['web-0', 'web-1']);
  });

  test('a pod that is asked by a pod of another node sees who asks', async () => {
    const asking = await client.get(Pods, { namespace: 'default', name: 'web-0' });
    const asked = await client.get(Pods, { namespace: 'default', name: 'web-1' });
    expect(asking.spec.nodeName).not.toBe(asked.spec.nodeName);
    const answers = (await inPod('web-0', ASK, 'http://web', '24', '0')) as readonly Answer[];
    expect(answers.find(({ name }) => name === 'web-1')?.from).toBe(`::ffff:${asking.status?.podIP}`);
  });

  test('UDP too', async () => {
    expect(await inPod('web-1', ASK_UDP, await address('web'), '81', '24')).toEqual(['web-0', 'web-1']);
  });

  /** One client that goes on asking from one port. */
  async function udpClient(host: string, port: number) {
    const socket = createSocket('udp4');
    let latest = '';
    socket.on('message', (name) => {
      latest = String(name);
    });
    socket.on('error', () => {}); // somebody may have refused
    await new Promise<void>((resolve) => socket.connect(port, host, resolve));
    return {
      /** Who answers, soon after being asked. */
      async ask(): Promise<string> {
        latest = '';
        socket.send('who?', () => {});
        for (let waited = 0; latest === '' && waited < 50; waited++) await sleep(10);
        return latest;
      },
      close: () => socket.close(),
    };
  }

  test('a UDP client that goes on asking is led to another pod when its own is no longer ready', async () => {
    const asking = await udpClient(await address('web'), 81);
    await expect.poll(asking.ask).toMatch(/^web-/);
    const first = await asking.ask();
    const other = first === 'web-0' ? 'web-1' : 'web-0';
    await berth.ok('exec', first, '--', 'touch', '/tmp/unready');
    await expect.poll(asking.ask).toBe(other);
    await berth.ok('exec', first, '--', 'rm', '/tmp/unready');
    asking.close();
    await readyEndpoints(2);
  });

  test('a UDP client that has asked in vain is answered once there is a pod', async () => {
    const late = { namespace: 'default', name: 'late' };
    const ports = [{ port: 81, targetPort: 8081, protocol: 'UDP' }];
    const { spec } = await client.create(Services, {
      metadata: late,
      spec: { type: 'NodePort', selector: { app: 'late' }, ports },
    });
    const asking = await udpClient('127.0.0.1', spec.ports?.[0]?.nodePort ?? 0);
    expect(await asking.ask()).toBe('');
    const found = await client.get(Services, late);
    await client.update(Services, { ...found, spec: { ...found.spec, selector: { app: 'web' } } });
    await expect.poll(asking.ask).toMatch(/^web-/);
    asking.close();
  });

  test('a node port leads there from the machine', async () => {
    const { spec } = await client.get(Services, { namespace: 'default', name: 'web' });
    const url = `http://127.0.0.1:${spec.ports?.[0]?.nodePort}`;
    expect(names(await onHost(ASK, url, '24', '0'))).toEqual(['web-0', 'web-1']);
  });

  test('with session affinity a client stays with its pod, until its time is over', async () => {
    const url = `http://${await address('sticky')}`;
    for (const pod of ['web-0', 'web-1']) expect(names(await inPod(pod, ASK, url, '16', '0'))).toHaveLength(1);
    // Each pause is longer than the affinity lasts; that neither meets another pod then has a chance of 1 in 256.
    const met = await Promise.all(['web-0', 'web-1'].map((pod) => inPod(pod, ASK, url, '5', '1200')));
    expect(met.map((answers) => names(answers).length)).toContain(2);
  });

  test('a service without ready pods refuses connections at once', async () => {
    expect(await inPod('web-0', ASK, 'http://nobody', '1', '0')).toEqual(['ECONNREFUSED']);
    expect(await onHost(ASK, `http://${await address('nobody')}`, '1', '0')).toEqual(['ECONNREFUSED']);
  });

  test('a pod that is not ready gets no connections, until it is again', async () => {
    await berth.ok('exec', 'web-1', '--', 'touch', '/tmp/unready');
    await readyEndpoints(1);
    await expect.poll(async () => names(await inPod('web-0', ASK, 'http://web', '12', '0'))).toEqual(['web-0']);
    await berth.ok('exec', 'web-1', '--', 'rm', '/tmp/unready');
    await readyEndpoints(2);
    await expect.poll(async () => names(await inPod('web-0', ASK, 'http://web', '24', '0'))).toHaveLength(2);
  });

  test('default/kubernetes is the API', async () => {
    const [api] = (await inPod('web-0', ASK, 'https://kubernetes.default.svc/version', '1', '0')) as readonly {
      gitVersion: string;
    }[];
    expect(api?.gitVersion).toMatch(/^v1\./);
  });

  test('status names the name server of the pods of each node', async () => {
    const { nodes } = JSON.parse(await berth.ok('status', '-o', 'json')) as { nodes: { name: string; dns: string }[] };
    for (const name of ['web-0', 'web-1']) {
      const { spec } = await client.get(Pods, { namespace: 'default', name });
      const [, server] = /^nameserver (.*)$/m.exec(await berth.ok('exec', name, '--', 'cat', '/etc/resolv.conf')) ?? [];
      expect(nodes.find((node) => node.name === spec.nodeName)?.dns).toBe(`${server}:53`);
      expect(await berth.ok('status')).toContain(`${server}:53`);
    }
  });

  test('nothing is left in the packet filter when the cluster is gone', async () => {
    const tables = () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout;
    const before = tables();
    await berth.ok('down');
    const gone = before.split('\n').filter((table) => !tables().split('\n').includes(table));
    expect(gone.join('\n')).toMatch(/table ip berth_/);
  });
});
