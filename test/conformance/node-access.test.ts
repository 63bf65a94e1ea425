import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import type { HttpConnection } from '../../src/client/http-connection.ts';
import { startTestServer, type TestServer } from '../support/api-server.ts';

let server: TestServer;
let node: HttpConnection;
let tokenUid = '';
beforeAll(async () => {
  server = await startTestServer();
  const { certificate, key } = server.pki.issueClientCertificate({
    commonName: 'system:node:a',
    organizations: ['system:nodes'],
  });
  node = server.connect({ cert: certificate, key });
  await make(server.admin, 'configmaps', { metadata: { name: 'used' } });
  await make(server.admin, 'configmaps', { metadata: { name: 'other' } });
  await make(server.admin, 'secrets', { metadata: { name: 'used' } });
  await make(server.admin, 'secrets', { metadata: { name: 'other' } });
  await make(server.admin, 'persistentvolumeclaims', claim('used'));
  await make(server.admin, 'persistentvolumeclaims', claim('other'));
  for (const name of ['worker', 'boss']) await make(server.admin, 'serviceaccounts', { metadata: { name } });
  const mine = pod('mine', 'a', {
    serviceAccountName: 'worker',
    volumes: [
      { name: 'claim', persistentVolumeClaim: { claimName: 'used' } },
      { name: 'map', configMap: { name: 'used' } },
    ],
    containers: [{ name: 'main', image: 'x', envFrom: [{ secretRef: { name: 'used' } }] }],
  });
  tokenUid = (await make(server.admin, 'pods', mine)).metadata.uid;
  await make(server.admin, 'pods', pod('theirs', 'b', {}));
});
afterAll(async () => {
  node.close();
  await server.close();
});

const inDefault = (rest: string): string => `/api/v1/namespaces/default/${rest}`;
const make = async (connection: HttpConnection, resource: string, object: object) =>
  parse(await connection.request('POST', inDefault(resource), { body: JSON.stringify(object) }));
const parse = ({ body }: { body: Buffer }) => JSON.parse(body.toString());
const read = async (path: string) => parse(await server.admin.request('GET', path));
const codeOf = (attempt: Promise<unknown>): Promise<number> =>
  attempt.then(
    () => 200,
    (error: unknown) => (error instanceof ApiError ? error.code : -1),
  );
const get = (path: string, query: Record<string, string> = {}) => codeOf(node.request('GET', path, { query }));
const claim = (name: string) => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
});
const pod = (name: string, nodeName: string, spec: object) => ({
  metadata: { name },
  spec: { nodeName, containers: [{ name: 'main', image: 'x' }], ...spec },
});

