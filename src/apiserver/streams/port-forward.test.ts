import { EventEmitter, once } from 'node:events';
import { Duplex, duplexPair, PassThrough } from 'node:stream';
import { expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';

import type { Pod } from '../../api/generated/types.ts';
import { silentLogger } from '../../platform/logger.ts';
import { settle } from '../../platform/virtual-clock.ts';
import type { PodTarget } from './pod-target.ts';
import { forwardOverChannels, forwardOverSpdy } from './port-forward.ts';
import { HeaderWriter } from './spdy/header-block.ts';

/** A pod whose port is connected to when the test says so. */
function pod<C extends Duplex>(connection: C) {
  let connect: () => void = () => {};
  let refuse: (error: Error) => void = () => {};
  const connected = new Promise<Duplex>((resolve, reject) => {
    connect = () => resolve(connection);
    refuse = reject;
  });
  const target = { pod: {} as Pod, streams: { portForward: () => connected } } as unknown as PodTarget;
  return { target, connection, connect, refuse };
}

/** A connection that nobody in the pod ends. */
const open = (): Duplex => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });

/** A client's WebSocket that takes each message when the test says so. */
class SlowSocket extends EventEmitter {
  readonly sent: string[] = [];
  readonly taken: (() => void)[] = [];
  isPaused = false;
  closed = false;
  send(message: Buffer, done: () => void): void {
    this.taken.push(() => {
      this.sent.push(message.subarray(1).toString('latin1'));
      done();
    });
  }
  readonly protocol = 'v4.channel.k8s.io';
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  close(): void {
    this.closed = true;
  }
  async takeAll(): Promise<void> {
    for (let next = this.taken.shift(); next !== undefined; next = this.taken.shift()) {
      next();
      await settle();
    }
  }
}

const overChannels = (target: PodTarget, ports: readonly number[]): SlowSocket => {
  const socket = new SlowSocket();
  forwardOverChannels(socket as unknown as WebSocket, target, ports);
  return socket;
};

test('P7 a client that takes its time gets everything before a forwarded port is closed', async () => {
  const { target, connection, connect } = pod(new PassThrough());
  const socket = overChannels(target, [80]);
  connect();
  await settle();
  connection.write('a');
  await settle();
  connection.write('b');
  connection.end();
  await once(connection, 'close');
  expect(socket.closed).toBe(false);
  await socket.takeAll();
  expect(socket.sent.slice(2).join('')).toBe('ab');
  expect(socket.closed).toBe(true);
});

test('a client that goes while a port is connected to leaves no connection behind', async () => {
  const { target, connection, connect } = pod(open());
  overChannels(target, [80]).emit('close');
  connect();
  await settle();
  expect(connection.destroyed).toBe(true);
});

test('what is sent to a port that cannot be reached does not stop what is sent to others', async () => {
  const { target, refuse } = pod(open());
  const socket = overChannels(target, [80, 81]);
  refuse(new Error('refused'));
  await settle();
  for (let count = 0; count < 4; count++)
    socket.emit('message', Buffer.concat([Buffer.from([0]), Buffer.alloc(64_000)]));
  await settle();
  expect(socket.isPaused).toBe(false);
  await socket.takeAll();
  expect(socket.sent).toContain('refused');
});

const frame = (id: number, streamtype: string, headers: HeaderWriter, port = '80'): Buffer => {
  const block = headers.write(
    new Map([
      ['streamtype', streamtype],
      ['port', port],
      ['requestid', port],
    ]),
  );
  const payload = Buffer.concat([Buffer.from([0, 0, 0, id, 0, 0, 0, 0, 0, 0]), block]);
  const head = Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 0]);
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
};

test('over SPDY, too, a client that goes meanwhile leaves no connection behind', async () => {
  const { target, connection, connect } = pod(open());
  const [client, carrier] = duplexPair();
  forwardOverSpdy(carrier, target, silentLogger);
  client.write(frame(1, 'data', new HeaderWriter()));
  // The stream is accepted.
  await once(client, 'data');
  carrier.destroy();
  await once(carrier, 'close');
  connect();
  await settle();
  expect(connection.destroyed).toBe(true);
});

test('P7 a connection that breaks in the pod is told as its own end: kubectl ends with any other error', async () => {
  const { target, connection, connect } = pod(open());
  const [client, carrier] = duplexPair();
  forwardOverSpdy(carrier, target, silentLogger);
  const headers = new HeaderWriter();
  client.write(Buffer.concat([frame(1, 'error', headers), frame(3, 'data', headers)]));
  const answers: Buffer[] = [];
  client.on('data', (chunk: Buffer) => answers.push(chunk));
  connect();
  await vi.waitFor(() => expect(connection.listenerCount('error')).toBeGreaterThan(0));
  connection.destroy(new Error('read ECONNRESET'));
  await vi.waitFor(() => {
    const answer = Buffer.concat(answers);
    expect(answer.includes(Buffer.from([0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3]))).toBe(true); // stream 3 is reset
    expect(answer.includes(Buffer.from([0, 0, 0, 1, 1, 0, 0, 0]))).toBe(true); // stream 1 ends
  });
  expect(Buffer.concat(answers).toString('latin1')).not.toContain('ECONNRESET');
});

