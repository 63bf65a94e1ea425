import type { LabelSelector, Pod, PodAffinityTerm, TopologySpreadConstraint } from '../api/generated/types.ts';
import { type LabelMatch, type Labels, matchSelector } from '../api/labels.ts';
import type { PlacedPod, Snapshot } from './snapshot.ts';

/** Which pods a term speaks of, and which label of their nodes says what belongs together. */
export interface PodTerm {
  readonly topologyKey: string;
  /** Labels that every pod meant has: what an index can find them by. */
  readonly requiredLabels: Labels;
  readonly matches: LabelMatch;
  /** Absent: all namespaces. */
  readonly namespaces: ReadonlySet<string> | undefined;
}

/** An affinity term of a pod, ready to be asked. */
export function affinityTerm(term: PodAffinityTerm, owner: Pod, snapshot: Snapshot): PodTerm {
  const selector = withLabelKeys(term.labelSelector, owner, term.matchLabelKeys, term.mismatchLabelKeys);
  return {
    topologyKey: term.topologyKey,
    requiredLabels: selector?.matchLabels ?? {},
    matches: matchSelector(selector),
    namespaces: namespacesOf(term, owner, snapshot),
  };
}

/** A topology spread constraint of a pod, ready to be asked. It speaks of pods of the pod's own namespace. */
export function spreadTerm(constraint: TopologySpreadConstraint, owner: Pod): PodTerm {
  const selector = withLabelKeys(constraint.labelSelector, owner, constraint.matchLabelKeys);
  return {
    topologyKey: constraint.topologyKey,
    requiredLabels: selector?.matchLabels ?? {},
    matches: matchSelector(selector),
    namespaces: new Set([owner.metadata.namespace ?? '']),
  };
}

/** Whether a term speaks of a pod that is not placed yet. */
export function termMatches(term: PodTerm, pod: Pod): boolean {
  const { namespace = '', labels } = pod.metadata;
  return (term.namespaces === undefined || term.namespaces.has(namespace)) && term.matches(labels);
}

/** How many of the pods a term speaks of are in each domain, by the value of the topology label. */
export function countByDomain(term: PodTerm, snapshot: Snapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const placed of snapshot.podsMatching(term.requiredLabels, term.matches, term.namespaces)) {
    const domain = domainOf(placed, term.topologyKey, snapshot);
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  return counts;
}

/** The domain a placed pod is in. */
export function domainOf(placed: PlacedPod, topologyKey: string, snapshot: Snapshot): string | undefined {
  return snapshot.node(placed.nodeName)?.labels[topologyKey];
}

function namespacesOf(term: PodAffinityTerm, owner: Pod, snapshot: Snapshot): ReadonlySet<string> | undefined {
  const { namespaces = [], namespaceSelector } = term;
  if (namespaceSelector === undefined) {
    return new Set(namespaces.length > 0 ? namespaces : [owner.metadata.namespace ?? '']);
  }
  const selectsAll =
    !namespaceSelector.matchExpressions?.length && !Object.keys(namespaceSelector.matchLabels ?? {}).length;
  if (selectsAll) return undefined;
  const matches = matchSelector(namespaceSelector);
  const selected = new Set(namespaces);
  for (const namespace of snapshot.namespaces) {
    if (matches(snapshot.namespaceLabels(namespace))) selected.add(namespace);
  }
  return selected;
}

function withLabelKeys(
  selector: LabelSelector | undefined,
  owner: Pod,
  matchKeys: readonly string[] = [],
  mismatchKeys: readonly string[] = [],
): LabelSelector | undefined {
  if (selector === undefined || matchKeys.length + mismatchKeys.length === 0) return selector;
  const labels = owner.metadata.labels ?? {};
  const requirement = (operator: string) => (key: string) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  };
  return {
    ...selector,
    matchExpressions: [
      ...(selector.matchExpressions ?? []),
      ...matchKeys.flatMap(requirement('In')),
      ...mismatchKeys.flatMap(requirement('NotIn')),
    ],
  };
}
