import { describe, expect, test } from 'vitest';

import { NOW, revisionName, type SceneOptions, scene } from '../../../test/support/set-scene.ts';
import { describeStep, preview } from './preview.ts';

function steps(pods: string, options: SceneOptions = {}): readonly string[] {
  return preview(scene(pods, options)).steps.map(describeStep);
}

describe('preview', () => {
  test('O1 a new set: each ordinal with its claim, one after the other', () => {
    const at = revisionName(1);
    expect(steps('', { replicas: 2, claimTemplates: ['data'] })).toEqual([
      'create claim data-web-0',
      `create pod web-0 at revision ${at}`,
      'wait until web-0 is Ready',
      'create claim data-web-1',
      `create pod web-1 at revision ${at}`,
      'wait until web-1 is Ready',
    ]);
  });

  test('O4 O5 scaling down: highest first, one at a time', () => {
    const at = revisionName(1);
    expect(steps('ready ready ready', { replicas: 1 })).toEqual([
      `delete pod web-2 at revision ${at} (scale-down)`,
      'wait until web-2 is gone',
      `delete pod web-1 at revision ${at} (scale-down)`,
      'wait until web-1 is gone',
    ]);
  });

  test('U1 a changed template: from the highest ordinal down to the partition', () => {
    const [from, to] = [revisionName(1), revisionName(2)];
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } };
    expect(steps('ready@1 ready@1 ready@1', { version: 2, current: 1, updateStrategy })).toEqual([
      `delete pod web-2 at revision ${from} (update)`,
      'wait until web-2 is gone',
      `create pod web-2 at revision ${to}`,
      'wait until web-2 is Ready',
      `delete pod web-1 at revision ${from} (update)`,
      'wait until web-1 is gone',
      `create pod web-1 at revision ${to}`,
      'wait until web-1 is Ready',
    ]);
  });

  test('a template that has no revision yet gets one first', () => {
    const observed = { ...scene('ready', { replicas: 1, version: 2, current: 1 }), revisions: [] };
    expect(preview(observed).steps.map(describeStep)[0]).toBe(`create revision ${revisionName(2)}`);
  });

  test('S3 minReadySeconds is waited for', () => {
    expect(steps('ready -', { replicas: 2, minReadySeconds: 10 }).slice(1)).toEqual([
      'wait until web-1 is Ready',
      'wait until web-1 has been Ready for minReadySeconds',
    ]);
  });

  test('what only a user can change is named as what it is stuck at', () => {
    const changePods: SceneOptions['changePods'] = (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, ownerReferences: [], labels: { app: 'other' } },
    });
    expect(preview(scene('ready', { changePods })).stuck).toMatchObject({ reason: 'NameTaken', pod: 'web-0' });
  });

  test('C5 a claim that is being deleted is gone before its pod is made', () => {
    const changeClaims: SceneOptions['changeClaims'] = (claim) => ({
      ...claim,
      metadata: { ...claim.metadata, deletionTimestamp: '2026-01-01T11:00:00Z', finalizers: ['example.com/backup'] },
    });
    const observed = scene('-', { replicas: 1, claimTemplates: ['data'], changeClaims });
    expect(preview(observed).steps.map(describeStep)).toEqual([
      'wait until claim data-web-0 is gone (held by example.com/backup)',
      'create claim data-web-0',
      `create pod web-0 at revision ${revisionName(1)}`,
      'wait until web-0 is Ready',
    ]);
    expect(preview(observed).stuck).toBeUndefined();
  });

  test('C3 whenScaled Delete: the claims go with their pods', () => {
    const at = revisionName(1);
    const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Retain' };
    expect(
      steps('ready ready', { replicas: 1, claimTemplates: ['data'], persistentVolumeClaimRetentionPolicy }),
    ).toEqual([
      'make claim data-web-1 owned by Pod web-1',
      `delete pod web-1 at revision ${at} (scale-down)`,
      'wait until web-1 is gone',
      'delete claim data-web-1 with it',
    ]);
  });

  test('A3 the pods of an earlier set of the name are waited for, those without an owner taken over', () => {
    const at = revisionName(1);
    const earlier = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'earlier', controller: true };
    const owned =
      (ownerReferences: readonly object[]): NonNullable<SceneOptions['changePods']> =>
      (pod) =>
        ({ ...pod, metadata: { ...pod.metadata, ownerReferences } }) as typeof pod;
    expect(steps('ready', { replicas: 1, changePods: owned([earlier]) })).toEqual([
      'wait until web-0 is gone',
      `create pod web-0 at revision ${at}`,
      'wait until web-0 is Ready',
    ]);
    expect(steps('ready', { replicas: 1, changePods: owned([]) })).toEqual(['adopt pod web-0']);
  });

  test('U1 U4 what the strategy keeps from the update is named', () => {
    const to = revisionName(2);
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 1 } };
    const changed = { version: 2, current: 1 };
    expect(preview(scene('ready@1 ready@1', { ...changed, replicas: 2, updateStrategy })).paused).toBe(
      `the update to revision ${to} is kept from web-0 (partition 1)`,
    );
    const all = scene('ready@1 ready@1 ready@1 ready@1', {
      ...changed,
      replicas: 4,
      updateStrategy: { type: 'OnDelete' },
    });
    expect(preview(all)).toMatchObject({
      steps: [],
      paused: `the update to revision ${to} reaches web-0, web-1, web-2 and 1 more only when you delete them (OnDelete)`,
    });
  });

  test('nothing to do is no step', () => {
    const { steps: none, stuck, paused, truncated } = preview(scene('ready ready ready'));
    expect({ none, stuck, paused, truncated }).toEqual({
      none: [],
      stuck: undefined,
      paused: undefined,
      truncated: false,
    });
  });

  test('a long way is cut off', () => {
    const { steps: some, truncated } = preview(scene('', { replicas: 1000 }), 50);
    expect([some.length, truncated]).toEqual([50, true]);
  });

  test('what was observed stays as it was', () => {
    const observed = scene('ready ready ready', { replicas: 1 });
    const before = structuredClone({ ...observed, claims: undefined });
    preview(observed);
    expect({ ...observed, claims: undefined }).toEqual(before);
    expect(observed.now).toBe(NOW);
  });
});
