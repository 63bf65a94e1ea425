import { describe, expect, test } from 'vitest';

import { settle, VirtualClock } from '../platform/virtual-clock.ts';
import { WorkQueue, WorkQueueFullError, type WorkQueueOptions } from './work-queue.ts';

/** A queue whose work ends when the test says so. */
function start(options: Partial<WorkQueueOptions> = {}) {
  const clock = new VirtualClock(0);
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const queue = new WorkQueue({
    clock,
    handle: (key) => {
      began.push(key);
      return new Promise((resolve) => ends.push(resolve));
    },
    ...options,
  });
  return { clock, queue, began, endNext: () => ends.shift()?.() };
}

describe('work queue', () => {
  test('keys are worked on in the order they came', async () => {
    const { queue, began } = start();
    for (const key of ['b', 'a', 'c']) queue.add(key);
    await settle();
    expect(began).toEqual(['b', 'a', 'c']);
  });

  test('a key added many times before its turn is worked on once', async () => {
    const { queue, began } = start();
    for (let i = 0; i < 5; i += 1) queue.add('a');
    await settle();
    expect(began).toEqual(['a']);
  });

  test('a key added while it is worked on is worked on once more, and not at the same time', async () => {
    const { queue, began, endNext } = start();
    queue.add('a');
    await settle();
    queue.add('a');
    queue.add('a');
    await settle();
    expect(began).toEqual(['a']);
    endNext();
    await settle();
    expect(began).toEqual(['a', 'a']);
    endNext();
    await settle();
    expect(began).toEqual(['a', 'a']);
  });

  test('no more keys than the concurrency are worked on at once', async () => {
    const { queue, began, endNext } = start({ concurrency: 2 });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    await settle();
    expect(began).toEqual(['a', 'b']);
    expect(queue.running).toBe(2);
    expect(queue.size).toBe(1);
    endNext();
    await settle();
    expect(began).toEqual(['a', 'b', 'c']);
  });

  test('a failing key is tried again with growing delays up to the cap, and from the start after a success', async () => {
    const clock = new VirtualClock(0);
    const times: number[] = [];
    const failing = { now: true };
    const queue = new WorkQueue({
      clock,
      initialBackoffMs: 10,
      maxBackoffMs: 50,
      handle: async () => {
        times.push(clock.now());
        if (failing.now) throw new Error('not yet');
      },
    });
    queue.add('a');
    await clock.advance(180);
    expect(times).toEqual([0, 10, 30, 70, 120, 170]);
    failing.now = false;
    await clock.advance(50);
    failing.now = true;
    queue.add('a');
    await clock.advance(10);
    expect(times.slice(6)).toEqual([220, 230, 240]);
  });

  test('a failure is reported with how often and when it is tried again', async () => {
    const failures: unknown[] = [];
    const { queue, clock } = start({
      initialBackoffMs: 10,
      handle: async () => {
        throw new Error('no');
      },
      onFailure: (key, _error, count, retryInMs) => failures.push([key, count, retryInMs]),
    });
    queue.add('a');
    await clock.advance(10);
    expect(failures).toEqual([
      ['a', 1, 10],
      ['a', 2, 20],
    ]);
  });

  test('after: the key comes when its time has come, and the earliest of several times counts', async () => {
    const { queue, began, clock } = start();
    queue.after('a', 100);
    queue.after('a', 50);
    queue.after('a', 80);
    await clock.advance(49);
    expect(began).toEqual([]);
    await clock.advance(1);
    expect(began).toEqual(['a']);
    await clock.advance(100);
    expect(began).toEqual(['a']);
    expect(queue.size).toBe(0);
  });

  test('a full queue says so', () => {
    const { queue } = start({ maxKeys: 2 });
    queue.add('a');
    queue.add('b');
    queue.add('a');
    expect(() => queue.add('c')).toThrow(WorkQueueFullError);
  });

  test('tells what it has done', async () => {
    const { queue, endNext, clock } = start({ concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.add('b');
    await settle();
    expect(queue).toMatchObject({ depth: 1, adds: 2, retries: 0 });
    await clock.advance(50);
    endNext();
    await settle();
    expect(queue.depth).toBe(0);
    // The second waited while the first was worked on.
    expect(queue.waited.seconds).toBe(0.05);
    expect(queue.worked.seconds).toBe(0.05);
    expect(queue.worked.counts.reduce((sum, count) => sum + count)).toBe(1);
    endNext();
  });

  test('close drops what waits and resolves when what is under way is done', async () => {
    const { queue, began, endNext, clock } = start({ concurrency: 1 });
    queue.add('a');
    queue.add('b');
    queue.after('c', 5);
    await settle();
    let closed = false;
    const closing = queue.close().then(() => {
      closed = true;
    });
    queue.add('d');
    await clock.advance(10);
    expect(closed).toBe(false);
    endNext();
    await closing;
    await settle();
    expect(began).toEqual(['a']);
  });
});
