import type { PolicyRule } from '../../api/generated/types.ts';

const ALL = '*';

/**
 * The part of `wanted` that `held` does not allow, in as few rules as name it: what somebody with `held` must not hand
 * on to others.
 */
export function uncoveredRules(wanted: readonly PolicyRule[], held: readonly PolicyRule[]): readonly PolicyRule[] {
  const missing = wanted.flatMap(singleRules).filter((single) => !held.some((rule) => covers(rule, single)));
  const verbs = new Map<string, { readonly single: PolicyRule; readonly verbs: string[] }>();
  for (const single of missing) {
    const { verbs: own, ...target } = single;
    const key = JSON.stringify(target);
    const entry = verbs.get(key) ?? { single, verbs: [] };
    for (const verb of own) if (!entry.verbs.includes(verb)) entry.verbs.push(verb);
    verbs.set(key, entry);
  }
  return [...verbs.values()].map((entry) => ({ ...entry.single, verbs: entry.verbs }));
}

/** Rules of one verb and one target each that together say the same. */
function singleRules({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): readonly PolicyRule[] {
  const names = resourceNames.length === 0 ? [undefined] : resourceNames;
  return verbs.flatMap((verb) => [
    ...nonResourceURLs.map((url) => ({ verbs: [verb], nonResourceURLs: [url] })),
    ...apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        names.map((name) => ({
          verbs: [verb],
          apiGroups: [group],
          resources: [resource],
          ...(name !== undefined && { resourceNames: [name] }),
        })),
      ),
    ),
  ]);
}

/** Whether `rule` allows all that `single`, a rule of one verb and one target, does. */
function covers(rule: PolicyRule, single: PolicyRule): boolean {
  const [verb = ''] = single.verbs;
  if (!rule.verbs.some((each) => each === ALL || each === verb)) return false;
  const [url] = single.nonResourceURLs ?? [];
  if (url !== undefined) return (rule.nonResourceURLs ?? []).some((each) => coversUrl(each, url));
  const [group = ''] = single.apiGroups ?? [];
  const [resource = ''] = single.resources ?? [];
  const [name] = single.resourceNames ?? [];
  const names = rule.resourceNames ?? [];
  return (
    (rule.apiGroups ?? []).some((each) => each === ALL || each === group) &&
    (rule.resources ?? []).some((each) => coversResource(each, resource)) &&
    (names.length === 0 || (name !== undefined && names.includes(name)))
  );
}

function coversUrl(held: string, wanted: string): boolean {
  return held === ALL || held === wanted || (held.endsWith(ALL) && wanted.startsWith(held.slice(0, -1)));
}

function coversResource(held: string, wanted: string): boolean {
  if (held === ALL || held === wanted) return true;
  const [, subresource] = wanted.split('/');
  return subresource !== undefined && held === `${ALL}/${subresource}`;
}
