import { conflict, notFound } from '../api/errors.ts';
import type { Status } from '../api/generated/types.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Entry } from '../store/store.ts';
import { admitDelete } from './admission/admission.ts';
import { commitDelete, commitPut, withCurrent } from './commits.ts';
import { objectOf, type RegistryCore, StoredEntry, UnstoredObject } from './core.ts';
import { type DeletionStep, planDeletion } from './deletion.ts';
import { sealObject } from './input.ts';
import { storeKey } from './keys.ts';
import type { DeleteRequest, RequestContext, StoredObject } from './requests.ts';
import { strategyOf } from './strategies/strategies.ts';
import type { AnyObject } from './strategies/strategy.ts';

/**
 * DELETE. Answers with the object while it goes on to exist (it ends gracefully, or waits for finalizers), else with
 * a `Status`. Throws `NotFound`, and `Conflict` when a precondition does not hold.
 */
export function deleteObject(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  request: DeleteRequest,
  context: RequestContext,
): Promise<StoredObject | Status> {
  const path = storeKey(type, key);
  return withCurrent(core, path, async (current) => {
    if (current === undefined) throw notFound(type, key.name);
    return deleteCurrent(core, type, path, current, request, context);
  });
}

/** The same for a version at hand; the caller holds the key. */
async function deleteCurrent(
  core: RegistryCore,
  type: ResourceType,
  path: string,
  current: Entry,
  request: DeleteRequest,
  context: RequestContext,
): Promise<StoredObject | Status> {
  const object = objectOf(current);
  assertPreconditions(type, object, request);
  admitDelete(type, object);
  await context.guard?.({ verb: 'delete', type, old: object }, context.user);
  const step = planDeletion(strategyOf(type), object, request, core.clock.now());
  const wanted = outcome(step, object);
  if (context.dryRun) return step.type === 'remove' ? success(type, object) : new UnstoredObject(wanted);
  switch (step.type) {
    case 'wait':
      return new StoredEntry(current);
    case 'mark':
      return commitPut(core, path, wanted, current.revision);
    case 'remove':
      await commitDelete(core, path, wanted, current.revision);
      return success(type, object);
  }
}

function outcome(step: DeletionStep, object: AnyObject): AnyObject {
  return step.type === 'wait' ? object : sealObject(step.object);
}

function assertPreconditions(type: ResourceType, { metadata }: AnyObject, { preconditions }: DeleteRequest): void {
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      type,
      metadata.name,
      `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      type,
      metadata.name,
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
    );
  }
}

/** What DELETE answers when the object is gone. */
function success(type: ResourceType, { metadata }: AnyObject): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name,
      ...(type.group !== '' && { group: type.group }),
      kind: type.plural,
      uid: metadata.uid,
    },
  };
}
