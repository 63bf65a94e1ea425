import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

import { clearMachine, leftoverOrder } from './teardown.ts';

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

test.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
  'C2 what somebody has mounted below the data directory stays mounted; directories in memory go with their pods',
  async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-teardown-'));
    const mount = (...names: readonly string[]): string => {
      const target = path.join(directory, 'nodes', ...names);
      fs.mkdirSync(target, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', target]);
      return target;
    };
    const mounted = (): readonly string[] =>
      fs
        .readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '')
        .filter((target) => target.startsWith(`${directory}/`));
    const theirs = [mount(), mount('node-0', 'volumes'), mount('node-0', 'pod-volumes')];
    try {
      mount('node-0', 'pod-volumes', 'uid', 'cache');
      await clearMachine(directory);
      expect(mounted()).toEqual(theirs);
    } finally {
      for (const target of mounted().toReversed()) execFileSync('umount', [target]);
      fs.rmSync(directory, { recursive: true });
    }
  },
);
