import type { CustomResourceDefinitionVersion } from './generated/types.ts';
import type { KubernetesObject } from './meta.ts';

/**
 * What the API knows of a kind: how it is called on the wire and on the command line. The type parameter ties the
 * TypeScript interface of its objects to it, so that `client.get(Pods, key)` is a `Pod`.
 */
export interface ResourceType<T extends KubernetesObject = KubernetesObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** As in a URL: `statefulsets`. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  /** `all` makes `kubectl get all` list it. */
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** The name of its type in the schema (`src/api/generated/schema.ts`). */
  readonly schema: string;
  /** The kind of a list of them; `<kind>List` when absent. */
  readonly listKind?: string;
  /** Of a kind that a CustomResourceDefinition defines: what that says of this version. */
  readonly custom?: CustomResourceDefinitionVersion;
  /** Never set: only carries the type. */
  readonly objectType?: T;
}

/** `apps/v1`, or `v1` for the core group: what objects carry as `apiVersion`. */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** `statefulsets.apps`, or `pods`: how a resource is named in messages and rules. */
export function qualifiedName(type: Pick<ResourceType, 'group' | 'plural'>): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}
