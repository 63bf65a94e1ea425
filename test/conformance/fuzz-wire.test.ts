import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startLoggedServer, type TestServer } from '../support/api-server.ts';
import { processStreams } from '../support/process-streams.ts';

const pods = '/api/v1/namespaces/default/pods';
const configMaps = '/api/v1/namespaces/default/configmaps';
const runs = (count: number): number => Math.ceil((count * Number(process.env.BERTH_FUZZ_RUNS ?? 600)) / 600);

let server: TestServer;
let revision: number;
let logged: readonly string[];
beforeAll(async () => {
  const streams = processStreams();
  ({ server, logged } = await startLoggedServer({ streams: () => streams }));
  const pod = { metadata: { name: 'p' }, spec: { nodeName: 'node-0', containers: [{ name: 'main', image: 'x' }] } };
  await server.admin.request('POST', pods, { body: JSON.stringify(pod) });
  const running = { status: { phase: 'Running' } };
  const contentType = 'application/merge-patch+json';
  await server.admin.request('PATCH', `${pods}/p/status`, { body: JSON.stringify(running), contentType });
});
afterAll(() => server.close());

/** A connection; `closed` resolves however it ends. */
async function dial(): Promise<{ readonly socket: TLSSocket; readonly closed: Promise<void> }> {
  const socket = connect({ port: server.server.port, host: '127.0.0.1', ca: server.pki.authorityCertificate });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'secureConnect');
  // What is garbled may be answered with a reset.
  socket.on('error', () => {});
  return { socket, closed };
}

/** What comes back, until `enough` of it has come, or the other side has closed. */
function answer(socket: TLSSocket, enough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (enough(text)) done();
    };
    const done = (): void => {
      socket.off('data', take);
      resolve(text);
    };
    socket.on('data', take);
    socket.once('close', done);
  });
}
const hasHead = (text: string): boolean => text.includes('\r\n\r\n');
const codeOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
const credentials = (): string => `Host: x\r\nAuthorization: Bearer ${server.pki.adminToken}\r\n`;

async function isWell(): Promise<void> {
  expect((await server.admin.request('GET', '/readyz')).status).toBe(200);
  expect(logged).toEqual([]);
}

const piece = fc.constantFrom(
  ...['api', 'apis', 'v1', 'apps', 'namespaces', 'default', 'pods', 'configmaps', 'kv', 'status', 'log', 'exec', ''],
  ...[
    '..',
    '%2e%2e',
    '%2F',
    '%252f',
    '%00',
    '%ff',
    '%zz',
    '%',
    ';a=b',
    '\\',
    '*',
    '+',
    '~',
    '__proto__',
    'constructor',
  ],
  ...['healthz', 'readyz', 'openapi', 'v2', 'v3', 'metrics', 'version', 'x'.repeat(4_000)],
);
const path = fc.oneof(
  { weight: 2, arbitrary: fc.array(piece, { maxLength: 7 }).map((pieces) => `/${pieces.join('/')}`) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      ...['/', '/api', '/apis', '/version', '/readyz', '/metrics', '/openapi/v3', '/api/v1/nodes', `${pods}/p/log`],
      ...[pods, `${pods}/p`, `${pods}/p/status`, configMaps, `${configMaps}/none`, '/apis/apps/v1/statefulsets'],
    ),
  },
);
const name = fc.constantFrom(
  ...['watch', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'sendInitialEvents', 'labelSelector'],
  ...[
    'fieldSelector',
    'timeoutSeconds',
    'dryRun',
    'follow',
    'tailLines',
    'sinceTime',
    'container',
    'command',
    'exclude',
  ],
  ...['includeObject', 'fieldManager', 'verbose', '', '%zz', '__proto__'],
);
const value = fc.constantFrom(
  ...['', '1', '-1', '0', 'true', 'false', 'All', 'a=b', 'a in (', '!a,', '%', '%00', '%ff', '1e309', '9'.repeat(40)],
  ...['eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ', 'NotOlderThan', 'Exact', '2026-13-45T99:99:99Z', 'x'.repeat(2_000)],
);
const query = fc
  .array(fc.tuple(name, value), { maxLength: 3 })
  .map((pairs) => pairs.map(([key, each]) => `${key}=${each.replaceAll(' ', '%20')}`).join('&'));
