import { expect, test } from 'vitest';

import { leftoverOrder } from './teardown.ts';

test('O4 pods without a server end from the highest ordinal of each name; names do not wait for each other', () => {
  const pods = ['kv-9', 'kv-10', 'lone', 'redis-0', 'kv-0', 'redis-1'].map((name) => ({ namespace: 'default', name }));
  const order = leftoverOrder([...pods, { namespace: 'other', name: 'kv-1' }]);
  expect(order.map((group) => group.map(({ namespace, name }) => `${namespace}/${name}`))).toEqual([
    ['default/kv-10', 'default/kv-9', 'default/kv-0'],
    ['default/lone'],
    ['default/redis-1', 'default/redis-0'],
    ['other/kv-1'],
  ]);
});
