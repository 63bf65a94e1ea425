import { ApiError, isConflict, isNotFound } from '../../api/errors.ts';
import type { Pod, ReplicaSet } from '../../api/generated/types.ts';
import { Pods, ReplicaSets } from '../../api/kinds.ts';
import { formatKey, keyOf, type New } from '../../api/meta.ts';
import { controllerOf, controllerReference } from '../../api/owner-references.ts';
import type { Index, Informer } from '../../client/informer.ts';
import { WriteTracker } from '../../client/write-tracker.ts';
import { timestamp } from '../../platform/clock.ts';
import { type Controller, type ControllerQueue, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import { isSameReplicaSetStatus, planReplicaSet, type ReplicaSetPlan, withFailure } from './plan.ts';

/** Starts the ReplicaSet controller: it keeps a number of pods that are all alike. */
export function startReplicaSetController(parts: ControllerParts): Controller {
  return new ReplicaSetController(parts).start();
}

interface Failure {
  readonly reason: string;
  readonly message: string;
}

class ReplicaSetController {
  readonly #parts: ControllerParts;
  readonly #sets: Informer<ReplicaSet>;
  readonly #setsByNamespace: Index<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  /** By the uid of their controller; those without one by namespace. */
  readonly #podsByOwner: Index<Pod>;
  readonly #tracker: WriteTracker;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#sets = parts.informers.get(ReplicaSets);
    this.#setsByNamespace = this.#sets.index((set) => set.metadata.namespace);
    this.#pods = parts.informers.get(Pods);
    this.#podsByOwner = this.#pods.index(ownerOf);
    this.#tracker = new WriteTracker({ clock: parts.clock });
  }

  start(): Controller {
    const { clock, logger } = this.#parts;
    return runController({
      name: 'replicaset',
      clock,
      logger,
      reconcile: async (key) => {
        await this.#tracker.caughtUp(key);
        return this.#reconcile(key);
      },
      caches: [this.#sets, this.#pods],
      follow: (queue) => this.#follow(queue),
    });
  }

  /** Tells of every key that a change may concern. */
  #follow(queue: ControllerQueue): readonly (() => void)[] {
    const wakeOwner = (pod: Pod): void => {
      const reference = controllerOf(pod);
      if (reference?.kind === ReplicaSets.kind) queue.enqueue(`${pod.metadata.namespace ?? ''}/${reference.name}`);
      if (reference !== undefined || this.#sets.size === 0) return;
      // A pod without a controller may be wanted by any set of its namespace.
      for (const set of this.#setsByNamespace.get(pod.metadata.namespace ?? '')) {
        queue.enqueue(formatKey(keyOf(set)));
      }
    };
    return [
      this.#sets.subscribe((changes) => {
        for (const { object } of changes) queue.enqueue(formatKey(keyOf(object)));
      }),
      this.#pods.subscribe((changes) => {
        for (const change of changes) {
          if (change.type === 'updated' && ownerOf(change.previous) !== ownerOf(change.object)) {
            wakeOwner(change.previous);
          }
          wakeOwner(change.object);
        }
      }),
    ];
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = this.#sets.getByKey(key);
    if (set === undefined) return undefined;
    const { client, clock } = this.#parts;
    const orphans = this.#podsByOwner.get(orphansOf(set.metadata.namespace));
    const pods = [...this.#podsByOwner.get(set.metadata.uid), ...orphans];
    const plan = planReplicaSet({ set, pods, nowMs: clock.now() });
    const failure = await this.#carryOut(key, set, plan);
    const status = withFailure(plan.status, set.status, failure, timestamp(clock.now()));
    if (!isSameReplicaSetStatus(set.status, status)) {
      try {
        const written = await client.update(ReplicaSets, { ...set, status }, { subresource: 'status' });
        this.#tracker.wrote(key, this.#sets, written);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    if (failure !== undefined) throw new Error(failure.message);
    return plan.againInMs === undefined ? undefined : { requeueAfterMs: plan.againInMs };
  }

  async #carryOut(key: string, set: ReplicaSet, plan: ReplicaSetPlan): Promise<Failure | undefined> {
    if (plan.adopt.length > 0) await this.#adopt(key, set, plan.adopt);
    await Promise.all(plan.release.map((pod) => this.#setOwners(key, pod, withoutOwner(pod, set))));
    if (plan.create > 0) return this.#create(key, set, plan.create);
    return this.#remove(key, set, plan.remove);
  }

  /** A1: the set itself is asked first whether it still lives. */
  async #adopt(key: string, set: ReplicaSet, pods: readonly Pod[]): Promise<void> {
    const live = await this.#parts.client.get(ReplicaSets, keyOf(set));
    if (live.metadata.uid !== set.metadata.uid || live.metadata.deletionTimestamp !== undefined) return;
    const reference = controllerReference(ReplicaSets, set);
    await Promise.all(
      pods.map((pod) => this.#setOwners(key, pod, [...(pod.metadata.ownerReferences ?? []), reference])),
    );
  }

  async #setOwners(key: string, pod: Pod, ownerReferences: Pod['metadata']['ownerReferences']): Promise<void> {
    const { uid, resourceVersion } = pod.metadata;
    try {
      const body = { metadata: { uid, resourceVersion, ownerReferences } };
      this.#tracker.wrote(key, this.#pods, await this.#parts.client.patch(Pods, keyOf(pod), { type: 'merge', body }));
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  /** In growing batches, so that a template that cannot work makes one failure and not a thousand. */
  async #create(key: string, set: ReplicaSet, count: number): Promise<Failure | undefined> {
    const { client, events } = this.#parts;
    const pod = podFor(set);
    for (let done = 0, batch = 1; done < count; batch *= 2) {
      const size = Math.min(batch, count - done);
      const outcomes = await Promise.allSettled(Array.from({ length: size }, () => client.create(Pods, pod)));
      done += size;
      for (const outcome of outcomes) {
        if (outcome.status !== 'fulfilled') continue;
        this.#tracker.wrote(key, this.#pods, outcome.value);
        const message = `Created pod: ${outcome.value.metadata.name}`;
        events.record({ about: set, type: 'Normal', reason: 'SuccessfulCreate', message });
      }
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) return this.#failed(set, 'FailedCreate', 'Error creating', failed.reason);
    }
    return undefined;
  }

  async #remove(key: string, set: ReplicaSet, pods: readonly Pod[]): Promise<Failure | undefined> {
    const { client, events } = this.#parts;
    const outcomes = await Promise.allSettled(
      pods.map(async (pod) => {
        const { uid } = pod.metadata;
        try {
          const ending = await client.delete(Pods, keyOf(pod), { preconditions: { uid } });
          if ('spec' in ending) this.#tracker.wrote(key, this.#pods, ending);
          else this.#tracker.removed(key, this.#pods, keyOf(pod), uid);
        } catch (error) {
          if (isNotFound(error)) return;
          throw error;
        }
        const message = `Deleted pod: ${pod.metadata.name}`;
        events.record({ about: set, type: 'Normal', reason: 'SuccessfulDelete', message });
      }),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    return failed && this.#failed(set, 'FailedDelete', 'Error deleting', failed.reason);
  }

  #failed(set: ReplicaSet, reason: string, what: string, error: unknown): Failure {
    if (!(error instanceof ApiError)) throw error;
    const message = `${what}: ${error.message}`;
    this.#parts.events.record({ about: set, type: 'Warning', reason, message });
    return { reason, message };
  }
}

/** I4, the other way round: a new pod has a name of its own and no memory. */
function podFor(set: ReplicaSet): New<Pod> {
  const { namespace, name } = set.metadata;
  const { metadata = {}, spec = { containers: [] } } = set.spec.template ?? {};
  return {
    metadata: {
      generateName: `${name}-`,
      ...(namespace !== undefined && { namespace }),
      ...(metadata.labels && { labels: metadata.labels }),
      ...(metadata.annotations && { annotations: metadata.annotations }),
      ...(metadata.finalizers && { finalizers: metadata.finalizers }),
      ownerReferences: [controllerReference(ReplicaSets, set)],
    },
    spec,
  };
}

function withoutOwner({ metadata }: Pod, set: ReplicaSet): Pod['metadata']['ownerReferences'] {
  return (metadata.ownerReferences ?? []).filter(({ uid }) => uid !== set.metadata.uid);
}

function ownerOf(pod: Pod): string {
  return controllerOf(pod)?.uid ?? orphansOf(pod.metadata.namespace);
}

function orphansOf(namespace: string | undefined): string {
  return `without a controller in ${namespace ?? ''}`;
}
