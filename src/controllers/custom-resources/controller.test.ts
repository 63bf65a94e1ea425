import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MemoryCluster, startMemoryCluster } from '../../../test/support/memory-cluster.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { CustomResourceDefinitions } from '../../api/kinds.ts';
import type { New } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { startCustomResourceController } from './controller.ts';

const definition = (plural: string, shortNames: readonly string[]): New<CustomResourceDefinition> => ({
  metadata: { name: `${plural}.example.com` },
  spec: {
    group: 'example.com',
    scope: 'Cluster',
    names: { plural, kind: `Kind${plural}`, shortNames },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
});

describe('the controller of custom resources', () => {
  let cluster: MemoryCluster;
  let followed: string[];
  beforeEach(async () => {
    cluster = await startMemoryCluster();
    followed = [];
    const follower = {
      follow: (type: ResourceType) => followed.push(`+${type.plural}`),
      unfollow: (type: ResourceType) => followed.push(`-${type.plural}`),
    };
    cluster.use(startCustomResourceController({ ...cluster.parts, followers: [follower] }));
    await cluster.settle();
  });
  afterEach(() => cluster.stop());

  test('gives names to who waits for them when they are free', async () => {
    const { client } = cluster.parts;
    await client.create(CustomResourceDefinitions, definition('firsts', ['short']));
    await client.create(CustomResourceDefinitions, definition('seconds', ['short']));
    await cluster.settle();
    expect(followed).toEqual(['+firsts']);
    await client.delete(CustomResourceDefinitions, { name: 'firsts.example.com' });
    await cluster.settle();
    expect(followed).toEqual(['+firsts', '-firsts', '+seconds']);
    const second = await client.get(CustomResourceDefinitions, { name: 'seconds.example.com' });
    expect(second.status?.acceptedNames?.shortNames).toEqual(['short']);
  });

  test('writes nothing when there is nothing to say', async () => {
    const { client } = cluster.parts;
    await client.create(CustomResourceDefinitions, definition('firsts', ['short']));
    await client.create(CustomResourceDefinitions, definition('seconds', ['short']));
    await cluster.settle();
    const { metadata } = await client.list(CustomResourceDefinitions);
    await cluster.settle();
    expect((await client.list(CustomResourceDefinitions)).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });
});
