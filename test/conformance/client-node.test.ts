import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  ApiException,
  AppsV1Api,
  type CoreV1Api,
  Exec,
  KubeConfig,
  Log,
  makeInformer,
  CoreV1Api as NewCoreV1Api,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from 'client-node-1';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestServer, type TestServer } from '../support/api-server.ts';
import { echoServer, processStreams } from '../support/process-streams.ts';

const namespace = 'default';
const streams = processStreams();
let server: TestServer;
let config: KubeConfig;
let core: CoreV1Api;

beforeAll(async () => {
  server = await startTestServer({ streams: (node) => (node === 'node-0' ? streams : undefined) });
  config = new KubeConfig();
  config.loadFromFile(server.kubeconfig);
  core = config.makeApiClient(NewCoreV1Api);
  await core.createNamespacedPod({
    namespace,
    body: { metadata: { name: 'p' }, spec: { nodeName: 'node-0', containers: [{ name: 'main', image: 'demo' }] } },
  });
});
afterAll(() => server.close());

describe('client-node-1', () => {
  test('creates, reads, replaces, patches, deletes', async () => {
    const created = await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: 'c' }, data: { a: '1' } },
    });
    expect(created.metadata?.creationTimestamp).toBeInstanceOf(Date);
    const replaced = await core.replaceNamespacedConfigMap({
      namespace,
      name: 'c',
      body: { ...created, data: { a: '2' } },
    });
    expect(replaced.data).toEqual({ a: '2' });
    const patched = await core.patchNamespacedConfigMap(
      { namespace, name: 'c', body: { data: { b: '3' } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    expect(patched.data).toEqual({ a: '2', b: '3' });
    await core.deleteNamespacedConfigMap({ namespace, name: 'c' });
    const error = await core.readNamespacedConfigMap({ namespace, name: 'c' }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiException);
    expect(error).toMatchObject({ code: 404 });
  });

  test('applies on the server, and is told of conflicts', async () => {
    const apply = (fieldManager: string, value: string) =>
      core.patchNamespacedConfigMap(
        {
          namespace,
          name: 'applied',
          fieldManager,
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data: { a: value } },
        },
        setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
      );
    expect((await apply('one', '1')).data).toEqual({ a: '1' });
    expect(await apply('two', '2').catch((reason: unknown) => reason)).toMatchObject({ code: 409 });
  });

  test('scales', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    await apps.createNamespacedStatefulSet({
      namespace,
      body: {
        metadata: { name: 'db' },
        spec: {
          serviceName: 'db',
          selector: { matchLabels: { app: 'db' } },
          template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'main', image: 'demo' }] } },
        },
      },
    });
    const scale = await apps.readNamespacedStatefulSetScale({ namespace, name: 'db' });
    await apps.replaceNamespacedStatefulSetScale({ namespace, name: 'db', body: { ...scale, spec: { replicas: 4 } } });
    expect((await apps.readNamespacedStatefulSet({ namespace, name: 'db' })).spec?.replicas).toBe(4);
  });

  test('watches', async () => {
    const seen: string[] = [];
    let abort: AbortController | undefined;
    await new Promise<void>((resolve, reject) => {
      new Watch(config)
        .watch(
          `/api/v1/namespaces/${namespace}/configmaps`,
          { fieldSelector: 'metadata.name=w' },
          (phase: string) => {
            seen.push(phase);
            if (phase === 'DELETED') resolve();
          },
          reject,
        )
        .then(async (controller) => {
          abort = controller;
          await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'w' } } });
          await core.deleteNamespacedConfigMap({ namespace, name: 'w' });
        }, reject);
    });
    abort?.abort();
    expect(seen).toEqual(['ADDED', 'DELETED']);
  });

  test('keeps an informer up to date', async () => {
    const labelSelector = 'informed=yes';
    const informer = makeInformer<V1ConfigMap>(
      config,
      `/api/v1/namespaces/${namespace}/configmaps`,
      () => core.listNamespacedConfigMap({ namespace, labelSelector }),
      labelSelector,
    );
    const create = (name: string) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { informed: 'yes' } } } });
    await create('i-0');
    const added = new Promise<void>((resolve) =>
      informer.on('add', (map) => map.metadata?.name === 'i-1' && resolve()),
    );
    const removed = new Promise<void>((resolve) =>
      informer.on('delete', (map) => map.metadata?.name === 'i-0' && resolve()),
    );
    await informer.start();
    await create('i-1');
    await core.deleteNamespacedConfigMap({ namespace, name: 'i-0' });
    await Promise.all([added, removed]);
    await informer.stop();
  });

  test('P7 runs commands', async () => {
    const stdout = new PassThrough();
    const output = text(stdout);
    const status = await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(namespace, 'p', 'main', ['sh', '-c', 'echo hi; exit 5'], stdout, null, null, false, resolve)
        .catch(reject);
    });
    stdout.end();
    expect(await output).toBe('hi\n');
    expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode' });
    expect(status.details?.causes?.[0]).toMatchObject({ reason: 'ExitCode', message: '5' });
  });

  test('P7 reads logs', async () => {
    expect(await core.readNamespacedPodLog({ namespace, name: 'p', tailLines: 2 })).toBe('two\nthree\n');
    const stream = new PassThrough();
    await new Log(config).log(namespace, 'p', 'main', stream, { follow: true, tailLines: 1 });
    expect(await text(stream)).toBe('three\nlater\n');
  });

  test('P7 forwards ports', async () => {
    const echo = await echoServer();
    const forward = new PortForward(config);
    const gate: Server = createServer((socket) => {
      void forward.portForward(namespace, 'p', [echo.port], socket, null, socket);
    });
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    const { connect } = await import('node:net');
    const address = gate.address();
    const socket = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
    socket.write('hello');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toBe('hello');
    socket.destroy();
    gate.close();
    echo.close();
  });
});