const header = fc.oneof(
  fc.tuple(
    fc.constant('Accept'),
    fc.constantFrom(
      'application/json;as=Table;v=v9;g=x',
      'application/json;q=x',
      ',;,=',
      '*/*;q=0',
      'application/vnd.kubernetes.protobuf',
      'application/vnd.kubernetes.protobuf,application/json',
      'application/yaml;as=Table;g=meta.k8s.io;v=v1',
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
      'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
      'a'.repeat(9_000),
    ),
  ),
  fc.tuple(
    fc.constant('Content-Type'),
    fc.constantFrom(
      'application/vnd.kubernetes.protobuf',
      'application/apply-patch+yaml',
      ';',
      '/',
      'application/cbor',
    ),
  ),
  fc.tuple(fc.constant('Impersonate-User'), fc.constantFrom('', 'ann', 'system:admin', '\u00ff')),
  fc.tuple(fc.constant('Impersonate-Group'), fc.constantFrom('', 'system:masters')),
  fc.tuple(fc.constant('Authorization'), fc.constantFrom('Bearer', 'Bearer a.b.c', 'Basic x', 'Bearer e30.e30.e30')),
  fc.tuple(fc.constant('If-None-Match'), fc.constantFrom('*', '"x"', '')),
  fc.tuple(fc.constant('Expect'), fc.constantFrom('100-continue', 'x')),
  fc.tuple(fc.constant('User-Agent'), fc.constantFrom('', '/', 'x'.repeat(500), '\u00ff\u00fe')),
  fc.tuple(fc.constant('Upgrade'), fc.constantFrom('websocket', 'h2c', 'SPDY/3.1')),
  fc.tuple(fc.constant('Connection'), fc.constantFrom('Upgrade', 'close', 'x')),
  fc.tuple(fc.constant('Content-Length'), fc.constantFrom('0', '5', '-1', '1e3', '99999999999', '5, 6')),
  fc.tuple(fc.constant('Transfer-Encoding'), fc.constantFrom('chunked', 'gzip', 'chunked, chunked')),
);
const wild = fc.record({
  method: fc.constantFrom(
    'GET',
    'GET',
    'GET',
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'M-SEARCH',
  ),
  path,
  query,
  headers: fc.array(header, { maxLength: 2 }),
  body: fc.constantFrom('', '', '', '{}', '5\r\nhello\r\n0\r\n\r\n', 'zz\r\n', '{"kind":"DeleteOptions"}', 'k8s\u0000'),
});

