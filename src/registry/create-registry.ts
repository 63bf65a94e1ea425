import { builtInTypes, CustomResourceDefinitions, EventsEvents } from '../api/kinds.ts';
import type { ObjectKey } from '../api/meta.ts';
import { qualifiedName, type ResourceType } from '../api/resource-type.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Logger, silentLogger } from '../platform/logger.ts';
import { type Random, systemRandom } from '../platform/random.ts';
import type { Store } from '../store/store.ts';
import { parseRange } from './allocation/address-range.ts';
import { ServiceAddresses } from './allocation/service-addresses.ts';
import { bootstrap } from './bootstrap.ts';
import type { RegistryCore } from './core.ts';
import { CustomKinds } from './custom-resources/custom-kinds.ts';
import { coreOf, customOperations } from './custom-resources/custom-operations.ts';
import { definitionOperations } from './custom-resources/definition-operations.ts';
import { type EventRetention, sweepEvents } from './event-retention.ts';
import { KeyLocks } from './key-locks.ts';
import { type Operations, storedOperations } from './operations.ts';
import type {
  DeleteRequest,
  ListRequest,
  PatchRequest,
  Registry,
  RequestContext,
  StoredWatchHandler,
  WatchRequest,
} from './requests.ts';
import { strategyOf } from './strategies/strategies.ts';
import { createSubresource, getSubresource, patchSubresource, updateSubresource } from './subresources/subresources.ts';
import type { TokenIssuer } from './token-issuer.ts';
import { eventOperations } from './views/event-operations.ts';

export interface RegistryOptions {
  readonly store: Store;
  /** The machine's clock when absent. */
  readonly clock?: Clock;
  /** The machine's chance when absent. */
  readonly random?: Random;
  readonly logger?: Logger;
  /** Where cluster addresses of services come from: IPv4, `10.96.0.0/16` when absent. */
  readonly serviceRange?: string;
  /** Makes the tokens of service accounts; without it there are none. */
  readonly tokens?: TokenIssuer;
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
    custom: new CustomKinds(store),
    addresses: new ServiceAddresses(store, random, parseRange(serviceRange)),
    tokens: options.tokens,
  };

  const stored = storedOperations(core);
  const events = eventOperations(stored);
  const eventsName = qualifiedName(EventsEvents);
  const definitions = definitionOperations(core, stored);
  const definitionsName = qualifiedName(CustomResourceDefinitions);
  const custom = customOperations(core);
  const on = (type: ResourceType): Operations => {
    if (!isBuiltIn(type)) return custom;
    if (type.plural === EventsEvents.plural && qualifiedName(type) === eventsName) return events;
    return type.plural === CustomResourceDefinitions.plural && qualifiedName(type) === definitionsName
      ? definitions
      : stored;
  };
  /** The type as it is served now, and the registry as it sees it. Throws `NotFound` for a kind that is not there. */
  const served = (type: ResourceType): readonly [RegistryCore, ResourceType] => {
    if (isBuiltIn(type)) return [core, type];
    const kind = core.custom.require(type);
    return [coreOf(core, kind), kind.type];
  };
  let allTypes: readonly ResourceType[] = builtInTypes;
  let customTypes = core.custom.types;

  const untyped = {
    async bootstrap() {
      await core.custom.follow();
      await bootstrap(core);
    },
    sweepEvents: (retention?: EventRetention) => sweepEvents(core, retention),
    types() {
      if (customTypes !== core.custom.types) {
        customTypes = core.custom.types;
        allTypes = [...builtInTypes, ...customTypes];
      }
      return allTypes;
    },
    find: (group: string, version: string, plural: string) =>
      builtInTypes.find((type) => type.plural === plural && type.group === group && type.version === version) ??
      core.custom.find({ group, version, plural })?.type,
    subresources: (type: ResourceType) => strategyOf(isBuiltIn(type) ? type : served(type)[1]).subresources,
    get resourceVersion() {
      return String(store.revision);
    },
    get: (type: ResourceType, key: ObjectKey) => on(type).get(type, key),
    list: (type: ResourceType, request: ListRequest) => on(type).list(type, request),
    create: (type: ResourceType, namespace: string | undefined, object: unknown, context: RequestContext) =>
      on(type).create(type, namespace, object, context),
    update: (type: ResourceType, key: ObjectKey, object: unknown, context: RequestContext) =>
      on(type).update(type, key, object, context),
    patch: (type: ResourceType, key: ObjectKey, patch: PatchRequest, context: RequestContext) =>
      on(type).patch(type, key, patch, context),
    delete: (type: ResourceType, key: ObjectKey, request: DeleteRequest, context: RequestContext) =>
      on(type).delete(type, key, request, context),
    deleteCollection: (type: ResourceType, list: ListRequest, request: DeleteRequest, context: RequestContext) =>
      on(type).deleteCollection(type, list, request, context),
    watch: (type: ResourceType, request: WatchRequest, handler: StoredWatchHandler) =>
      on(type).watch(type, request, handler),
    createSubresource: async (
      type: ResourceType,
      key: ObjectKey,
      name: string,
      body: unknown,
      context: RequestContext,
    ) => createSubresource(...served(type), key, name, body, context),
    getSubresource: async (type: ResourceType, key: ObjectKey, name: string) =>
      getSubresource(...served(type), key, name),
    updateSubresource: async (
      type: ResourceType,
      key: ObjectKey,
      name: string,
      body: unknown,
      context: RequestContext,
    ) => updateSubresource(...served(type), key, name, body, context),
    patchSubresource: async (
      type: ResourceType,
      key: ObjectKey,
      name: string,
      patch: PatchRequest,
      context: RequestContext,
    ) => patchSubresource(...served(type), key, name, patch, context),
  };
  // What is stored below the keys of a resource is of its type: only this registry writes there.
  return untyped as ClusterRegistry;
}

const builtIn: ReadonlySet<ResourceType> = new Set(builtInTypes);
const builtInNames: ReadonlySet<string> = new Set(builtInTypes.map(qualifiedName));

/** By name too: a caller may describe a kind in words of its own. */
function isBuiltIn(type: ResourceType): boolean {
  return builtIn.has(type) || (type.custom === undefined && builtInNames.has(qualifiedName(type)));
}
