import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type HttpConnection, httpConnection } from '../../src/client/http-connection.ts';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import { TestBerth } from './support.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

/** What the server loads only when somebody asks for it must be found in the bundle too. */
describe('the API of the built program', () => {
  const berth = new TestBerth('built');
  let connection: HttpConnection;
  beforeAll(async () => {
    await berth.up('--nodes', '0');
    connection = httpConnection(loadKubeconfig(path.join(berth.dataDir, 'kubeconfig')));
  });
  afterAll(async () => {
    connection.close();
    await berth.close();
  });

  test('has metrics', async () => {
    const text = (await connection.request('GET', '/metrics')).body.toString();
    expect(text).toMatch(/^apiserver_storage_objects\{resource="namespaces"\} 4$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });

  test('reads and writes YAML', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {a: b}\n';
    const made = await connection.request('POST', configMaps, { body, contentType: 'application/yaml' });
    expect(made.status).toBe(201);
    const contentType = 'application/apply-patch+yaml';
    const query = { fieldManager: 'test', force: 'true' };
    const applied = await connection.request('PATCH', `${configMaps}/y`, { body, contentType, query });
    expect(applied.status).toBe(200);
    const read = await connection.request('GET', `${configMaps}/y`, { headers: { accept: 'application/yaml' } });
    expect(read.body.toString()).toContain('data:\n  a: b\n');
  });

  test('reads protobuf, or refuses it', async () => {
    // runtime.Unknown: version and kind, and a ConfigMap with nothing but a name.
    const named = '\u0012\u0007\n\u0005\n\u0003p-0';
    const body = `k8s\0\n\u000f\n\u0002v1\u0012\u0009ConfigMap${named}`;
    const contentType = 'application/vnd.kubernetes.protobuf';
    const headers = { accept: `${contentType},application/json` };
    expect((await connection.request('POST', configMaps, { body, contentType, headers })).status).toBe(201);
    const refused = connection.request('POST', configMaps, { body: body.slice(0, -2), contentType, headers });
    await expect(refused).rejects.toMatchObject({ status: { code: 415 } });
  });

  test('describes itself', async () => {
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const document = await connection.request('GET', '/openapi/v2', { headers: { accept } });
    expect(document.body.length).toBeGreaterThan(100_000);
    expect((await connection.request('GET', '/openapi/v3')).body.toString()).toContain('apis/apps/v1');
  });
});
