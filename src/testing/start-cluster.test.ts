import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

import { Pods, StatefulSets } from '../api/kinds.ts';
import { startCluster } from './start-cluster.ts';

test('a cluster inside a test: a set is created, becomes ready, and nothing is left behind', async () => {
  const cluster = await startCluster();
  const labels = { app: 'db' };
  const ready = new Promise<void>((resolve, reject) => {
    cluster.client.watch(
      StatefulSets,
      { namespace: 'default' },
      {
        events: (batch) => {
          if (batch.some((event) => event.type === 'MODIFIED' && event.object.status?.readyReplicas === 2)) resolve();
        },
        closed: reject,
      },
    );
  });
  await cluster.client.create(StatefulSets, {
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      serviceName: 'db',
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'db', image: 'anything' }] } },
    },
  });
  await ready;
  const { items } = await cluster.client.list(Pods, { namespace: 'default' });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['db-0', 'db-1']);
  expect(cluster.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  await cluster.close();
  expect(fs.existsSync(path.dirname(cluster.kubeconfig))).toBe(false);
});
