import { ApiError, alreadyExists, isAlreadyExists } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { admitCreate } from './admission/admission.ts';
import { admitNamespace } from './admission/namespace-lifecycle.ts';
import { commitPut, withCurrent } from './commits.ts';
import { objectOf, type RegistryCore, UnstoredObject } from './core.ts';
import { applyDefaults } from './defaulting/defaulting.ts';
import { readObject, sealObject } from './input.ts';
import { storeKey } from './keys.ts';
import { type ManagedFields, withManagers } from './managed-fields.ts';
import { generatedName, namespaceFor, newMetadata } from './metadata.ts';
import type { RequestContext, StoredObject } from './requests.ts';
import { strategyOf } from './strategies/strategies.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { assertValidNew } from './validity.ts';

/** How many generated names are tried before one that is taken becomes an error. */
const NAME_ATTEMPTS = 8;

/**
 * Stores a new object. Throws `AlreadyExists`, `Invalid`, `BadRequest`, and what admission says. `managers` says
 * whether the object has the owners of its fields right already.
 */
export async function createObject(
  core: RegistryCore,
  type: ResourceType,
  namespace: string | undefined,
  body: unknown,
  context: RequestContext,
  managers: ManagedFields = 'tracked',
): Promise<StoredObject> {
  const input = readObject(type, body, context);
  const strategy = strategyOf(type);
  const metadata = newMetadata(core, strategy, input.metadata, namespaceFor(type, namespace, input));
  const named: AnyObject = { ...input, metadata };
  const written = applyDefaults(type, named);
  const admitted = await admitCreate(core, type, written);
  try {
    const { object } = admitted;
    const servesStatus = strategy.subresources.includes('status');
    const own = servesStatus && !strategy.keepsInitialStatus ? withoutStatus(object) : object;
    const prepared: AnyObject = strategy.prepareCreate?.(own, core.clock) ?? own;
    assertValidNew(type, prepared);
    await context.guard?.({ verb: 'write', type, object: prepared }, context.user);
    const generates = input.metadata.name === undefined || input.metadata.name === '';
    const theirs = servesStatus ? withoutStatus(written) : written;
    const owned = managers === 'said' ? prepared : withManagers(core, type, prepared, undefined, context, theirs);
    const stored = await storeNew(core, type, sealObject(owned), generates, context);
    context.created?.();
    return stored;
  } finally {
    admitted.release();
  }
}

function withoutStatus(object: AnyObject): AnyObject {
  if (object.status === undefined) return object;
  const { status: _, ...rest } = object;
  return rest;
}

async function storeNew(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
  generates: boolean,
  context: RequestContext,
): Promise<StoredObject> {
  let candidate = object;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await storeOnce(core, type, candidate, context);
    } catch (error) {
      if (!generates || !isAlreadyExists(error) || attempt === NAME_ATTEMPTS) throw error;
      const name = generatedName(core, object.metadata.generateName ?? '');
      candidate = sealObject({ ...object, metadata: { ...object.metadata, name } });
    }
  }
}

function storeOnce(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
  context: RequestContext,
): Promise<StoredObject> {
  const key = storeKey(type, object.metadata);
  return withCurrent(core, key, async (current) => {
    if (current !== undefined) throw nameTaken(type, objectOf(current));
    // The namespace must still be what it was when this is written: nothing appears in one that has begun to end, and
    // who sees the end of it sees everything that is in it.
    const namespace = await admitNamespace(core, type, object);
    return context.dryRun ? new UnstoredObject(withoutVersion(object)) : commitPut(core, key, object, 0, namespace);
  });
}

/** What is only tried has no version. */
function withoutVersion(object: AnyObject): AnyObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata: metadata as AnyObject['metadata'] };
}

function nameTaken(type: ResourceType, current: AnyObject): ApiError {
  const error = alreadyExists(type, current.metadata.name);
  if (current.metadata.deletionTimestamp === undefined) return error;
  return new ApiError({ ...error.status, message: `object is being deleted: ${error.message}` });
}
