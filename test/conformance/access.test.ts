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

test('the roles that every cluster has are managed by the API server', async () => {
  const { body } = await server.admin.request('GET', `${rbac}/clusterroles/view`);
  expect(JSON.parse(body.toString()).metadata.managedFields).toMatchObject([{ manager: 'kube-apiserver' }]);
});

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

describe('rights', () => {
  const as = (commonName: string, ...organizations: string[]) =>
    server.connect(asKeys(server.pki.issueClientCertificate({ commonName, organizations })));
  const grant = async (user: string, rules: object[], namespace?: string) => {
    const name = `${user}-${Math.random().toString(36).slice(2)}`;
    await post(server.admin, `${rbac}/clusterroles`, { metadata: { name }, rules });
    const where = namespace === undefined ? 'clusterrolebindings' : `namespaces/${namespace}/rolebindings`;
    await post(server.admin, `${rbac}/${where}`, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    });
  };
  const rule = (apiGroup: string, resource: string, ...verbs: string[]) => ({
    apiGroups: [apiGroup],
    resources: [resource],
    verbs,
  });
  const roles = `${rbac}/namespaces/default/roles`;
  const bindings = `${rbac}/namespaces/default/rolebindings`;
  const bindingOf = (name: string, role: string) => ({
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'mate' }],
  });

  test('cannot be handed on by who does not have them, nor bound', async () => {
    const rbacGroup = 'rbac.authorization.k8s.io';
    await grant('carl', [rule(rbacGroup, '*', 'create', 'update', 'patch'), rule('', 'pods', 'get', 'list')]);
    const carl = as('carl');
    await post(carl, roles, { metadata: { name: 'mine' }, rules: [rule('', 'pods', 'get')] });
    const more = { metadata: { name: 'more' }, rules: [rule('', 'secrets', 'get', 'list'), rule('', 'pods', 'get')] };
    await expect(post(carl, roles, more)).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining(
        'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get", "list"]}',
      ),
    });
    const widened = { op: 'replace', path: '/rules/0/resources', value: ['secrets'] };
    const patch = carl.request('PATCH', `${roles}/mine`, {
      headers: { 'content-type': 'application/json-patch+json' },
      body: JSON.stringify([widened]),
    });
    expect(await codeOf(patch)).toBe(403);
    expect(await codeOf(post(carl, bindings, bindingOf('x', 'cluster-admin')))).toBe(403);
    expect(await codeOf(post(carl, bindings, bindingOf('x', 'nobody')))).toBe(404);
    const all = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] };
    expect(await codeOf(post(carl, `${rbac}/clusterroles`, { metadata: { name: 'x' }, aggregationRule: all }))).toBe(
      403,
    );

    await grant('carl', [rule(rbacGroup, 'roles', 'escalate'), rule(rbacGroup, 'clusterroles', 'bind')], 'default');
    await post(carl, roles, more);
    await post(carl, bindings, bindingOf('x', 'view'));
    carl.close();
  });

  test('to change are no rights to make', async () => {
    await grant('dora', [rule('', 'configmaps', 'get', 'update', 'patch')]);
    const dora = as('dora');
    const maps = '/api/v1/namespaces/default/configmaps';
    const apply = (name: string) =>
      dora.request('PATCH', `${maps}/${name}`, {
        query: { fieldManager: 'dora' },
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } }),
      });
    await expect(apply('new')).rejects.toMatchObject({
      code: 403,
      message:
        'configmaps "new" is forbidden: User "dora" cannot create resource "configmaps" in API group "" in the namespace "default"',
    });
    await post(server.admin, maps, { metadata: { name: 'old' } });
    expect(await codeOf(apply('old'))).toBe(200);
    dora.close();
  });

  test('on one object are enough to list and watch it by its name, and a namespace is in itself', async () => {
    await grant('emma', [{ ...rule('', 'configmaps', 'list'), resourceNames: ['mine'] }], 'default');
    await grant('emma', [rule('', 'namespaces', 'get')], 'default');
    const emma = as('emma');
    const list = (fieldSelector: string) =>
      codeOf(emma.request('GET', '/api/v1/namespaces/default/configmaps', { query: { fieldSelector } }));
    expect(await list('metadata.name=mine')).toBe(200);
    expect(await list('metadata.name=other')).toBe(403);
    expect(await list('')).toBe(403);
    expect(await codeOf(emma.request('GET', '/api/v1/namespaces/default'))).toBe(200);
    expect(await codeOf(emma.request('GET', '/api/v1/namespaces/kube-system'))).toBe(403);
    emma.close();
  });

  test('to act as others are asked for one by one: accounts, groups, uids and more', async () => {
    await grant('fred', [
      { ...rule('', 'serviceaccounts', 'impersonate'), resourceNames: ['builder'] },
      { ...rule('authentication.k8s.io', 'userextras/scopes', 'impersonate'), resourceNames: ['view'] },
    ]);
    const fred = as('fred');
    const who = async (headers: Record<string, string>) => {
      const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
      const answer = await fred.request('POST', path, { headers, body: '{}' });
      return JSON.parse(answer.body.toString()).status.userInfo;
    };
    const builder = { 'impersonate-user': 'system:serviceaccount:default:builder' };
    expect(await who({ ...builder, 'impersonate-extra-scopes': 'view' })).toEqual({
      username: 'system:serviceaccount:default:builder',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      extra: { scopes: ['view'] },
    });
    expect(await codeOf(who({ ...builder, 'impersonate-extra-scopes': 'all' }))).toBe(403);
    expect(await codeOf(who({ ...builder, 'impersonate-uid': '1' }))).toBe(403);
    expect(await codeOf(who({ ...builder, 'impersonate-group': 'system:masters' }))).toBe(403);
    expect(await codeOf(who({ 'impersonate-user': 'bob' }))).toBe(403);
    expect(await codeOf(who({ 'impersonate-uid': '1' }))).toBe(400);
    fred.close();
  });

  test('to look are no rights to run commands, though a WebSocket begins with a GET', async () => {
    await grant('gus', [rule('', 'pods/exec', 'get')]);
    const gus = as('gus');
    const exec = () =>
      gus.request('GET', `${pods('default')}/none/exec`, {
        query: { command: 'id', stdout: 1 },
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
          'sec-websocket-protocol': 'v5.channel.k8s.io',
        },
      });
    await expect(exec()).rejects.toMatchObject({
      code: 403,
      message: expect.stringContaining('cannot create resource "pods/exec"'),
    });
    await grant('gus', [rule('', 'pods/exec', 'create')]);
    expect(await codeOf(exec())).toBe(404);
    gus.close();
  });

  test('are said of paths or of resources, and of paths in the whole cluster only', async () => {
    const paths = { nonResourceURLs: ['/metrics'], verbs: ['get'] };
    const make = (resource: string, rules: object[]) =>
      codeOf(post(server.admin, `${rbac}/${resource}`, { metadata: { name: 'odd' }, rules }));
    expect(await make('namespaces/default/roles', [paths])).toBe(422);
    expect(await make('clusterroles', [{ ...paths, resources: ['pods'] }])).toBe(422);
    expect(await make('clusterroles', [paths])).toBe(200);
    expect(
      await codeOf(post(server.admin, `${rbac}/clusterroles`, { metadata: { name: 'empty' }, aggregationRule: {} })),
    ).toBe(422);
  });

  test('of the roles every cluster has: what others add to view, edit and admin have too', async () => {
    const of = async (name: string) =>
      JSON.parse((await server.admin.request('GET', `${rbac}/clusterroles/${name}`)).body.toString());
    await expect.poll(() => codeOf(of('system:aggregate-to-view'))).toBe(200);
    const [view, edit, admin] = await Promise.all(['view', 'edit', 'admin'].map(of));
    expect(admin.aggregationRule.clusterRoleSelectors).toEqual([
      { matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' } },
    ]);
    expect(edit.rules).toEqual(expect.arrayContaining(view.rules));
    expect(admin.rules).toEqual(expect.arrayContaining(edit.rules));
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

  test('is vouched for to others when its token is for them', async () => {
    const token = await ask('builder', { audiences: ['vault', 'store'] });
    const review = async (audiences?: string[]) =>
      (await post(server.admin, '/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token, audiences } })).status;
    expect(await review(['vault', 'bank'])).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
      user: {
        username: 'system:serviceaccount:default:builder',
        uid: expect.any(String),
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] },
      },
    });
    expect((await review(['bank'])).authenticated).toBe(false);
    expect((await review()).authenticated).toBe(false);
  });

  test('loses a token with the secret it was for', async () => {
    const secrets = '/api/v1/namespaces/default/secrets';
    const { metadata } = await post(server.admin, secrets, { metadata: { name: 'bound' } });
    const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', name: 'bound', uid: metadata.uid };
    const token = await ask('builder', { boundObjectRef });
    expect(await whoIs(token)).toBe('system:serviceaccount:default:builder');
    await server.admin.request('DELETE', `${secrets}/bound`);
    expect(await codeOf(whoIs(token))).toBe(401);
    expect(await codeOf(ask('builder', { boundObjectRef: { ...boundObjectRef, kind: 'ConfigMap' } }))).toBe(400);
  });
});
