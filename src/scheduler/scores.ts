import type { Pod } from '../api/generated/types.ts';
import { matchesNodeTerm } from '../api/node-selector.ts';
import { controllerOf } from '../api/owner-references.ts';
import type { Resources } from '../api/pod-requests.ts';
import { untoleratedTaint } from '../api/taints.ts';
import { eligibleCounts } from './pod-filters.ts';
import { affinityTerm, countByDomain, spreadTerm } from './pod-terms.ts';
import { estimate, type NodeView, type Snapshot } from './snapshot.ts';

/** How good a node is for a pod, in units of its own; more is better. */
type Score = (view: NodeView) => number;

/** The best of several nodes that would all do (at least one). Of equals the first wins, so a run can be repeated. */
export function bestNode(
  pod: Pod,
  requests: Resources,
  candidates: readonly [NodeView, ...NodeView[]],
  snapshot: Snapshot,
): NodeView {
  let [best] = candidates;
  if (candidates.length === 1) return best;
  const totals = new Map<NodeView, number>();
  for (const { weight, score } of scoresFor(pod, requests, snapshot)) {
    const values = candidates.map(score);
    const least = Math.min(...values);
    const range = Math.max(...values) - least;
    if (range === 0) continue;
    for (const [index, view] of candidates.entries()) {
      totals.set(view, (totals.get(view) ?? 0) + (weight * ((values[index] ?? 0) - least)) / range);
    }
  }
  for (const view of candidates) if ((totals.get(view) ?? 0) > (totals.get(best) ?? 0)) best = view;
  return best;
}

function scoresFor(
  pod: Pod,
  requests: Resources,
  snapshot: Snapshot,
): readonly { readonly weight: number; readonly score: Score }[] {
  const owner = controllerOf(pod)?.uid;
  const { nodeAffinity, podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const preferredNodes = nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const preferredPods = [
    ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
      weight: -weight,
      podAffinityTerm,
    })),
  ];
  const softSpread = (pod.spec.topologySpreadConstraints ?? []).filter(
    (constraint) => constraint.whenUnsatisfiable === 'ScheduleAnyway',
  );

  const scores: { weight: number; score: Score }[] = [
    { weight: 3, score: (view) => (prefersOthers(pod, view) ? 0 : 1) },
    { weight: 1, score: (view) => freeShare(requests, view) },
  ];
  if (owner !== undefined) scores.push({ weight: 2, score: (view) => -(view.podsByOwner.get(owner) ?? 0) });
  if (preferredNodes.length > 0) {
    const matched: Score = (view) =>
      preferredNodes.reduce(
        (sum, { weight, preference }) => sum + (matchesNodeTerm(preference, view.node) ? weight : 0),
        0,
      );
    scores.push({ weight: 2, score: matched });
  }
  if (preferredPods.length > 0) {
    const counted = preferredPods.map(({ weight, podAffinityTerm }) => {
      const term = affinityTerm(podAffinityTerm, pod, snapshot);
      return { weight, topologyKey: term.topologyKey, counts: countByDomain(term, snapshot) };
    });
    const matched: Score = (view) =>
      counted.reduce((sum, { weight, topologyKey, counts }) => {
        const domain = view.labels[topologyKey];
        return domain === undefined ? sum : sum + weight * (counts.get(domain) ?? 0);
      }, 0);
    scores.push({ weight: 2, score: matched });
  }
  for (const constraint of softSpread) {
    const term = spreadTerm(constraint, pod);
    const counts = eligibleCounts(constraint, term, pod, softSpread, snapshot);
    // A node without the label is in no domain: worse than the fullest one.
    const worst = Math.max(0, ...counts.values()) + 1;
    scores.push({ weight: 2, score: (view) => -(counts.get(view.labels[term.topologyKey] ?? '') ?? worst) });
  }
  return scores;
}

function prefersOthers(pod: Pod, { node }: NodeView): boolean {
  return untoleratedTaint(node.spec.taints ?? [], pod.spec.tolerations ?? [], ['PreferNoSchedule']) !== undefined;
}

/** The share of processor and memory that would be left, from 0 to 1; negative when it is more than there is. */
function freeShare(requests: Resources, view: NodeView): number {
  const wanted = estimate(requests);
  const share = (name: string, used: number): number => {
    const allocatable = view.allocatable.get(name) ?? 0;
    return allocatable > 0 ? 1 - used / allocatable : 0;
  };
  const cpu = share('cpu', view.estimated.cpuMillis + wanted.cpuMillis);
  const memory = share('memory', view.estimated.memoryBytes + wanted.memoryBytes);
  return (cpu + memory) / 2;
}