const dataFrame = (id: number, data: Buffer | string): Buffer => {
  const head = Buffer.from([0, 0, 0, id, 0, 0, 0, 0]);
  head.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([head, Buffer.from(data)]);
};

/** A client that opens a connection to each of the first ports, whose data streams are 3, 7, 11 ..., and what it is sent. */
function forward(withOthersMs: number, aloneMs: number, connections: Readonly<Record<string, Duplex>>, opened = 2) {
  const [client, carrier] = duplexPair();
  const streams = { portForward: async (_pod: Pod, port: number) => connections[port] };
  forwardOverSpdy(carrier, { pod: {} as Pod, streams } as unknown as PodTarget, silentLogger, {
    withOthersMs,
    aloneMs,
  });
  const headers = new HeaderWriter();
  const ports = Object.keys(connections).slice(0, opened);
  ports.forEach((port, index) => {
    client.write(frame(4 * index + 1, 'error', headers, port));
    client.write(frame(4 * index + 3, 'data', headers, port));
  });
  const answers: Buffer[] = [];
  client.on('data', (chunk: Buffer) => answers.push(chunk));
  return { client, headers, answer: () => Buffer.concat(answers) };
}

const LONG_MS = 1_000_000;

/** More than waits in one stream: what comes after it waits for the pod. */
const much = Array.from({ length: 20 }, () => dataFrame(3, Buffer.alloc(32 * 1024, 'x')));

test('P7 a connection that nobody in the pod reads does not hold up the others for ever', async () => {
  const deaf = new Duplex({ read() {}, write() {} });
  const { client, answer } = forward(50, LONG_MS, { 80: deaf, 81: new PassThrough() });
  client.write(Buffer.concat([...much, dataFrame(7, 'a word')]));
  await vi.waitFor(() => expect(answer().toString('latin1')).toContain('a word'));
  expect(deaf.destroyed).toBe(true);
  expect(answer().includes(Buffer.from([0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3]))).toBe(true); // stream 3 is reset
  client.write(dataFrame(7, 'another'));
  await vi.waitFor(() => expect(answer().toString('latin1')).toContain('another'));
});

test('P7 nor those that are opened while everything waits for it', async () => {
  const deaf = new Duplex({ read() {}, write() {} });
  const { client, answer, headers } = forward(LONG_MS, 50, { 80: deaf, 81: new PassThrough() }, 1);
  client.write(Buffer.concat([...much, frame(5, 'error', headers, '81'), frame(7, 'data', headers, '81')]));
  client.write(dataFrame(7, 'a word'));
  await vi.waitFor(() => expect(answer().toString('latin1')).toContain('a word'));
  expect(deaf.destroyed).toBe(true);
});

test('P7 a connection that has the session to itself has more time', async () => {
  let sizeBytes = 0;
  let go: () => void = () => {};
  const reads = new Promise<void>((resolve) => {
    go = resolve;
  });
  const late = new Duplex({
    read() {},
    write: (chunk: Buffer, _encoding, done) => {
      sizeBytes += chunk.length;
      void reads.then(() => done());
    },
  });
  const { client } = forward(1, LONG_MS, { 80: late });
  client.write(Buffer.concat(much));
  await vi.waitFor(() => expect(sizeBytes).toBeGreaterThan(0));
  // Longer than others would have to wait.
  await new Promise<void>((resolve) => setTimeout(resolve, 20));
  go();
  await vi.waitFor(() => expect(sizeBytes).toBe(20 * 32 * 1024));
});

test('P7 a connection that is read only now and then is not cut for the others', async () => {
  let sizeBytes = 0;
  const slow = new Duplex({
    writableHighWaterMark: 1,
    read() {},
    write: (chunk: Buffer, _encoding, done) => {
      sizeBytes += chunk.length;
      setTimeout(done, 5);
    },
  });
  const { client, answer } = forward(LONG_MS, LONG_MS, { 80: slow, 81: new PassThrough() });
  client.write(Buffer.concat([...much, dataFrame(7, 'a word')]));
  await vi.waitFor(() => expect(answer().toString('latin1')).toContain('a word'));
  await vi.waitFor(() => expect(sizeBytes).toBe(20 * 32 * 1024));
  expect(slow.destroyed).toBe(false);
});
