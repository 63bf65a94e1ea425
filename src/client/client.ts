import type { Status } from '../api/generated/types.ts';
import type { KubernetesObject, New, ObjectKey, ObjectList } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';

export interface WriteOptions {
  /** Writes only this part of the object (`status`, `scale` ...) through its own route. */
  readonly subresource?: string;
  /** Checks and answers as if it had been done, and stores nothing. */
  readonly dryRun?: boolean;
  /** Who writes, for `managedFields`. */
  readonly fieldManager?: string;
  /** What to do with unknown or repeated fields; default `Ignore` in-process, `Warn` from the command line. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface Patch {
  readonly type: PatchType;
  /** A list of operations for `json`, else an object. */
  readonly body: unknown;
}

export interface PatchOptions extends WriteOptions {
  /** For `apply`: take over fields that another manager owns. */
  readonly force?: boolean;
}

export interface DeleteOptions {
  /** Seconds; the object's own default when absent. 0 deletes at once. */
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  /** Delete only this very object. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: boolean;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  /** As in Kubernetes: `app=redis,tier in (a,b),!old`. */
  readonly labelSelector?: string;
  /** `metadata.name=...`, and what the kind offers: `spec.nodeName=...`, `status.phase!=...`. */
  readonly fieldSelector?: string;
  readonly limit?: number;
  /** Where the chunk before ended: `metadata.continue` of its list. */
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchOptions extends Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'> {
  /** Events after this version; when absent, first an ADDED for everything there is. */
  readonly resourceVersion?: string;
  /** Also say from time to time which version has been reached. */
  readonly allowWatchBookmarks?: boolean;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  /** Nothing changed; everything up to this version has been sent. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

/** Receives a watch. In-process the calls are synchronous: they must not block. */
export interface WatchHandler<T> {
  /** In order, each exactly once. */
  events(batch: readonly WatchEvent<T>[]): void;
  /** It is over, with the reason if it was not the server's normal time-out. Not called after `stop`. */
  closed(error?: Error): void;
}

export interface Watch {
  stop(): void;
}

/**
 * The Kubernetes API as Berth's own parts use it, in-process or over HTTP with the same semantics. Failures are
 * thrown as `ApiError`. Objects that come out are deeply frozen and shared: a change is a new object.
 *
 * @example
 * const pod = await client.get(Pods, { namespace: 'default', name: 'redis-0' });
 * await client.update(Pods, { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, seen: 'yes' } } });
 */
export interface Client {
  get<T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey): Promise<T>;
  list<T extends KubernetesObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>>;
  create<T extends KubernetesObject>(type: ResourceType<T>, object: New<T>, options?: WriteOptions): Promise<T>;
  /** Replaces the version that `metadata.resourceVersion` names; another version in between is a conflict. */
  update<T extends KubernetesObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: Patch,
    options?: PatchOptions,
  ): Promise<T>;
  /** The object as it ends, when it ends gracefully or waits for finalizers; else a `Status` of success. */
  delete<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options?: DeleteOptions,
  ): Promise<T | Status>;
  deleteCollection<T extends KubernetesObject>(
    type: ResourceType<T>,
    list: ListOptions,
    options?: DeleteOptions,
  ): Promise<void>;
  /** Creates something under an object: a `binding`, an `eviction` of a pod. */
  createSubresource<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    subresource: string,
    body: object,
  ): Promise<object>;
  /** Reads something under an object that is not the object: its `scale`. */
  getSubresource<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    subresource: string,
  ): Promise<object>;
  watch<T extends KubernetesObject>(type: ResourceType<T>, options: WatchOptions, handler: WatchHandler<T>): Watch;
}
