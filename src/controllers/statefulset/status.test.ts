import { describe, expect, test } from 'vitest';

import { NOW, revisionName, type SceneOptions, scene } from '../../../test/support/set-scene.ts';
import { plan } from './plan.ts';

describe('status', () => {
  const status = (pods: string, options: SceneOptions = {}) => plan(scene(pods, options)).status([]);

  test('S1 terminating pods are replicas and, while they are, Ready; not current or updated', () => {
    expect(status('ready ready ending', { replicas: 2 })).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 2,
      updatedReplicas: 2,
    });
  });

  test('S1 Pending and failed pods are replicas and not Ready', () => {
    expect(status('ready pending failed')).toMatchObject({ replicas: 3, readyReplicas: 1, currentReplicas: 3 });
  });

  test('S1 current and updated are counted by revision', () => {
    const options = { version: 2, current: 1 };
    expect(status('ready@1 ready@1 ready@2', options)).toMatchObject({
      currentReplicas: 2,
      updatedReplicas: 1,
      currentRevision: revisionName(1),
      updateRevision: revisionName(2),
    });
  });

  test('S1 the generation that was planned for is reported', () => {
    expect(status('ready')).toMatchObject({ observedGeneration: 1, collisionCount: 0 });
  });

  test('S1 a pod that this pass has made is counted, and so is one that it has deleted', () => {
    const decided = plan(scene('ready ready -'));
    const done = decided.actions.map((action) => ({ action, gone: false }));
    expect(decided.status(done)).toMatchObject({ replicas: 3, readyReplicas: 2, currentReplicas: 3 });
    const down = plan(scene('ready ready ready', { replicas: 2 }));
    const ending = down.actions.map((action) => ({ action, gone: false }));
    expect(down.status(ending)).toMatchObject({ replicas: 3, currentReplicas: 2 });
    const gone = down.actions.map((action) => ({ action, gone: true }));
    expect(down.status(gone)).toMatchObject({ replicas: 2, readyReplicas: 2, currentReplicas: 2 });
  });

  test.each([
    ['one is outdated', 'ready@1 ready@2 ready@2', {}, false],
    ['one is not Ready', 'unready@2 ready@2 ready@2', {}, false],
    ['one is missing', '- ready@2 ready@2', {}, false],
    ['one too many is left', 'ready@2 ready@2 ready@2 ending@2', {}, false],
    ['one is missing and one too many is left', 'ready@2 ready@2 ready@2', { ordinals: { start: 1 } }, false],
    ['all are updated and Ready', 'ready@2 ready@2 ready@2', {}, true],
    [
      'all are updated and Ready, but by OnDelete',
      'ready@2 ready@2 ready@2',
      { updateStrategy: { type: 'OnDelete' } },
      false,
    ],
  ] as const)('S2 when %s the update is complete: %s', (_, pods, options, complete) => {
    const after = status(pods, { version: 2, current: 1, ...options });
    expect(after?.currentRevision).toBe(revisionName(complete ? 2 : 1));
  });

  test('S2 a set that ends and has let go of its history stays at the revision it was at', () => {
    const observed = scene('ready@1 ready@1', { version: 2, current: 1, deleting: true });
    expect(plan({ ...observed, revisions: [] }).status([])).toMatchObject({ currentRevision: revisionName(1) });
  });

  test('S3 Ready and available are two things with minReadySeconds, and time alone makes the difference', () => {
    const observed = scene('ready fresh', { minReadySeconds: 10, replicas: 2 });
    const now = plan(observed);
    expect(now.status([])).toMatchObject({ readyReplicas: 2, availableReplicas: 1 });
    expect(now.recheckAtMs).toBe(NOW + 5000);
    const later = plan({ ...observed, now: NOW + 5000 });
    expect(later.status([])).toMatchObject({ readyReplicas: 2, availableReplicas: 2 });
    expect(later.waiting).toBeUndefined();
  });
});
