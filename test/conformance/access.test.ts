import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import type { HttpConnection } from '../../src/client/http-connection.ts';
import { startTestServer, type TestServer } from '../support/api-server.ts';

let server: TestServer;
let ann: HttpConnection;
beforeAll(async () => {
  server = await startTestServer();
  ann = server.connect(asKeys(server.pki.issueClientCertificate({ commonName: 'ann', organizations: ['team'] })));
});
afterAll(async () => {
  ann.close();
  await server.close();
});

const asKeys = ({ certificate, key }: { certificate: string; key: string }) => ({ cert: certificate, key });
const post = async (connection: HttpConnection, path: string, body: object) =>
  JSON.parse((await connection.request('POST', path, { body: JSON.stringify(body) })).body.toString());
const codeOf = (attempt: Promise<unknown>): Promise<number> =>
  attempt.then(
    () => 200,
    (error: unknown) => (error instanceof ApiError ? error.code : -1),
  );

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

describe('a user', () => {
  test('may find out what there is, and nothing else', async () => {
    await expect.poll(() => codeOf(ann.request('GET', '/apis'))).toBe(200);
    expect(await codeOf(ann.request('GET', pods('default')))).toBe(403);
    expect(await codeOf(ann.request('GET', '/metrics'))).toBe(403);
  });

  test('may do what a role in a namespace says, there only, until it is taken away', async () => {
    await post(server.admin, `${rbac}/namespaces/default/roles`, {
      metadata: { name: 'reader' },
      rules: [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }],
    });
    await post(server.admin, `${rbac}/namespaces/default/rolebindings`, {
      metadata: { name: 'readers' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'team' }],
    });
    expect(await codeOf(ann.request('GET', pods('default')))).toBe(200);
    expect(await codeOf(ann.request('GET', pods('kube-system')))).toBe(403);
    expect(await codeOf(ann.request('GET', '/api/v1/pods'))).toBe(403);
    expect(await codeOf(ann.request('GET', `${pods('default')}?watch=1`))).toBe(403);
    expect(await codeOf(ann.request('DELETE', pods('default')))).toBe(403);
    await server.admin.request('DELETE', `${rbac}/namespaces/default/rolebindings/readers`);
    expect(await codeOf(ann.request('GET', pods('default')))).toBe(403);
  });

  test('may do what a cluster role says, everywhere or in one namespace', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }];
    const inOne = `${rbac}/namespaces/kube-system/rolebindings`;
    await post(server.admin, inOne, { metadata: { name: 'ann' }, roleRef, subjects });
    expect(await codeOf(ann.request('GET', pods('kube-system')))).toBe(200);
    expect(await codeOf(ann.request('GET', pods('default')))).toBe(403);
    await post(server.admin, `${rbac}/clusterrolebindings`, { metadata: { name: 'ann' }, roleRef, subjects });
    expect(await codeOf(ann.request('GET', '/api/v1/pods'))).toBe(200);
    expect(await codeOf(ann.request('GET', '/api/v1/namespaces/default/secrets'))).toBe(403);
    await server.admin.request('DELETE', `${rbac}/clusterrolebindings/ann`);
    await server.admin.request('DELETE', `${inOne}/ann`);
  });

  test('may ask who they are and what they may do', async () => {
    const me = await post(ann, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(me.status.userInfo).toMatchObject({ username: 'ann', groups: ['team', 'system:authenticated'] });
    const can = (resourceAttributes: object) =>
      post(ann, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { spec: { resourceAttributes } });
    expect((await can({ verb: 'list', resource: 'pods', namespace: 'default' })).status.allowed).toBe(false);
    const { status } = await post(ann, '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
      spec: { namespace: 'default' },
    });
    expect(status.nonResourceRules[0].nonResourceURLs).toContain('/apis');
  });

  test('may not act as another, but an administrator may', async () => {
    const headers = { 'impersonate-user': 'bob', 'impersonate-group': 'team' };
    expect(await codeOf(ann.request('GET', '/apis', { headers }))).toBe(403);
    const answer = await server.admin.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      headers,
      body: '{}',
    });
    expect(JSON.parse(answer.body.toString()).status.userInfo).toMatchObject({
      username: 'bob',
      groups: ['team', 'system:authenticated'],
    });
    expect(await codeOf(server.admin.request('GET', pods('default'), { headers }))).toBe(403);
    expect(await codeOf(server.connect({}).request('GET', '/version', { headers }))).toBe(401);
  });

  test('may not ask about others', async () => {
    const question = { spec: { user: 'bob', resourceAttributes: { verb: 'get', resource: 'pods' } } };
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    expect(await codeOf(post(ann, path, question))).toBe(403);
    expect((await post(server.admin, path, question)).status.allowed).toBe(false);
    const asMaster = { spec: { ...question.spec, groups: ['system:masters'] } };
    expect((await post(server.admin, path, asMaster)).status.allowed).toBe(true);
    expect(await codeOf(post(server.admin, path, { spec: { user: 'bob' } }))).toBe(400);
  });

  test('of a token is known to whoever has it', async () => {
    const ask = (token: string) =>
      post(server.admin, '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } });
    expect((await ask(server.pki.adminToken)).status).toMatchObject({
      authenticated: true,
      user: { username: 'berth-admin' },
    });
    expect((await ask('other')).status.authenticated).toBe(false);
  });
});

