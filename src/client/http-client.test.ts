import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestServer, type TestServer } from '../../test/support/api-server.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound } from '../api/errors.ts';
import type { ConfigMap } from '../api/generated/types.ts';
import { ConfigMaps, Namespaces, Pods, StatefulSets } from '../api/kinds.ts';
import type { Client, WatchEvent } from './client.ts';
import { httpClient } from './http-client.ts';
import { httpConnection } from './http-connection.ts';
import { loadKubeconfig } from './kubeconfig.ts';

let server: TestServer;
let client: Client;
beforeAll(async () => {
  server = await startTestServer();
  client = httpClient(server.admin);
});
afterAll(() => server.close());

const named = (name: string, data: Record<string, string> = {}) => ({ metadata: { name, namespace: 'default' }, data });

/** Watches until `count` events have come. */
function collect(count: number, resourceVersion?: string): Promise<readonly WatchEvent<ConfigMap>[]> {
  return new Promise((resolve, reject) => {
    const seen: WatchEvent<ConfigMap>[] = [];
    const watch = client.watch(
      ConfigMaps,
      { namespace: 'default', ...(resourceVersion !== undefined && { resourceVersion }) },
      {
        events(batch) {
          seen.push(...batch);
          if (seen.length < count) return;
          watch.stop();
          resolve(seen);
        },
        closed: (error) => reject(error ?? new Error('closed')),
      },
    );
  });
}

describe('the client over HTTP', () => {
  test('creates, reads, replaces, patches and deletes', async () => {
    const created = await client.create(ConfigMaps, named('crud', { a: '1' }));
    expect(created).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'crud' } });
    const replaced = await client.update(ConfigMaps, { ...created, data: { a: '2' } });
    expect(replaced.data).toEqual({ a: '2' });
    await expect(client.update(ConfigMaps, { ...created, data: { a: '3' } })).rejects.toSatisfy(isConflict);
    const patched = await client.patch(
      ConfigMaps,
      { namespace: 'default', name: 'crud' },
      { type: 'merge', body: { data: { b: '3' } } },
    );
    expect(patched.data).toEqual({ a: '2', b: '3' });
    await expect(client.create(ConfigMaps, named('crud'))).rejects.toSatisfy(isAlreadyExists);
    expect(await client.delete(ConfigMaps, { namespace: 'default', name: 'crud' })).toMatchObject({
      status: 'Success',
    });
    await expect(client.get(ConfigMaps, { namespace: 'default', name: 'crud' })).rejects.toSatisfy(isNotFound);
  });

  test('gives frozen objects that know their kind, also out of lists', async () => {
    await client.create(ConfigMaps, named('frozen'));
    const { items, metadata } = await client.list(ConfigMaps, { namespace: 'default' });
    const found = items.find((item) => item.metadata.name === 'frozen');
    expect(found).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(Object.isFrozen(found?.metadata)).toBe(true);
    expect(metadata.resourceVersion).toMatch(/^\d+$/);
  });

  test('lists what selectors and limits say', async () => {
    for (const name of ['l-1', 'l-2', 'l-3']) {
      await client.create(ConfigMaps, { metadata: { name, namespace: 'default', labels: { l: name } } });
    }
    const some = await client.list(ConfigMaps, { namespace: 'default', labelSelector: 'l in (l-1,l-3)' });
    expect(some.items.map((item) => item.metadata.name)).toEqual(['l-1', 'l-3']);
    const page = await client.list(ConfigMaps, { namespace: 'default', labelSelector: 'l', limit: 2 });
    const rest = await client.list(ConfigMaps, {
      namespace: 'default',
      labelSelector: 'l',
      limit: 2,
      continue: page.metadata.continue ?? '',
    });
    expect(rest.items.map((item) => item.metadata.name)).toEqual(['l-3']);
    await client.deleteCollection(ConfigMaps, { namespace: 'default', labelSelector: 'l' });
    expect((await client.list(ConfigMaps, { labelSelector: 'l' })).items).toEqual([]);
  });

  test('tries without doing', async () => {
    await client.create(ConfigMaps, named('dry'), { dryRun: true });
    await expect(client.get(ConfigMaps, { namespace: 'default', name: 'dry' })).rejects.toSatisfy(isNotFound);
  });

  test('reads and writes kinds without a namespace', async () => {
    const { metadata } = await client.create(Namespaces, { metadata: { name: 'apart' }, spec: {} });
    expect(metadata.namespace).toBeUndefined();
    expect((await client.get(Namespaces, { name: 'apart' })).metadata.name).toBe('apart');
  });

  test('reaches what is below an object', async () => {
    const container = { name: 'a', image: 'b' };
    await client.create(StatefulSets, {
      metadata: { name: 'set', namespace: 'default' },
      spec: {
        serviceName: 'set',
        replicas: 3,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
      },
    });
    expect(await client.getSubresource(StatefulSets, { namespace: 'default', name: 'set' }, 'scale')).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 3 },
    });
    const pod = await client.create(Pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [container] },
    });
    const status = { type: 'merge', body: { status: { phase: 'Running' } } } as const;
    const running = await client.patch(Pods, { namespace: 'default', name: 'p' }, status, { subresource: 'status' });
    expect(running.status?.phase).toBe('Running');
    expect(running.metadata.uid).toBe(pod.metadata.uid);
  });

  test('watches from a version, and from the beginning', async () => {
    const { metadata } = await client.list(ConfigMaps, { namespace: 'default' });
    const coming = collect(2, metadata.resourceVersion);
    await client.create(ConfigMaps, named('watched'));
    await client.delete(ConfigMaps, { namespace: 'default', name: 'watched' });
    const events = await coming;
    expect(events.map((event) => [event.type, 'object' in event && event.object.metadata.name])).toEqual([
      ['ADDED', 'watched'],
      ['DELETED', 'watched'],
    ]);
    const [first] = await collect(1);
    expect(first).toMatchObject({ type: 'ADDED', object: { kind: 'ConfigMap' } });
  });

  test('is told why a watch is over', async () => {
    await server.store.compact(server.store.revision);
    const outcome = new Promise<Error | undefined>((resolve) => {
      client.watch(ConfigMaps, { resourceVersion: '2' }, { events: () => {}, closed: resolve });
    });
    expect(await outcome).toMatchObject({ reason: 'Expired', code: 410 });
  });

  test('says that a server is not there', async () => {
    const nowhere = httpClient({ server: 'https://127.0.0.1:1' });
    const error = await nowhere.list(Pods).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ reason: 'ServiceUnavailable' });
    expect(String(error)).toContain('cannot reach the API server at https://127.0.0.1:1: nothing listens there');
  });

  test('does not trust a server that it does not know', async () => {
    const doubtful = httpClient({ server: server.server.url, token: server.pki.adminToken });
    await expect(doubtful.list(Pods)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });

  test('takes its access from a kubeconfig', async () => {
    const connection = httpConnection(loadKubeconfig(server.kubeconfig));
    expect((await httpClient(connection).list(Namespaces)).items.length).toBeGreaterThan(0);
    connection.close();
  });
});
