import { ApiError, isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  StatefulSetStatus,
} from '../../api/generated/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import { type KubernetesObject, keyOf, type New, type ObjectKey } from '../../api/meta.ts';
import { controllerOf, controllerReference } from '../../api/owner-references.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { type Action, PHASES, phaseOf } from './actions.ts';
import { newPod, podName, withIdentity } from './identity.ts';
import { sameContent } from './revisions.ts';
import type { Done } from './status.ts';
import type { Refusal } from './waiting.ts';

/** Told of every write, so that the cache can be waited for. */
export interface Writes {
  wrote<T extends KubernetesObject>(type: ResourceType<T>, object: T): void;
  removed(type: ResourceType, key: ObjectKey, uid: string): void;
}

export interface ExecutorOptions {
  readonly client: Client;
  readonly events: EventRecorder;
}

/** R2: the name of the new revision is taken by other content. The set's `collisionCount` must rise. */
export class RevisionCollisionError extends Error {
  override readonly name = 'RevisionCollisionError';
}

/** The API refused something that was asked of it for a pod. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal, cause: ApiError) {
    super(`${refusal.pod} ${refusal.message}`, { cause });
    this.refusal = refusal;
  }
}

/** Some of a pass could not be done. */
export class ExecutionError extends Error {
  override readonly name = 'ExecutionError';
  /** What was done before, and beside, what failed. */
  readonly done: readonly Done[];

  constructor(done: readonly Done[], cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.done = done;
  }
}

/** O6: as many at once as in the largest batch of Kubernetes. */
const MAX_BATCH = 500;

/**
 * Does what a plan says, through the API. Every write names the version or the uid of what was observed, or takes a
 * unique name, so one that comes too late is refused and does no harm.
 *
 * Writes for a pod on its way up: one for each claim, one for the pod, one for the set's status.
 */
export class Executor {
  readonly #client: Client;
  readonly #events: EventRecorder;

  constructor(options: ExecutorOptions) {
    this.#client = options.client;
    this.#events = options.events;
  }

  /** Does the actions phase by phase. Throws {@link ExecutionError} when something fails; what came before is done. */
  async execute(set: StatefulSet, actions: readonly Action[], writes: Writes): Promise<readonly Done[]> {
    const done: Done[] = [];
    try {
      for (const phase of PHASES) {
        const due = actions.filter((action) => phaseOf(action) === phase);
        if (due.length === 0) continue;
        // A1: nothing is taken in by a set that is not there any more.
        if (phase === 'adopt') await this.#checkLive(set);
        await inGrowingBatches(due, async (action) => {
          done.push({ action, gone: await this.#do(set, action, writes) });
        });
      }
    } catch (error) {
      throw new ExecutionError(done, error);
    }
    return done;
  }

  /** S4: refused when the set is not the version that was observed any more. */
  async writeStatus(set: StatefulSet, status: StatefulSetStatus, writes: Writes): Promise<void> {
    const written = await this.#client.update(StatefulSets, { ...set, status }, { subresource: 'status' });
    writes.wrote(StatefulSets, written);
  }

  /** True when the object it was about is gone now. */
  async #do(set: StatefulSet, action: Action, writes: Writes): Promise<boolean> {
    switch (action.type) {
      case 'adoptPod':
        return this.#update(Pods, adopted(set, action.pod), writes);
      case 'adoptRevision':
        return this.#update(ControllerRevisions, adopted(set, action.revision), writes);
      case 'releasePod':
        return this.#update(Pods, released(set, action.pod), writes);
      case 'createRevision':
        // The garbage collector takes the revisions of a set that is going: neither would ever come to an end.
        await this.#checkLive(set);
        return this.#createRevision(action.revision, writes);
      case 'renumberRevision':
        return this.#update(ControllerRevisions, { ...action.revision, revision: action.number }, writes);
      case 'deleteRevision':
        return this.#delete(ControllerRevisions, action.revision, writes);
      case 'createClaims':
        await this.#createClaims(set, action.ordinal, action.claims, writes);
        return false;
      case 'createPod':
        await this.#createClaims(set, action.ordinal, action.claims, writes);
        await this.#createPod(set, action, writes);
        return false;
      case 'restoreIdentity':
        return this.#update(Pods, withIdentity(action.pod, action.ordinal), writes);
      case 'setClaimOwners':
        return this.#update(PersistentVolumeClaims, withOwners(action.claim, action.owners), writes);
      case 'deletePod':
        return this.#deletePod(set, action, writes);
    }
  }

  /** Asks the API itself: throws when the set is gone, is going, or is another one by now. */
  async #checkLive(set: StatefulSet): Promise<void> {
    const live = await this.#client.get(StatefulSets, keyOf(set));
    if (live.metadata.uid !== set.metadata.uid)
      throw new Error(`${set.metadata.name} has been replaced by another set`);
    if (live.metadata.deletionTimestamp !== undefined) throw new Error(`${set.metadata.name} is being deleted`);
  }

