import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  StatefulSetStatus,
} from '../../api/generated/types.ts';
import type { KubernetesObject, New } from '../../api/meta.ts';
import { CLAIM_PROTECTION } from '../../api/volume-names.ts';
import { timestamp } from '../../platform/clock.ts';
import type { Action, DeleteReason } from './actions.ts';
import { explainPause } from './explain.ts';
import { claimName, newPod, ordinalOf, revisionOf, withIdentity } from './identity.ts';
import { type Observed, plan } from './plan.ts';
import { podState } from './pod-state.ts';
import type { Waiting } from './waiting.ts';

/** One thing that would happen, in order. */
export type PreviewStep =
  | { readonly type: 'createRevision'; readonly revision: string }
  | { readonly type: 'createClaim'; readonly claim: string }
  | { readonly type: 'createPod'; readonly pod: string; readonly revision: string }
  | { readonly type: 'deletePod'; readonly pod: string; readonly revision: string; readonly reason: DeleteReason }
  | { readonly type: 'waitUntilGone'; readonly pod: string; readonly heldBy?: readonly string[] }
  /** C3: the garbage collector takes it, as the pod it belongs to is gone. */
  | { readonly type: 'deleteClaim'; readonly claim: string }
  /** C5 */
  | { readonly type: 'waitUntilClaimGone'; readonly claim: string; readonly heldBy?: readonly string[] }
  | { readonly type: 'waitUntilReady'; readonly pod: string }
  | { readonly type: 'waitUntilAvailable'; readonly pod: string }
  /** Any other write, as the action it is. */
  | { readonly type: 'other'; readonly action: Action };

export interface Preview {
  readonly steps: readonly PreviewStep[];
  /** What nothing would change: nobody but the user can. Undefined when the set ends up as it should be. */
  readonly stuck: Waiting | undefined;
  /** Which pods the strategy keeps from the update, and how; undefined when it is over or comes to its end. */
  readonly paused: string | undefined;
  /** There are more steps than were asked for. */
  readonly truncated: boolean;
}

/**
 * What the controller would do from here on, step by step, if every pod that is made becomes Ready and every pod that
 * is deleted goes: the real plan, run forward on a copy. Nothing is written.
 *
 * @example
 * const observed = await observeSet(client, key, clock.now());
 * const { steps } = preview({ ...observed, set: { ...observed.set, spec: { ...observed.set.spec, replicas: 5 } } });
 */
export function preview(observed: Observed, maxSteps = 10_000): Preview {
  const world = new World(observed);
  while (world.steps.length < maxSteps) {
    const decided = plan(world.observe());
    if (decided.actions.length > 0) {
      world.apply(decided.actions, decided.status);
    } else {
      world.report(decided.status([]));
      if (!world.passTime(decided.waiting)) {
        const paused = explainPause(world.observe());
        return { steps: world.steps, stuck: decided.waiting, paused, truncated: false };
      }
    }
  }
  return { steps: world.steps.slice(0, maxSteps), stuck: undefined, paused: undefined, truncated: true };
}

/** A step as a line of text. */
export function describeStep(step: PreviewStep): string {
  switch (step.type) {
    case 'createRevision':
      return `create revision ${step.revision}`;
    case 'createClaim':
      return `create claim ${step.claim}`;
    case 'createPod':
      return `create pod ${step.pod} at revision ${step.revision}`;
    case 'deletePod':
      return `delete pod ${step.pod} at revision ${step.revision} (${step.reason})`;
    case 'waitUntilGone':
      return `wait until ${step.pod} is gone${holders(step.heldBy)}`;
    case 'deleteClaim':
      return `delete claim ${step.claim} with it`;
    case 'waitUntilClaimGone':
      return `wait until claim ${step.claim} is gone${holders(step.heldBy)}`;
    case 'waitUntilReady':
      return `wait until ${step.pod} is Ready`;
    case 'waitUntilAvailable':
      return `wait until ${step.pod} has been Ready for minReadySeconds`;
    case 'other':
      return describeOther(step.action);
  }
}

function holders(heldBy: readonly string[] | undefined): string {
  return heldBy === undefined ? '' : ` (held by ${heldBy.join(', ')})`;
}

function describeOther(action: Action): string {
  switch (action.type) {
    case 'adoptPod':
      return `adopt pod ${action.pod.metadata.name}`;
    case 'releasePod':
      return `release pod ${action.pod.metadata.name}`;
    case 'adoptRevision':
      return `adopt revision ${action.revision.metadata.name}`;
    case 'renumberRevision':
      return `go back to revision ${action.revision.metadata.name}`;
    case 'deleteRevision':
      return `forget revision ${action.revision.metadata.name}`;
    case 'restoreIdentity':
      return `put the identity labels of pod ${action.pod.metadata.name} back`;
    case 'setClaimOwners':
      return `make claim ${action.claim.metadata.name} owned by ${action.owners.map((owner) => `${owner.kind} ${owner.name}`).join(', ') || 'nobody'}`;
    case 'createRevision':
    case 'createClaims':
    case 'createPod':
    case 'deletePod':
      return action.type;
  }
}

