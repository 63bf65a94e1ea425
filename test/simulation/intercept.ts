import type { KubernetesObject } from '../../src/api/meta.ts';
import type { ResourceType } from '../../src/api/resource-type.ts';
import type { Client, Watch, WatchHandler } from '../../src/client/client.ts';

/** A request as it passes by. */
export interface Request {
  readonly verb: 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete' | 'deleteCollection' | 'post' | 'read';
  readonly type: ResourceType;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** What is written: an object, a patch, options of a deletion. */
  readonly body?: unknown;
}

export const isWrite = ({ verb }: Request): boolean => !['get', 'list', 'read'].includes(verb);

/** Sees every request, and decides whether and when it is sent and what becomes of its answer. */
export type AroundRequest = <R>(request: Request, send: () => Promise<R>) => Promise<R>;

/** Sees every watch, and decides what of it arrives and when. */
export type AroundWatch = <T extends KubernetesObject>(
  type: ResourceType<T>,
  handler: WatchHandler<T>,
  open: (handler: WatchHandler<T>) => Watch,
) => Watch;

/** The same client, with all that passes through it given to two functions. */
export function intercept(client: Client, request: AroundRequest, watch: AroundWatch): Client {
  return {
    get: (type, key) => request({ verb: 'get', type, name: key.name }, () => client.get(type, key)),
    list: (type, options) => request({ verb: 'list', type }, () => client.list(type, options)),
    create: (type, object, options) =>
      request({ verb: 'create', type, name: object.metadata.name, body: object }, () =>
        client.create(type, object, options),
      ),
    update: (type, object, options) =>
      request(
        { verb: 'update', type, name: object.metadata.name, subresource: options?.subresource, body: object },
        () => client.update(type, object, options),
      ),
    patch: (type, key, patch, options) =>
      request({ verb: 'patch', type, name: key.name, subresource: options?.subresource, body: patch }, () =>
        client.patch(type, key, patch, options),
      ),
    delete: (type, key, options) =>
      request({ verb: 'delete', type, name: key.name, body: options }, () => client.delete(type, key, options)),
    deleteCollection: (type, list, options) =>
      request({ verb: 'deleteCollection', type, body: options }, () => client.deleteCollection(type, list, options)),
    createSubresource: (type, key, subresource, body) =>
      request({ verb: 'post', type, name: key.name, subresource, body }, () =>
        client.createSubresource(type, key, subresource, body),
      ),
    getSubresource: (type, key, subresource) =>
      request({ verb: 'read', type, name: key.name, subresource }, () => client.getSubresource(type, key, subresource)),
    watch: (type, options, handler) => watch(type, handler, (inner) => client.watch(type, options, inner)),
  };
}