  async #createRevision(
    revision: New<ControllerRevision> & { readonly revision: number },
    writes: Writes,
  ): Promise<boolean> {
    try {
      writes.wrote(ControllerRevisions, await this.#client.create(ControllerRevisions, revision));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { namespace, name = '' } = revision.metadata;
      const existing = await this.#client.get(
        ControllerRevisions,
        namespace === undefined ? { name } : { namespace, name },
      );
      if (!sameContent(existing, revision)) {
        throw new RevisionCollisionError(`the name ${name} is taken by a revision with other content`);
      }
      // A1: somebody has taken away its owner, and with it the labels it would be found by.
      if (controllerOf(existing) === undefined) {
        const { labels = {}, ownerReferences = [] } = revision.metadata;
        const metadata = { ...existing.metadata, labels, ownerReferences };
        return this.#update(ControllerRevisions, { ...existing, metadata, revision: revision.revision }, writes);
      }
      writes.wrote(ControllerRevisions, existing);
    }
    return false;
  }

  async #createClaims(
    set: StatefulSet,
    ordinal: number,
    claims: readonly New<PersistentVolumeClaim>[],
    writes: Writes,
  ): Promise<void> {
    const pod = podName(set, ordinal);
    for (const claim of claims) {
      const { name } = claim.metadata;
      try {
        writes.wrote(PersistentVolumeClaims, await this.#client.create(PersistentVolumeClaims, claim));
        this.#say(
          set,
          'Normal',
          'SuccessfulCreate',
          `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`,
        );
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        this.#say(
          set,
          'Warning',
          'FailedCreate',
          `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${textOf(error)}`,
        );
        throw asRefusal(error, pod, `cannot be created without claim ${name}`);
      }
    }
  }

  async #createPod(set: StatefulSet, action: Extract<Action, { type: 'createPod' }>, writes: Writes): Promise<void> {
    const name = podName(set, action.ordinal);
    try {
      const pod = await this.#client.create(Pods, newPod(set, action.template, action.revision, action.ordinal));
      writes.wrote(Pods, pod);
      this.#say(set, 'Normal', 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${set.metadata.name} successful`);
    } catch (error) {
      // A pod that is there already says that the cache was behind; the next pass sees it.
      if (!isAlreadyExists(error)) {
        this.#say(
          set,
          'Warning',
          'FailedCreate',
          `create Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${textOf(error)}`,
        );
      }
      throw asRefusal(error, name, 'cannot be created');
    }
  }

  async #deletePod(set: StatefulSet, action: Extract<Action, { type: 'deletePod' }>, writes: Writes): Promise<boolean> {
    const { pod, reason } = action;
    const { name } = pod.metadata;
    if (reason === 'finished') {
      const what = pod.status?.phase === 'Succeeded' ? 'terminated' : 'failed';
      const event = pod.status?.phase === 'Succeeded' ? 'RecreatingTerminatedPod' : 'RecreatingFailedPod';
      this.#say(
        set,
        'Warning',
        event,
        `StatefulSet ${set.metadata.namespace}/${set.metadata.name} is recreating ${what} Pod ${name}`,
      );
    }
    try {
      const gone = await this.#delete(Pods, pod, writes);
      this.#say(set, 'Normal', 'SuccessfulDelete', `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`);
      return gone;
    } catch (error) {
      this.#say(
        set,
        'Warning',
        'FailedDelete',
        `delete Pod ${name} in StatefulSet ${set.metadata.name} failed error: ${textOf(error)}`,
      );
      throw asRefusal(error, name, 'cannot be deleted');
    }
  }

  async #update<T extends KubernetesObject>(type: ResourceType<T>, object: T, writes: Writes): Promise<boolean> {
    try {
      writes.wrote(type, await this.#client.update(type, object));
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  /** M1: marks it; whether and when it goes is not ours to say. */
  async #delete<T extends KubernetesObject>(type: ResourceType<T>, object: T, writes: Writes): Promise<boolean> {
    const key = keyOf(object);
    const { uid } = object.metadata;
    try {
      const result = await this.#client.delete(type, key, { preconditions: { uid } });
      if (isObject(result) && result.metadata.uid === uid) {
        writes.wrote(type, result);
        return false;
      }
    } catch (error) {
      // Gone, or another object has its name by now.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    writes.removed(type, key, uid);
    return true;
  }

  #say(set: StatefulSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.record({ about: set, type, reason, message });
  }
}

/** O6: 1, 2, 4 ... at once. A batch with a failure is the last: a bad template does not make a thousand of them. */
export async function inGrowingBatches<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let size = 1;
  for (let begin = 0; begin < items.length; ) {
    const batch = items.slice(begin, begin + size);
    const results = await Promise.allSettled(batch.map(work));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    begin += batch.length;
    size = Math.min(size * 2, MAX_BATCH);
  }
}

function adopted<T extends KubernetesObject>(set: StatefulSet, object: T): T {
  return withOwners(object, [...(object.metadata.ownerReferences ?? []), controllerReference(StatefulSets, set)]);
}

function released(set: StatefulSet, pod: Pod): Pod {
  return withOwners(
    pod,
    (pod.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== set.metadata.uid),
  );
}

function withOwners<T extends KubernetesObject>(
  object: T,
  ownerReferences: KubernetesObject['metadata']['ownerReferences'],
): T {
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

function isObject<T extends KubernetesObject>(result: T | object): result is T {
  return (
    'metadata' in result && typeof result.metadata === 'object' && result.metadata !== null && 'uid' in result.metadata
  );
}

/** The error to throw on: what the API answered is told as the reason why the pod waits. */
function asRefusal(error: unknown, pod: string, what: string): unknown {
  if (!(error instanceof ApiError) || isAlreadyExists(error) || isConflict(error)) return error;
  return new RefusedError({ pod, message: `${what}: ${error.message}` }, error);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
