import { expect, test } from 'vitest';
import { describeStoreContract, put } from './contract.ts';
import { memoryStore } from './memory-store.ts';

describeStoreContract('memoryStore', async (history) => memoryStore(history === undefined ? {} : { history }));

test('memoryStore commits in microtasks alone', async () => {
  const store = memoryStore();
  let isDone = false;
  void store.commit([put('/a')]).then(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 10 && !isDone; turn++) await Promise.resolve();
  expect(isDone).toBe(true);
});
