import { describe, expect, test } from 'vitest';

import { displayName, findType, parseTargets } from './resources.ts';

const shown = (words: readonly string[]) =>
  parseTargets(words).map(({ type, name }) => (name === undefined ? type.plural : displayName(type, name)));

describe('naming objects on the command line', () => {
  test.each([
    [['pods'], ['pods']],
    [
      ['po', 'kv-0', 'kv-1'],
      ['pod/kv-0', 'pod/kv-1'],
    ],
    [['StatefulSet', 'kv'], ['statefulset.apps/kv']],
    [
      ['sts/kv', 'pvc/data-kv-0'],
      ['statefulset.apps/kv', 'persistentvolumeclaim/data-kv-0'],
    ],
    [['sts,pods'], ['statefulsets', 'pods']],
    [['statefulsets.apps'], ['statefulsets']],
    [['all'], ['pods', 'services', 'statefulsets', 'replicasets', 'deployments']],
  ])('%j means %j', (words, expected) => {
    expect(shown(words)).toEqual(expected);
  });

  test.each([
    [[], /name a kind/],
    [['gizmos'], /no resource type "gizmos"/],
    [['pod/'], /"pod\/" is not KIND\/NAME/],
    [['pod/a/b'], /is not KIND\/NAME/],
    [['pods', 'pod/kv-0'], /either KIND NAME or KIND\/NAME/],
  ])('%j is refused', (words, message) => {
    expect(() => parseTargets(words)).toThrow(message);
  });

  test('a near miss names what may have been meant', () => {
    try {
      findType('statefulstes');
      expect.unreachable();
    } catch (error) {
      expect((error as { hint: string }).hint).toContain('statefulsets');
    }
  });
});