/** A copy of what was observed, in which everything goes well. */
class World {
  readonly steps: PreviewStep[] = [];
  #set: StatefulSet;
  #nowMs: number;
  #made = 0;
  readonly #pods: Map<string, Pod>;
  readonly #revisions: Map<string, ControllerRevision>;
  /** Only what differs from `#observedClaims`; undefined for one that has gone. */
  readonly #claims = new Map<string, PersistentVolumeClaim | undefined>();
  readonly #observedClaims: Observed['claims'];

  constructor({ set, pods, revisions, claims, now }: Observed) {
    this.#set = set;
    this.#nowMs = now;
    this.#pods = new Map(pods.map((pod) => [pod.metadata.name, pod]));
    this.#revisions = new Map(revisions.map((revision) => [revision.metadata.name, revision]));
    this.#observedClaims = claims;
  }

  observe(): Observed {
    return {
      set: this.#set,
      pods: Array.from(this.#pods.values()),
      revisions: Array.from(this.#revisions.values()),
      claims: { get: (name) => this.#claim(name) },
      now: this.#nowMs,
    };
  }

  apply(actions: readonly Action[], status: ReturnType<typeof plan>['status']): void {
    for (const action of actions) this.#do(action);
    this.report(status(actions.map((action) => ({ action, gone: false }))));
  }

  report(status: StatefulSetStatus | undefined): void {
    if (status !== undefined) this.#set = { ...this.#set, status };
  }

  #claim(name: string): PersistentVolumeClaim | undefined {
    return this.#claims.has(name) ? this.#claims.get(name) : this.#observedClaims.get(name);
  }

  /** Lets the next thing happen by itself; false when nothing would. */
  passTime(waiting: Waiting | undefined): boolean {
    const ending = this.#sorted((pod) => this.#goes(pod));
    for (const pod of ending) this.#letGo(pod);
    const starting = this.#own((pod) => !podState(pod, 0, this.#nowMs).ready);
    for (const pod of starting) {
      this.#pods.set(pod.metadata.name, madeReady(pod, this.#nowMs));
      this.steps.push({ type: 'waitUntilReady', pod: pod.metadata.name });
    }
    if (ending.length + starting.length > 0) return true;
    const minReadySeconds = this.#set.spec.minReadySeconds ?? 0;
    const availableAtMs = (pod: Pod): number | undefined => podState(pod, minReadySeconds, this.#nowMs).availableAtMs;
    const nextMs = Math.min(...this.#own(() => true).map((pod) => availableAtMs(pod) ?? Number.POSITIVE_INFINITY));
    if (!Number.isFinite(nextMs)) return this.#letClaimGo(waiting);
    const early = this.#own((pod) => availableAtMs(pod) === nextMs);
    this.#nowMs = nextMs;
    for (const pod of early) this.steps.push({ type: 'waitUntilAvailable', pod: pod.metadata.name });
    return true;
  }

  /** Whether a pod that has one of the set's names will be gone: it is ending, or its set is gone. */
  #goes({ metadata }: Pod): boolean {
    const { name, uid } = this.#set.metadata;
    const ofEarlier = metadata.ownerReferences?.some(
      (owner) => owner.controller && owner.kind === 'StatefulSet' && owner.name === name && owner.uid !== uid,
    );
    return metadata.deletionTimestamp !== undefined || ofEarlier === true;
  }

  #letGo({ metadata }: Pod): void {
    const { name, uid, finalizers } = metadata;
    this.#pods.delete(name);
    this.steps.push({ type: 'waitUntilGone', pod: name, ...(finalizers?.length && { heldBy: finalizers }) });
    const ordinal = ordinalOf(this.#set, name) ?? -1;
    for (const template of this.#set.spec.volumeClaimTemplates ?? []) {
      const claim = claimName(this.#set, template.metadata?.name ?? '', ordinal);
      const owners = this.#claim(claim)?.metadata.ownerReferences ?? [];
      if (owners.length === 0 || owners.some((owner) => owner.uid !== uid)) continue;
      this.#claims.set(claim, undefined);
      this.steps.push({ type: 'deleteClaim', claim });
    }
  }

  /** C3, C5: the claim that holds its pod back goes, unless somebody has to let go of it first. */
  #letClaimGo(waiting: Waiting | undefined): boolean {
    if (waiting?.reason !== 'ClaimTerminating' && waiting?.reason !== 'ClaimStale') return false;
    const { claim } = waiting;
    const heldBy = this.#claim(claim)?.metadata.finalizers?.filter((finalizer) => finalizer !== CLAIM_PROTECTION);
    this.#claims.set(claim, undefined);
    this.steps.push({ type: 'waitUntilClaimGone', claim, ...(heldBy?.length && { heldBy }) });
    return true;
  }

  /** The set's pods, lowest ordinal first. */
  #own(chosen: (pod: Pod) => boolean): readonly Pod[] {
    const { uid } = this.#set.metadata;
    return this.#sorted(
      (pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true && chosen(pod),
    );
  }

  #sorted(chosen: (pod: Pod) => boolean): readonly Pod[] {
    return Array.from(this.#pods.values())
      .filter(chosen)
      .sort((a, b) => this.#ordinal(a) - this.#ordinal(b));
  }

  #ordinal(pod: Pod): number {
    return ordinalOf(this.#set, pod.metadata.name) ?? -1;
  }

  #do(action: Action): void {
    switch (action.type) {
      case 'createRevision': {
        const served = this.#serve<ControllerRevision>('ControllerRevision', action.revision);
        this.#revisions.set(served.metadata.name, served);
        this.steps.push({ type: 'createRevision', revision: served.metadata.name });
        return;
      }
      case 'createClaims':
      case 'createPod':
        for (const claim of action.claims) {
          const served = this.#serve('PersistentVolumeClaim', claim);
          this.#claims.set(served.metadata.name, served);
          this.steps.push({ type: 'createClaim', claim: served.metadata.name });
        }
        if (action.type === 'createClaims') return;
        this.#createPod(action.template, action.revision, action.ordinal);
        return;
      case 'deletePod': {
        const { pod, reason } = action;
        const metadata = { ...pod.metadata, deletionTimestamp: timestamp(this.#nowMs) };
        this.#pods.set(pod.metadata.name, { ...pod, metadata });
        this.steps.push({ type: 'deletePod', pod: pod.metadata.name, revision: revisionOf(pod), reason });
        return;
      }
      case 'adoptPod':
      case 'releasePod':
      case 'adoptRevision':
        this.#setController(action);
        break;
      case 'restoreIdentity':
        this.#pods.set(action.pod.metadata.name, withIdentity(action.pod, action.ordinal));
        break;
      case 'renumberRevision':
        this.#revisions.set(action.revision.metadata.name, { ...action.revision, revision: action.number });
        break;
      case 'deleteRevision':
        this.#revisions.delete(action.revision.metadata.name);
        break;
      case 'setClaimOwners': {
        const { claim, owners } = action;
        this.#claims.set(claim.metadata.name, withOwners(claim, owners));
        break;
      }
    }
    this.steps.push({ type: 'other', action });
  }

  #createPod(template: Parameters<typeof newPod>[1], revision: string, ordinal: number): void {
    const pod = this.#serve('Pod', newPod(this.#set, template, revision, ordinal));
    this.#pods.set(pod.metadata.name, { ...pod, status: { phase: 'Pending' } });
    this.steps.push({ type: 'createPod', pod: pod.metadata.name, revision });
  }

  #setController(action: Extract<Action, { type: 'adoptPod' | 'releasePod' | 'adoptRevision' }>): void {
    const { name, uid } = this.#set.metadata;
    const own = { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid, controller: true };
    if (action.type === 'adoptRevision') {
      this.#revisions.set(action.revision.metadata.name, withOwners(action.revision, [own]));
    } else {
      const others = (action.pod.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      const owners = action.type === 'adoptPod' ? [...others, own] : others;
      this.#pods.set(action.pod.metadata.name, withOwners(action.pod, owners));
    }
  }

  /** As the API would serve it. */
  #serve<T extends KubernetesObject>(kind: string, object: New<T>): T {
    this.#made += 1;
    const metadata = {
      ...object.metadata,
      uid: `preview-${this.#made}`,
      resourceVersion: '0',
      creationTimestamp: timestamp(this.#nowMs),
    };
    // All that the API would add is added; what kind it is the caller knows.
    return { apiVersion: '', kind, ...object, metadata } as unknown as T;
  }
}

function withOwners<T extends KubernetesObject>(
  object: T,
  ownerReferences: NonNullable<KubernetesObject['metadata']['ownerReferences']>,
): T {
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

function madeReady(pod: Pod, nowMs: number): Pod {
  const condition = { type: 'Ready', status: 'True', lastTransitionTime: timestamp(nowMs) };
  return { ...pod, status: { ...pod.status, phase: 'Running', conditions: [condition] } };
}
