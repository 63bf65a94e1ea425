import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpAnswer, HttpRequestOptions } from '../../src/client/http-connection.ts';
import { failure, startTestServer, type TestServer } from '../support/api-server.ts';
import { readLines } from '../support/lines.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** What client-go's typed clients send with every request. */
const CLIENT_GO = { accept: `${PROTOBUF},application/json` };
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ limits: { bodyBytes: 100_000, headerBytes: 16 * 1024 } });
});
afterAll(() => server.close());

const request = (method: string, path: string, options?: HttpRequestOptions): Promise<HttpAnswer> =>
  server.admin.request(method, path, options);
const json = (answer: HttpAnswer) => JSON.parse(answer.body.toString());
const send = (method: string, path: string, body: object, options: HttpRequestOptions = {}): Promise<HttpAnswer> =>
  request(method, path, { body: JSON.stringify(body), ...options });
const configMap = (name: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  ...more,
});

const labelled = (name: string): object => ({ metadata: { name, labels: { old: 'yes' } } });

/** Sends a body in pieces, without its length; gives the code of the answer. */
function sendUnannounced(body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = httpsRequest(`${server.server.url}${configMaps}`, {
      method: 'POST',
      ca: server.pki.authorityCertificate,
      headers: { authorization: `Bearer ${server.pki.adminToken}`, 'content-type': 'application/json' },
      agent: false,
    });
    sending.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on('error', reject);
    sending.write(body.slice(0, 1000));
    sending.end(body.slice(1000));
  });
}

describe('who asks', () => {
  test('nobody sees more than health and version', async () => {
    const nobody = server.connect({});
    for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
      expect((await nobody.request('GET', path)).status).toBe(200);
    }
    for (const path of ['/', '/api', '/apis', '/api/v1/pods', '/metrics', '/openapi/v2']) {
      expect(await failure(nobody.request('GET', path))).toMatchObject({ code: 401, reason: 'Unauthorized' });
    }
    nobody.close();
  });

  test('a wrong token is refused everywhere', async () => {
    const stranger = server.connect({ token: 'wrong' });
    expect(await failure(stranger.request('GET', '/healthz'))).toMatchObject({ code: 401 });
    expect(await failure(stranger.request('GET', configMaps))).toMatchObject({ code: 401 });
    stranger.close();
  });

  test('a client certificate of our authority names user and groups', async () => {
    const { certificate, key } = server.pki.issueClientCertificate({
      commonName: 'ops',
      organizations: ['system:masters'],
    });
    const ops = server.connect({ cert: certificate, key });
    expect((await ops.request('GET', configMaps)).status).toBe(200);
    ops.close();
  });

  test('a user without rights is told what is missing', async () => {
    const { certificate, key } = server.pki.issueClientCertificate({ commonName: 'guest' });
    const guest = server.connect({ cert: certificate, key });
    const status = await failure(guest.request('GET', configMaps));
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(status.message).toContain(
      'configmaps is forbidden: User "guest" cannot list resource "configmaps" in API group "" in the namespace "default"',
    );
    guest.close();
  });
});

