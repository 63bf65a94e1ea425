import { notFound } from '../api/errors.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { ObjectType } from '../api/schema-types.ts';
import { applyObject } from './apply-object.ts';
import { withCurrent } from './commits.ts';
import { objectOf, type RegistryCore } from './core.ts';
import { readObject } from './input.ts';
import { storeKey } from './keys.ts';
import { knownType } from './managed-fields.ts';
import { assertIdentityKept } from './metadata.ts';
import { applyPatch } from './patch/patch.ts';
import type { PatchRequest, RequestContext, StoredObject } from './requests.ts';
import { storeChange } from './update-object.ts';

/**
 * PATCH of an object, or of its `status`. The patch is applied to the version that is there when its turn comes, so it
 * never conflicts unless it names a `metadata.resourceVersion` itself.
 */
export function patchObject(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  patch: PatchRequest,
  context: RequestContext,
): Promise<StoredObject> {
  if (patch.type === 'apply') return applyObject(core, type, key, patch, context);
  const kind = patch.type;
  const path = storeKey(type, key);
  return withCurrent(core, path, async (current) => {
    if (current === undefined) throw notFound(type, key.name);
    const old = objectOf(current);
    const object = readObject(type, applyPatch(kind, old, patch.body, mergeableType(type)), context, old);
    assertIdentityKept(type, key, object, old);
    return storeChange(core, type, path, current, object, context);
  });
}

/** How lists of a kind merge; nobody says so of custom ones, which have no strategic merge patch. */
function mergeableType(type: ResourceType): ObjectType | undefined {
  return type.custom === undefined ? knownType(type) : undefined;
}
