import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/generated/types.ts';
import { matchSelector } from '../../api/labels.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { leastMissed } from './deletion-order.ts';
import { availableAtMs, isActive, isReady } from './pod-state.ts';

/** In one pass, at most; the next pass goes on. */
const MAX_CHANGES = 500;

export interface ObservedReplicaSet {
  readonly set: ReplicaSet;
  /** The pods it controls, and those without a controller in its namespace. */
  readonly pods: readonly Pod[];
  readonly nowMs: number;
}

export interface ReplicaSetPlan {
  /** A1: pods that match and have no controller. */
  readonly adopt: readonly Pod[];
  /** A1: pods of its own that no longer match. */
  readonly release: readonly Pod[];
  /** How many pods to make. */
  readonly create: number;
  readonly remove: readonly Pod[];
  readonly status: ReplicaSetStatus;
  /** When a pod becomes available by time alone, ms from now. */
  readonly againInMs?: number;
}

/** The next step of a ReplicaSet. Pods are interchangeable to it: that is the difference to a StatefulSet. */
export function planReplicaSet({ set, pods, nowMs }: ObservedReplicaSet): ReplicaSetPlan {
  const matches = matchSelector(set.spec.selector);
  const isEnding = set.metadata.deletionTimestamp !== undefined;
  const own = pods.filter((pod) => controllerOf(pod)?.uid === set.metadata.uid);
  const members = own.filter((pod) => matches(pod.metadata.labels));
  const adopt = isEnding
    ? []
    : pods.filter((pod) => controllerOf(pod) === undefined && isActive(pod) && matches(pod.metadata.labels));
  const release = isEnding ? [] : own.filter((pod) => !matches(pod.metadata.labels));
  const active = members.filter(isActive);
  const missing = isEnding ? 0 : (set.spec.replicas ?? 1) - active.length - adopt.length;
  return {
    adopt,
    release,
    create: Math.min(Math.max(0, missing), MAX_CHANGES),
    remove: missing < 0 && adopt.length === 0 ? leastMissed(active, Math.min(-missing, MAX_CHANGES)) : [],
    ...statusOf(set, members, active, nowMs),
  };
}

/** Whether two statuses say the same. */
export function isSameReplicaSetStatus(before: ReplicaSetStatus | undefined, after: ReplicaSetStatus): boolean {
  const facts = (status: ReplicaSetStatus | undefined): string =>
    JSON.stringify([
      status?.replicas ?? 0,
      status?.fullyLabeledReplicas ?? 0,
      status?.readyReplicas ?? 0,
      status?.availableReplicas ?? 0,
      status?.terminatingReplicas ?? 0,
      status?.observedGeneration,
      (status?.conditions ?? []).map(({ type, status: value, reason, message }) => [type, value, reason, message]),
    ]);
  return facts(before) === facts(after);
}

/** The status with what went wrong when pods were made or removed, if anything did. */
export function withFailure(
  status: ReplicaSetStatus,
  before: ReplicaSetStatus | undefined,
  failure: { readonly reason: string; readonly message: string } | undefined,
  now: string,
): ReplicaSetStatus {
  const { conditions: _, ...rest } = status;
  if (failure === undefined) return rest;
  const known = before?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  // The message names another pod each time: to write it would be a change, and so a reason to try again at once.
  const condition: ReplicaSetCondition =
    known?.reason === failure.reason
      ? known
      : { type: 'ReplicaFailure', status: 'True', lastTransitionTime: now, ...failure };
  return { ...rest, conditions: [condition] };
}

function statusOf(
  set: ReplicaSet,
  members: readonly Pod[],
  active: readonly Pod[],
  nowMs: number,
): Pick<ReplicaSetPlan, 'status' | 'againInMs'> {
  const templateLabels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const isFullyLabeled = ({ metadata }: Pod): boolean =>
    templateLabels.every(([key, value]) => metadata.labels?.[key] === value);
  const availableTimes = active
    .map((pod) => availableAtMs(pod, set.spec.minReadySeconds ?? 0))
    .filter((time) => time !== undefined);
  const waits = availableTimes.filter((time) => time > nowMs);
  const { generation } = set.metadata;
  const status: ReplicaSetStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(isFullyLabeled).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: availableTimes.length - waits.length,
    terminatingReplicas: members.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).length,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  return waits.length === 0 ? { status } : { status, againInMs: Math.min(...waits) - nowMs };
}
