import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';

import { type Clock, systemClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { systemRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import type { ReachablePort } from './service-ports.ts';
import { userProxy } from './user-proxy.ts';

const port = (more: Partial<ReachablePort>): ReachablePort => ({
  name: 'default/web:80',
  protocol: 'TCP',
  addresses: ['10.96.0.5'],
  port: 80,
  nodePort: undefined,
  stickySeconds: undefined,
  targets: [],
  ...more,
});

describe('the proxy of a machine without root', () => {
  const close: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of close.splice(0)) await end();
  });

  async function backend(name: string): Promise<{ readonly address: string; readonly port: number }> {
    const server = http.createServer((_request, response) => response.end(name));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close.push(() => new Promise((resolve) => server.close(resolve)));
    return { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  async function freePort(): Promise<number> {
    const { port: free } = await backend('none');
    await close.pop()?.();
    return free;
  }

  const get = (address: string, number: number): Promise<string> =>
    new Promise((resolve, reject) => {
      http
        .get({ host: address, port: number, agent: false }, (response) => resolve(text(response)))
        .on('error', reject);
    });

  function proxy(clock: Clock = systemClock) {
    const made = userProxy({ clock, random: systemRandom, logger: silentLogger });
    close.unshift(() => made.close());
    return made;
  }

  test('spreads connections over the pods, and follows them as they come and go', async () => {
    const [one, two, number] = [await backend('one'), await backend('two'), await freePort()];
    const proxied = proxy();
    const web = (targets: ReachablePort['targets']) => [port({ addresses: ['127.0.0.1'], port: number, targets })];
    expect(await proxied.apply(web([one, two]))).toEqual([]);
    const answers = new Set(await Promise.all(Array.from({ length: 40 }, () => get('127.0.0.1', number))));
    expect([...answers].sort()).toEqual(['one', 'two']);
    await proxied.apply(web([two]));
    expect(await get('127.0.0.1', number)).toBe('two');
    await proxied.apply(web([{ address: '127.0.0.1', port: await freePort() }, one]));
    expect(await get('127.0.0.1', number)).toBe('one');
    await proxied.apply(web([]));
    await expect(get('127.0.0.1', number)).rejects.toThrow('ECONNREFUSED');
    await proxied.apply(web([one]));
    expect(await get('127.0.0.1', number)).toBe('one');
    await proxied.apply([]);
    await expect(get('127.0.0.1', number)).rejects.toThrow('ECONNREFUSED');
  });

  test('keeps a client with its pod when it is asked to, also while others come, until its time is over', async () => {
    const [one, two, three, number] = [
      await backend('one'),
      await backend('two'),
      await backend('three'),
      await freePort(),
    ];
    const clock = new VirtualClock();
    const proxied = proxy(clock);
    const web = (targets: ReachablePort['targets']) => [
      port({ addresses: ['127.0.0.1'], port: number, targets, stickySeconds: 60 }),
    ];
    const asked = async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => get('127.0.0.1', number)));
      return [...new Set(answers)].sort();
    };
    await proxied.apply(web([one, two]));
    const first = await get('127.0.0.1', number);
    await proxied.apply(web([one, two, three]));
    expect(await asked()).toEqual([first]);
    await clock.advance(59_000);
    expect(await asked()).toEqual([first]);
    await clock.advance(61_000);
    // A client that comes anew may meet any: that it is the same one each time has a chance of 1 in 3 to the 20th.
    const met = new Set<string>();
    for (let time = 0; time < 20; time++) {
      met.add(await get('127.0.0.1', number));
      await clock.advance(61_000);
    }
    expect(met.size).toBeGreaterThan(1);
    await proxied.apply(web([first === 'one' ? two : one]));
    expect(await asked()).toEqual([first === 'one' ? 'two' : 'one']);
  });

  test('brings the whole of an answer to a client that has said all it had to, and reads slowly', async () => {
    const size = 8 * 1024 * 1024;
    const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.resume().end(Buffer.alloc(size)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close.push(() => server.close());
    const number = await freePort();
    const target = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
    await proxy().apply([port({ addresses: ['127.0.0.1'], port: number, targets: [target] })]);
    const client = net.connect({ host: '127.0.0.1', port: number, allowHalfOpen: true });
    client.end('all');
    let bytes = 0;
    for await (const chunk of client) {
      bytes += (chunk as Buffer).length;
      await new Promise(setImmediate);
    }
    expect(bytes).toBe(size);
  });

  test('a connection that a pod breaks off is broken off for the client too, and does not look like the end', async () => {
    const server = net.createServer((socket) => socket.write('half', () => socket.resetAndDestroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close.push(() => server.close());
    const number = await freePort();
    const target = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
    await proxy().apply([port({ addresses: ['127.0.0.1'], port: number, targets: [target] })]);
    await expect(text(net.connect(number, '127.0.0.1'))).rejects.toThrow('ECONNRESET');
  });

  test('P10 opens the port of a pod when the pod answers, and not where its program listens by itself', async () => {
    const [web, number] = [await backend('web'), await freePort()];
    const proxied = proxy();
    const ofPod = (at: number, target: number) =>
      port({
        name: 'pod default/web:80',
        isHostPort: true,
        addresses: [],
        port: at,
        nodePort: at,
        targets: [{ address: '127.0.0.1', port: target }],
      });
    expect(await proxied.apply([ofPod(number, await freePort())])).toMatchObject([{ isNotYet: true }]);
    await expect(get('127.0.0.1', number)).rejects.toThrow('ECONNREFUSED');
    expect(await proxied.apply([ofPod(number, web.port)])).toEqual([]);
    expect(await get('127.0.0.1', number)).toBe('web');
    expect(await proxied.apply([ofPod(web.port, web.port)])).toEqual([]);
    expect(await get('127.0.0.1', web.port)).toBe('web');
  });

  test('says what it cannot do', async () => {
    const taken = await backend('taken');
    const number = await freePort();
    const ofService = port({ addresses: ['127.0.0.1'], port: number, targets: [taken] });
    const unreachable = await proxy().apply([
      { ...ofService, port: taken.port, name: 'default/late:80' },
      ofService,
      { ...ofService, name: 'default/other:80' },
      { ...ofService, addresses: ['192.0.2.1'], name: 'default/outside:80' },
    ]);
    expect(unreachable).toEqual([
      { name: 'default/other:80', message: `127.0.0.1:${number}/TCP leads to default/web:80 already` },
      { name: 'default/late:80', message: expect.stringContaining('another program has it (EADDRINUSE)') },
      { name: 'default/outside:80', message: expect.stringContaining('it takes root to have such an address') },
    ]);
  });

  test.runIf(process.platform === 'linux')(
    'P10 a port of the machine that another program has is not taken for one that the pod listens on by itself',
    async () => {
      const taken = await backend('taken');
      const server = http.createServer((_request, response) => response.end('pod'));
      await new Promise<void>((resolve) => server.listen(taken.port, '127.0.0.2', resolve));
      close.push(() => new Promise((resolve) => server.close(resolve)));
      const ofPod = port({
        name: `pod default/web:${taken.port}`,
        isHostPort: true,
        addresses: [],
        port: taken.port,
        nodePort: taken.port,
        targets: [{ address: '127.0.0.2', port: taken.port }],
      });
      expect(await proxy().apply([ofPod])).toEqual([
        { name: ofPod.name, message: expect.stringContaining('another program has it') },
      ]);
    },
  );
});
