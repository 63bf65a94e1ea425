import { expect, test } from 'vitest';

import type { Pod } from '../api/generated/types.ts';
import { endingOrder } from './shutdown.ts';

function pod(name: string, set?: string): Pod {
  const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: set ?? '', uid: `uid-${set}`, controller: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(set && { ownerReferences: [owner] }),
    },
    spec: { containers: [] },
  };
}

test('O4 the pods of a set end from the highest ordinal, by number; sets and other pods do not wait for each other', () => {
  const order = endingOrder([
    pod('kv-9', 'kv'),
    pod('kv-10', 'kv'),
    pod('redis-0', 'redis'),
    pod('kv-0', 'kv'),
    pod('lone'),
    pod('redis-1', 'redis'),
  ]);
  expect(order.map((group) => group.map(({ metadata }) => metadata.name))).toEqual([
    ['kv-10', 'kv-9', 'kv-0'],
    ['redis-1', 'redis-0'],
    ['lone'],
  ]);
});
