import type { Pod } from '../../api/generated/types.ts';
import { quantityValue } from '../../api/quantity.ts';
import type { Explanation } from '../pod/observed.ts';

/** What a pod has written to the disk of its node, in bytes by name. */
export interface StorageUse {
  /** Layers and logs. */
  readonly containers: ReadonlyMap<string, number>;
  /** Empty directories. */
  readonly volumes: ReadonlyMap<string, number>;
}

/** Whether there is anything that {@link overLimit} would look at. */
export function hasStorageLimit(pod: Pod): boolean {
  return (
    pod.spec.containers.some(({ resources }) => resources?.limits?.['ephemeral-storage']) ||
    (pod.spec.volumes ?? []).some(({ emptyDir }) => emptyDir && emptyDir.medium !== 'Memory' && emptyDir.sizeLimit)
  );
}

/** P8: which limit of the storage it was given a pod has gone past: it is then evicted, with the kubelet's words. */
export function overLimit(pod: Pod, use: StorageUse): Explanation | undefined {
  const message = overVolume(pod, use) ?? overPod(pod, use) ?? overContainer(pod, use);
  return message === undefined ? undefined : { reason: 'Evicted', message };
}

function overVolume(pod: Pod, { volumes }: StorageUse): string | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const { sizeLimit } = emptyDir ?? {};
    if (!sizeLimit || (volumes.get(name) ?? 0) <= quantityValue(sizeLimit)) continue;
    return `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(sizeLimit)}. `;
  }
  return undefined;
}

/** The pod as a whole has a limit when each of its containers has one. */
function overPod(pod: Pod, { containers, volumes }: StorageUse): string | undefined {
  const limits = pod.spec.containers.map(({ resources }) => resources?.limits?.['ephemeral-storage']);
  let total = 0;
  for (const limit of limits) {
    if (!limit) return undefined;
    total += quantityValue(limit);
  }
  const used = [...containers.values(), ...volumes.values()].reduce((sum, bytes) => sum + bytes, 0);
  if (used <= total) return undefined;
  const text = limits.length === 1 ? limits[0] : String(total);
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
}

function overContainer(pod: Pod, { containers }: StorageUse): string | undefined {
  for (const { name, resources } of pod.spec.containers) {
    const limit = resources?.limits?.['ephemeral-storage'];
    if (!limit || (containers.get(name) ?? 0) <= quantityValue(limit)) continue;
    return `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(limit)}. `;
  }
  return undefined;
}
