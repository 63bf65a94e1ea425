import { afterEach, beforeEach, expect, test } from 'vitest';

import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import { Deployments } from '../../api/kinds.ts';
import type { Client, Watch } from '../../client/client.ts';
import { InformerSet } from '../../client/informer.ts';
import { silentLogger } from '../../platform/logger.ts';
import type { Output } from '../output.ts';
import { startView } from './view.ts';

let cluster: MemoryCluster;
beforeEach(async () => {
  cluster = await startMemoryCluster();
});
afterEach(() => cluster.stop());

/** What is said without a terminal, without the time in front of it. */
function written(): { readonly output: Output; readonly lines: string[] } {
  const lines: string[] = [];
  const text = (said: string): void => {
    for (const line of said.trimEnd().split('\n')) lines.push(line.replace(/^[\d:]{8} /, ''));
  };
  return { lines, output: { line: (said = '') => text(said), text, note: text, isTerminal: false, columns: 80 } };
}

/** A client that loses each of its watches as soon as `lose` is called, as a server does that ends. */
function losing(client: Client): { readonly client: Client; lose(): void } {
  const open = new Map<Watch, () => void>();
  return {
    client: {
      ...client,
      watch: (type, options, handler) => {
        const watch = client.watch(type, options, handler);
        open.set(watch, () => {
          watch.stop();
          handler.closed(new Error('the connection was reset'));
        });
        return watch;
      },
    },
    lose() {
      const lost = [...open.values()];
      open.clear();
      for (const end of lost) end();
    },
  };
}

test('the view goes on when its watches are lost, and tells what happened meanwhile', async () => {
  const { client, lose } = losing(cluster.client);
  const informers = cluster.use(new InformerSet({ client, clock: cluster.clock, logger: silentLogger }));
  const { output, lines } = written();
  const view = await startView(informers, [], output, { hint: [] });
  await cluster.createPod('before');
  await cluster.settle();
  expect(lines).toEqual(['pod before created']);

  lose();
  await cluster.createPod('meanwhile');
  await cluster.settle();
  await cluster.createPod('after');
  await cluster.settle();
  expect(lines).toEqual(['pod before created', 'pod meanwhile created', 'pod after created']);
  view.close();
  await cluster.createPod('later');
  await cluster.settle();
  expect(lines).toHaveLength(3);
});

test('what to do next is said when all that was applied is ready, Deployments too, and once', async () => {
  const labels = { app: 'web' };
  const metadata = { namespace: 'default', name: 'web' };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'web' }] } };
  const web = await cluster.client.create(Deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  });
  const { output, lines } = written();
  const applied = [{ type: Deployments, key: metadata, object: web, outcome: 'created' as const }];
  const view = await startView(cluster.informers, applied, output, { hint: ['all is ready'] });
  await cluster.settle();
  expect(lines).toEqual([]);
  for (const readyReplicas of [1, 2, 2]) {
    const found = await cluster.client.get(Deployments, metadata);
    const status = { observedGeneration: found.metadata.generation ?? 0, replicas: 2, readyReplicas };
    await cluster.client.update(Deployments, { ...found, status }, { subresource: 'status' });
    await cluster.settle();
    expect(lines).toEqual(readyReplicas === 1 ? [] : ['all is ready']);
  }
  view.close();
});

test('of very many pods that are there already the number is said, and of each that changes what happens', async () => {
  const names = Array.from({ length: 501 }, (_, index) => `pod-${index}`);
  await Promise.all(names.map((name) => cluster.createPod(name)));
  await cluster.settle();
  const { output, lines } = written();
  const view = await startView(cluster.informers, [], output, { hint: [] });
  await cluster.createPod('another');
  await cluster.settle();
  expect(lines).toEqual(['501 pods are there; berth get pods -A lists them', 'pod another created']);
  view.close();
});
