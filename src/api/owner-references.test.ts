import { describe, expect, test } from 'vitest';

import { StatefulSets } from './kinds.ts';
import { controllerOf, controllerReference, isControlledBy, isOwnedBy, ownerReference } from './owner-references.ts';

const owner = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'redis', uid: 'u1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
};
const namesake = { ...owner, metadata: { ...owner.metadata, uid: 'u2' } };

describe('owner references', () => {
  test('a controller is the one owner that says so', () => {
    const object = {
      metadata: {
        ownerReferences: [ownerReference(StatefulSets, namesake), controllerReference(StatefulSets, owner)],
      },
    };
    expect(controllerOf(object)).toEqual({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'redis',
      uid: 'u1',
      controller: true,
      blockOwnerDeletion: true,
    });
    expect(isControlledBy(object, owner)).toBe(true);
    expect(isControlledBy(object, namesake)).toBe(false);
    expect(isOwnedBy(object, namesake)).toBe(true);
  });

  test('a later object of the same name owns nothing', () => {
    const object = { metadata: { ownerReferences: [controllerReference(StatefulSets, owner)] } };
    expect(isOwnedBy(object, namesake)).toBe(false);
    expect(controllerOf({ metadata: {} })).toBeUndefined();
  });
});
