import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import type { HttpConnection } from '../../src/client/http-connection.ts';
import { failure, startTestServer, type TestServer } from '../support/api-server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const CONNECTIONS = 8;
const WATCHES = 3;
const IN_FLIGHT = 2;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    limits: { connections: CONNECTIONS, watches: WATCHES, inFlight: IN_FLIGHT, streams: 0 },
  });
});
afterAll(() => server.close());

const watch = (connection: HttpConnection, resourceVersion: string): Promise<Readable> =>
  connection.stream('GET', configMaps, { query: { watch: 1, resourceVersion } });

describe('past a limit there is a clear answer:', () => {
  test('one watch too many is asked to come back later, and may when another has gone', async () => {
    const watches: Readable[] = [];
    for (let count = 0; count < WATCHES; count++) watches.push(await watch(server.admin, '0'));
    const status = await failure(watch(server.admin, '0'));
    expect(status).toMatchObject({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 5 } });
    expect(status.message).toContain(`too many watches are open (${WATCHES})`);
    for (const stream of watches) stream.destroy();
    await expect
      .poll(() =>
        watch(server.admin, '0').then(
          (stream) => stream.destroy() !== undefined,
          () => false,
        ),
      )
      .toBe(true);
  });

  test('one request too many is asked to come back, while watches go on, and may when another has ended', async () => {
    const body = JSON.stringify({ metadata: { name: 'slow' } });
    const head = `POST ${configMaps}?dryRun=All HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.pki.adminToken}\r\nContent-Length: ${body.length}\r\n\r\n`;
    const slow = await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        const socket = connectTls({ port: server.server.port, host: '127.0.0.1', rejectUnauthorized: false });
        await once(socket, 'secureConnect');
        // All but the end of the body: the request is under way until it comes.
        socket.write(head + body.slice(0, -1));
        return socket;
      }),
    );
    const get = () => server.admin.request('GET', configMaps);
    const answered = await expect
      .poll(() =>
        get().then(
          () => undefined,
          (error: unknown) => error,
        ),
      )
      .toBeInstanceOf(ApiError)
      .then(() => failure(get()));
    expect(answered).toMatchObject({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } });
    (await watch(server.admin, '0')).destroy();
    for (const socket of slow) {
      socket.write(body.slice(-1));
      expect(String((await once(socket, 'data'))[0])).toContain('201 Created');
      socket.destroy();
    }
    expect((await get()).status).toBe(200);
  });

  test('one stream of a pod too many is asked to come back', async () => {
    const status = await failure(server.admin.request('GET', '/api/v1/namespaces/default/pods/none/log'));
    expect(status).toMatchObject({ code: 429, details: { retryAfterSeconds: 5 } });
  });

  test('one connection too many is closed, those there are go on, and there is room when one has gone', async () => {
    const open = async () => {
      const socket = connectTls({ port: server.server.port, host: '127.0.0.1', rejectUnauthorized: false });
      socket.on('error', () => {});
      const secured = await Promise.race([
        once(socket, 'secureConnect').then(() => true),
        once(socket, 'close').then(() => false),
      ]).catch(() => false);
      return { socket, secured };
    };
    const sockets = [];
    let refused = false;
    while (!refused && sockets.length <= CONNECTIONS) {
      const { socket, secured } = await open();
      if (secured) sockets.push(socket);
      else refused = true;
    }
    expect(refused).toBe(true);
    const [first] = sockets;
    first!.write(`GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.pki.adminToken}\r\n\r\n`);
    expect(String((await once(first!, 'data'))[0])).toContain('200 OK');
    for (const socket of sockets) socket.destroy();
    await expect
      .poll(async () => {
        const { socket, secured } = await open();
        socket.destroy();
        return secured;
      })
      .toBe(true);
  });
});
