import { apiError, conflict, type FieldError, invalid, notFound } from '../api/errors.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Entry } from '../store/store.ts';
import { admitUpdate } from './admission/admission.ts';
import { admittedAs } from './admission/admitted.ts';
import { commitDelete, commitPut, withCurrent } from './commits.ts';
import { objectOf, type RegistryCore, StoredEntry, UnstoredObject } from './core.ts';
import { createObject } from './create-object.ts';
import { applyDefaults } from './defaulting/defaulting.ts';
import { isOver } from './deletion.ts';
import { readObject, sealObject } from './input.ts';
import { storeKey } from './keys.ts';
import { isSame, type ManagedFields, withManagers } from './managed-fields.ts';
import { assertCurrent, assertSameObject, changedMetadata, specChanged } from './metadata.ts';
import type { RequestContext, StoredObject } from './requests.ts';
import { strategyOf } from './strategies/strategies.ts';
import type { AnyObject, Strategy } from './strategies/strategy.ts';
import { assertValidChange } from './validity.ts';

/** PUT of an object, or of its `status`. Throws `NotFound`, `Conflict`, `Invalid`, `BadRequest`. */
export async function updateObject(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  body: unknown,
  context: RequestContext,
): Promise<StoredObject> {
  const strategy = strategyOf(type);
  const path = storeKey(type, key);
  const updated = await withCurrent(core, path, async (current) => {
    const old = current === undefined ? undefined : objectOf(current);
    const object = readObject(type, body, context, old);
    assertSameObject(type, key, object);
    if (current === undefined) {
      const { uid = '' } = object.metadata;
      if (uid !== '')
        throw conflict(type, key.name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: `);
      if (strategy.createOnUpdate && context.subresource === undefined) return undefined;
      throw notFound(type, key.name);
    }
    assertVersionGiven(type, strategy, object);
    return storeChange(core, type, path, current, object, context);
  });
  return updated ?? createObject(core, type, key.namespace, body, context);
}

function assertVersionGiven(type: ResourceType, strategy: Strategy, object: AnyObject): void {
  const { name, resourceVersion = '' } = object.metadata;
  if (strategy.unconditionalUpdate || resourceVersion !== '') return;
  const error: FieldError = {
    reason: 'FieldValueInvalid',
    field: 'metadata.resourceVersion',
    message: 'Invalid value: 0: must be specified for an update',
  };
  throw invalid(type, name, [error]);
}

/**
 * Writes `object` over the `current` version, as far as the route (`context.subresource`) may write. The caller holds
 * the key. What turns out to be no change is not written. `managers` says whether the object has the owners of its
 * fields right already.
 */
export async function storeChange(
  core: RegistryCore,
  type: ResourceType,
  path: string,
  current: Entry,
  object: AnyObject,
  context: RequestContext,
  managers: ManagedFields = 'tracked',
): Promise<StoredObject> {
  const strategy = strategyOf(type);
  const old = objectOf(current);
  assertCurrent(type, object, old);
  const changed = changedObject(core, type, strategy, object, old, context);
  const admitted =
    context.subresource === undefined ? await admitUpdate(core, type, changed, old) : admittedAs(changed);
  try {
    assertValidChange(type, admitted.object, old, context.subresource);
    if (isSame(admitted.object, old)) return new StoredEntry(current);
    const { guard, subresource, user } = context;
    await guard?.(
      { verb: 'write', type, object: admitted.object, old, ...(subresource !== undefined && { subresource }) },
      user,
    );

    const owned = managers === 'said' ? admitted.object : withManagers(core, type, admitted.object, old, context);
    const sealed = sealObject(owned);
    if (context.dryRun) return new UnstoredObject(sealed);
    if (isOver(sealed)) return await commitDelete(core, path, sealed, current.revision);
    return await commitPut(core, path, sealed, current.revision);
  } finally {
    admitted.release();
  }
}

/** What is stored when `object` is written through the route. Throws `NotFound` for a route that does not exist. */
function changedObject(
  core: RegistryCore,
  type: ResourceType,
  strategy: Strategy,
  object: AnyObject,
  old: AnyObject,
  { subresource }: RequestContext,
): AnyObject {
  const metadata = changedMetadata(object, old);
  const hasStatus = strategy.subresources.includes('status');
  if (subresource === 'status' && hasStatus) {
    const { status: _, ...rest } = old;
    const withStatus = { ...rest, metadata, ...(object.status !== undefined && { status: object.status }) };
    return strategy.prepareStatus?.(withStatus, old, core.clock) ?? withStatus;
  }
  if (subresource !== undefined) {
    const changed: AnyObject | undefined = strategy.throughRoute?.(subresource, object, old);
    if (changed === undefined) throw apiError('NotFound', 'the server could not find the requested resource', { type });
    return { ...changed, metadata };
  }
  const defaulted: AnyObject = applyDefaults(type, { ...object, metadata });
  const { status: _, ...rest } = defaulted;
  const kept = hasStatus ? old.status : defaulted.status;
  const whole: AnyObject = { ...rest, ...(kept !== undefined && { status: kept }) };
  const prepared: AnyObject = strategy.prepareUpdate?.(whole, old, core.clock) ?? whole;
  if (!strategy.generation || !specChanged(prepared, old)) return prepared;
  return { ...prepared, metadata: { ...prepared.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
}
