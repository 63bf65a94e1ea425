import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { isReason } from '../../src/api/errors.ts';
import { ClusterRoleBindings, Pods } from '../../src/api/kinds.ts';
import { httpConnection } from '../../src/client/http-connection.ts';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import { TestBerth } from './support.ts';

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
    await berth.up('--isolation', isolation);
    await berth.client().create(Pods, {
      metadata: { namespace: 'default', name: 'caller' },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'none', command: ['sleep', '1000'] }],
      },
    });
  });
  afterAll(() => berth.close());

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
    const token = (await berth.ok('exec', 'caller', '--', 'cat', `${DIRECTORY}/token`)).trim();
    const { server, ca } = loadKubeconfig((await berth.status()).kubeconfig);
    const connection = httpConnection({ server, ...(ca !== undefined && { ca }), token });
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
});
