import { apiError } from '../api/errors.ts';
import type { KubernetesObject, ObjectKey, ObjectList } from '../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import { deepFreeze } from '../platform/deep-freeze.ts';
import type { Client, DeleteOptions, ListOptions, PatchType, WriteOptions } from './client.ts';
import { type HttpConnection, httpConnection, type QueryValue, type ServerAccess } from './http-connection.ts';
import { httpWatch } from './http-watch.ts';

const PATCH_CONTENT_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * The {@link Client} over HTTP: for what runs apart from its API server, Berth's or any other of Kubernetes.
 *
 * @example
 * const client = httpClient({ server: 'https://127.0.0.1:6443', ca, token });
 * const { items } = await client.list(Pods, { namespace: 'default' });
 */
export function httpClient(access: ServerAccess | HttpConnection): Client {
  const connection = 'request' in access ? access : httpConnection(access);

  const call = async <R extends object>(
    method: string,
    path: string,
    query: Readonly<Record<string, QueryValue>>,
    body?: unknown,
    contentType?: string,
  ): Promise<R> => {
    const answer = await connection.request(method, path, {
      query,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(contentType !== undefined && { contentType }),
    });
    return deepFreeze(parse<R>(answer.body));
  };

  return {
    get: (type, key) => call('GET', objectPath(type, key), {}),

    async list<T extends KubernetesObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
      const answer = await connection.request('GET', collectionPath(type, options.namespace), {
        query: listQuery(options),
      });
      const { metadata, items } = parse<{ metadata: ObjectList<T>['metadata']; items: readonly T[] | null }>(
        answer.body,
      );
      // Kubernetes leaves kind and version out of the items of a list.
      const whole = (items ?? []).map((item) => ({ ...item, apiVersion: apiVersionOf(type), kind: type.kind }));
      return deepFreeze({ metadata, items: whole });
    },

    async create(type, object, options = {}) {
      const { namespace } = object.metadata;
      if (type.namespaced && namespace === undefined) {
        throw apiError('BadRequest', 'an empty namespace may not be set during creation', { type });
      }
      const whole = { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
      return call('POST', collectionPath(type, namespace), writeQuery(options), whole);
    },

    update: (type, object, options = {}) =>
      call('PUT', objectPath(type, object.metadata, options.subresource), writeQuery(options), object),

    patch: (type, key, patch, options = {}) =>
      call(
        'PATCH',
        objectPath(type, key, options.subresource),
        { ...writeQuery(options), force: options.force },
        patch.body,
        PATCH_CONTENT_TYPES[patch.type],
      ),

    delete: (type, key, options = {}) => call('DELETE', objectPath(type, key), {}, deleteBody(options)),

    async deleteCollection(type, list, options = {}) {
      await call('DELETE', collectionPath(type, list.namespace), listQuery(list), deleteBody(options));
    },

    createSubresource: (type, key, subresource, body) => call('POST', objectPath(type, key, subresource), {}, body),

    getSubresource: (type, key, subresource) => call('GET', objectPath(type, key, subresource), {}),

    watch(type, options, handler) {
      const { namespace, ...rest } = options;
      return httpWatch(connection, collectionPath(type, namespace), { ...rest, watch: true }, handler);
    },
  };
}

/** The path of a resource: of all its objects, or of those in a namespace. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

export function objectPath(type: ResourceType, key: ObjectKey, subresource?: string): string {
  const path = `${collectionPath(type, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function listQuery({ namespace: _, ...query }: ListOptions): Readonly<Record<string, QueryValue>> {
  return query;
}

function writeQuery({ dryRun, fieldManager, fieldValidation }: WriteOptions): Readonly<Record<string, QueryValue>> {
  return { dryRun: dryRun ? 'All' : undefined, fieldManager, fieldValidation };
}

function deleteBody({ dryRun, ...options }: DeleteOptions): object {
  return { kind: 'DeleteOptions', apiVersion: 'v1', ...options, ...(dryRun && { dryRun: ['All'] }) };
}

/** An API server's answer is what the path says it is: this is where it gets its type. */
function parse<R>(body: Buffer): R {
  return JSON.parse(body.toString('utf8')) as R;
}