describe('an answer', () => {
  test('is what is stored, byte for byte, whoever reads it', async () => {
    const created = await send('POST', configMaps, configMap('bytes', { data: { a: '1' } }));
    expect(created.status).toBe(201);
    const read = await request('GET', `${configMaps}/bytes`);
    expect(read.body.equals(created.body)).toBe(true);
    expect(read.headers['content-type']).toBe('application/json');
  });

  test('of a list holds items and the version of the whole', async () => {
    const { kind, apiVersion, metadata, items } = json(await request('GET', configMaps));
    expect({ kind, apiVersion }).toEqual({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(metadata.resourceVersion).toMatch(/^\d+$/);
    expect(items.length).toBeGreaterThan(0);
  });

  test('of a list comes in chunks when asked', async () => {
    for (const name of ['chunk-1', 'chunk-2', 'chunk-3']) {
      await send('POST', configMaps, configMap(name, { metadata: { name, labels: { chunk: 'yes' } } }));
    }
    const names: string[] = [];
    let next: string | undefined;
    do {
      const page = json(
        await request('GET', configMaps, { query: { labelSelector: 'chunk=yes', limit: 2, continue: next } }),
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      names.push(...page.items.map((item: { metadata: { name: string } }) => item.metadata.name));
      next = page.metadata.continue;
    } while (next);
    expect(names).toEqual(['chunk-1', 'chunk-2', 'chunk-3']);
  });

  test('of a list goes on with a token that is too old as the answer says: the rest, as it is now', async () => {
    for (const name of ['old-1', 'old-2', 'old-3']) await send('POST', configMaps, configMap(name, labelled(name)));
    const chunk = (more: object) =>
      request('GET', configMaps, { query: { labelSelector: 'old=yes', limit: 1, ...more } });
    const first = json(await chunk({}));
    await send('POST', configMaps, configMap('old-4', labelled('old-4')));
    await request('DELETE', `${configMaps}/old-2`);
    const consistent = json(await chunk({ continue: first.metadata.continue }));
    expect(consistent.items[0].metadata.name).toBe('old-2');
    expect(consistent.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await server.store.compact(server.store.revision);
    const { code, reason, metadata } = await failure(chunk({ continue: first.metadata.continue }));
    expect({ code, reason }).toEqual({ code: 410, reason: 'Expired' });
    const rest = json(await chunk({ continue: metadata?.continue, limit: 10 }));
    expect(rest.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['old-3', 'old-4']);
    expect(Number(rest.metadata.resourceVersion)).toBeGreaterThan(Number(first.metadata.resourceVersion));
  });

  test('can be YAML', async () => {
    const answer = await request('GET', `${configMaps}/bytes`, { headers: { accept: 'application/yaml' } });
    expect(answer.headers['content-type']).toBe('application/yaml');
    expect(answer.body.toString()).toContain('kind: ConfigMap\n');
  });

  test('can be a table, of one or of many', async () => {
    for (const path of [`${configMaps}/bytes`, configMaps]) {
      const answer = await request('GET', path, { headers: { accept: `${TABLE},application/json` } });
      expect(answer.headers['content-type']).toBe('application/json;as=Table;g=meta.k8s.io;v=v1');
      const table = json(answer);
      expect(table.kind).toBe('Table');
      expect(table.columnDefinitions.map((column: { name: string }) => column.name)).toEqual(['Name', 'Data', 'Age']);
      const row = table.rows.find((each: { cells: string[] }) => each.cells[0] === 'bytes');
      expect(row.cells[1]).toBe(1);
      expect(row.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'bytes' } });
      expect(row.object.data).toBeUndefined();
    }
  });

  test('of a table brings the objects along when asked', async () => {
    const table = json(
      await request('GET', `${configMaps}/bytes`, { headers: { accept: TABLE }, query: { includeObject: 'Object' } }),
    );
    expect(table.rows[0].object.data).toEqual({ a: '1' });
    const bare = json(
      await request('GET', `${configMaps}/bytes`, { headers: { accept: TABLE }, query: { includeObject: 'None' } }),
    );
    expect(bare.rows[0].object).toBeNull();
  });

  test('can be metadata only', async () => {
    const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
    const list = json(await request('GET', configMaps, { headers: { accept } }));
    expect(list).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' });
    expect(Object.keys(list.items[0])).toEqual(['kind', 'apiVersion', 'metadata']);
    const one = { accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' };
    const { name } = list.items[0].metadata;
    const partial = json(await request('GET', `${configMaps}/${name}`, { headers: one }));
    expect(partial).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name } });
    expect(Object.keys(partial)).toEqual(['kind', 'apiVersion', 'metadata']);
  });

  test('is JSON for a client that likes protobuf better, and 406 for one that takes nothing we have', async () => {
    const both = await request('GET', configMaps, {
      headers: { accept: 'application/vnd.kubernetes.protobuf, application/json' },
    });
    expect(both.headers['content-type']).toBe('application/json');
    const headers = { accept: 'text/html' };
    const status = await failure(request('GET', configMaps, { headers }));
    expect(status).toMatchObject({ code: 406, reason: 'NotAcceptable' });
    expect(await failure(send('POST', configMaps, configMap('unread'), { headers }))).toMatchObject({ code: 406 });
    expect(await failure(request('GET', `${configMaps}/unread`))).toMatchObject({ code: 404 });
  });
});

