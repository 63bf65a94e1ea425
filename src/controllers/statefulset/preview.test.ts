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

  test('nothing to do is no step', () => {
    const { steps: none, stuck, truncated } = preview(scene('ready ready ready'));
    expect({ none, stuck, truncated }).toEqual({ none: [], stuck: undefined, truncated: false });
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
