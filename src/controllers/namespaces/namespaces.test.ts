import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import {
  builtInTypes,
  ConfigMaps,
  EndpointSlices,
  Endpoints,
  Namespaces,
  Pods,
  Secrets,
  ServiceAccounts,
} from '../../api/kinds.ts';
import { ensureApiEndpoints } from './api-endpoints.ts';
import { startNamespaceController } from './controller.ts';
import { startNamespaceContents } from './namespace-contents.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
});
afterEach(() => cluster.stop());

const namespaceNames = async () => (await cluster.list(Namespaces)).map(({ metadata }) => metadata.name);

describe('a namespace that is deleted', () => {
  beforeEach(async () => {
    cluster.use(startNamespaceController({ ...cluster.parts, types: () => builtInTypes }));
    await cluster.client.create(Namespaces, { metadata: { name: 'shop' }, spec: {} });
  });

  test('is emptied, and then goes', async () => {
    for (const name of ['a', 'b', 'c'])
      await cluster.client.create(ConfigMaps, { metadata: { namespace: 'shop', name } });
    await cluster.client.create(Secrets, { metadata: { namespace: 'shop', name: 's' } });
    await cluster.client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'other' } });
    await cluster.client.delete(Namespaces, { name: 'shop' });
    await cluster.settle(1000);
    expect(await namespaceNames()).not.toContain('shop');
    expect((await cluster.list(ConfigMaps)).map(({ metadata }) => metadata.name)).toEqual(['other']);
    expect(await cluster.list(Secrets)).toEqual([]);
  });

  test('waits for what is left, and says what that is', async () => {
    const held = await cluster.client.create(ConfigMaps, {
      metadata: { namespace: 'shop', name: 'held', finalizers: ['example.org/hold'] },
    });
    await cluster.client.create(Pods, {
      metadata: { namespace: 'shop', name: 'p' },
      spec: { nodeName: 'node-0', containers: [{ name: 'app', image: 'x' }] },
    });
    await cluster.client.delete(Namespaces, { name: 'shop' });
    await cluster.settle(60_000);
    const namespace = await cluster.get(Namespaces, 'shop');
    expect(namespace.status?.phase).toBe('Terminating');
    expect(namespace.status?.conditions).toMatchObject([
      {
        type: 'NamespaceContentRemaining',
        status: 'True',
        message: 'Some resources are remaining: configmaps has 1 resource instances, pods has 1 resource instances',
      },
      {
        type: 'NamespaceFinalizersRemaining',
        status: 'True',
        message: 'Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances',
      },
    ]);
    const before = cluster.writes();
    await cluster.settle(60_000);
    expect(cluster.writes()).toBe(before);
    const current = await cluster.client.get(ConfigMaps, { namespace: 'shop', name: held.metadata.name });
    await cluster.client.update(ConfigMaps, { ...current, metadata: { ...current.metadata, finalizers: [] } });
    await cluster.client.delete(Pods, { namespace: 'shop', name: 'p' }, { gracePeriodSeconds: 0 });
    await cluster.settle(10_000);
    expect(await namespaceNames()).not.toContain('shop');
  });
});

describe('what every namespace has', () => {
  test('the default service account and the root certificate, put back when they are lost', async () => {
    cluster.use(startNamespaceContents({ ...cluster.parts, rootCertificate: 'PEM' }));
    await cluster.client.create(Namespaces, { metadata: { name: 'shop' }, spec: {} });
    await cluster.settle();
    const key = { namespace: 'shop', name: 'kube-root-ca.crt' };
    expect((await cluster.client.get(ConfigMaps, key)).data).toEqual({ 'ca.crt': 'PEM' });
    expect(await cluster.list(ConfigMaps)).toHaveLength(5);
    expect(await cluster.list(ServiceAccounts)).toHaveLength(5);

    await cluster.client.delete(ConfigMaps, key);
    await cluster.client.delete(ServiceAccounts, { namespace: 'shop', name: 'default' });
    await cluster.settle();
    const again = await cluster.client.get(ConfigMaps, key);
    await cluster.client.update(ConfigMaps, { ...again, data: { 'ca.crt': 'forged' } });
    await cluster.settle();
    expect((await cluster.client.get(ConfigMaps, key)).data).toEqual({ 'ca.crt': 'PEM' });
    expect(await cluster.list(ServiceAccounts)).toHaveLength(5);
  });
});

describe('the API server behind default/kubernetes', () => {
  test('is where it is, and follows when it moves', async () => {
    await ensureApiEndpoints(cluster.client, { address: '127.0.0.1', port: 6443 });
    const before = cluster.writes();
    await ensureApiEndpoints(cluster.client, { address: '127.0.0.1', port: 6443 });
    expect(cluster.writes()).toBe(before);
    await ensureApiEndpoints(cluster.client, { address: '127.0.0.1', port: 7443 });
    expect(await cluster.get(Endpoints, 'kubernetes')).toMatchObject({
      subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'https', port: 7443 }] }],
    });
    expect(await cluster.get(EndpointSlices, 'kubernetes')).toMatchObject({
      endpoints: [{ addresses: ['127.0.0.1'] }],
      ports: [{ port: 7443 }],
    });
  });
});
