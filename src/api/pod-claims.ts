import type { Pod } from './generated/types.ts';

/** The names of the claims a pod uses. */
export function claimNamesOf(pod: Pod): readonly string[] {
  const names: string[] = [];
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    if (persistentVolumeClaim) names.push(persistentVolumeClaim.claimName);
    else if (ephemeral) names.push(`${pod.metadata.name}-${name}`);
  }
  return names;
}

/** The same with their namespace: `namespace/name`. */
export function claimKeysOf(pod: Pod): readonly string[] {
  const { namespace = '' } = pod.metadata;
  return claimNamesOf(pod).map((name) => `${namespace}/${name}`);
}
