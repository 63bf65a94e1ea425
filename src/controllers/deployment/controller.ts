import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { Deployment, Pod, ReplicaSet } from '../../api/generated/types.ts';
import { Deployments, Pods, ReplicaSets } from '../../api/kinds.ts';
import { formatKey, keyOf, type New } from '../../api/meta.ts';
import { controllerOf, controllerReference } from '../../api/owner-references.ts';
import type { Index, Informer } from '../../client/informer.ts';
import { WriteTracker } from '../../client/write-tracker.ts';
import { type Controller, type ControllerQueue, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import { type DeploymentPlan, planDeployment } from './plan.ts';
import { findRevisions, REVISION, sizeAnnotations } from './revisions.ts';
import type { Resize } from './sizes.ts';
import { isSameDeploymentStatus } from './status.ts';

/** Starts the Deployment controller: it moves pods from one template to the next by growing and shrinking sets. */
export function startDeploymentController(parts: ControllerParts): Controller {
  return new DeploymentController(parts).start();
}

class DeploymentController {
  readonly #parts: ControllerParts;
  readonly #deployments: Informer<Deployment>;
  readonly #byNamespace: Index<Deployment>;
  readonly #sets: Informer<ReplicaSet>;
  readonly #setsByOwner: Index<ReplicaSet>;
  readonly #podsBySet: Index<Pod>;
  readonly #tracker: WriteTracker;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#deployments = parts.informers.get(Deployments);
    this.#byNamespace = this.#deployments.index((deployment) => deployment.metadata.namespace);
    this.#sets = parts.informers.get(ReplicaSets);
    this.#setsByOwner = this.#sets.index(setOwner);
    this.#podsBySet = parts.informers.get(Pods).index(replicaSetOf);
    this.#tracker = new WriteTracker({ clock: parts.clock });
  }

  start(): Controller {
    const { informers, clock, logger } = this.#parts;
    return runController({
      name: 'deployment',
      clock,
      logger,
      reconcile: async (key) => {
        await this.#tracker.caughtUp(key);
        return this.#reconcile(key);
      },
      caches: [this.#deployments, this.#sets, informers.get(Pods)],
      follow: (queue) => this.#follow(queue),
    });
  }

  /** Tells of every key that a change may concern. */
  #follow(queue: ControllerQueue): readonly (() => void)[] {
    const wakeOwner = (set: ReplicaSet): void => {
      const reference = controllerOf(set);
      const namespace = set.metadata.namespace ?? '';
      if (reference?.kind === Deployments.kind) queue.enqueue(`${namespace}/${reference.name}`);
      if (reference !== undefined) return;
      for (const deployment of this.#byNamespace.get(namespace)) queue.enqueue(formatKey(keyOf(deployment)));
    };
    return [
      this.#deployments.subscribe((changes) => {
        for (const { object } of changes) queue.enqueue(formatKey(keyOf(object)));
      }),
      this.#sets.subscribe((changes) => {
        for (const change of changes) {
          if (change.type === 'updated' && setOwner(change.previous) !== setOwner(change.object)) {
            wakeOwner(change.previous);
          }
          wakeOwner(change.object);
        }
      }),
      this.#parts.informers.get(Pods).subscribe((changes) => {
        if (this.#deployments.size === 0) return;
        // Only `Recreate` waits for pods themselves, for the last of them to go.
        for (const { type, object } of changes) {
          if (type === 'added') continue;
          const reference = controllerOf(object);
          const set = reference && this.#sets.get({ namespace: object.metadata.namespace ?? '', name: reference.name });
          if (set !== undefined && (set.spec.replicas ?? 1) === 0) wakeOwner(set);
        }
      }),
    ];
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const deployment = this.#deployments.getByKey(key);
    if (deployment === undefined) return undefined;
    const { metadata } = deployment;
    const orphans = this.#setsByOwner.get(orphansOf(metadata.namespace));
    const plan = planDeployment({
      deployment,
      sets: [...this.#setsByOwner.get(metadata.uid), ...orphans],
      hasPods: (set) => this.#podsBySet.get(set.metadata.uid).some(mayRun),
      nowMs: this.#parts.clock.now(),
    });
    try {
      await this.#carryOut(key, deployment, plan);
    } catch (error) {
      // Something changed in between: whatever it was, it brings the next pass.
      if (!isNotFound(error)) throw error;
    }
    return plan.againInMs === undefined ? undefined : { requeueAfterMs: plan.againInMs };
  }

  async #carryOut(key: string, deployment: Deployment, plan: DeploymentPlan): Promise<void> {
    const { client } = this.#parts;
    if (plan.adopt.length > 0) await this.#adopt(key, deployment, plan.adopt);
    let { status } = plan;
    if (plan.create) {
      const made = await this.#create(key, deployment, plan.create);
      if (!made) status = { ...deployment.status, collisionCount: (deployment.status?.collisionCount ?? 0) + 1 };
    }
    if (plan.correct) this.#tracker.wrote(key, this.#sets, await client.update(ReplicaSets, plan.correct));
    for (const each of plan.resize) await this.#resize(key, deployment, each);
    for (const set of plan.forget) {
      await client.delete(ReplicaSets, keyOf(set), { preconditions: { uid: set.metadata.uid } });
      this.#tracker.removed(key, this.#sets, keyOf(set), set.metadata.uid);
    }
    let current = deployment;
    if (plan.revision !== undefined) {
      const annotations = { ...deployment.metadata.annotations, [REVISION]: plan.revision };
      current = await client.update(Deployments, { ...deployment, metadata: { ...deployment.metadata, annotations } });
      this.#tracker.wrote(key, this.#deployments, current);
    }
    if (isSameDeploymentStatus(current.status, status)) return;
    const written = await client.update(Deployments, { ...current, status }, { subresource: 'status' });
    this.#tracker.wrote(key, this.#deployments, written);
  }

  async #adopt(key: string, deployment: Deployment, sets: readonly ReplicaSet[]): Promise<void> {
    const { client } = this.#parts;
    const live = await client.get(Deployments, keyOf(deployment));
    if (live.metadata.uid !== deployment.metadata.uid || live.metadata.deletionTimestamp !== undefined) return;
    const reference = controllerReference(Deployments, deployment);
    for (const set of sets) {
      const ownerReferences = [...(set.metadata.ownerReferences ?? []), reference];
      const adopted = await client.update(ReplicaSets, { ...set, metadata: { ...set.metadata, ownerReferences } });
      this.#tracker.wrote(key, this.#sets, adopted);
    }
  }

  /** Whether the set was made; false when its name is taken by another template. */
  async #create(key: string, deployment: Deployment, set: New<ReplicaSet>): Promise<boolean> {
    const { client } = this.#parts;
    try {
      const made = await client.create(ReplicaSets, set);
      this.#tracker.wrote(key, this.#sets, made);
      this.#tellScaled(deployment, made, 0, made.spec.replicas ?? 1);
      return true;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const name = set.metadata.name ?? '';
    const taken = await client.get(ReplicaSets, { namespace: deployment.metadata.namespace ?? '', name });
    // Made by a pass whose end was not seen: the cache will show it.
    const isOurs = controllerOf(taken)?.uid === deployment.metadata.uid;
    return isOurs && findRevisions(deployment, [taken]).current !== undefined;
  }

  async #resize(key: string, deployment: Deployment, { set, replicas }: Resize): Promise<void> {
    const { client } = this.#parts;
    const annotations = { ...set.metadata.annotations, ...sizeAnnotations(deployment) };
    const metadata = { ...set.metadata, annotations };
    try {
      const resized = await client.update(ReplicaSets, { ...set, metadata, spec: { ...set.spec, replicas } });
      this.#tracker.wrote(key, this.#sets, resized);
      this.#tellScaled(deployment, set, set.spec.replicas ?? 1, replicas);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  #tellScaled(deployment: Deployment, set: ReplicaSet, from: number, to: number): void {
    if (from === to) return;
    const how = to > from ? 'up' : 'down';
    const message = `Scaled ${how} replica set ${set.metadata.name} from ${from} to ${to}`;
    this.#parts.events.record({ about: deployment, type: 'Normal', reason: 'ScalingReplicaSet', message });
  }
}

function mayRun({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
}

function replicaSetOf(pod: Pod): string | undefined {
  const reference = controllerOf(pod);
  return reference?.kind === ReplicaSets.kind ? reference.uid : undefined;
}

function setOwner(set: ReplicaSet): string {
  return controllerOf(set)?.uid ?? orphansOf(set.metadata.namespace);
}

function orphansOf(namespace: string | undefined): string {
  return `without a controller in ${namespace ?? ''}`;
}
