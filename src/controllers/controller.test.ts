import { expect, test } from 'vitest';

import { silentLogger } from '../platform/logger.ts';
import { settle, VirtualClock } from '../platform/virtual-clock.ts';
import { runController } from './controller.ts';

const common = { name: 'test', clock: new VirtualClock(), logger: silentLogger };

test('nothing is decided before all that is read is there', async () => {
  const seen: string[] = [];
  let sync = (): void => {};
  const late = { synced: new Promise<void>((resolve) => (sync = resolve)) };
  const controller = runController({
    ...common,
    caches: [{ synced: Promise.resolve() }, late],
    reconcile: async (key) => void seen.push(key),
    follow: (queue) => {
      queue.enqueue('a');
      return [];
    },
  });
  await settle();
  expect(seen).toEqual([]);
  sync();
  await settle();
  expect(seen).toEqual(['a']);
  await controller.stop();
});

test('one that still waits for what it reads can be stopped: it follows nothing and does nothing more', async () => {
  const seen: string[] = [];
  let isFollowing = true;
  const controller = runController({
    ...common,
    caches: [{ synced: new Promise(() => {}) }],
    reconcile: async (key) => void seen.push(key),
    follow: () => [
      () => {
        isFollowing = false;
      },
    ],
  });
  controller.enqueue('a');
  await settle();
  await controller.stop();
  expect({ seen, isFollowing }).toEqual({ seen: [], isFollowing: false });
});