describe('V5 whatever comes over a connection', () => {
  test('as a request is answered or cut, never with a fault of ours', async () => {
    const codes = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(wild, async ({ method, path, query, headers, body }) => {
        const { socket } = await dial();
        const own = headers.some(([key]) => key === 'Authorization') ? 'Host: x\r\n' : credentials();
        const lines = headers.map(([key, text]) => `${key}: ${text}\r\n`).join('');
        const text = answer(socket, hasHead);
        // The end of what we say: a server that waits for a body that was promised learns that none will come.
        socket.end(Buffer.from(`${method} ${path}?${query} HTTP/1.1\r\n${own}${lines}\r\n${body}`, 'latin1'));
        const code = codeOf(await text);
        socket.destroy();
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect(code < 500 || code === 504, `${code} for ${method} ${path}?${query}`).toBe(true);
      }),
      { numRuns: runs(300) },
    );
    // It is no test when everything is refused for the same reason.
    for (const code of [200, 400]) expect(codes.get(code) ?? 0, `answers of ${code}`).toBeGreaterThan(0);
    await isWell();
  });

  test.each([
    ['half a head', 'GET /api HTTP/1.1\r\nHost'],
    ['less than it promised', 'POST CM HTTP/1.1\r\nCRContent-Length: 500\r\n\r\n{"kind":'],
    ['a chunk that has no end', 'POST CM HTTP/1.1\r\nCRTransfer-Encoding: chunked\r\n\r\nffff\r\n{"kind":'],
    ['chunks of no length', 'POST CM HTTP/1.1\r\nCRTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['two lengths', 'POST CM HTTP/1.1\r\nCRContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}'],
    ['more than it promised', 'POST CM HTTP/1.1\r\nCRContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\n\r\n'],
  ])('and stops after %s changes nothing', async (_what, text) => {
    revision = server.store.revision;
    const { socket, closed } = await dial();
    socket.resume();
    socket.end(text.replace('CM', configMaps).replace('CR', credentials()));
    await closed;
    expect(server.store.revision).toBe(revision);
    await isWell();
  });

  const mask = Buffer.from([1, 2, 3, 4]);
  const frame = (opcode: number, payload: Buffer): Buffer => {
    const head = Buffer.from([0x80 | opcode, 0x80 | Math.min(payload.length, 125)]);
    const masked = payload.subarray(0, 125).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    return Buffer.concat([head, mask, masked]);
  };
  const bytes = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array));
  const webSocketPiece = fc.oneof(
    bytes,
    fc.tuple(fc.integer({ min: 0, max: 15 }), bytes).map(([opcode, payload]) => frame(opcode, payload)),
    // Messages of channels: input, sizes, and the end of one, in any order.
    fc
      .tuple(fc.constantFrom(0, 1, 4, 255), bytes)
      .map(([channel, payload]) => frame(2, Buffer.concat([Buffer.from([channel]), payload]))),
    fc.constantFrom(frame(2, Buffer.from([255, 0])), frame(2, Buffer.from([0, 65])), frame(2, Buffer.alloc(0))),
  );
  const spdyControl = (type: number, flags: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt8(flags, 4);
    head.writeUIntBE(payload.length, 5, 3);
    return Buffer.concat([head, payload]);
  };
  const spdyPiece = fc.oneof(
    bytes,
    fc
      .tuple(fc.integer({ min: 0, max: 12 }), fc.constantFrom(0, 1, 255), bytes)
      .map(([type, flags, payload]) => spdyControl(type, flags, payload)),
    fc.constant(Buffer.from([0, 0, 0, 1, 1, 0, 0, 2, 65, 66])),
    fc.constant(Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])),
  );

  test.each([
    [
      'a WebSocket',
      webSocketPiece,
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n`,
    ],
    ['SPDY', spdyPiece, 'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io, portforward.k8s.io\r\n'],
  ])('as %s that is none ends that connection only', async (_what, pieces, headers) => {
    const route = fc.constantFrom(
      'exec?command=cat&stdin=1&stdout=1&stderr=1',
      'exec?command=cat&stdin=1&stdout=1&tty=1',
      'attach?stdin=1&stdout=1',
      'portforward?ports=1',
    );
    await fc.assert(
      fc.asyncProperty(route, fc.array(pieces, { maxLength: 6 }), fc.boolean(), async (route, sent, half) => {
        const { socket, closed } = await dial();
        const head = answer(socket, hasHead);
        const request = `GET ${pods}/p/${route} HTTP/1.1\r\n${credentials()}Connection: Upgrade\r\n${headers}\r\n`;
        // Some come before the answer, as from a client that does not wait.
        socket.write(Buffer.concat([Buffer.from(request), ...(half ? sent : [])]));
        expect(codeOf(await head)).toBeLessThan(500);
        if (!half) socket.write(Buffer.concat(sent));
        socket.resume();
        socket.end();
        // What was read of it was well-formed, and the command goes on.
        setTimeout(() => socket.destroy(), 50).unref();
        await closed;
      }),
      { numRuns: runs(60) },
    );
    await isWell();
  });
});
