import type { Status } from '../api/generated/types.ts';
import type { KubernetesObject, New, ObjectKey, ObjectList } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type {
  Guard,
  Registry,
  RequestContext,
  StoredObject,
  StoredWatchEvent,
  StoredWatchHandler,
  UserInfo,
} from '../registry/requests.ts';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  Patch,
  PatchOptions,
  Watch,
  WatchEvent,
  WatchHandler,
  WatchOptions,
  WriteOptions,
} from './client.ts';

export interface InProcessClientOptions {
  /** Has the last word on what the user writes. */
  readonly guard?: Guard;
  /** Which of Berth's own parts this client is for: see `RequestContext`. */
  readonly part?: string;
}

/**
 * The API of a registry in this process. Objects are passed by reference: nothing is serialised between a controller
 * and the store.
 *
 * @example
 * const client = inProcessClient(registry, { name: 'system:kube-scheduler', groups: ['system:authenticated'] });
 *
 */
export function inProcessClient(
  registry: Registry,
  user: UserInfo,
  { guard, part }: InProcessClientOptions = {},
): Client {
  const context = ({ subresource, dryRun, fieldManager, fieldValidation }: WriteOptions = {}): RequestContext => ({
    user,
    ...(guard && { guard }),
    ...(part !== undefined && { part }),
    ...(subresource !== undefined && { subresource }),
    ...(dryRun !== undefined && { dryRun }),
    ...(fieldManager !== undefined && { fieldManager }),
    fieldValidation: fieldValidation ?? 'Ignore',
  });
  const plain = context();

  return {
    get: async <T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey): Promise<T> =>
      (await registry.get(type, key, plain)).object,

    async list<T extends KubernetesObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
      const { items, resourceVersion, continue: next, remainingItemCount } = await registry.list(type, options, plain);
      return {
        metadata: {
          resourceVersion,
          ...(next !== undefined && { continue: next }),
          ...(remainingItemCount !== undefined && { remainingItemCount }),
        },
        items: items.map((item) => item.object),
      };
    },

    create: async <T extends KubernetesObject>(
      type: ResourceType<T>,
      object: New<T>,
      options?: WriteOptions,
    ): Promise<T> => (await registry.create(type, object.metadata.namespace, object, context(options))).object,

    update: async <T extends KubernetesObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T> =>
      (await registry.update(type, keyFor(type, object), object, context(options))).object,

    patch: async <T extends KubernetesObject>(
      type: ResourceType<T>,
      key: ObjectKey,
      { type: patchType, body }: Patch,
      options: PatchOptions = {},
    ): Promise<T> => {
      const { force } = options;
      const patch = { type: patchType, body, ...(force !== undefined && { force }) };
      return (await registry.patch(type, key, patch, context(options))).object;
    },

    delete: async <T extends KubernetesObject>(
      type: ResourceType<T>,
      key: ObjectKey,
      { dryRun, ...request }: DeleteOptions = {},
    ): Promise<T | Status> => {
      const outcome = await registry.delete(type, key, request, dryRun === undefined ? plain : context({ dryRun }));
      return isStored(outcome) ? outcome.object : outcome;
    },

    async deleteCollection(type, list, { dryRun, ...request } = {}) {
      await registry.deleteCollection(type, list, request, dryRun === undefined ? plain : context({ dryRun }));
    },

    createSubresource: (type, key, subresource, body) =>
      registry.createSubresource(type, key, subresource, body, plain),

    getSubresource: (type, key, subresource) => registry.getSubresource(type, key, subresource, plain),

    watch<T extends KubernetesObject>(type: ResourceType<T>, options: WatchOptions, handler: WatchHandler<T>): Watch {
      const { allowWatchBookmarks, ...request } = options;
      return registry.watch(type, request, storedHandler(handler, allowWatchBookmarks ?? false));
    },
  };
}

function keyFor(type: ResourceType, { metadata: { name, namespace } }: KubernetesObject): ObjectKey {
  return type.namespaced && namespace !== undefined ? { namespace, name } : { name };
}

function isStored<T extends KubernetesObject>(outcome: StoredObject<T> | Status): outcome is StoredObject<T> {
  return 'object' in outcome;
}

function storedHandler<T extends KubernetesObject>(
  handler: WatchHandler<T>,
  bookmarks: boolean,
): StoredWatchHandler<T> {
  const shown = (event: StoredWatchEvent<T>): WatchEvent<T> | undefined => {
    if (event.type !== 'BOOKMARK') return { type: event.type, object: event.item.object };
    return bookmarks ? { type: 'BOOKMARK', resourceVersion: event.resourceVersion } : undefined;
  };
  return {
    events(batch) {
      const events = batch.map(shown).filter((event) => event !== undefined);
      if (events.length > 0) handler.events(events);
    },
    closed: (error) => handler.closed(error),
  };
}
