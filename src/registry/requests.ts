import type { Pod, Scale, ServiceAccount, Status } from '../api/generated/types.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';

/** Who asks: as authentication found it. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
  /** Of a service account; undefined for who is known by name only. */
  readonly uid?: string;
  /** What else is known of them, such as the pod that a token is bound to. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** A write of somebody as it is about to be done. */
export type Change =
  | {
      readonly verb: 'write';
      readonly type: ResourceType;
      readonly subresource?: string;
      readonly object: KubernetesObject;
      /** Undefined for a new object. */
      readonly old?: KubernetesObject;
    }
  | { readonly verb: 'delete'; readonly type: ResourceType; readonly old: KubernetesObject }
  /** A token is made for `account`, bound to `pod`, if any. */
  | { readonly verb: 'token'; readonly account: ServiceAccount; readonly pod?: Pod; readonly podUidGiven: boolean };

/** Throws (`Forbidden`) for a change that this user may not make, whatever their rights on the resource are. */
export type Guard = (change: Change, user: UserInfo) => void | Promise<void>;

/** What comes with every request besides the object. */
export interface RequestContext {
  readonly user: UserInfo;
  /** Has the last word on every change; without it the user may do what they ask for. */
  readonly guard?: Guard | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
  /** Which of Berth's own parts asks, by the name that it has in Kubernetes: `kube-controller-manager` ... */
  readonly part?: string | undefined;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
  /** `status`, `scale` ...: the part of the object that is meant. */
  readonly subresource?: string | undefined;
  /** Called when the request has made an object that was not there. */
  readonly created?: () => void;
  /** Receives what the client should be told besides the answer (HTTP `Warning` headers). */
  readonly warn?: (message: string) => void;
}

/** One version of one object, with its wire form at hand: `json()` is made at most once for each version. */
export interface StoredObject<T extends KubernetesObject = KubernetesObject> {
  readonly object: T;
  json(): Buffer;
}

export interface StoredList<T extends KubernetesObject = KubernetesObject> {
  readonly items: readonly StoredObject<T>[];
  readonly resourceVersion: string;
  /** Present when there is more: hand it back as `continue`. */
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface ListRequest {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchRequest extends Pick<ListRequest, 'namespace' | 'labelSelector' | 'fieldSelector'> {
  /** Events after this version; when absent or `0`, first an ADDED for everything there is, if nothing else is said. */
  readonly resourceVersion?: string;
  /** First an ADDED for everything there is, then a bookmark that says so; or neither, with any version. */
  readonly sendInitialEvents?: boolean;
}

export type StoredWatchEvent<T extends KubernetesObject = KubernetesObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly item: StoredObject<T> }
  /** `initialEnd`: the initial events have all been sent. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEnd: boolean };

export interface StoredWatchHandler<T extends KubernetesObject = KubernetesObject> {
  /** Synchronous; in order, each exactly once. Must not block. */
  events(batch: readonly StoredWatchEvent<T>[]): void;
  closed(error?: Error): void;
}

export interface DeleteRequest {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface PatchRequest {
  readonly type: 'json' | 'merge' | 'strategic' | 'apply';
  readonly body: unknown;
  readonly force?: boolean;
}

/**
 * What a request means: the semantics of the API without its wire. The in-process client and the HTTP server are both
 * thin over this. Failures are `ApiError`s. Objects handed in are parsed JSON from outside and not trusted.
 */
export interface Registry {
  /** Every resource that is served now, custom ones included. */
  types(): readonly ResourceType[];
  find(group: string, version: string, plural: string): ResourceType | undefined;
  /** The subresources of a resource: `status`, `scale`, `binding` ... */
  subresources(type: ResourceType): readonly string[];
  /** The newest durable version of the whole store. */
  readonly resourceVersion: string;

  get<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    context: RequestContext,
  ): Promise<StoredObject<T>>;
  list<T extends KubernetesObject>(
    type: ResourceType<T>,
    request: ListRequest,
    context: RequestContext,
  ): Promise<StoredList<T>>;
  /** `namespace` is the one of the URL; an object that names another is refused. */
  create<T extends KubernetesObject>(
    type: ResourceType<T>,
    namespace: string | undefined,
    object: unknown,
    context: RequestContext,
  ): Promise<StoredObject<T>>;
  update<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    object: unknown,
    context: RequestContext,
  ): Promise<StoredObject<T>>;
  patch<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: PatchRequest,
    context: RequestContext,
  ): Promise<StoredObject<T>>;
  delete<T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    request: DeleteRequest,
    context: RequestContext,
  ): Promise<StoredObject<T> | Status>;
  deleteCollection<T extends KubernetesObject>(
    type: ResourceType<T>,
    list: ListRequest,
    request: DeleteRequest,
    context: RequestContext,
  ): Promise<StoredList<T>>;
  /** POST below an object: `binding`, `eviction`, `token`. */
  createSubresource(
    type: ResourceType,
    key: ObjectKey,
    subresource: string,
    body: unknown,
    context: RequestContext,
  ): Promise<object>;
  /** GET, PUT or PATCH of what is below an object and is not the object: `scale`. */
  getSubresource(type: ResourceType, key: ObjectKey, subresource: string, context: RequestContext): Promise<Scale>;
  updateSubresource(
    type: ResourceType,
    key: ObjectKey,
    subresource: string,
    body: unknown,
    context: RequestContext,
  ): Promise<Scale>;
  patchSubresource(
    type: ResourceType,
    key: ObjectKey,
    subresource: string,
    patch: PatchRequest,
    context: RequestContext,
  ): Promise<Scale>;
  watch<T extends KubernetesObject>(
    type: ResourceType<T>,
    request: WatchRequest,
    handler: StoredWatchHandler<T>,
  ): { stop(): void };
}
