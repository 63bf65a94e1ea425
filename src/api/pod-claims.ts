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
 * C7: whether a pod holds its claims. One without a node is refused by its node once a claim is ending; of one that is
 * over, its node has confirmed that nothing of it is left. It may have to wait for that very claim: when a set is deleted
 * in the foreground, the pod stays until what it owns has gone.
 */
export function holdsClaims({ metadata, spec, status }: Pod): boolean {
  const isOver =
    metadata.deletionTimestamp !== undefined &&
    metadata.deletionGracePeriodSeconds === 0 &&
    (status?.phase === 'Failed' || status?.phase === 'Succeeded');
  return Boolean(spec.nodeName) && !isOver;
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
