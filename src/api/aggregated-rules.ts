import type { ClusterRole, PolicyRule } from './generated/types.ts';
import { matchSelector } from './labels.ts';

/**
 * The rules that an aggregated role has: those of all roles that one of its selectors matches, without repetitions, in
 * the order of the roles' names. Undefined for a role that is not aggregated.
 */
export function aggregatedRules(role: ClusterRole, all: Iterable<ClusterRole>): readonly PolicyRule[] | undefined {
  if (role.aggregationRule === undefined) return undefined;
  const selectors = (role.aggregationRule.clusterRoleSelectors ?? []).map((selector) => matchSelector(selector));
  const sources = [...all]
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((matches) => matches(metadata.labels)))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const rule of sources.flatMap((source) => source.rules ?? [])) rules.set(ruleKey(rule), rule);
  return [...rules.values()];
}

/** Whether two lists of rules say the same in the same order. */
export function sameRules(a: readonly PolicyRule[] = [], b: readonly PolicyRule[] = []): boolean {
  return a.length === b.length && a.every((rule, index) => ruleKey(rule) === ruleKey(b[index] ?? { verbs: [] }));
}

/** The same text for rules that say the same, in whatever order their members are. */
function ruleKey({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): string {
  return JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs]);
}
