import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

import { ask, containerConfig, eventually, TestNode } from './contract.ts';
import { aliasNetwork } from './loopback-network.ts';
import { choosePorts, sharedAddressNetwork } from './shared-address.ts';

test('where addresses have to be added, a pod brings its own and takes it away again', async () => {
  const calls: string[] = [];
  const network = aliasNetwork('127.64.7.0/24', async (args) => calls.push(args.join(' ')));
  const { address } = await network.places.allocate([8080]);
  await network.connect('uid', address);
  await network.disconnect('uid', address);
  expect(calls).toEqual(['lo0 alias 127.64.7.2 netmask 255.255.255.255', 'lo0 -alias 127.64.7.2']);
});

test('the address that the whole machine uses is never taken away', async () => {
  const calls: string[] = [];
  const network = aliasNetwork('127.64.7.0/24', async (args) => calls.push(args.join(' ')));
  await network.disconnect('uid', '127.0.0.1');
  expect(calls).toEqual([]);
});

describe('pods that share the address of the machine', () => {
  test('each declared port is another one, that nobody listens on and no other pod has', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-ports-'));
    const { places } = sharedAddressNetwork(choosePorts(directory));
    const first = await places.allocate([80, 8080]);
    const numbers = Object.values(first.ports ?? {});
    expect(Object.keys(first.ports ?? {})).toEqual(['80', '8080']);
    expect(new Set(numbers).size).toBe(2);

    const server = net.createServer().listen(Math.max(...numbers) + 1, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const socket = dgram.createSocket('udp4').bind(Math.max(...numbers) + 2, '127.0.0.1');
    await new Promise((resolve) => socket.once('listening', resolve));
    const second = Object.values((await places.allocate([80])).ports ?? {});
    expect(second).not.toContain(Math.max(...numbers) + 1);
    expect(second).not.toContain(Math.max(...numbers) + 2);
    expect(numbers).not.toContain(second[0]);
    await new Promise((resolve) => server.close(resolve));
    socket.close();
    fs.rmSync(directory, { recursive: true });
  });

  test('there is an end to them', async () => {
    const { places } = sharedAddressNetwork(20_000);
    const many = Array.from({ length: 251 }, (_, index) => index + 1);
    await expect(places.allocate(many)).rejects.toThrow('no port is left');
    await expect(places.allocate([80])).resolves.toMatchObject({ address: '127.0.0.1' });
  });

  test('a pod keeps its ports under the next agent, and no other gets them', async () => {
    const node = new TestNode({ isolation: 'processes', sharedAddress: true });
    await node.start();
    try {
      const listen = `require('net').createServer((socket) => socket.end('here')).listen(process.argv[1], '127.0.0.1')`;
      const uid = node.pod({ name: 'kv-0', ports: [8080] }).uid;
      const { ips, ports } = await node.runtime.startPod(node.pod({ name: 'kv-0', ports: [8080] }));
      expect(ips).toEqual(['127.0.0.1']);
      const port = ports?.[8080] ?? 0;
      await node.runtime.startContainer(
        uid,
        containerConfig({ command: [process.execPath, '-e', listen, String(port)] }),
      );
      await eventually(() => ask('127.0.0.1', port)).toBe('here');
      await node.restart();
      expect((await node.runtime.status(uid))?.ports).toEqual({ 8080: port });
      const other = await node.runtime.startPod(node.pod({ name: 'kv-1', ports: [8080] }));
      expect(other.ports?.[8080]).not.toBe(port);
      expect(node.runtime.limitations.map(({ reason }) => reason)).toContain('SharedAddress');
    } finally {
      await node.clear();
    }
  });
});