describe('V5 what cannot be read is refused', () => {
  test.each([
    ['broken JSON', '{"kind":', 400, 'BadRequest'],
    ['nothing', '', 400, 'BadRequest'],
    ['a list', '[]', 400, 'BadRequest'],
    ['a word', '"x"', 400, 'BadRequest'],
    ['another kind', JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } }), 400, 'BadRequest'],
    ['a wrong type', JSON.stringify(configMap('x', { data: { a: 1 } })), 400, 'BadRequest'],
    ['deep nesting', `{"data":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, 400, 'BadRequest'],
    ['no name', JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }), 422, 'Invalid'],
  ])('%s', async (_what, body, code, reason) => {
    expect(await failure(request('POST', configMaps, { body }))).toMatchObject({ code, reason, status: 'Failure' });
  });

  test('a body over the limit, announced or not', async () => {
    const body = JSON.stringify(configMap('big', { data: { a: 'x'.repeat(120_000) } }));
    expect(await failure(request('POST', configMaps, { body }))).toMatchObject({
      code: 413,
      reason: 'RequestEntityTooLarge',
    });
    expect(await sendUnannounced(body)).toBe(413);
    expect(await failure(request('GET', `${configMaps}/big`))).toMatchObject({ code: 404 });
  });

  test('a media type that is not known', async () => {
    expect(await failure(request('POST', configMaps, { body: '<a/>', contentType: 'text/xml' }))).toMatchObject({
      code: 415,
      reason: 'UnsupportedMediaType',
    });
    expect(await failure(send('PATCH', `${configMaps}/bytes`, {}, { contentType: 'application/json' }))).toMatchObject({
      code: 415,
    });
  });

  test('headers over the limit', async () => {
    const answer = request('GET', configMaps, { headers: { 'x-large': 'x'.repeat(20_000) } });
    expect(await failure(answer)).toMatchObject({ code: 431 });
  });

  test.each([
    ['fieldValidation=Maybe', 422],
    ['fieldValidation=strict', 422],
  ])('an option: %s', async (query, code) => {
    expect(await failure(send('POST', `${configMaps}?${query}`, configMap('option')))).toMatchObject({ code });
  });

  test.each([
    ['resourceVersionMatch=Exact', 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    ['resourceVersionMatch=Exact&resourceVersion=0', 'resourceVersionMatch "exact" is forbidden'],
    ['resourceVersionMatch=Exact&resourceVersion=1&continue=x', 'resourceVersionMatch is forbidden when continue'],
    ['resourceVersionMatch=Some&resourceVersion=1', 'Unsupported value: "Some"'],
    ['sendInitialEvents=true', 'sendInitialEvents is forbidden for list'],
    ['watch=1&sendInitialEvents=true', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'],
    ['watch=1&sendInitialEvents=true&resourceVersionMatch=Exact', 'supported values: "NotOlderThan"'],
    ['watch=1&resourceVersionMatch=NotOlderThan', 'forbidden for watch unless sendInitialEvents is provided'],
  ])('options of reading that contradict each other: %s', async (query, message) => {
    const status = await failure(request('GET', `${configMaps}?${query}`));
    expect(status).toMatchObject({
      code: 422,
      reason: 'Invalid',
      details: { group: 'meta.k8s.io', kind: 'ListOptions' },
    });
    expect(status.message).toContain('ListOptions.meta.k8s.io "" is invalid: ');
    expect(status.message).toContain(message);
  });

  test.each([
    ['POST', 'dryRun=None', 'CreateOptions', 'dryRun: Unsupported value: ["None"]: supported values: "All"'],
    [
      'POST',
      `fieldManager=${'x'.repeat(129)}`,
      'CreateOptions',
      'fieldManager: Too long: may not be more than 128 bytes',
    ],
    ['PUT', 'fieldManager=a%00b', 'UpdateOptions', 'fieldManager: Invalid value: "a\\u0000b": should only contain'],
    ['PATCH', 'force=true', 'PatchOptions', 'force: Forbidden: may not be specified for non-apply patch'],
    ['DELETE', 'propagationPolicy=Sometimes', 'DeleteOptions', 'propagationPolicy: Unsupported value: "Sometimes"'],
    ['DELETE', 'propagationPolicy=Orphan&orphanDependents=true', 'DeleteOptions', 'cannot be both set'],
  ])('options of writing: %s ?%s', async (method, query, kind, message) => {
    const path = method === 'POST' ? configMaps : `${configMaps}/bytes`;
    const body = method === 'DELETE' ? {} : { body: JSON.stringify(configMap('bytes')) };
    const contentType = method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {};
    const status = await failure(request(method, `${path}?${query}`, { ...body, ...contentType }));
    expect(status).toMatchObject({ code: 422, details: { group: 'meta.k8s.io', kind } });
    expect(status.message).toContain(`${kind}.meta.k8s.io "" is invalid: `);
    expect(status.message).toContain(message);
  });

  test.each([
    ['no protobuf', '{"kind":"ConfigMap"}'],
    ['a kind that is not known', 'k8s\0\n\u000d\n\u0002v1\u0012\u0007Unicorn\u0012\u0000'],
    ['half of it', 'k8s\0\n\u00ff'],
  ])('a body that says it is protobuf and is %s', async (_what, body) => {
    const answer = request('POST', configMaps, { body, contentType: PROTOBUF, headers: CLIENT_GO });
    expect(await failure(answer)).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
  });

  test('protobuf, except from clients that also accept it, as those of client-go do', async () => {
    // runtime.Unknown: version and kind, and a ConfigMap with nothing but a name.
    const body = 'k8s\0\n\u000f\n\u0002v1\u0012\u0009ConfigMap\u0012\u0007\n\u0005\n\u0003p-0';
    // DeleteOptions of the core group with nothing in them.
    const options = 'k8s\0\n\u0013\n\u0002v1\u0012\u000dDeleteOptions\u0012\u0000';
    for (const accept of ['application/json', '*/*', 'application/yaml', `application/json, ${PROTOBUF};q=0`]) {
      const writes: readonly (readonly [string, string, string])[] = [
        ['POST', configMaps, body],
        ['PUT', `${configMaps}/p-0`, body],
        ['DELETE', `${configMaps}/p-0`, options],
        ['DELETE', configMaps, options],
        ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body],
      ];
      for (const [method, path, sent] of writes) {
        const answer = request(method, path, { body: sent, contentType: PROTOBUF, headers: { accept } });
        const status = await failure(answer);
        expect(status).toMatchObject({ kind: 'Status', code: 415, reason: 'UnsupportedMediaType' });
        expect(status.message).toContain('accepted media types include: application/json');
        expect(status.message).toContain('only from clients whose Accept names it too');
      }
    }
    expect(await failure(request('GET', `${configMaps}/p-0`))).toMatchObject({ code: 404 });
    for (const accept of [CLIENT_GO.accept, `${PROTOBUF}, */*`]) {
      const about = { contentType: PROTOBUF, headers: { accept } };
      const made = await request('POST', configMaps, { body, ...about });
      expect(made).toMatchObject({ status: 201, headers: { 'content-type': 'application/json' } });
      expect((await request('DELETE', `${configMaps}/p-0`, { body: options, ...about })).status).toBe(200);
    }
  });

  test.each([
    'limit=ten',
    'timeoutSeconds=x&watch=1',
    'resourceVersion=abc',
    'labelSelector=a==b==c',
    'includeObject=All',
  ])('an option of reading: %s', async (query) => {
    const status = await failure(request('GET', `${configMaps}?${query}`, { headers: { accept: TABLE } }));
    expect(status.code).toBe(400);
  });

  test('what is no resource, no method, no path', async () => {
    expect(await failure(request('GET', '/api/v1/unicorns'))).toMatchObject({ code: 404, reason: 'NotFound' });
    expect(await failure(request('GET', '/apis/apps/v2/statefulsets'))).toMatchObject({ code: 404 });
    expect(await failure(request('GET', '/nothing'))).toMatchObject({ code: 404 });
    expect(await failure(request('GET', `${configMaps}/bytes/unknown`))).toMatchObject({ code: 404 });
    expect(await failure(request('GET', '/api/v1/%zz'))).toMatchObject({ code: 400 });
    expect(await failure(request('GET', '/api/v1/namespaces/default/nodes'))).toMatchObject({ code: 404 });
    expect(await failure(request('GET', '/api/v1/configmaps/bytes'))).toMatchObject({ code: 404 });
    expect(await failure(send('POST', '/api/v1/configmaps', configMap('x')))).toMatchObject({ code: 405 });
    expect(await failure(request('DELETE', '/api/v1/configmaps'))).toMatchObject({ code: 405 });
    expect(await failure(request('DELETE', '/api/v1/namespaces'))).toMatchObject({ code: 405 });
    expect(await failure(send('PUT', configMaps, {}))).toMatchObject({ code: 405, reason: 'MethodNotAllowed' });
    expect(await failure(send('POST', `${configMaps}/bytes`, {}))).toMatchObject({ code: 405 });
  });
});

describe('V4 fields that are not known or given twice', () => {
  const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"v4"},"dta":{},"data":{"a":"1","a":"2"}}';

  test('are warned of', async () => {
    const answer = await request('POST', configMaps, { body, query: { dryRun: 'All', fieldValidation: 'Warn' } });
    expect(answer.headers.warning).toContain('299 - "unknown field \\"dta\\""');
    expect(answer.headers.warning).toContain('duplicate field \\"data.a\\"');
    expect(json(answer).data).toEqual({ a: '2' });
  });

  test('are ignored', async () => {
    const answer = await request('POST', configMaps, { body, query: { dryRun: 'All', fieldValidation: 'Ignore' } });
    expect(answer.headers.warning).toBeUndefined();
  });

  test('are looked for in patches too', async () => {
    const contentType = 'application/merge-patch+json';
    const twice = '{"data":{"a":"1","a":"2"}}';
    const query = { dryRun: 'All', fieldValidation: 'Strict' };
    const answer = request('PATCH', `${configMaps}/bytes`, { body: twice, contentType, query });
    expect((await failure(answer)).message).toContain('duplicate field "data.a"');
    const operations = '[{"op":"add","path":"/data/a","value":"1","value":"2"}]';
    const patched = request('PATCH', `${configMaps}/bytes`, {
      body: operations,
      contentType: 'application/json-patch+json',
      query,
    });
    expect((await failure(patched)).message).toContain('json patch duplicate field "[0].value"');
    const unknown = request('PATCH', `${configMaps}/bytes`, {
      body: '[{"op":"add","path":"/data/a","value":"1"},{"op":"test","path":"/data/a","value":"1","vlue":"2"}]',
      contentType: 'application/json-patch+json',
      query,
    });
    expect((await failure(unknown)).message).toContain('json patch unknown field "[1].vlue"');
  });

  test('are looked for in YAML too', async () => {
    const create = (fieldValidation: string) =>
      request('POST', configMaps, {
        body: 'metadata: {name: v4}\ndata:\n  a: "1"\n  "a": "2"\n',
        contentType: 'application/yaml',
        query: { dryRun: 'All', fieldValidation },
      });
    const warned = await create('Warn');
    expect(json(warned).data).toEqual({ a: '2' });
    expect(warned.headers.warning).toBe('299 - "line 4: key \\"a\\" already set in map"');
    expect((await create('Ignore')).headers.warning).toBeUndefined();
    expect((await failure(create('Strict'))).message).toContain('line 4: key "a" already set in map');
  });

  test('are refused', async () => {
    const strict = (text: string) =>
      failure(request('POST', configMaps, { body: text, query: { dryRun: 'All', fieldValidation: 'Strict' } }));
    expect((await strict(body)).message).toContain('strict decoding error: ');
    expect(await strict(body.replace(',"a":"2"', ''))).toMatchObject({ code: 400 });
    expect(await strict(body.replace('"dta":{},', ''))).toMatchObject({ code: 400 });
  });
});

describe('what is made', () => {
  const contentType = 'application/apply-patch+yaml';
  const apply = (name: string, query: string, data: object): Promise<HttpAnswer> =>
    send('PATCH', `${configMaps}/${name}?${query}`, data, { contentType });

  test('is answered with 201, also by an apply; what is changed with 200', async () => {
    const map = configMap('applied', { data: { a: '1' } });
    expect((await apply('applied', 'fieldManager=one&dryRun=All', map)).status).toBe(201);
    expect((await apply('applied', 'fieldManager=one', map)).status).toBe(201);
    expect((await apply('applied', 'fieldManager=one', map)).status).toBe(200);
    const lease = { metadata: { name: 'l', namespace: 'default' }, spec: {} };
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases/l';
    const made = await send('PUT', leases, lease);
    expect(made.status).toBe(201);
    expect((await send('PUT', leases, json(made))).status).toBe(200);
  });

  test('by an apply needs a manager, and says of what kind it is', async () => {
    expect(await failure(apply('unsaid', '', configMap('unsaid')))).toMatchObject({ code: 422 });
    expect(await failure(apply('unsaid', 'fieldManager=one', { metadata: { name: 'unsaid' } }))).toMatchObject({
      code: 400,
    });
    const old = { ...configMap('unsaid'), apiVersion: 'v1beta1' };
    expect(await failure(apply('unsaid', 'fieldManager=one', old))).toMatchObject({ code: 400 });
    expect(await failure(request('GET', `${configMaps}/unsaid`))).toMatchObject({ code: 404 });
  });

  test('in a dry run has no version', async () => {
    const { metadata } = json(await send('POST', `${configMaps}?dryRun=All`, configMap('tried')));
    expect(metadata).not.toHaveProperty('resourceVersion');
    expect(metadata.uid).toBeDefined();
  });
});

describe('S5 a scale', () => {
  const sets = '/apis/apps/v1/namespaces/default/statefulsets';
  const scale = (replicas: number): object => ({
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name: 'db' },
    spec: { replicas },
  });
  const managers = async () =>
    json(await request('GET', `${sets}/db`)).metadata.managedFields.map(
      ({ manager, operation, subresource }: Record<string, string>) => [manager, operation, subresource],
    );
  beforeAll(async () => {
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'a', image: 'b' }] } };
    await send('POST', `${sets}?fieldManager=author`, {
      metadata: { name: 'db' },
      spec: { serviceName: 'db', replicas: 1, selector: { matchLabels: { a: 'b' } }, template },
    });
  });

  test('is applied, with owners and conflicts', async () => {
    const contentType = 'application/apply-patch+yaml';
    const apply = (replicas: number, query: string) =>
      send('PATCH', `${sets}/db/scale?${query}`, scale(replicas), { contentType });
    const status = await failure(apply(3, 'fieldManager=scaler'));
    expect(status).toMatchObject({ code: 409, details: { causes: [{ field: '.spec.replicas' }] } });
    expect(json(await apply(3, 'fieldManager=scaler&force=true')).spec).toEqual({ replicas: 3 });
    expect(json(await request('GET', `${sets}/db`)).spec.replicas).toBe(3);
    expect(await managers()).toContainEqual(['scaler', 'Apply', 'scale']);
    expect(await failure(apply(-1, 'fieldManager=scaler&force=true'))).toMatchObject({ code: 422 });
  });

  test('is owned through its route by who updates it', async () => {
    await send('PUT', `${sets}/db/scale?fieldManager=hand`, scale(4));
    expect(await managers()).toContainEqual(['hand', 'Update', 'scale']);
  });

  test('has columns and other forms', async () => {
    const table = json(await request('GET', `${sets}/db/scale`, { headers: { accept: TABLE } }));
    expect(table.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
      'Name',
      'Desired',
      'Available',
      'Age',
    ]);
    expect(table.rows[0].cells.slice(0, 3)).toEqual(['db', 4, 0]);
    const yaml = await request('GET', `${sets}/db/scale`, { headers: { accept: 'application/yaml' } });
    expect(yaml.body.toString()).toContain('kind: Scale\n');
  });
});

describe('deleting', () => {
  test('answers with success, and takes options from body or query', async () => {
    await send('POST', configMaps, configMap('del'));
    const wrong = send('DELETE', `${configMaps}/del`, { preconditions: { uid: 'other' } });
    expect(await failure(wrong)).toMatchObject({ code: 409, reason: 'Conflict' });
    await request('DELETE', `${configMaps}/del`, { query: { dryRun: 'All' } });
    const answer = json(await request('DELETE', `${configMaps}/del`));
    expect(answer).toMatchObject({ kind: 'Status', status: 'Success', details: { name: 'del' } });
    expect(await failure(request('DELETE', `${configMaps}/del`))).toMatchObject({ code: 404 });
  });

  test('a collection by its labels', async () => {
    for (const name of ['dc-1', 'dc-2'])
      await send('POST', configMaps, configMap(name, { metadata: { name, labels: { dc: 'yes' } } }));
    const deleted = json(await request('DELETE', configMaps, { query: { labelSelector: 'dc=yes' } }));
    expect(deleted).toMatchObject({ kind: 'ConfigMapList' });
    expect(deleted.items).toHaveLength(2);
    expect(await failure(request('GET', `${configMaps}/dc-1`))).toMatchObject({ code: 404 });
  });

  test.each([
    ['of another kind', { kind: 'Pod', apiVersion: 'v1' }],
    ['of the wrong type', { gracePeriodSeconds: 'soon' }],
    ['with preconditions that are none', { preconditions: 7 }],
  ])('refuses options %s', async (_what, options) => {
    expect(await failure(send('DELETE', `${configMaps}/bytes`, options))).toMatchObject({ code: 400 });
    expect((await request('GET', `${configMaps}/bytes`)).status).toBe(200);
  });

  test('takes a grace period of less than nothing, as Kubernetes does', async () => {
    expect((await request('DELETE', `${configMaps}/bytes?gracePeriodSeconds=-1&dryRun=All`)).status).toBe(200);
  });
});

describe('discovery', () => {
  test('tells every resource with its verbs', async () => {
    const { resources, groupVersion } = json(await request('GET', '/apis/apps/v1'));
    expect(groupVersion).toBe('apps/v1');
    expect(resources).toContainEqual(
      expect.objectContaining({
        name: 'statefulsets',
        singularName: 'statefulset',
        kind: 'StatefulSet',
        namespaced: true,
        shortNames: ['sts'],
        categories: ['all'],
      }),
    );
    expect(resources).toContainEqual(
      expect.objectContaining({ name: 'statefulsets/scale', kind: 'Scale', group: 'autoscaling', version: 'v1' }),
    );
    expect(resources).toContainEqual(expect.objectContaining({ name: 'statefulsets/status', kind: 'StatefulSet' }));
  });

  test('tells groups and versions', async () => {
    expect(json(await request('GET', '/api'))).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const { groups } = json(await request('GET', '/apis'));
    expect(groups.map((group: { name: string }) => group.name)).toContain('discovery.k8s.io');
    expect(json(await request('GET', '/apis/apps'))).toMatchObject({
      kind: 'APIGroup',
      preferredVersion: { groupVersion: 'apps/v1' },
    });
    expect(await failure(request('GET', '/apis/none'))).toMatchObject({ code: 404 });
  });

  test('in one document, and not again to a client that has it', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const answer = await request('GET', '/apis', { headers: { accept } });
    expect(answer.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    const apps = json(answer).items.find((item: { metadata: { name: string } }) => item.metadata.name === 'apps');
    expect(apps.versions[0].resources).toContainEqual(
      expect.objectContaining({ resource: 'statefulsets', scope: 'Namespaced', singularResource: 'statefulset' }),
    );
    const again = await request('GET', '/apis', { headers: { accept, 'if-none-match': String(answer.headers.etag) } });
    expect(again.status).toBe(304);
    expect(again.body).toHaveLength(0);
  });

  test('metrics count what was answered, how fast, and what there is', async () => {
    await request('GET', configMaps);
    await send('POST', `${configMaps}?dryRun=All`, configMap('counted'));
    await failure(request('GET', '/apis/made.up/v1/names'));
    const text = (await request('GET', '/metrics')).body.toString();
    const of = 'group="",resource="configmaps",subresource=""';
    expect(text).toMatch(new RegExp(`^apiserver_request_total\\{verb="LIST",${of},code="200"\\} [1-9]`, 'm'));
    expect(text).toMatch(
      new RegExp(`^apiserver_request_duration_seconds_bucket\\{verb="POST",${of},le="\\+Inf"\\} [1-9]`, 'm'),
    );
    expect(text).toMatch(/^apiserver_storage_objects\{resource="namespaces"\} 4$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
    // Names that clients make up would fill the memory.
    expect(text).not.toContain('made.up');
  });

  test('health lists its checks', async () => {
    expect((await request('GET', '/readyz?verbose')).body.toString()).toContain('[+]ping ok\n');
    expect((await request('GET', '/livez/ping')).body.toString()).toBe('ok');
    expect(await failure(request('GET', '/livez/moon'))).toMatchObject({ code: 404 });
  });
});

describe('a watch', () => {
  const watch = async (query: HttpRequestOptions['query'], accept = 'application/json') =>
    readLines(await server.admin.stream('GET', configMaps, { query: { watch: 1, ...query }, headers: { accept } }));
  const version = async (): Promise<string> => json(await request('GET', configMaps)).metadata.resourceVersion;

  test('from a version shows every change after it, in order', async () => {
    const events = await watch({ resourceVersion: await version(), fieldSelector: 'metadata.name=seen' });
    await send('POST', configMaps, configMap('seen'));
    await send('PATCH', `${configMaps}/seen`, { data: { a: '1' } }, { contentType: 'application/merge-patch+json' });
    await request('DELETE', `${configMaps}/seen`);
    const [added, modified, deleted] = [await events.next(), await events.next(), await events.next()];
    expect([added.type, modified.type, deleted.type]).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(modified.object.data).toEqual({ a: '1' });
    const versions = [added, modified, deleted].map((event) => Number(event.object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
    events.close();
  });

  test('begins with what there is, and says where that ends', async () => {
    const events = await watch({
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: true,
      fieldSelector: 'metadata.name=bytes',
    });
    expect(await events.next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'bytes' } } });
    const bookmark = await events.next();
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    events.close();
  });

  test('begins with nothing when asked not to', async () => {
    const events = await watch({
      sendInitialEvents: false,
      resourceVersionMatch: 'NotOlderThan',
      fieldSelector: 'metadata.name=late',
    });
    await send('POST', configMaps, configMap('late', { data: { a: 'first' } }));
    expect(await events.next()).toMatchObject({ type: 'ADDED', object: { data: { a: 'first' } } });
    events.close();
    const silent = await watch({
      sendInitialEvents: 'False',
      resourceVersionMatch: 'NotOlderThan',
      fieldSelector: 'metadata.name=late',
    });
    await request('DELETE', `${configMaps}/late`);
    expect(await silent.next()).toMatchObject({ type: 'DELETED' });
    silent.close();
  });

  test('of one object is a read of it', async () => {
    expect(json(await request('GET', `${configMaps}/bytes?watch=1`))).toMatchObject({ kind: 'ConfigMap' });
  });

  test('with everything of a version that is to come is refused', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=999999999';
    expect(await failure(request('GET', `${configMaps}?${query}`))).toMatchObject({ code: 504, reason: 'Timeout' });
  });

  test('ends when it was to end', async () => {
    const startedMs = Date.now();
    const events = await watch({ resourceVersion: await version(), timeoutSeconds: 1 });
    await events.ended;
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(900);
  });

  test('of tables has its columns in its rows', async () => {
    const events = await watch({ fieldSelector: 'metadata.name=bytes' }, TABLE);
    const { object } = await events.next();
    expect(object.kind).toBe('Table');
    expect(object.rows[0].cells[0]).toBe('bytes');
    events.close();
  });

  test('from a version that is gone is told so', async () => {
    const old = await version();
    await send('POST', configMaps, configMap('compact'));
    await server.store.compact(server.store.revision);
    const events = await watch({ resourceVersion: String(Number(old) - 1) });
    expect(await events.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    await events.ended;
    expect(
      await failure(request('GET', configMaps, { query: { resourceVersion: 1, resourceVersionMatch: 'Exact' } })),
    ).toMatchObject({
      code: 410,
      reason: 'Expired',
    });
  });
});
