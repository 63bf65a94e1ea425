import type { Pod, PodAffinityTerm, TopologySpreadConstraint } from '../api/generated/types.ts';
import { allowsNode } from '../api/node-selector.ts';
import { untoleratedTaint } from '../api/taints.ts';
import { effectiveTaints } from './node-filters.ts';
import type { Obstacle } from './obstacle.ts';
import { affinityTerm, countByDomain, domainOf, type PodTerm, spreadTerm, termMatches } from './pod-terms.ts';
import type { NodeView, Snapshot } from './snapshot.ts';

/** What keeps a pod off a node because of the pods that are already placed. */
export type PodFilter = (view: NodeView) => Obstacle | undefined;

/** The filters a pod needs, each with its counting done: for most pods there are none. */
export function podFilters(pod: Pod, snapshot: Snapshot): readonly PodFilter[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  return [
    ...affinityFilters(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [], pod, snapshot),
    ...antiAffinityFilters(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [], pod, snapshot),
    ...othersAntiAffinityFilters(pod, snapshot),
    ...spreadFilters(pod, snapshot),
  ];
}

function affinityFilters(terms: readonly PodAffinityTerm[], pod: Pod, snapshot: Snapshot): readonly PodFilter[] {
  const counted = terms.map((term) => {
    const ready = affinityTerm(term, pod, snapshot);
    return { term: ready, counts: countByDomain(ready, snapshot) };
  });
  // The first of a group that wants to be together has nobody to be with yet.
  const isFirst = counted.every(({ term, counts }) => counts.size === 0 && termMatches(term, pod));
  return counted.map(({ term, counts }) => (view) => {
    const domain = view.labels[term.topologyKey];
    if (domain !== undefined && (isFirst || counts.has(domain))) return undefined;
    return { helpedBy: 'pod', reason: "node(s) didn't match pod affinity rules" };
  });
}

function antiAffinityFilters(terms: readonly PodAffinityTerm[], pod: Pod, snapshot: Snapshot): readonly PodFilter[] {
  return terms.map((term) => {
    const ready = affinityTerm(term, pod, snapshot);
    const counts = countByDomain(ready, snapshot);
    return (view) => {
      const domain = view.labels[ready.topologyKey];
      if (domain === undefined || !counts.has(domain)) return undefined;
      return { helpedBy: 'pod', reason: "node(s) didn't match pod anti-affinity rules" };
    };
  });
}

/** Pods that are there already may not want this one beside them. */
function othersAntiAffinityFilters(pod: Pod, snapshot: Snapshot): readonly PodFilter[] {
  const closed = new Map<string, Set<string>>();
  for (const placed of snapshot.podsAverseTo(pod)) {
    const terms = placed.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    for (const term of terms) {
      const domain = domainOf(placed, term.topologyKey, snapshot);
      if (domain === undefined || closed.get(term.topologyKey)?.has(domain)) continue;
      if (!termMatches(affinityTerm(term, placed.pod, snapshot), pod)) continue;
      const domains = closed.get(term.topologyKey);
      if (domains === undefined) closed.set(term.topologyKey, new Set([domain]));
      else domains.add(domain);
    }
  }
  return [...closed].map(([topologyKey, domains]) => (view) => {
    const domain = view.labels[topologyKey];
    if (domain === undefined || !domains.has(domain)) return undefined;
    return { helpedBy: 'pod', reason: "node(s) didn't satisfy existing pods anti-affinity rules" };
  });
}

function spreadFilters(pod: Pod, snapshot: Snapshot): readonly PodFilter[] {
  const hard = (pod.spec.topologySpreadConstraints ?? []).filter(
    (constraint) => constraint.whenUnsatisfiable === 'DoNotSchedule',
  );
  return hard.map((constraint) => {
    const term = spreadTerm(constraint, pod);
    const counts = eligibleCounts(constraint, term, pod, hard, snapshot);
    const tooFewDomains = constraint.minDomains !== undefined && counts.size < constraint.minDomains;
    const least = tooFewDomains || counts.size === 0 ? 0 : Math.min(...counts.values());
    const self = termMatches(term, pod) ? 1 : 0;
    return (view) => {
      const domain = view.labels[term.topologyKey];
      if (domain === undefined) {
        return {
          helpedBy: 'node',
          reason: "node(s) didn't match pod topology spread constraints (missing required label)",
        };
      }
      if ((counts.get(domain) ?? 0) + self - least <= constraint.maxSkew) return undefined;
      return { helpedBy: 'pod', reason: "node(s) didn't match pod topology spread constraints" };
    };
  });
}

/** Pods in each domain, with the domains that have none but could: nodes the pod cannot use do not count. */
export function eligibleCounts(
  constraint: TopologySpreadConstraint,
  term: PodTerm,
  pod: Pod,
  constraints: readonly TopologySpreadConstraint[],
  snapshot: Snapshot,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const eligible = new Set<string>();
  for (const view of snapshot.nodes) {
    const domain = view.labels[term.topologyKey];
    if (domain === undefined || !constraints.every(({ topologyKey }) => view.labels[topologyKey] !== undefined))
      continue;
    if ((constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor' && !allowsNode(pod, view.node)) continue;
    if (constraint.nodeTaintsPolicy === 'Honor' && isTainted(pod, view)) continue;
    eligible.add(view.node.metadata.name);
    counts.set(domain, 0);
  }
  for (const placed of snapshot.podsMatching(term.requiredLabels, term.matches, term.namespaces)) {
    if (placed.pod.metadata.deletionTimestamp !== undefined || !eligible.has(placed.nodeName)) continue;
    const domain = domainOf(placed, term.topologyKey, snapshot);
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  return counts;
}

function isTainted(pod: Pod, view: NodeView): boolean {
  return (
    untoleratedTaint(effectiveTaints(view.node), pod.spec.tolerations ?? [], ['NoSchedule', 'NoExecute']) !== undefined
  );
}
