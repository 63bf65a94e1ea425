import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';

import type { ApiError } from '../../src/api/errors.ts';
import { startTestServer, type TestServer } from '../support/api-server.ts';
import { echoServer, processStreams } from '../support/process-streams.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ streams: () => processStreams() });
  const spec = { nodeName: 'node-0', containers: [{ name: 'main', image: 'x' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec };
  await server.admin.request('POST', pods, { body: JSON.stringify(pod) });
});
afterAll(() => server.close());

const send = (method: string, path: string, body: object) =>
  server.admin.request(method, path, { body: JSON.stringify(body) });
const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

/** As a browser does it, which cannot send headers: the token is one of the protocols. */
function browser(path: string, protocol = 'base64.binary.k8s.io', token = server.pki.adminToken): WebSocket {
  const bearer = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
  const ca = server.pki.authorityCertificate;
  return new WebSocket(`${server.server.url.replace('https', 'wss')}${path}`, [bearer, protocol], { ca });
}

/** What comes, in order. */
function messagesOf(socket: WebSocket): () => Promise<string> {
  const come: string[] = [];
  let tell = (): void => {};
  socket.on('message', (message) => {
    come.push(message.toString());
    tell();
  });
  return async () => {
    while (come.length === 0) {
      await new Promise<void>((resolve) => {
        tell = resolve;
      });
    }
    return come.shift() as string;
  };
}

describe('a browser', () => {
  test('watches over a WebSocket: each event is a message', async () => {
    const socket = browser(`${configMaps}?watch=1&fieldSelector=metadata.name%3Dseen`);
    const next = messagesOf(socket);
    await once(socket, 'open');
    expect(socket.protocol).toBe('base64.binary.k8s.io');
    await send('POST', configMaps, configMap('seen'));
    expect(JSON.parse(await next())).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'seen' } } });
    await server.admin.request('DELETE', `${configMaps}/seen`);
    expect(JSON.parse(await next())).toMatchObject({ type: 'DELETED' });
    socket.close();
    await once(socket, 'close');
  });

  test('is told when its watch is over, and why', async () => {
    const list = await server.admin.request('GET', configMaps);
    const { resourceVersion } = JSON.parse(list.body.toString()).metadata;
    await send('POST', configMaps, configMap('later'));
    await server.store.compact(server.store.revision);
    const socket = browser(`${configMaps}?watch=1&resourceVersion=${resourceVersion - 1}`);
    const next = messagesOf(socket);
    const closed = once(socket, 'close');
    expect(JSON.parse(await next())).toMatchObject({ type: 'ERROR', object: { code: 410 } });
    expect((await closed)[0]).toBe(1000);

    const short = browser(`${configMaps}?watch=1&timeoutSeconds=1`);
    expect((await once(short, 'close'))[0]).toBe(1000);
  });

  test.each([
    ['with a wrong token', () => browser(`${configMaps}?watch=1`, 'x', 'wrong'), 401],
    ['of a kind there is not', () => browser('/apis/none/v1/things?watch=1'), 404],
    ['with wrong options', () => browser(`${configMaps}?watch=1&sendInitialEvents=true`), 422],
    ['that is none', () => browser(configMaps), 400],
  ])('is refused before anything is opened: a watch %s', async (_, open, code) => {
    const socket = open();
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(code);
    response.destroy();
  });

  test('P7 reads a log over a WebSocket, as base64 or as it is', async () => {
    const read = async (protocol: string): Promise<string> => {
      const socket = browser(`${pods}/p/log?tailLines=2`, protocol);
      const next = messagesOf(socket);
      const closed = once(socket, 'close');
      const text = await next();
      expect((await closed)[0]).toBe(1000);
      return text;
    };
    expect(Buffer.from(await read('base64.binary.k8s.io'), 'base64').toString()).toBe('two\nthree\n');
    expect(await read('binary.k8s.io')).toBe('two\nthree\n');
  });
});

