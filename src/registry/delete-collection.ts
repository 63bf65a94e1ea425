import { isNotFound } from '../api/errors.ts';
import { keyOf } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { RegistryCore } from './core.ts';
import { deleteObject } from './delete-object.ts';
import { listObjects } from './list-objects.ts';
import type { DeleteRequest, ListRequest, RequestContext, StoredList, StoredObject } from './requests.ts';

/** How many objects are deleted at once. */
const BATCH = 200;

/** Deletes what a list shows, each as if alone. Answers with the list; what has gone in between is left out. */
export async function deleteCollection(
  core: RegistryCore,
  type: ResourceType,
  list: ListRequest,
  request: DeleteRequest,
  context: RequestContext,
): Promise<StoredList> {
  const listed = await listObjects(core, type, list);
  const deleted: StoredObject[] = [];
  for (let start = 0; start < listed.items.length; start += BATCH) {
    const batch = listed.items.slice(start, start + BATCH);
    const outcomes = await Promise.all(batch.map((item) => deleteOne(core, type, item, request, context)));
    deleted.push(...outcomes.filter((item) => item !== undefined));
  }
  return { ...listed, items: deleted };
}

async function deleteOne(
  core: RegistryCore,
  type: ResourceType,
  item: StoredObject,
  request: DeleteRequest,
  context: RequestContext,
): Promise<StoredObject | undefined> {
  try {
    const outcome = await deleteObject(core, type, keyOf(item.object), request, context);
    return 'object' in outcome ? outcome : item;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
