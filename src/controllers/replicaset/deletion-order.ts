import type { Pod } from '../../api/generated/types.ts';
import { isReady, readyCondition } from './pod-state.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASES = ['Pending', 'Unknown', 'Running'];

/**
 * The `count` pods that are missed least, as Kubernetes ranks them: without a node, not running, not ready, of lower
 * deletion cost, on a node with more of the set's pods, ready for a shorter time, restarted more often, younger.
 */
export function leastMissed(pods: readonly Pod[], count: number): readonly Pod[] {
  if (count >= pods.length) return pods;
  const onNode = new Map<string, number>();
  for (const { spec } of pods) if (spec.nodeName) onNode.set(spec.nodeName, (onNode.get(spec.nodeName) ?? 0) + 1);
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, onNode.get(pod.spec.nodeName ?? '') ?? 0) }));
  ranked.sort((a, b) => compare(a.rank, b.rank) || (a.pod.metadata.name < b.pod.metadata.name ? -1 : 1));
  return ranked.slice(0, count).map(({ pod }) => pod);
}

function rankOf(pod: Pod, neighbours: number): readonly number[] {
  const { metadata, spec, status } = pod;
  const readySinceMs = isReady(pod) ? Date.parse(readyCondition(pod)?.lastTransitionTime ?? '') || 0 : 0;
  const restarts = (status?.containerStatuses ?? []).map(({ restartCount }) => restartCount);
  return [
    spec.nodeName ? 1 : 0,
    PHASES.indexOf(status?.phase ?? 'Pending'),
    isReady(pod) ? 1 : 0,
    Number(metadata.annotations?.[DELETION_COST] ?? 0) || 0,
    -neighbours,
    -readySinceMs,
    -Math.max(0, ...restarts),
    -Date.parse(metadata.creationTimestamp),
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
