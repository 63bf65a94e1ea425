import { isNotFound } from '../../api/errors.ts';
import type { OwnerReference } from '../../api/generated/types.ts';
import { Events, EventsEvents } from '../../api/kinds.ts';
import { formatKey, type KubernetesObject, keyOf, type ObjectKey } from '../../api/meta.ts';
import { apiVersionOf, qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { Change, Index, Informer } from '../../client/informer.ts';
import { type Controller, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import {
  blocks,
  endingMode,
  FOREGROUND,
  type ObservedObject,
  ORPHAN,
  type OwnerState,
  planCollection,
} from './plan-collection.ts';

export interface GarbageCollectorOptions extends Omit<ControllerParts, 'events'> {
  /** The kinds whose objects have owners or are some. */
  readonly types: readonly ResourceType[];
}

export interface GarbageCollector extends Controller {
  /** Collects objects of one more kind from now on. */
  follow(type: ResourceType): void;
  /** Leaves the objects of a kind alone from now on. */
  unfollow(type: ResourceType): void;
}

/** Owners that are known to be gone; a uid never comes back. More than this are asked for again. */
const ABSENT_OWNERS_REMEMBERED = 4096;

/**
 * Starts the garbage collector: objects whose owners have all gone are deleted (A4), and owners that end in the
 * foreground, or leave orphans (A3), are let go when their dependents are dealt with.
 */
export function startGarbageCollector(options: GarbageCollectorOptions): GarbageCollector {
  return new Collector(options).start();
}

/** One kind, and who owns its objects. */
interface Followed {
  readonly type: ResourceType;
  readonly informer: Informer<KubernetesObject>;
  readonly byOwner: Index<KubernetesObject>;
  readonly unsubscribe: () => void;
}

class Collector {
  readonly #options: GarbageCollectorOptions;
  readonly #followed = new Map<string, Followed>();
  /** The kinds as owner references name them, whatever version they name. */
  readonly #byKind = new Map<string, Followed>();
  readonly #absent = new Set<string>();
  readonly #controller: Controller;
  #isReady = false;

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#controller = runController({
      name: 'garbage-collector',
      clock,
      logger,
      concurrency: 64,
      reconcile: (key) => this.#reconcile(key),
    });
  }

  start(): GarbageCollector {
    for (const type of this.#options.types) this.#follow(type);
    const synced = [...this.#followed.values()].map(({ informer }) => informer.synced);
    void Promise.all(synced).then(() => {
      // Only now is an owner that is not in the caches one to ask for.
      this.#isReady = true;
      this.#considerAll();
    });
    return {
      ...this.#controller,
      follow: (type) => {
        this.#follow(type);
        // What is owned by objects of a kind that was not known until now was left alone.
        void this.#options.informers.get(type).synced.then(() => this.#considerAll());
      },
      unfollow: (type) => this.#unfollow(type),
      stop: () => {
        for (const { unsubscribe } of this.#followed.values()) unsubscribe();
        return this.#controller.stop();
      },
    };
  }

  #considerAll(): void {
    for (const followed of this.#followed.values()) {
      for (const object of followed.informer.list()) this.#consider(followed, object);
    }
  }

  #follow(type: ResourceType): void {
    const name = qualifiedName(type);
    // Nobody owns by events, and there are very many.
    if (this.#followed.has(name) || type.kind === Events.kind || type.kind === EventsEvents.kind) return;
    const informer = this.#options.informers.get(type);
    const followed: Followed = { type, informer, byOwner: informer.index(ownerUids), unsubscribe: () => unsubscribe() };
    this.#followed.set(name, followed);
    this.#byKind.set(kindName(apiVersionOf(type), type.kind), followed);
    const unsubscribe = informer.subscribe((changes) => {
      for (const change of changes) this.#changed(followed, change);
    });
  }

  #unfollow(type: ResourceType): void {
    const followed = this.#followed.get(qualifiedName(type));
    if (followed === undefined) return;
    followed.unsubscribe();
    this.#followed.delete(qualifiedName(type));
    this.#byKind.delete(kindName(apiVersionOf(type), type.kind));
  }

  #changed(followed: Followed, change: Change<KubernetesObject>): void {
    if (!this.#isReady) return;
    const { object } = change;
    if (change.type === 'deleted') {
      this.#remember(object.metadata.uid);
      for (const dependent of this.#dependentsOf(object.metadata.uid)) this.#enqueue(dependent);
      this.#wakeOwners(object.metadata);
      return;
    }
    if (change.type === 'updated') {
      const { previous } = change;
      const { ownerReferences, finalizers, deletionTimestamp } = object.metadata;
      const isSameOwners = previous.metadata.ownerReferences === ownerReferences;
      const isSameEnd =
        previous.metadata.deletionTimestamp === deletionTimestamp && previous.metadata.finalizers === finalizers;
      if (isSameOwners && isSameEnd) return;
      if (!isSameOwners) this.#wakeOwners(previous.metadata);
    }
    this.#consider(followed, object);
  }

  /** Puts an object on the queue when there may be something to do about it. */
  #consider(followed: Followed, object: KubernetesObject): void {
    if (endingMode(object) !== undefined) {
      this.#enqueue({ followed, object });
      return;
    }
    const { ownerReferences, namespace, deletionTimestamp } = object.metadata;
    if (ownerReferences === undefined || deletionTimestamp !== undefined) return;
    if (ownerReferences.some((reference) => this.#cachedState(reference, namespace) !== 'solid')) {
      this.#enqueue({ followed, object });
    }
  }

  /** Owners that wait for their dependents look again. */
  #wakeOwners({ ownerReferences = [], namespace }: KubernetesObject['metadata']): void {
    for (const reference of ownerReferences) {
      const followed = this.#byKind.get(kindName(reference.apiVersion, reference.kind));
      const owner = followed?.informer.get(ownerKey(followed.type, reference, namespace));
      if (followed && owner?.metadata.uid === reference.uid && endingMode(owner) === 'foreground') {
        this.#enqueue({ followed, object: owner });
      }
    }
  }

  #enqueue({ followed, object }: { readonly followed: Followed; readonly object: KubernetesObject }): void {
    this.#controller.enqueue(`${qualifiedName(followed.type)} ${formatKey(keyOf(object))}`);
  }

  *#dependentsOf(uid: string): Iterable<{ readonly followed: Followed; readonly object: KubernetesObject }> {
    for (const followed of this.#followed.values()) {
      for (const object of followed.byOwner.get(uid)) yield { followed, object };
    }
  }

  async #reconcile(key: string): Promise<void> {
    const space = key.indexOf(' ');
    const followed = this.#followed.get(key.slice(0, space));
    const object = followed?.informer.getByKey(key.slice(space + 1));
    if (followed === undefined || object === undefined) return;
    switch (endingMode(object)) {
      case 'orphan':
        return this.#orphanDependents(followed, object);
      case 'foreground':
        return this.#endDependents(followed, object);
      case undefined:
        return this.#collect(followed, object);
    }
  }

  /** A3: the dependents forget their owner, and then it goes. */
  async #orphanDependents(followed: Followed, owner: KubernetesObject): Promise<void> {
    const { uid } = owner.metadata;
    await Promise.all(
      Array.from(this.#dependentsOf(uid), ({ followed: of, object }) => {
        const others = (object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
        return this.#patch(of.type, object, { ownerReferences: others });
      }),
    );
    await this.#removeFinalizer(followed, owner, ORPHAN);
  }

  /** A4: the dependents go first; those that block are waited for. */
  async #endDependents(followed: Followed, owner: KubernetesObject): Promise<void> {
    const { uid } = owner.metadata;
    let isBlocked = false;
    for (const dependent of this.#dependentsOf(uid)) {
      if (dependent.object.metadata.deletionTimestamp === undefined) this.#enqueue(dependent);
      if (blocks(dependent.object, uid)) isBlocked = true;
    }
    if (!isBlocked) await this.#removeFinalizer(followed, owner, FOREGROUND);
  }

  async #collect(followed: Followed, object: KubernetesObject): Promise<void> {
    const { client } = this.#options;
    const { ownerReferences = [], namespace, uid, resourceVersion } = object.metadata;
    const owners: ObservedObject['owners'][number][] = [];
    for (const reference of ownerReferences) {
      const state = this.#cachedState(reference, namespace) ?? (await this.#liveState(reference, followed, namespace));
      owners.push({ reference, state });
    }
    const hasDependents = !this.#dependentsOf(uid)[Symbol.iterator]().next().done;
    const plan = planCollection({ object, owners, hasDependents });
    switch (plan.type) {
      case 'nothing':
        return;
      case 'forget-owners':
        await this.#patch(followed.type, object, { ownerReferences: plan.ownerReferences });
        return;
      case 'delete':
        try {
          await client.delete(followed.type, keyOf(object), {
            propagationPolicy: plan.propagationPolicy,
            // Somebody may have adopted it in the meantime.
            preconditions: { uid, resourceVersion },
          });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
    }
  }

  /** The state of an owner as far as the caches and what is remembered tell. */
  #cachedState(reference: OwnerReference, namespace: string | undefined): OwnerState | undefined {
    const followed = this.#byKind.get(kindName(reference.apiVersion, reference.kind));
    const owner = followed?.informer.get(ownerKey(followed.type, reference, namespace));
    if (owner?.metadata.uid === reference.uid) return endingMode(owner) === 'foreground' ? 'waiting' : 'solid';
    return this.#absent.has(reference.uid) ? 'absent' : undefined;
  }

  /** Asks the API itself: an object is deleted on the strength of the answer. */
  async #liveState(reference: OwnerReference, dependent: Followed, namespace: string | undefined): Promise<OwnerState> {
    const followed = this.#byKind.get(kindName(reference.apiVersion, reference.kind));
    // A kind that is not known (any more) may be back; an object of a namespace cannot own one of the whole cluster.
    if (followed === undefined || (followed.type.namespaced && !dependent.type.namespaced)) return 'solid';
    try {
      const owner = await this.#options.client.get(followed.type, ownerKey(followed.type, reference, namespace));
      if (owner.metadata.uid === reference.uid) return endingMode(owner) === 'foreground' ? 'waiting' : 'solid';
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#remember(reference.uid);
    return 'absent';
  }

  #remember(absentUid: string): void {
    this.#absent.add(absentUid);
    if (this.#absent.size <= ABSENT_OWNERS_REMEMBERED) return;
    for (const oldest of this.#absent) {
      this.#absent.delete(oldest);
      return;
    }
  }

  async #removeFinalizer(followed: Followed, object: KubernetesObject, finalizer: string): Promise<void> {
    const finalizers = (object.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    await this.#patch(followed.type, object, { finalizers });
  }

  /** Changes the version that the decision was made on, and no other. */
  async #patch(type: ResourceType, object: KubernetesObject, change: object): Promise<void> {
    const { uid, resourceVersion } = object.metadata;
    try {
      await this.#options.client.patch(type, keyOf(object), {
        type: 'merge',
        body: { metadata: { uid, resourceVersion, ...change } },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** A kind of a group: its versions show the same objects. */
function kindName(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/');
  return `${slash < 0 ? '' : apiVersion.slice(0, slash)} ${kind}`;
}

function ownerUids({ metadata }: KubernetesObject): readonly string[] | undefined {
  return metadata.ownerReferences?.map(({ uid }) => uid);
}

/** An owner is in the namespace of what it owns, or in none. */
function ownerKey(type: ResourceType, { name }: OwnerReference, namespace: string | undefined): ObjectKey {
  return type.namespaced && namespace !== undefined ? { namespace, name } : { name };
}
