import type { Pod } from '../../api/generated/types.ts';

/** What a pod asks for that no runtime of this node does, in words; undefined when there is no such thing. */
export function unsupported({ spec }: Pod): string | undefined {
  if (spec.resourceClaims?.length) return 'claims of devices (resourceClaims)';
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  if (containers.some(({ volumeDevices }) => volumeDevices?.length)) return 'block devices (volumeDevices)';
  const medium = spec.volumes?.find(({ emptyDir }) => emptyDir?.medium?.startsWith('HugePages'))?.emptyDir?.medium;
  return medium && `empty directories in huge pages (medium ${medium})`;
}
