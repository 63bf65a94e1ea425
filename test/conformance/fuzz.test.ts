import { once } from 'node:events';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import { builtInTypes } from '../../src/api/kinds.ts';
import { collectionPath } from '../../src/client/http-client.ts';
import { startLoggedServer, type TestServer } from '../support/api-server.ts';

let server: TestServer;
let logged: readonly string[];
beforeAll(async () => {
  ({ server, logged } = await startLoggedServer());
});
afterAll(() => server.close());

const word = fc.constantFrom(
  'a',
  'default',
  'kubernetes',
  '',
  '%',
  '%2f',
  '..',
  'A_B',
  'x'.repeat(300),
  '💥',
  'status',
  'scale',
  'log',
  'exec',
);
const path = fc.oneof(
  fc
    .tuple(fc.constantFrom(...builtInTypes), fc.option(word), fc.array(word, { maxLength: 3 }))
    .map(([type, namespace, rest]) => [collectionPath(type, namespace ?? undefined), ...rest.map(segment)].join('/')),
  fc.array(word, { maxLength: 6 }).map((words) => `/${words.map(segment).join('/')}`),
  fc.array(word, { maxLength: 5 }).map((words) => `/api/v1/${words.map(segment).join('/')}`),
);
const segment = (text: string): string => (text.startsWith('%') ? text : encodeURIComponent(text));
const query = fc.dictionary(
  fc.constantFrom(
    'limit',
    'continue',
    'labelSelector',
    'fieldSelector',
    'resourceVersion',
    'resourceVersionMatch',
    'dryRun',
    'fieldManager',
    'fieldValidation',
    'force',
    'gracePeriodSeconds',
    'propagationPolicy',
    'timeoutSeconds',
    'container',
    'command',
  ),
  fc.oneof(
    word,
    fc.constantFrom('1', '-1', 'true', 'All', 'a=b', 'a in (b', '!', '==', '0', '99999999999999999999', 'Exact'),
  ),
  { maxKeys: 3 },
);
const object = (leaf: fc.Arbitrary<unknown>) =>
  fc.record(
    {
      apiVersion: fc.oneof(fc.constantFrom('v1', 'apps/v1'), leaf),
      kind: fc.oneof(fc.constantFrom('Pod', 'ConfigMap', 'StatefulSet', 'Scale', 'DeleteOptions'), leaf),
      metadata: fc.oneof(
        leaf,
        fc.record(
          {
            name: leaf,
            namespace: leaf,
            labels: leaf,
            annotations: leaf,
            finalizers: leaf,
            ownerReferences: leaf,
            generateName: leaf,
            resourceVersion: leaf,
            uid: leaf,
            managedFields: leaf,
          },
          { requiredKeys: [] },
        ),
      ),
      spec: fc.oneof(
        leaf,
        fc.dictionary(
          fc.constantFrom('replicas', 'template', 'containers', 'selector', 'volumes', 'ports', 'serviceName', 'rules'),
          leaf,
        ),
      ),
      status: leaf,
      data: leaf,
    },
    { requiredKeys: [] },
  );
const leaf = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, '__proto__', 'constructor', 1e308, -0, [], {}, [null], ''),
);
const body = fc.oneof(
  object(leaf).map((value) => JSON.stringify(value)),
  leaf.map((value) => JSON.stringify(value)),
  fc
    .array(
      fc.record({
        op: fc.constantFrom('add', 'remove', 'replace', 'test', 'move', 'x'),
        path: fc.constantFrom('/metadata/name', '/spec', '/__proto__/x', '', '/a/-'),
        value: leaf,
      }),
      { maxLength: 3 },
    )
    .map((value) => JSON.stringify(value)),
  fc.string({ maxLength: 100 }),
  fc.constantFrom(
    '{"a":',
    '\u0000',
    '---\na: &a [*a]',
    `${'['.repeat(5000)}${']'.repeat(5000)}`,
    '{"__proto__":{"polluted":true}}',
  ),
);
const contentType = fc.constantFrom(
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'text/plain',
  'application/json; charset=x',
  ';;;',
);
const accept = fc.constantFrom(
  'application/json',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/yaml',
  'application/json;as=Table;g=meta.k8s.io;v=v1',
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  '*/*',
  'x',
);
const wild = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'),
  path,
  query,
  body,
  contentType,
  accept,
});

