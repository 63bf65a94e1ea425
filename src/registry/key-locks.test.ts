import { describe, expect, test } from 'vitest';

import { settle } from '../platform/virtual-clock.ts';
import { KeyLocks } from './key-locks.ts';

describe('KeyLocks', () => {
  test('work on one key is done one after the other, in order; other keys do not wait', async () => {
    const locks = new KeyLocks();
    const log: string[] = [];
    const gates: (() => void)[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await new Promise<void>((resolve) => gates.push(resolve));
      log.push(`${name} ends`);
      return name;
    };
    const all = Promise.all([locks.run('a', work('1')), locks.run('a', work('2')), locks.run('b', work('3'))]);
    await settle();
    expect(log).toEqual(['1 begins', '3 begins']);
    for (let done = 0; done < 3; done += 1) {
      gates.shift()?.();
      await settle();
    }
    expect(await all).toEqual(['1', '2', '3']);
    expect(log).toEqual(['1 begins', '3 begins', '1 ends', '2 begins', '3 ends', '2 ends']);
  });

  test('work that fails does not stop the next, and nothing is kept of a key that is free', async () => {
    const locks = new KeyLocks();
    const failed = locks.run('a', () => Promise.reject(new Error('no')));
    const next = locks.run('a', async () => 'yes');
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
    await settle();
    expect(locks.size).toBe(0);
  });
});
