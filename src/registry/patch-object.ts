import { apiError, conflict, notFound } from '../api/errors.ts';
import { schema } from '../api/generated/schema.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { objectType } from '../api/schema-types.ts';
import { withCurrent } from './commits.ts';
import { objectOf, type RegistryCore } from './core.ts';
import { readObject } from './input.ts';
import { storeKey } from './keys.ts';
import { applyPatch } from './patch/patch.ts';
import type { PatchRequest, RequestContext, StoredObject } from './requests.ts';
import type { AnyObject } from './strategies/strategy.ts';
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
  const path = storeKey(type, key);
  return withCurrent(core, path, async (current) => {
    if (current === undefined) throw notFound(type, key.name);
    const old = objectOf(current);
    const object = readObject(type, patchedBody(type, old, patch), context, old);
    assertIdentityKept(type, key, object, old);
    return storeChange(core, type, path, current, object, context);
  });
}

/** What `old` becomes by `patch`, before anything is checked. */
function patchedBody(type: ResourceType, old: AnyObject, patch: PatchRequest): object {
  if (patch.type === 'apply') {
    throw apiError('UnsupportedMediaType', 'server-side apply is not supported for this resource', { type });
  }
  const known = Object.hasOwn(schema, type.schema) ? objectType(type.schema) : undefined;
  return applyPatch(patch.type, old, patch.body, known);
}

/** A patch may repeat which object it is for, but not change it. */
function assertIdentityKept(type: ResourceType, key: ObjectKey, object: AnyObject, old: AnyObject): void {
  const { name, namespace } = object.metadata;
  if (name !== key.name) {
    throw apiError(
      'BadRequest',
      `the name of the object (${name ?? ''}) does not match the name on the URL (${key.name})`,
    );
  }
  if (namespace !== old.metadata.namespace) {
    throw apiError(
      'BadRequest',
      `the namespace of the object (${namespace ?? ''}) does not match the namespace on the request (${key.namespace ?? ''})`,
    );
  }
  if (object.metadata.uid !== old.metadata.uid && object.metadata.uid !== undefined) {
    throw conflict(
      type,
      key.name,
      `Precondition failed: UID in precondition: ${object.metadata.uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
}
