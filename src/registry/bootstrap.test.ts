import { describe, expect, test } from 'vitest';
import { testRegistry } from '../../test/support/test-registry.ts';
import { Namespaces, PriorityClasses, ServiceAccounts, Services } from '../api/kinds.ts';

describe('bootstrap', () => {
  test('every cluster has its namespaces, accounts, priorities and the service of the API', async () => {
    const { client } = await testRegistry();
    const names = (await client.list(Namespaces)).items.map(({ metadata, status }) => [metadata.name, status?.phase]);
    expect(names).toEqual([
      ['default', 'Active'],
      ['kube-node-lease', 'Active'],
      ['kube-public', 'Active'],
      ['kube-system', 'Active'],
    ]);
    expect((await client.list(ServiceAccounts, { namespace: 'default' })).items[0]?.metadata.name).toBe('default');
    const service = await client.get(Services, { namespace: 'default', name: 'kubernetes' });
    expect(service.spec.clusterIP).toBe('10.96.0.1');
    expect((await client.get(PriorityClasses, { name: 'system-node-critical' })).value).toBe(2_000_001_000);
  });

  test('a second time writes nothing', async () => {
    const { registry } = await testRegistry();
    const before = registry.resourceVersion;
    await registry.bootstrap();
    expect(registry.resourceVersion).toBe(before);
  });
});