describe('a node', () => {
  test('reads its own pods and what they refer to, one by one', async () => {
    for (const resource of ['pods/mine', 'configmaps/used', 'secrets/used', 'persistentvolumeclaims/used']) {
      expect(await get(inDefault(resource)), resource).toBe(200);
    }
    for (const resource of ['pods/theirs', 'configmaps/other', 'secrets/other', 'persistentvolumeclaims/other']) {
      expect(await get(inDefault(resource)), resource).toBe(403);
    }
    expect(await get('/api/v1/pods', { fieldSelector: 'spec.nodeName=a' })).toBe(200);
    expect(await get('/api/v1/pods', { fieldSelector: 'spec.nodeName=b' })).toBe(403);
    expect(await get('/api/v1/pods')).toBe(403);
    expect(await get('/api/v1/secrets')).toBe(403);
    expect(await get(inDefault('secrets'), { fieldSelector: 'metadata.name=used' })).toBe(200);
    expect(await get('/api/v1/services')).toBe(200);
    expect(await get('/apis/rbac.authorization.k8s.io/v1/clusterroles')).toBe(403);
  });

  test('no longer reads what its pods have ceased to refer to', async () => {
    await make(server.admin, 'secrets', { metadata: { name: 'brief' } });
    await make(server.admin, 'pods', pod('brief', 'a', { imagePullSecrets: [{ name: 'brief' }] }));
    expect(await get(inDefault('secrets/brief'))).toBe(200);
    await server.admin.request('DELETE', inDefault('pods/brief'), { query: { gracePeriodSeconds: 0 } });
    expect(await get(inDefault('secrets/brief'))).toBe(403);
  });

  test('reports on its own pods and ends them, and no others', async () => {
    const report = async (
      name: string,
      change: (pod: { metadata: object; status: object }) => object = (same) => same,
    ) => {
      const object = change({ ...(await read(inDefault(`pods/${name}`))), status: { phase: 'Running' } });
      return codeOf(node.request('PUT', inDefault(`pods/${name}/status`), { body: JSON.stringify(object) }));
    };
    expect(await report('mine')).toBe(200);
    expect(await report('theirs')).toBe(403);
    expect(await report('mine', (it) => ({ ...it, metadata: { ...it.metadata, labels: { app: 'bank' } } }))).toBe(403);
    const body = JSON.stringify(await read(inDefault('pods/mine')));
    expect(await codeOf(node.request('PUT', inDefault('pods/mine'), { body }))).toBe(403);
    expect(await codeOf(make(node, 'pods', pod('new', 'a', {})))).toBe(403);
    expect(await codeOf(node.request('DELETE', inDefault('pods/theirs')))).toBe(403);
    expect(await codeOf(make(node, 'pods/theirs/eviction', { metadata: { name: 'theirs' } }))).toBe(403);
    expect(await codeOf(node.request('DELETE', inDefault('pods')))).toBe(403);
    expect(await codeOf(node.request('DELETE', inDefault('pods/gone')))).toBe(404);
  });

  test('gets tokens for its own pods only', async () => {
    const ask = (account: string, boundObjectRef?: object) =>
      codeOf(make(node, `serviceaccounts/${account}/token`, { spec: { boundObjectRef } }));
    const reference = { kind: 'Pod', apiVersion: 'v1', name: 'mine', uid: tokenUid };
    expect(await ask('worker', reference)).toBe(200);
    expect(await ask('boss', reference)).toBe(403);
    expect(await ask('worker')).toBe(403);
    expect(await ask('worker', { ...reference, uid: undefined })).toBe(403);
    const { uid } = (await read(inDefault('pods/theirs'))).metadata;
    expect(await ask('default', { ...reference, name: 'theirs', uid })).toBe(403);
  });

  test('keeps itself and its lease, without taints and with the labels that nodes may have', async () => {
    const nodes = '/api/v1/nodes';
    const post = (path: string, object: object) => codeOf(node.request('POST', path, { body: JSON.stringify(object) }));
    const patch = (name: string, change: object) =>
      codeOf(
        node.request('PATCH', `${nodes}/${name}`, {
          headers: { 'content-type': 'application/merge-patch+json' },
          body: JSON.stringify(change),
        }),
      );
    const label = (key: string) => ({ metadata: { labels: { [key]: 'x' } } });
    expect(await post(nodes, { metadata: { name: 'b' } })).toBe(403);
    expect(await post(nodes, { metadata: { name: 'a', labels: { 'node-restriction.kubernetes.io/team': 'x' } } })).toBe(
      403,
    );
    expect(await post(nodes, { metadata: { name: 'a', labels: { 'kubernetes.io/hostname': 'a' } } })).toBe(200);
    await server.admin.request('POST', nodes, { body: JSON.stringify({ metadata: { name: 'b' } }) });
    expect(await get(`${nodes}/a`)).toBe(200);
    expect(await get(`${nodes}/b`)).toBe(403);
    expect(await patch('a', label('example.com/rack'))).toBe(200);
    expect(await patch('a', label('topology.kubernetes.io/zone'))).toBe(200);
    expect(await patch('a', label('node-role.kubernetes.io/control-plane'))).toBe(403);
    expect(await patch('b', label('example.com/rack'))).toBe(403);
    expect(await patch('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })).toBe(403);
    expect(await codeOf(node.request('DELETE', `${nodes}/a`))).toBe(403);
    const leases = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    expect(await post(leases('kube-node-lease'), { metadata: { name: 'b' } })).toBe(403);
    expect(await post(leases('default'), { metadata: { name: 'a' } })).toBe(403);
    expect(await post(leases('kube-node-lease'), { metadata: { name: 'a' } })).toBe(200);
    expect(await get(`${leases('kube-node-lease')}/a`)).toBe(200);
    expect(await get(`${leases('kube-node-lease')}/b`)).toBe(403);
  });

  test('makes volumes that are on itself, and removes no others', async () => {
    const volume = (name: string, where: string) => ({
      metadata: { name },
      spec: {
        capacity: { storage: '1Mi' },
        accessModes: ['ReadWriteOnce'],
        local: { path: '/data' },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [where] }] },
            ],
          },
        },
      },
    });
    const volumes = '/api/v1/persistentvolumes';
    const post = (connection: HttpConnection, object: object) =>
      codeOf(connection.request('POST', volumes, { body: JSON.stringify(object) }));
    expect(await post(node, volume('here', 'a'))).toBe(200);
    expect(await post(node, volume('there', 'b'))).toBe(403);
    expect(await post(server.admin, volume('there', 'b'))).toBe(200);
    expect(await codeOf(node.request('DELETE', `${volumes}/there`))).toBe(403);
    expect(await get(`${volumes}/there`)).toBe(403);
    expect(await codeOf(node.request('DELETE', `${volumes}/here`))).toBe(200);
  });
});
