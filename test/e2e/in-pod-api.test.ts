import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isReason } from '../../src/api/errors.ts';
import { ClusterRoleBindings, Pods, Secrets } from '../../src/api/kinds.ts';
import { httpConnection } from '../../src/client/http-connection.ts';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import { TestBerth } from './support.ts';

const SECRET = 'a-word-that-nobody-may-read';
const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** A client as every library has it: where the API is from the environment, the rest from the files. */
const PROGRAM = `
const fs = require('node:fs');
const read = (name) => fs.readFileSync(process.argv[1] + '/' + name, 'utf8');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const path = '/api/v1/namespaces/' + read('namespace') + '/pods';
const headers = { authorization: 'Bearer ' + read('token') };
require('node:https').get({ host, port, path, headers, ca: read('ca.crt') }, (answer) => {
  answer.resume();
  console.log(answer.statusCode);
});`;

/** What the machine gives at best, and what it gives everywhere. */
describe.each(['auto', 'processes'])('a pod at isolation %s', (isolation) => {
  const berth = new TestBerth(`in-pod-${isolation}`);
  beforeAll(async () => {
    process.env.BERTH_LOG_LEVEL = 'trace';
    await berth.up('--isolation', isolation);
    delete process.env.BERTH_LOG_LEVEL;
    await berth.client().create(Secrets, {
      metadata: { namespace: 'default', name: 'hidden' },
      stringData: { password: SECRET },
    });
    await berth.client().create(Pods, {
      metadata: { namespace: 'default', name: 'caller' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          { name: 'main', image: 'none', command: ['sleep', '1000'], envFrom: [{ secretRef: { name: 'hidden' } }] },
        ],
      },
    });
  });
  afterAll(() => berth.close());

  let podToken = '';
  const ask = async (): Promise<string> =>
    (await berth.ok('exec', 'caller', '--', process.execPath, '-e', PROGRAM, DIRECTORY)).trim();

  test('reaches the API with the token it is given, and may do what is granted to its account', async () => {
    const phase = async () => (await berth.client().get(Pods, { namespace: 'default', name: 'caller' })).status?.phase;
    await expect.poll(phase, { timeout: 60_000 }).toBe('Running');
    expect(await ask()).toBe('403');
    await berth.client().create(ClusterRoleBindings, {
      metadata: { name: 'caller' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    });
    expect(await ask()).toBe('200');
  });

  test('has a token that ends with it', async () => {
    podToken = (await berth.ok('exec', 'caller', '--', 'cat', `${DIRECTORY}/token`)).trim();
    const { server, ca } = loadKubeconfig((await berth.status()).kubeconfig);
    const connection = httpConnection({ server, ...(ca !== undefined && { ca }), token: podToken });
    const list = () => connection.request('GET', '/api/v1/namespaces/default/pods').then(({ status }) => status);
    expect(await list()).toBe(200);
    await berth.ok('delete', 'pod', 'caller', '--no-wait');
    const isRefused = () =>
      list().then(
        () => false,
        (error: unknown) => isReason(error, 'Unauthorized'),
      );
    await expect.poll(isRefused, { timeout: 60_000 }).toBe(true);
    connection.close();
  });

  test('leaves no token and no secret in the log, and nothing for other users to read', async () => {
    const files = fs
      .readdirSync(berth.dataDir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/nodes'));
    const names = files.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['kubeconfig', 'server.log', 'ca.key', 'admin.token']));
    for (const { name, parentPath } of files) {
      expect(fs.statSync(path.join(parentPath, name)).mode & 0o077, name).toBe(0);
    }
    const log = fs.readFileSync(path.join(berth.dataDir, 'server.log'), 'utf8');
    expect(log).toContain('the API is served');
    const adminToken = fs.readFileSync(path.join(berth.dataDir, 'pki', 'admin.token'), 'utf8').trim();
    expect(podToken).toMatch(/^ey/);
    for (const hidden of [adminToken, podToken, SECRET, Buffer.from(SECRET).toString('base64')]) {
      expect(log.includes(hidden)).toBe(false);
    }
  });
});
