import { afterEach, expect, test } from 'vitest';

import { testRegistry } from '../../../test/support/test-registry.ts';
import { ClusterRoles } from '../../api/kinds.ts';
import { InformerSet } from '../../client/informer.ts';
import { silentLogger } from '../../platform/logger.ts';
import { startClusterRoleController } from './controller.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const labelled = (name: string, label: string, resource: string) => ({
  metadata: { name, labels: { [label]: 'true' } },
  rules: [{ apiGroups: ['example.com'], resources: [resource], verbs: ['get'] }],
});
const aggregated = (name: string, label: string, labels: Readonly<Record<string, string>> = {}) => ({
  metadata: { name, labels },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
  rules: [],
});

test('an aggregated role has the rules of all that match, through several levels, as they come and go', async () => {
  const { client, clock } = await testRegistry();
  const informers = new InformerSet({ client, clock, logger: silentLogger });
  const controller = startClusterRoleController({ client, informers, clock, logger: silentLogger });
  stops.push(
    () => controller.stop(),
    () => informers.stop(),
  );
  const resourcesOf = async (name: string) => {
    await clock.advance(1);
    return (await client.get(ClusterRoles, { name })).rules?.flatMap(({ resources }) => resources);
  };
  await client.create(ClusterRoles, aggregated('low', 'to-low', { 'to-high': 'true' }));
  await client.create(ClusterRoles, aggregated('high', 'to-high'));
  await client.create(ClusterRoles, labelled('b', 'to-low', 'boats'));
  await client.create(ClusterRoles, labelled('a', 'to-low', 'anchors'));
  await client.create(ClusterRoles, labelled('c', 'to-high', 'cranes'));
  await expect.poll(() => resourcesOf('low')).toEqual(['anchors', 'boats']);
  await expect.poll(() => resourcesOf('high')).toEqual(['cranes', 'anchors', 'boats']);

  await client.delete(ClusterRoles, { name: 'a' });
  await expect.poll(() => resourcesOf('high')).toEqual(['cranes', 'boats']);
  await client.update(ClusterRoles, { ...(await client.get(ClusterRoles, { name: 'low' })), rules: [] });
  await expect.poll(() => resourcesOf('low')).toEqual(['boats']);
});
