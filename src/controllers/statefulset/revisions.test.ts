import { describe, expect, test } from 'vitest';

import { inWords, partition, revision, revisionName, scene } from '../../../test/support/set-scene.ts';
import { type Observed, plan } from './plan.ts';

describe('revisions', () => {
  const decide = (observed: Observed): readonly string[] => plan(observed).actions.map(inWords);

  test('R1 a new template is a new revision with the next number', () => {
    const observed = scene('ready@1 ready@1 ready@1', { version: 2, current: 1 });
    expect(decide({ ...observed, revisions: [revision(1, 4)] })).toEqual([
      'create revision number 5',
      'delete web-2 (update)',
    ]);
  });

  test('R1 a template equal to an old one raises the number of that one', () => {
    const observed = scene('ready@1 ready@1 ready@1', { version: 1 });
    expect(decide({ ...observed, revisions: [revision(1, 1), revision(2, 2)] })).toEqual(['revision 1 gets number 3']);
  });

  test('R1 the name comes from the set and the content alone', () => {
    expect(revisionName(1)).toMatch(/^web-[a-z0-9]+$/);
    expect(revisionName(1)).toBe(revision(1, 9).metadata.name);
    expect(revisionName(1)).not.toBe(revisionName(2));
  });

  test('R1 a revision that another version wrote with nulls and in another order is the same', () => {
    const observed = scene('ready ready ready');
    const template = {
      spec: { containers: [{ image: 'app:1', name: 'app' }] },
      $patch: 'replace',
      metadata: { labels: { app: 'web' }, creationTimestamp: null },
    };
    const foreign = { ...revision(1, 1), data: { spec: { template } } };
    expect(decide({ ...observed, revisions: [foreign] })).toEqual([]);
  });

  test('R2 a raised collision count gives another name', () => {
    const name = (collisionCount: number): unknown => {
      const observed = scene('', { status: { collisionCount } });
      const action = plan({ ...observed, revisions: [] }).actions[0];
      return action?.type === 'createRevision' && action.revision.metadata.name;
    };
    expect(name(1)).not.toBe(name(0));
  });

  test('R3 the oldest past the limit that nothing uses are forgotten', () => {
    const observed = scene('ready@3 ready ready', {
      version: 9,
      current: 9,
      revisionHistoryLimit: 2,
      updateStrategy: { type: 'OnDelete' },
    });
    const revisions = [5, 3, 1, 9, 7].map((version) => revision(version, version));
    expect(decide({ ...observed, revisions })).toEqual(['forget revision 1']);
  });

  test('R3 a limit of none keeps what is in use', () => {
    const observed = scene('ready@1 ready@1 ready@2', {
      version: 2,
      current: 1,
      revisionHistoryLimit: 0,
      updateStrategy: partition(2),
    });
    expect(decide(observed)).toEqual([]);
  });

  test.each([
    ['replicas', { replicas: 5 }],
    ['the partition', { updateStrategy: partition(3) }],
    ['minReadySeconds', { minReadySeconds: 1 }],
    ['the first ordinal', { ordinals: { start: 1 } }],
    ['the strategy', { updateStrategy: { type: 'OnDelete' } }],
    ['the history limit', { revisionHistoryLimit: 1 }],
    ['the retention policy', { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } }],
  ] as const)('R4 a change of %s makes no revision', (_, options) => {
    expect(decide(scene('ready ready ready', options)).filter((step) => step.includes('revision'))).toEqual([]);
  });
});
