import { apiError } from '../../api/errors.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource-type.ts';
import type { RegistryCore } from '../core.ts';
import { type Operations, storedOperations } from '../operations.ts';
import type { RequestContext } from '../requests.ts';
import type { CustomKind } from './custom-kinds.ts';

/** The registry as one version of a custom kind sees it: the whole of it, in that version. */
export function coreOf(core: RegistryCore, { store }: CustomKind): RegistryCore {
  return store === core.store ? core : { ...core, store };
}

/** What can be done with objects of custom kinds. Every call throws `NotFound` for a kind that is not there. */
export function customOperations(core: RegistryCore): Operations {
  const at = (type: ResourceType): { kind: CustomKind; type: ResourceType; on: Operations } => {
    const kind = core.custom.require(type);
    return { kind, type: kind.type, on: storedOperations(coreOf(core, kind)) };
  };
  return {
    get: async (given, key) => {
      const { on, type } = at(given);
      return on.get(type, key);
    },
    list: async (given, request) => {
      const { on, type } = at(given);
      return on.list(type, request);
    },
    create: async (given, namespace, object, context) => {
      const { on, type, kind } = at(given);
      if (kind.definition.metadata.deletionTimestamp !== undefined) {
        throw apiError('MethodNotAllowed', 'create not allowed while custom resource definition is terminating', {
          type,
        });
      }
      warnOfDeprecation(type, context);
      return on.create(type, namespace, object, context);
    },
    update: async (given, key, object, context) => {
      const { on, type } = at(given);
      warnOfDeprecation(type, context);
      return on.update(type, key, object, context);
    },
    patch: async (given, key, patch, context) => {
      const { on, type } = at(given);
      warnOfDeprecation(type, context);
      return on.patch(type, key, patch, context);
    },
    delete: async (given, key, request, context) => {
      const { on, type } = at(given);
      return on.delete(type, key, request, context);
    },
    deleteCollection: async (given, list, request, context) => {
      const { on, type } = at(given);
      return on.deleteCollection(type, list, request, context);
    },
    watch(given, request, handler) {
      const { on, type, kind } = at(given);
      let isOver = false;
      let watch: { stop(): void } | undefined;
      const end = (tell?: (error?: Error) => void, error?: Error): void => {
        if (isOver) return;
        isOver = true;
        kind.onGone.delete(gone);
        watch?.stop();
        tell?.(error);
      };
      const closed = (error?: Error): void => handler.closed(error);
      const gone = (): void => end(closed);
      kind.onGone.add(gone);
      watch = on.watch(type, request, {
        events: (batch) => {
          if (!isOver) handler.events(batch);
        },
        closed: (error) => end(closed, error),
      });
      return { stop: () => end() };
    },
  };
}

function warnOfDeprecation(type: ResourceType, { warn }: RequestContext): void {
  if (type.custom?.deprecated !== true) return;
  warn?.(type.custom.deprecationWarning ?? `${apiVersionOf(type)} ${type.kind} is deprecated`);
}
