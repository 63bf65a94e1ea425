import { describe, expect, test } from 'vitest';
import { startSetCluster } from '../../../test/support/set-cluster.ts';
import { PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';

describe('StatefulSet controller', () => {
  test('O1 pods are created in order, each with its claim, and all become ready', async () => {
    const cluster = await startSetCluster();
    await cluster.createSet('web', { replicas: 3, claims: ['data'] });
    await cluster.settle();
    expect(cluster.log.filter((line) => /^(create|ready)/.test(line))).toEqual([
      'create claim data-web-0',
      'create pod web-0',
      'ready web-0',
      'create claim data-web-1',
      'create pod web-1',
      'ready web-1',
      'create claim data-web-2',
      'create pod web-2',
      'ready web-2',
    ]);
    const set = await cluster.client.get(StatefulSets, { namespace: 'default', name: 'web' });
    expect(set.status).toMatchObject({ replicas: 3, readyReplicas: 3, currentReplicas: 3, updatedReplicas: 3 });
    expect((await cluster.client.list(Pods)).items).toHaveLength(3);
    expect((await cluster.client.list(PersistentVolumeClaims)).items).toHaveLength(3);
    await cluster.stop();
  });
});
