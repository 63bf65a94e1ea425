import { apiError, notFound } from '../api/errors.ts';
import { builtInTypes } from '../api/kinds.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Logger, silentLogger } from '../platform/logger.ts';
import { type Random, systemRandom } from '../platform/random.ts';
import type { Store } from '../store/store.ts';
import { bootstrap } from './bootstrap.ts';
import { type RegistryCore, StoredEntry } from './core.ts';
import { createObject } from './create-object.ts';
import { deleteObject } from './delete-object.ts';
import { KeyLocks } from './key-locks.ts';
import { storeKey } from './keys.ts';
import { listObjects } from './list-objects.ts';
import { patchObject } from './patch-object.ts';
import type {
  DeleteRequest,
  ListRequest,
  PatchRequest,
  Registry,
  RequestContext,
  StoredObject,
  StoredWatchHandler,
  WatchRequest,
} from './requests.ts';
import { strategyOf } from './strategies/strategies.ts';
import { updateObject } from './update-object.ts';
import { watchObjects } from './watch-objects.ts';

export interface RegistryOptions {
  readonly store: Store;
  /** The machine's clock when absent. */
  readonly clock?: Clock;
  /** The machine's chance when absent. */
  readonly random?: Random;
  readonly logger?: Logger;
}

/** A registry with what only the cluster that runs it calls. */
export interface ClusterRegistry extends Registry {
  /** Makes the namespaces and other objects every cluster begins with, as far as they are not there. */
  bootstrap(): Promise<void>;
}

/**
 * The semantics of the API over a store. There may be only one registry over a store: it takes turns with itself.
 *
 * @example
 * const registry = createRegistry({ store: memoryStore() });
 * await registry.bootstrap();
 */
export function createRegistry(options: RegistryOptions): ClusterRegistry {
  const { store, clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  const core: RegistryCore = { store, clock, random, logger, locks: new KeyLocks(), types: builtInTypes };

  const untyped = {
    bootstrap: () => bootstrap(core),
    types: () => core.types,
    find: (group: string, version: string, plural: string) =>
      core.types.find((type) => type.plural === plural && type.group === group && type.version === version),
    subresources: (type: ResourceType) => strategyOf(type).subresources,
    get resourceVersion() {
      return String(store.revision);
    },
    get: (type: ResourceType, key: ObjectKey) => getObject(core, type, key),
    list: (type: ResourceType, request: ListRequest) => listObjects(core, type, request),
    create: (type: ResourceType, namespace: string | undefined, object: unknown, context: RequestContext) =>
      createObject(core, type, namespace, object, context),
    update: (type: ResourceType, key: ObjectKey, object: unknown, context: RequestContext) =>
      updateObject(core, type, key, object, context),
    patch: (type: ResourceType, key: ObjectKey, patch: PatchRequest, context: RequestContext) =>
      patchObject(core, type, key, patch, context),
    delete: (type: ResourceType, key: ObjectKey, request: DeleteRequest, context: RequestContext) =>
      deleteObject(core, type, key, request, context),
    deleteCollection: notYet,
    createSubresource: notYet,
    getSubresource: notYet,
    updateSubresource: notYet,
    patchSubresource: notYet,
    watch: (type: ResourceType, request: WatchRequest, handler: StoredWatchHandler) =>
      watchObjects(core, type, request, handler),
  };
  // What is stored below the keys of a resource is of its type: only this registry writes there.
  return untyped as ClusterRegistry;
}

async function notYet(): Promise<never> {
  throw apiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

async function getObject(core: RegistryCore, type: ResourceType, key: ObjectKey): Promise<StoredObject> {
  const entry = await core.store.get(storeKey(type, key));
  if (entry === undefined) throw notFound(type, key.name);
  return new StoredEntry(entry);
}