/** Requests that would be right but for one thing. */
const containers = [{ name: 'a', image: 'b', ports: [{ containerPort: 80 }] }];
const right: readonly (readonly [path: string, object: Record<string, unknown>])[] = [
  ['/api/v1/namespaces/default/configmaps', { data: { a: 'b' } }],
  ['/api/v1/namespaces/default/pods', { spec: { containers } }],
  ['/api/v1/namespaces/default/services', { spec: { ports: [{ port: 80 }], selector: { a: 'b' } } }],
  [
    '/apis/apps/v1/namespaces/default/statefulsets',
    {
      spec: {
        serviceName: 's',
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers } },
      },
    },
  ],
];
const nearly = fc
  .record({
    which: fc.constantFrom(...right),
    name: fc.constantFrom('n-0', 'n-1', 'n-2', 'N', ''),
    depth: fc.integer({ min: 0, max: 6 }),
    pick: fc.nat(),
    value: fc.option(leaf, { freq: 2 }),
    method: fc.constantFrom('POST', 'POST', 'PUT', 'PATCH', 'DELETE'),
    query,
    accept,
  })
  .map(({ which: [collection, object], name, depth, pick, value, method, query, accept }) => {
    const whole: Record<string, unknown> = structuredClone({ metadata: { name }, ...object });
    if (value !== null) spoil(whole, depth, pick, value);
    return {
      method,
      path: method === 'POST' ? collection : `${collection}/${name}`,
      query,
      body: method === 'DELETE' ? '' : JSON.stringify(whole),
      contentType: method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json',
      accept,
    };
  });

/** Puts `value` somewhere into an object, at most `depth` steps down. */
function spoil(object: Record<string, unknown>, depth: number, pick: number, value: unknown): void {
  const keys = Object.keys(object);
  const key = keys[pick % keys.length];
  const inner = key === undefined ? undefined : object[key];
  if (depth > 0 && typeof inner === 'object' && inner !== null) {
    spoil(inner as Record<string, unknown>, depth - 1, pick >> 2, value);
  } else if (key !== undefined) {
    object[key] = value;
  }
}

const request = fc.oneof(wild, nearly);

describe('V5 whatever is sent', () => {
  test('is answered, never with a fault of ours, and changes nothing unless it says so', async () => {
    const codes = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, query, body, contentType, accept }) => {
        const before = server.store.revision;
        let code: number;
        try {
          const withBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
          const answer = await server.admin.request(method, path, {
            query,
            headers: { accept },
            ...(withBody && { body, contentType }),
          });
          code = answer.status;
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          code = error.code;
          expect(server.store.revision).toBe(before);
        }
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect(code, logged.join('\n')).not.toBe(500);
      }),
      { numRuns: Number(process.env.BERTH_FUZZ_RUNS ?? 600) },
    );
    // It is no test when everything is refused for the same reason.
    for (const code of [200, 201, 400, 404, 405, 415, 422])
      expect(codes.get(code) ?? 0, `answers of ${code}`).toBeGreaterThan(0);
    expect(logged).toEqual([]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('bytes that are not HTTP end their own connection only', async () => {
    for (const garbage of [
      '\u0000\u0001\u0002',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /api HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
      `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(5_000)}\r\n`,
    ]) {
      const socket = connect({ port: server.server.port, host: '127.0.0.1', ca: server.pki.authorityCertificate });
      await once(socket, 'secureConnect');
      socket.on('error', () => {});
      socket.write(garbage);
      socket.resume();
      await once(socket, 'close');
    }
    expect((await server.admin.request('GET', '/readyz')).status).toBe(200);
  });
});
