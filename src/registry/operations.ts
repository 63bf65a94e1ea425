import { notFound } from '../api/errors.ts';
import type { Status } from '../api/generated/types.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { type RegistryCore, StoredEntry, UnstoredObject } from './core.ts';
import { createObject } from './create-object.ts';
import { deleteCollection } from './delete-collection.ts';
import { deleteObject } from './delete-object.ts';
import { storeKey } from './keys.ts';
import { listObjects } from './list-objects.ts';
import { patchObject } from './patch-object.ts';
import type {
  DeleteRequest,
  ListRequest,
  PatchRequest,
  RequestContext,
  StoredList,
  StoredObject,
  StoredWatchHandler,
  WatchRequest,
} from './requests.ts';
import { patchSubresource, updateSubresource } from './subresources/subresources.ts';
import { updateObject } from './update-object.ts';
import { watchObjects } from './watch-objects.ts';

/** What can be done with the objects of a resource, without their types. */
export interface Operations {
  get(type: ResourceType, key: ObjectKey): Promise<StoredObject>;
  list(type: ResourceType, request: ListRequest): Promise<StoredList>;
  create(
    type: ResourceType,
    namespace: string | undefined,
    object: unknown,
    context: RequestContext,
  ): Promise<StoredObject>;
  update(type: ResourceType, key: ObjectKey, object: unknown, context: RequestContext): Promise<StoredObject>;
  patch(type: ResourceType, key: ObjectKey, patch: PatchRequest, context: RequestContext): Promise<StoredObject>;
  delete(
    type: ResourceType,
    key: ObjectKey,
    request: DeleteRequest,
    context: RequestContext,
  ): Promise<StoredObject | Status>;
  deleteCollection(
    type: ResourceType,
    list: ListRequest,
    request: DeleteRequest,
    context: RequestContext,
  ): Promise<StoredList>;
  watch(type: ResourceType, request: WatchRequest, handler: StoredWatchHandler): { stop(): void };
}

/** The operations on what is stored. */
export function storedOperations(core: RegistryCore): Operations {
  return {
    async get(type, key) {
      const entry = await core.store.get(storeKey(type, key));
      if (entry === undefined) throw notFound(type, key.name);
      return new StoredEntry(entry);
    },
    list: (type, request) => listObjects(core, type, request),
    create: (type, namespace, object, context) => createObject(core, type, namespace, object, context),
    update: (type, key, object, context) =>
      context.subresource === 'scale'
        ? asObject(updateSubresource(core, type, key, 'scale', object, context))
        : updateObject(core, type, key, object, context),
    patch: (type, key, patch, context) =>
      context.subresource === 'scale'
        ? asObject(patchSubresource(core, type, key, 'scale', patch, context))
        : patchObject(core, type, key, patch, context),
    delete: (type, key, request, context) => deleteObject(core, type, key, request, context),
    deleteCollection: (type, list, request, context) => deleteCollection(core, type, list, request, context),
    watch: (type, request, handler) => watchObjects(core, type, request, handler),
  };
}

/** What is below an object, as the answer to a request for the object itself with its `subresource`. */
async function asObject(part: Promise<KubernetesObject>): Promise<StoredObject> {
  return new UnstoredObject(await part);
}
