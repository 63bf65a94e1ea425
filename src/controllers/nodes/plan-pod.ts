import type { Node, Pod, Taint } from '../../api/generated/types.ts';
import { nodeReadiness, OUT_OF_SERVICE_TAINT, tolerates } from '../../api/taints.ts';

export interface ObservedPod {
  /** Has a node. */
  readonly pod: Pod;
  readonly node: Node | undefined;
  /** Since when there is no such node. */
  readonly missingSinceMs: number | undefined;
  /** It has been marked as not Ready since its node was lost. */
  readonly isMarked: boolean;
  readonly nowMs: number;
  /** How long pods of a node that does not exist wait for it to be registered (again). */
  readonly missingGraceMs: number;
}

export type PodPlan =
  | { readonly type: 'nothing'; readonly againInMs?: number }
  /** M6: its node is out of contact; nobody knows whether it runs. */
  | { readonly type: 'mark-not-ready'; readonly message: string }
  /** It is marked as ending; it has ended only when its node says so. */
  | { readonly type: 'evict'; readonly message: string }
  /** M6: its node will not say so any more, and somebody has vouched that nothing of it runs. */
  | { readonly type: 'force-delete'; readonly message: string };

/** What is to become of a pod because of its node. */
export function planPod({ pod, node, missingSinceMs, isMarked, nowMs, missingGraceMs }: ObservedPod): PodPlan {
  const isEnding = pod.metadata.deletionTimestamp !== undefined;
  const nodeName = pod.spec.nodeName ?? '';
  if (node === undefined) {
    const leftMs = (missingSinceMs ?? nowMs) + missingGraceMs - nowMs;
    if (leftMs > 0) return { type: 'nothing', againInMs: leftMs };
    return { type: 'force-delete', message: `node ${nodeName} no longer exists` };
  }
  const taints = (node.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  const isOutOfService = node.spec.taints?.some(({ key }) => key === OUT_OF_SERVICE_TAINT) ?? false;
  if (isEnding && isOutOfService && nodeReadiness(node) !== 'True') {
    return { type: 'force-delete', message: `node ${nodeName} is out of service` };
  }
  // Once: a pod that is Ready again is so by the word of its node, which is about to say that it is there.
  if (nodeReadiness(node) === 'Unknown' && isReady(pod) && !isMarked) {
    return { type: 'mark-not-ready', message: `node ${nodeName} ${silence(node)}` };
  }
  if (isEnding || taints.length === 0) return { type: 'nothing' };
  const dueMs = evictionTime(pod, taints, nowMs);
  if (dueMs === undefined) return { type: 'nothing' };
  if (dueMs > nowMs) return { type: 'nothing', againInMs: dueMs - nowMs };
  const named = taints.map(({ key, value }) => (value ? `${key}=${value}` : key)).join(', ');
  return { type: 'evict', message: `node ${nodeName} has a taint this pod does not tolerate (any longer): ${named}` };
}

/** When a pod has to leave a node with these taints (ms since the epoch); undefined when it may stay for good. */
function evictionTime(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  let dueMs: number | undefined;
  // Who comes when the taint is there already gets the time in full.
  const arrivedMs = Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp);
  for (const taint of taints) {
    const tolerations = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (tolerations.length === 0) return nowMs;
    const seconds = tolerations.map(({ tolerationSeconds }) => tolerationSeconds ?? Number.POSITIVE_INFINITY);
    const least = Math.max(0, Math.min(...seconds));
    if (least === Number.POSITIVE_INFINITY) continue;
    const sinceMs = taint.timeAdded === undefined ? nowMs : Math.max(Date.parse(taint.timeAdded), arrivedMs);
    dueMs = Math.min(dueMs ?? Number.POSITIVE_INFINITY, sinceMs + least * 1000);
  }
  return dueMs;
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function silence(node: Node): string {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  const since = ready?.lastHeartbeatTime ?? ready?.lastTransitionTime;
  return since === undefined ? 'has never been heard of' : `has not been heard of since ${since}`;
}
