import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Pod } from '../../src/api/generated/types.ts';
import { Pods } from '../../src/api/kinds.ts';
import { isReady } from '../../src/cli/view/members.ts';
import { example, TestBerth, until, untilReplaced, untilSettled } from './support.ts';

const root = process.getuid?.() === 0 && process.platform === 'linux';
if (!root)
  console.warn('SKIPPED: stateless and stateful beside each other, with volumes at their paths, need Linux and root');

describe.runIf(root)('the example of what is stateless and what is stateful', () => {
  const berth = new TestBerth('stateless');
  const pods = async (wanted: (all: readonly Pod[]) => boolean, what: string): Promise<readonly Pod[]> =>
    until(berth.client(), Pods, wanted, what);
  const crowd = (all: readonly Pod[]): readonly Pod[] =>
    all.filter((pod) => pod.metadata.labels?.app === 'crowd' && isReady(pod) && !pod.metadata.deletionTimestamp);
  /** A program writes its line when it starts, which its pod does not wait for. */
  const diary = async (pod: string, lines: number): Promise<readonly string[]> => {
    const read = async (): Promise<readonly string[]> =>
      (await berth.ok('exec', pod, '--', 'cat', '/diary/log')).trim().split('\n');
    await expect.poll(async () => (await read()).length).toBe(lines);
    return read();
  };

  beforeAll(async () => {
    await berth.up('-f', example('stateless-vs-stateful.yaml'));
    await untilSettled(berth.client(), 'crew', 2);
  });
  afterAll(() => berth.close());

  test('I4 a dead stateless pod comes back as a stranger on the volume that all share', async () => {
    const before = crowd(await pods((all) => crowd(all).length === 2, 'two strangers'));
    const [victim] = before;
    await diary(victim!.metadata.name, 2);
    await berth.ok('delete', 'pod', victim!.metadata.name);
    const isOther = (pod: Pod): boolean => !before.some(({ metadata }) => metadata.name === pod.metadata.name);
    const after = crowd(await pods((all) => crowd(all).length === 2 && crowd(all).some(isOther), 'another stranger'));
    const stranger = after.find(isOther)!.metadata.name;
    const names = before.map(({ metadata }) => metadata.name);
    const lines = await diary(stranger, 3);
    expect([...lines].sort()).toEqual([...names, stranger].sort());
    expect(lines.at(-1)).toBe(stranger);
  });

  test('I4 C2 a dead stateful one comes back as itself on its own', async () => {
    const client = berth.client();
    const { uid } = (await client.get(Pods, { namespace: 'default', name: 'crew-1' })).metadata;
    await diary('crew-1', 1);
    await berth.ok('delete', 'pod', 'crew-1');
    await untilReplaced(client, 'crew-1', uid);
    expect(await diary('crew-1', 2)).toEqual(['crew-1', 'crew-1']);
    expect(await diary('crew-0', 1)).toEqual(['crew-0']);
  });
});