describe('P7 a terminal in a dashboard', () => {
  /** The channels and texts of the messages of a command that reads a line, says it, and ends with `code`. */
  const converse = async (protocol: string, code: number): Promise<readonly (readonly [number, string])[]> => {
    const isText = protocol.includes('base64');
    const script = encodeURIComponent(`read line; echo "got $line"; exit ${code}`);
    const path = `${pods}/p/exec?command=sh&command=-c&command=${script}&stdin=1&stdout=1&stderr=1`;
    const socket = protocol === '' ? plain(path) : browser(path, protocol);
    const come: (readonly [number, string])[] = [];
    socket.on('message', (message, isBinary) => {
      expect(isBinary).toBe(!isText);
      const bytes = Buffer.from(message.toString('latin1'), 'latin1');
      const rest = isText ? Buffer.from(bytes.toString().slice(1), 'base64') : bytes.subarray(1);
      const channel = (bytes[0] as number) - (isText ? 48 : 0);
      // The first message comes before anything was written.
      if (come.length === 0) socket.send(isText ? `0${Buffer.from('yes\n').toString('base64')}` : '\0yes\n');
      come.push([channel, rest.toString()]);
    });
    const [closed] = await once(socket, 'close');
    expect(closed).toBe(1000);
    expect(socket.protocol).toBe(protocol);
    return come;
  };
  const plain = (path: string): WebSocket => {
    const headers = { authorization: `Bearer ${server.pki.adminToken}` };
    const ca = server.pki.authorityCertificate;
    return new WebSocket(`${server.server.url.replace('https', 'wss')}${path}`, { ca, headers });
  };

  test.each(['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'])('%s', async (protocol) => {
    const [first, second, [channel, status] = [0, '']] = await converse(protocol, 3);
    expect([first, second, channel]).toEqual([[1, ''], [1, 'got yes\n'], 3]);
    expect(JSON.parse(status)).toMatchObject({ reason: 'NonZeroExitCode', details: { causes: [{ message: '3' }] } });
  });

  test.each(['channel.k8s.io', 'base64.channel.k8s.io', ''])('in the old protocol "%s"', async (protocol) => {
    const output = [
      [1, ''],
      [1, 'got yes\n'],
    ];
    expect(await converse(protocol, 0)).toEqual(output);
    const failed = [3, 'command terminated with non-zero exit code: exit status 3'];
    expect(await converse(protocol, 3)).toEqual([...output, failed]);
  });

  test('in a protocol there is not is refused', async () => {
    const socket = browser(`${pods}/p/exec?command=sh&stdout=1`, 'v9.channel.k8s.io');
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(400);
    response.destroy();
  });

  test('forwards a port as text', async () => {
    const echo = await echoServer();
    const socket = browser(`${pods}/p/portforward?ports=${echo.port}`, 'v4.base64.channel.k8s.io');
    const next = messagesOf(socket);
    const number = Buffer.alloc(2);
    number.writeUInt16LE(echo.port);
    expect([await next(), await next()]).toEqual([0, 1].map((channel) => `${channel}${number.toString('base64')}`));
    socket.send(`0${Buffer.from('hello').toString('base64')}`);
    expect(await next()).toBe(`0${Buffer.from('hello').toString('base64')}`);
    socket.close();
    await once(socket, 'close');
    echo.close();
  });
});

describe("Python's client writes True", () => {
  test('P7 and gets the output of a command', async () => {
    const socket = browser(
      `${pods}/p/exec?command=echo&command=hi&stdout=True&stderr=True&tty=False`,
      'v4.channel.k8s.io',
    );
    const next = messagesOf(socket);
    let message = await next();
    // The first byte is the channel; empty messages open each.
    while (message.length === 1) message = await next();
    expect(message).toBe('\u0001hi\n');
    await once(socket, 'close');
  });

  test('P7 and follows a log', async () => {
    const { body } = await server.admin.request('GET', `${pods}/p/log?follow=True&tailLines=1&previous=False`);
    expect(body.toString()).toBe('three\nlater\n');
  });
});

describe('P7 the options of a log', () => {
  test.each([
    ['tailLines=2&stream=All', 200],
    ['sinceTime=2020-01-01T00:00:00Z', 200],
    ['tailLines=-1', 422],
    ['limitBytes=0', 422],
    ['sinceSeconds=0', 422],
    ['sinceSeconds=1&sinceTime=2020-01-01T00:00:00Z', 422],
    ['stream=Stdout', 422],
    ['tailLines=two', 400],
    ['sinceTime=noon', 400],
    ['container=none', 400],
  ])('%s: %i', async (query, code) => {
    const status = await server.admin.request('GET', `${pods}/p/log?${query}`).then(
      (answer) => answer.status,
      (error: ApiError) => error.status.code,
    );
    expect(status).toBe(code);
  });
});
