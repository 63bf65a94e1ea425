import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';

import { systemClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { systemRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import type { ReachablePort, Target } from './service-ports.ts';
import { TargetChoice } from './target-choice.ts';
import { type UdpProxyOptions, udpProxy } from './udp-proxy.ts';
import { userProxy } from './user-proxy.ts';

const HERE = '127.0.0.1';

const port = (more: Partial<ReachablePort>): ReachablePort => ({
  name: 'default/dns:53',
  protocol: 'UDP',
  addresses: [HERE],
  port: 53,
  nodePort: undefined,
  stickySeconds: undefined,
  targets: [],
  ...more,
});

describe('UDP through the proxy of a machine without root', () => {
  const close: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of close.splice(0)) await end();
  });

  async function bound(address = HERE, number = 0): Promise<dgram.Socket> {
    const socket = dgram.createSocket('udp4').bind(number, address);
    await once(socket, 'listening');
    return socket;
  }

  interface Backend extends Target {
    /** How many datagrams have come, and from which ports. */
    readonly from: number[];
    stop(): Promise<void>;
  }

  /** Answers each datagram with its own name and what it was sent. */
  async function backend(name: string, at = 0): Promise<Backend> {
    const socket = await bound(HERE, at);
    const from: number[] = [];
    socket.on('message', (datagram, peer) => {
      from.push(peer.port);
      socket.send(Buffer.concat([Buffer.from(`${name} `), datagram]), peer.port, peer.address);
    });
    let running = true;
    const stop = async (): Promise<void> => {
      if (!running) return;
      running = false;
      socket.close();
      await once(socket, 'close');
    };
    close.push(stop);
    return { address: HERE, port: socket.address().port, from, stop };
  }

  async function freePort(): Promise<number> {
    const socket = await bound();
    const { port: free } = socket.address();
    socket.close();
    await once(socket, 'close');
    return free;
  }

  interface Client {
    readonly port: number;
    send(datagram: string | Buffer): void;
    /** What has come back, or the error that did; in the order of arrival. */
    next(): Promise<string | Buffer>;
    /** One question and its answer. */
    ask(datagram: string | Buffer): Promise<string>;
    /** Asks again until there is an answer as wanted: a datagram may be lost. */
    askUntil(wanted: (answer: string) => boolean): Promise<string>;
  }

  /** It is connected: nothing but what comes from the very address and port that it asks arrives. */
  async function client(number: number, address = HERE): Promise<Client> {
    const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20, sendBufferSize: 1 << 20 });
    socket.connect(number, address);
    await once(socket, 'connect');
    const arrived: (string | Buffer)[] = [];
    let wake = (): void => {};
    const take = (what: string | Buffer): void => {
      arrived.push(what);
      wake();
    };
    socket.on('message', take);
    socket.on('error', (error) => take((error as NodeJS.ErrnoException).code ?? error.message));
    close.unshift(() => socket.close());
    const within = async (ms: number): Promise<string | Buffer | undefined> => {
      if (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return arrived.shift();
    };
    const send = (datagram: string | Buffer): void => {
      socket.send(datagram, (error) => {
        if (error) take((error as NodeJS.ErrnoException).code ?? error.message);
      });
    };
    const next = async (): Promise<string | Buffer> => (await within(60_000)) ?? 'nothing';
    return {
      port: socket.address().port,
      send,
      next,
      async ask(datagram) {
        send(datagram);
        return String(await next());
      },
      async askUntil(wanted) {
        for (;;) {
          send('again');
          const answer = await within(200);
          if (answer !== undefined && wanted(String(answer))) return String(answer);
        }
      },
    };
  }

  function proxy(clock = systemClock) {
    const made = userProxy({ clock, random: systemRandom, logger: silentLogger });
    close.unshift(() => made.close());
    return made;
  }

  /** A proxy on one port, with what is not of services alone. */
  async function single(targets: readonly Target[], more: Partial<UdpProxyOptions> = {}) {
    const number = await freePort();
    const clock = new VirtualClock();
    const of = port({ port: number, targets });
    const choice = new TargetChoice(of, { clock, random: systemRandom });
    const made = await udpProxy({ address: HERE, port: number, choice, clock, logger: silentLogger, ...more });
    close.unshift(() => made.close());
    return { number, clock };
  }

  test('answers come from the address that was asked: a cluster address and a node port', async () => {
    const [one, number, nodePort] = [await backend('one'), await freePort(), await freePort()];
    expect(await proxy().apply([port({ port: number, nodePort, targets: [one] })])).toEqual([]);
    expect(await (await client(number)).ask('who?')).toBe('one who?');
    expect(await (await client(nodePort)).ask('who?')).toBe('one who?');
  });

  test('clients are spread over the pods, each stays with its own, and each pod can tell them apart', async () => {
    const [one, two, number] = [await backend('one'), await backend('two'), await freePort()];
    await proxy().apply([port({ port: number, targets: [one, two] })]);
    const clients = await Promise.all(Array.from({ length: 40 }, () => client(number)));
    const first = await Promise.all(clients.map((some, index) => some.ask(`${index}`)));
    const again = await Promise.all(clients.map((some, index) => some.ask(`${index}`)));
    expect(again).toEqual(first);
    expect(first.map((answer) => answer.split(' ')[1])).toEqual(clients.map((_, index) => `${index}`));
    expect(new Set(first.map((answer) => answer.split(' ')[0]))).toEqual(new Set(['one', 'two']));
    expect(new Set([...one.from, ...two.from]).size).toBe(40);
  });

  test('datagrams of every size arrive whole, and answers too', async () => {
    const [number, echo] = [await freePort(), await bound()];
    echo.on('message', (datagram, peer) => echo.send(datagram, peer.port, peer.address));
    close.push(() => echo.close());
    await proxy().apply([port({ port: number, targets: [{ address: HERE, port: echo.address().port }] })]);
    const asking = await client(number);
    // macOS sends 9,216 bytes at most, unless its settings are changed.
    for (const size of [0, 1, 1500, 9000, ...(process.platform === 'linux' ? [65_507] : [])]) {
      const datagram = Buffer.alloc(size, 'berth');
      asking.send(datagram);
      expect(datagram.equals((await asking.next()) as Buffer)).toBe(true);
    }
  });

  test('what a pod sends without being asked again reaches its client', async () => {
    const [number, talker] = [await freePort(), await bound()];
    close.push(() => talker.close());
    await proxy().apply([port({ port: number, targets: [{ address: HERE, port: talker.address().port }] })]);
    const asking = await client(number);
    asking.send('tell me');
    const [, peer] = (await once(talker, 'message')) as [Buffer, dgram.RemoteInfo];
    for (const word of ['one', 'two', 'three']) {
      talker.send(word, peer.port, peer.address);
      expect(String(await asking.next())).toBe(word);
    }
  });

  test('a client whose pod goes away goes on with another', async () => {
    const [one, two, number] = [await backend('one'), await backend('two'), await freePort()];
    const proxied = proxy();
    await proxied.apply([port({ port: number, targets: [one] })]);
    const asking = await client(number);
    expect(await asking.ask('who?')).toBe('one who?');
    // It still runs, but is no longer of the service.
    await proxied.apply([port({ port: number, targets: [two] })]);
    expect(await asking.ask('who?')).toBe('two who?');
  });

  test('a client whose pod has ended, which nobody knows of yet, goes on with another', async () => {
    const [one, two] = [await backend('one'), await backend('two')];
    const { number } = await single([one, two]);
    const clients = await Promise.all(Array.from({ length: 20 }, () => client(number)));
    await Promise.all(clients.map((some) => some.ask('who?')));
    await one.stop();
    await Promise.all(clients.map((some) => some.askUntil((answer) => answer === 'two again')));
  });

  test('a client is answered again when its one pod is back', async () => {
    const one = await backend('one');
    const { number } = await single([one]);
    const asking = await client(number);
    expect(await asking.ask('who?')).toBe('one who?');
    await one.stop();
    asking.send('lost');
    await backend('new', one.port);
    await asking.askUntil((answer) => answer.startsWith('new'));
  });

  test('a service without ready pods refuses at once, and so does one that is gone', async () => {
    const [one, number] = [await backend('one'), await freePort()];
    const proxied = proxy();
    const asking = await client(number);
    await proxied.apply([port({ port: number })]);
    expect(await asking.ask('who?')).toBe('ECONNREFUSED');
    await proxied.apply([port({ port: number, targets: [one] })]);
    expect(await asking.ask('who?')).toBe('one who?');
    await proxied.apply([port({ port: number })]);
    expect(await asking.ask('who?')).toBe('ECONNREFUSED');
    await proxied.apply([port({ port: number, targets: [one] })]);
    expect(await asking.ask('who?')).toBe('one who?');
    await proxied.apply([]);
    expect(await asking.ask('who?')).toBe('ECONNREFUSED');
  });

  test('with session affinity all sockets of a client go to one pod, at each place of the service', async () => {
    const [one, two, number, nodePort] = [
      await backend('one'),
      await backend('two'),
      await freePort(),
      await freePort(),
    ];
    await proxy().apply([port({ port: number, nodePort, targets: [one, two], stickySeconds: 60 })]);
    const answers = new Set<string>();
    for (let index = 0; index < 20; index++)
      answers.add(await (await client(index % 2 ? number : nodePort)).ask('who?'));
    expect(answers.size).toBe(1);
  });

  test('a client that was silent for a time is forgotten, one that was asked or answered is not', async () => {
    const [one, talker] = [await backend('one'), await bound()];
    close.push(() => talker.close());
    const { number, clock } = await single([one], { idleMs: 1000 });
    const asking = await client(number);
    await asking.ask('1');
    await clock.advance(900);
    await asking.ask('2');
    await clock.advance(900);
    await asking.ask('3');
    expect(new Set(one.from).size).toBe(1);
    await clock.advance(1000);
    await asking.ask('4');
    expect(new Set(one.from).size).toBe(2);
  });

  test('of more clients than there may be the one that was silent longest is forgotten', async () => {
    const one = await backend('one');
    const { number } = await single([one], { maxClients: 2 });
    const [first, second, third] = [await client(number), await client(number), await client(number)];
    for (const some of [first, second, first, third, first]) await some.ask('who?');
    expect(new Set(one.from).size).toBe(3);
    await second.ask('who?');
    expect(new Set(one.from).size).toBe(4);
  });

  test('TCP and UDP have the same port of a service, as a DNS server does', async () => {
    const [one, number] = [await backend('one'), await freePort()];
    const server = net.createServer((socket) => socket.end('over TCP'));
    await new Promise<void>((resolve) => server.listen(0, HERE, resolve));
    close.push(() => server.close());
    const target = { address: HERE, port: (server.address() as AddressInfo).port };
    const both = [port({ port: number, targets: [one] }), port({ port: number, protocol: 'TCP', targets: [target] })];
    expect(await proxy().apply(both)).toEqual([]);
    expect(await (await client(number)).ask('who?')).toBe('one who?');
    expect(await text(net.connect(number, HERE))).toBe('over TCP');
  });

  test('a port that another program has is told, and opened when it is free', async () => {
    const [one, taken] = [await backend('one'), await backend('taken')];
    const ports = [port({ port: taken.port, targets: [one] })];
    const proxied = proxy();
    expect(await proxied.apply(ports)).toEqual([
      {
        name: 'default/dns:53',
        message: `cannot listen on ${HERE}:${taken.port}/UDP: another program has it (EADDRINUSE)`,
      },
    ]);
    await taken.stop();
    expect(await proxied.apply(ports)).toEqual([]);
    expect(await (await client(taken.port)).ask('who?')).toBe('one who?');
  });

  describe.runIf(process.platform === 'linux')('P10 a host port', () => {
    const ofPod = (number: number, target: Target) =>
      port({
        name: `pod default/dns:${number}`,
        isHostPort: true,
        addresses: [],
        port: number,
        nodePort: number,
        targets: [target],
      });

    test('is opened when a program of the pod is there', async () => {
      const [number, later] = [await freePort(), await freePort()];
      const proxied = proxy();
      const wanted = [ofPod(number, { address: HERE, port: later })];
      expect(await proxied.apply(wanted)).toMatchObject([{ isNotYet: true }]);
      await backend('one', later);
      expect(await proxied.apply(wanted)).toEqual([]);
      expect(await (await client(number)).ask('who?')).toBe('one who?');
    });

    test('is the own one of a program that listens on all addresses, and nobody else', async () => {
      const everywhere = await bound('0.0.0.0');
      close.push(() => everywhere.close());
      const { port: number } = everywhere.address();
      expect(await proxy().apply([ofPod(number, { address: '127.0.0.2', port: number })])).toEqual([]);
      const alone = await backend('alone');
      const pod = await bound('127.0.0.2', alone.port);
      close.push(() => pod.close());
      expect(await proxy().apply([ofPod(alone.port, { address: '127.0.0.2', port: alone.port })])).toEqual([
        { name: `pod default/dns:${alone.port}`, message: expect.stringContaining('another program has it') },
      ]);
    });
  });
});
