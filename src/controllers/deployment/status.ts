import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';
import { limitsOf, wantedReplicas } from './limits.ts';
import type { Revisions } from './revisions.ts';
import { total } from './sizes.ts';

export interface StatusPlan {
  readonly status: DeploymentStatus;
  readonly isComplete: boolean;
  /** When the deadline of the update is due, ms from now. */
  readonly againInMs?: number;
}

/** With these no deadline runs: the last update is through, or has failed. */
const SETTLED = new Set(['NewReplicaSetAvailable', 'ProgressDeadlineExceeded']);

/** The status of a deployment, given its sets. `created`: the name of the set this pass makes. */
export function planStatus(
  deployment: Deployment,
  { current, old }: Revisions,
  created: string | undefined,
  nowMs: number,
): StatusPlan {
  const sets = current === undefined ? old : [...old, current];
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((all, set) => all + (count(set) ?? 0), 0);
  const availableReplicas = sum(({ status }) => status?.availableReplicas);
  const { generation } = deployment.metadata;
  const { collisionCount } = deployment.status ?? {};
  const counts: DeploymentStatus = {
    ...(generation !== undefined && { observedGeneration: generation }),
    replicas: sum(({ status }) => status?.replicas),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(sets) - availableReplicas),
    terminatingReplicas: sum(({ status }) => status?.terminatingReplicas),
    ...(collisionCount !== undefined && { collisionCount }),
  };
  const isComplete = created === undefined && isDone(deployment, counts);
  const progressing = progressCondition(deployment, counts, current?.metadata.name, created, isComplete, nowMs);
  const found = [
    availableCondition(deployment, availableReplicas),
    ...(progressing === undefined ? [] : [progressing]),
    ...failureConditions(sets),
  ];
  const conditions = found.map((condition) => stamped(condition, deployment, nowMs));
  const status = { ...counts, conditions };
  const dueMs = deadlineMs(deployment, conditions);
  const isWaiting = dueMs !== undefined && dueMs > nowMs && !SETTLED.has(progressing?.reason ?? '');
  return isWaiting ? { status, isComplete, againInMs: dueMs - nowMs } : { status, isComplete };
}

/** Whether two statuses say the same. */
export function isSameDeploymentStatus(before: DeploymentStatus | undefined, after: DeploymentStatus): boolean {
  const facts = (status: DeploymentStatus | undefined): string =>
    JSON.stringify([
      status?.observedGeneration,
      status?.replicas ?? 0,
      status?.updatedReplicas ?? 0,
      status?.readyReplicas ?? 0,
      status?.availableReplicas ?? 0,
      status?.unavailableReplicas ?? 0,
      status?.terminatingReplicas ?? 0,
      status?.collisionCount ?? 0,
      (status?.conditions ?? [])
        .map(({ type, status: value, reason, message, lastUpdateTime }) => [
          type,
          value,
          reason,
          message,
          lastUpdateTime,
        ])
        .sort(),
    ]);
  return facts(before) === facts(after);
}

type Finding = Pick<DeploymentCondition, 'type' | 'status'> & {
  readonly reason: string;
  readonly message: string;
  /** Said again, it counts as new: the deadline starts over. */
  readonly isNews?: boolean;
};

function isDone(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = wantedReplicas(deployment);
  return status.updatedReplicas === wanted && status.replicas === wanted && status.availableReplicas === wanted;
}

function availableCondition(deployment: Deployment, availableReplicas: number): Finding {
  return availableReplicas >= wantedReplicas(deployment) - limitsOf(deployment).maxUnavailable
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function progressCondition(
  deployment: Deployment,
  counts: DeploymentStatus,
  currentName: string | undefined,
  created: string | undefined,
  isComplete: boolean,
  nowMs: number,
): Finding | undefined {
  const type = 'Progressing';
  const before = findCondition(deployment, type);
  const unchanged = before && {
    type,
    status: before.status,
    reason: before.reason ?? '',
    message: before.message ?? '',
  };
  if (!hasDeadline(deployment)) return undefined;
  if (deployment.spec.paused) {
    // That it has failed stays to be seen, as in Kubernetes.
    if (before?.reason === 'ProgressDeadlineExceeded') return unchanged;
    return { type, status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  }
  if (created !== undefined) {
    const message = `Created new replica set "${created}"`;
    return { type, status: 'True', reason: 'NewReplicaSetCreated', message, isNews: true };
  }
  if (currentName === undefined) return unchanged;
  if (isComplete) {
    const message = `ReplicaSet "${currentName}" has successfully progressed.`;
    return { type, status: 'True', reason: 'NewReplicaSetAvailable', message };
  }
  if (before?.reason === 'DeploymentPaused') {
    return { type, status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed', isNews: true };
  }
  // Once an update is through, pods that come and go do not start it again.
  if (before?.reason === 'NewReplicaSetAvailable' && counts.updatedReplicas === counts.replicas) return unchanged;
  const name = `ReplicaSet "${currentName}"`;
  if (before === undefined) {
    return { type, status: 'True', reason: 'FoundNewReplicaSet', message: `Found new replica set "${currentName}"` };
  }
  if (hasProgressed(deployment.status, counts)) {
    return { type, status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.`, isNews: true };
  }
  const dueMs = deadlineMs(deployment, deployment.status?.conditions ?? []);
  if (dueMs !== undefined && nowMs >= dueMs && !SETTLED.has(before.reason ?? '')) {
    return { type, status: 'False', reason: 'ProgressDeadlineExceeded', message: `${name} has timed out progressing.` };
  }
  return unchanged;
}

function hasProgressed(before: DeploymentStatus = {}, after: DeploymentStatus): boolean {
  const old = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number => replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function failureConditions(sets: readonly ReplicaSet[]): readonly Finding[] {
  for (const set of sets.toReversed()) {
    const failure = set.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    if (failure === undefined) continue;
    const { status, reason = '', message = '' } = failure;
    return [{ type: 'ReplicaFailure', status, reason, message }];
  }
  return [];
}

function stamped({ isNews, ...condition }: Finding, deployment: Deployment, nowMs: number): DeploymentCondition {
  const now = timestamp(nowMs);
  const before = findCondition(deployment, condition.type);
  if (before?.status === condition.status && before.reason === condition.reason && !isNews) return before;
  return {
    ...condition,
    lastUpdateTime: now,
    lastTransitionTime: before?.status === condition.status ? (before.lastTransitionTime ?? now) : now,
  };
}

/** When the update must have got on (ms since the epoch). */
function deadlineMs(deployment: Deployment, conditions: readonly DeploymentCondition[]): number | undefined {
  const { progressDeadlineSeconds: seconds = 0, paused } = deployment.spec;
  const since = conditions.find(({ type }) => type === 'Progressing')?.lastUpdateTime;
  if (!hasDeadline(deployment) || since === undefined || paused) return undefined;
  return Date.parse(since) + seconds * 1000;
}

/** The largest number there is stands for none, as in Kubernetes. */
function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== 2 ** 31 - 1;
}

function findCondition({ status }: Deployment, type: string): DeploymentCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