describe('a service account', () => {
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  const ask = async (name: string, spec: object = {}) =>
    (await post(server.admin, `${accounts}/${name}/token`, { spec })).status.token;
  const whoIs = async (token: string): Promise<string> => {
    const connection = server.connect({ token });
    const answer = await connection.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body: '{}',
    });
    connection.close();
    return JSON.parse(answer.body.toString()).status.userInfo.username;
  };

  test('gets a token that names it, and has the rights it is given', async () => {
    await post(server.admin, accounts, { metadata: { name: 'builder' } });
    const token = await ask('builder');
    expect(await whoIs(token)).toBe('system:serviceaccount:default:builder');
    const builder = server.connect({ token });
    expect(await codeOf(builder.request('GET', pods('default')))).toBe(403);
    await post(server.admin, `${rbac}/namespaces/default/rolebindings`, {
      metadata: { name: 'builder' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'ServiceAccount', name: 'builder', namespace: 'default' }],
    });
    expect(await codeOf(builder.request('GET', pods('default')))).toBe(200);
    builder.close();
  });

  test('is no longer known once it is gone, even when it is made again', async () => {
    await post(server.admin, accounts, { metadata: { name: 'short' } });
    const token = await ask('short');
    await server.admin.request('DELETE', `${accounts}/short`);
    expect(await codeOf(whoIs(token))).toBe(401);
    await post(server.admin, accounts, { metadata: { name: 'short' } });
    expect(await codeOf(whoIs(token))).toBe(401);
  });

  test('loses a token with the pod it was for', async () => {
    await post(server.admin, accounts, { metadata: { name: 'bound' } });
    const pod = await post(server.admin, pods('default'), {
      metadata: { name: 'bound' },
      spec: { containers: [{ name: 'a', image: 'b' }] },
    });
    const reference = { kind: 'Pod', apiVersion: 'v1', name: 'bound', uid: pod.metadata.uid };
    const token = await ask('bound', { boundObjectRef: reference });
    expect(await whoIs(token)).toBe('system:serviceaccount:default:bound');
    await server.admin.request('DELETE', `${pods('default')}/bound`, { query: { gracePeriodSeconds: 0 } });
    expect(await codeOf(whoIs(token))).toBe(401);
  });

  test('cannot be somebody else by a token that was changed, or was for others', async () => {
    const [header, , signature] = (await ask('builder')).split('.');
    const claims = {
      sub: 'system:serviceaccount:kube-system:admin',
      aud: ['https://kubernetes.default.svc.cluster.local'],
    };
    const forged = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    expect(await codeOf(whoIs(forged))).toBe(401);
    expect(await codeOf(whoIs(await ask('builder', { audiences: ['vault'] })))).toBe(401);
    expect(await codeOf(ask('builder', { expirationSeconds: 10 }))).toBe(422);
    expect(await codeOf(ask('nobody'))).toBe(404);
  });
});
