import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/generated/types.ts';
import { matchSelector } from '../../api/labels.ts';
import type { New } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { wantedReplicas } from './limits.ts';
import {
  correctedSet,
  findRevisions,
  newReplicaSet,
  REVISION,
  type Revisions,
  revisionOf,
  setsToForget,
} from './revisions.ts';
import { emptiedSizes, grownSize, isScaled, type Resize, rolledSizes, scaledSizes, total } from './sizes.ts';
import { planStatus } from './status.ts';

export interface ObservedDeployment {
  readonly deployment: Deployment;
  /** The sets it controls, and those without a controller in its namespace. */
  readonly sets: readonly ReplicaSet[];
  /** Whether pods of this set exist that may still run. */
  readonly hasPods: (set: ReplicaSet) => boolean;
  readonly nowMs: number;
}

export interface DeploymentPlan {
  readonly adopt: readonly ReplicaSet[];
  readonly create?: New<ReplicaSet>;
  readonly resize: readonly Resize[];
  /** The current set with what it has of the deployment beside the template, when that has changed. */
  readonly correct?: ReplicaSet;
  readonly forget: readonly ReplicaSet[];
  /** The revision the deployment is to name, when it does not. */
  readonly revision?: string;
  readonly status: DeploymentStatus;
  readonly againInMs?: number;
}

/** The next step of a deployment. */
export function planDeployment(observed: ObservedDeployment): DeploymentPlan {
  const { deployment, sets, nowMs } = observed;
  const isEnding = deployment.metadata.deletionTimestamp !== undefined;
  const own = sets.filter((set) => controllerOf(set)?.uid === deployment.metadata.uid);
  const matches = matchSelector(deployment.spec.selector);
  const adopt = isEnding
    ? []
    : sets.filter((set) => controllerOf(set) === undefined && matches(set.metadata.labels) && !isGoing(set));
  const revisions = findRevisions(deployment, own);
  // What is taken in first may be the very set that is wanted.
  const step = isEnding || adopt.length > 0 ? STAY : nextStep(observed, revisions);
  const { status, isComplete, againInMs } = planStatus(deployment, revisions, step.create?.metadata.name, nowMs);
  const revision = step.create?.metadata.annotations?.[REVISION] ?? step.correct?.metadata.annotations?.[REVISION];
  const named = revision ?? revisions.current?.metadata.annotations?.[REVISION];
  return {
    adopt,
    ...step,
    forget: (isComplete || deployment.spec.paused) && !isEnding ? setsToForget(deployment, revisions.old) : [],
    ...(named !== undefined && Number(named) !== revisionOf(deployment) && !isEnding && { revision: named }),
    status,
    ...(againInMs !== undefined && { againInMs }),
  };
}

type Step = Pick<DeploymentPlan, 'create' | 'resize' | 'correct'>;

const STAY: Step = { resize: [] };

function nextStep({ deployment, hasPods }: ObservedDeployment, revisions: Revisions): Step {
  const { current, old } = revisions;
  const all = current === undefined ? old : [...old, current];
  // Paused or not: this touches no pods.
  const correct = current && correctedSet(deployment, current, old);
  if (correct !== undefined) return { correct, resize: [] };
  if (deployment.spec.paused || isScaled(deployment, all)) {
    return { resize: all.length === 0 ? [] : scaledSizes(deployment, revisions) };
  }
  const isRecreate = deployment.spec.strategy?.type === 'Recreate';
  if (isRecreate) {
    const emptied = emptiedSizes(old);
    // Old and new never run at the same time.
    if (emptied.length > 0 || old.some(hasPods)) return { resize: emptied };
  }
  if (current === undefined) {
    const replicas = isRecreate ? wantedReplicas(deployment) : grownSize(deployment, 0, total(old));
    return { create: newReplicaSet(deployment, old, replicas), resize: [] };
  }
  return { resize: rolledSizes(deployment, current, isRecreate ? [] : old) };
}

function isGoing({ metadata }: ReplicaSet): boolean {
  return metadata.deletionTimestamp !== undefined;
}
