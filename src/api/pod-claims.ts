import type { PersistentVolumeClaim, Pod } from './generated/types.ts';
import { isControlledBy } from './owner-references.ts';

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

/**
 * Whether a pod may use a claim of one of the names it uses: the claim of a volume that the pod itself describes must be
 * its own, or the pod could get at anybody's data by the name it gives to a volume.
 */
export function mayUseClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  const isDescribed = pod.spec.volumes?.some(
    ({ name, ephemeral }) => ephemeral !== undefined && `${pod.metadata.name}-${name}` === claim.metadata.name,
  );
  return !isDescribed || isControlledBy(claim, pod);
}
