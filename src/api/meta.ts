import type { ListMeta, ObjectMeta, ServedMeta } from './generated/types.ts';

/** What every served object has, whatever its kind. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ServedMeta;
}

/**
 * An object as a caller hands it in to be created: kind and version may be left out (the resource type implies
 * them), and of the metadata only what the caller decides is given.
 */
export type New<T extends KubernetesObject> = Omit<T, 'apiVersion' | 'kind' | 'metadata'> & {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
};

/** A list as the API serves it. */
export interface ObjectList<T> {
  readonly metadata: ListMeta & { readonly resourceVersion: string };
  readonly items: readonly T[];
}

/** Which object of a resource: `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  readonly namespace?: string;
  readonly name: string;
}

/** The key of a served object. */
export function keyOf(object: KubernetesObject): ObjectKey {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}

/** `namespace/name`, or `name` for cluster-scoped objects: how keys are written in logs, queues and messages. */
export function formatKey(key: ObjectKey): string {
  return key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`;
}

/** The reverse of {@link formatKey}. */
export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
