import { notFound } from '../api/errors.ts';
import { builtInTypes } from '../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Logger, silentLogger } from '../platform/logger.ts';
import { type Random, systemRandom } from '../platform/random.ts';
import type { Store } from '../store/store.ts';
import { parseRange } from './allocation/address-range.ts';
import { ServiceAddresses } from './allocation/service-addresses.ts';
import { bootstrap } from './bootstrap.ts';
import { type RegistryCore, StoredEntry, UnstoredObject } from './core.ts';
import { createObject } from './create-object.ts';
import { deleteCollection } from './delete-collection.ts';
import { deleteObject } from './delete-object.ts';
import { type EventRetention, sweepEvents } from './event-retention.ts';
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
import { createSubresource, getSubresource, patchSubresource, updateSubresource } from './subresources/subresources.ts';
import { updateObject } from './update-object.ts';
import { watchObjects } from './watch-objects.ts';

export interface RegistryOptions {
  readonly store: Store;
  /** The machine's clock when absent. */
  readonly clock?: Clock;
  /** The machine's chance when absent. */
  readonly random?: Random;
  readonly logger?: Logger;
  /** Where cluster addresses of services come from: IPv4, `10.96.0.0/16` when absent. */
  readonly serviceRange?: string;
}

/** A registry with what only the cluster that runs it calls. */
export interface ClusterRegistry extends Registry {
  /** Makes the namespaces and other objects every cluster begins with, as far as they are not there. */
  bootstrap(): Promise<void>;
  /** Removes events that are too old or too many, and says how many. To be called every few minutes. */
  sweepEvents(retention?: EventRetention): Promise<number>;
}

/**
 * The semantics of the API over a store. There may be only one registry over a store: it takes turns with itself.
 *
 * @example
 * const registry = createRegistry({ store: memoryStore() });
 * await registry.bootstrap();
 */
export function createRegistry(options: RegistryOptions): ClusterRegistry {
  const {
    store,
    clock = systemClock,
    random = systemRandom,
    logger = silentLogger,
    serviceRange = '10.96.0.0/16',
  } = options;
  const core: RegistryCore = {
    store,
    clock,
    random,
    logger,
    locks: new KeyLocks(),
    types: builtInTypes,
    addresses: new ServiceAddresses(store, random, parseRange(serviceRange)),
  };

  const untyped = {
    bootstrap: () => bootstrap(core),
    sweepEvents: (retention?: EventRetention) => sweepEvents(core, retention),
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
      context.subresource === 'scale'
        ? asObject(updateSubresource(core, type, key, 'scale', object, context))
        : updateObject(core, type, key, object, context),
    patch: (type: ResourceType, key: ObjectKey, patch: PatchRequest, context: RequestContext) =>
      context.subresource === 'scale'
        ? asObject(patchSubresource(core, type, key, 'scale', patch, context))
        : patchObject(core, type, key, patch, context),
    delete: (type: ResourceType, key: ObjectKey, request: DeleteRequest, context: RequestContext) =>
      deleteObject(core, type, key, request, context),
    deleteCollection: (type: ResourceType, list: ListRequest, request: DeleteRequest, context: RequestContext) =>
      deleteCollection(core, type, list, request, context),
    createSubresource: (type: ResourceType, key: ObjectKey, name: string, body: unknown, context: RequestContext) =>
      createSubresource(core, type, key, name, body, context),
    getSubresource: (type: ResourceType, key: ObjectKey, name: string) => getSubresource(core, type, key, name),
    updateSubresource: (type: ResourceType, key: ObjectKey, name: string, body: unknown, context: RequestContext) =>
      updateSubresource(core, type, key, name, body, context),
    patchSubresource: (
      type: ResourceType,
      key: ObjectKey,
      name: string,
      patch: PatchRequest,
      context: RequestContext,
    ) => patchSubresource(core, type, key, name, patch, context),
    watch: (type: ResourceType, request: WatchRequest, handler: StoredWatchHandler) =>
      watchObjects(core, type, request, handler),
  };
  // What is stored below the keys of a resource is of its type: only this registry writes there.
  return untyped as ClusterRegistry;
}

async function getObject(core: RegistryCore, type: ResourceType, key: ObjectKey): Promise<StoredObject> {
  const entry = await core.store.get(storeKey(type, key));
  if (entry === undefined) throw notFound(type, key.name);
  return new StoredEntry(entry);
}

/** What is below an object, as the answer to a request for the object itself with its `subresource`. */
async function asObject(part: Promise<KubernetesObject>): Promise<StoredObject> {
  return new UnstoredObject(await part);
}
