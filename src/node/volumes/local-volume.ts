import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/generated/types.ts';
import type { New } from '../../api/meta.ts';
import { LOCAL_PROVISIONER, PROVISIONED_BY, SELECTED_NODE } from '../../api/volume-names.ts';

const HOSTNAME_LABEL = 'kubernetes.io/hostname';

/** The volume of a claim: found again by the claim's uid, however often it is provisioned. */
export function volumeNameOf(claim: PersistentVolumeClaim): string {
  return `pvc-${claim.metadata.uid}`;
}

/** Whether the claim waits for a volume that this node is to make. */
export function isToProvision(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
  nodeName: string,
): boolean {
  return (
    storageClass?.provisioner === LOCAL_PROVISIONER &&
    claim.metadata.annotations?.[SELECTED_NODE] === nodeName &&
    claim.metadata.deletionTimestamp === undefined &&
    !claim.spec.volumeName
  );
}

/** The volume object for a directory of this node. */
export function localVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  nodeName: string,
  path: string,
): New<PersistentVolume> {
  const { name, namespace = 'default', uid, resourceVersion } = claim.metadata;
  const { accessModes, resources, volumeMode = 'Filesystem' } = claim.spec;
  return {
    metadata: { name: volumeNameOf(claim), annotations: { [PROVISIONED_BY]: LOCAL_PROVISIONER } },
    spec: {
      capacity: { storage: resources?.requests?.storage ?? '0' },
      ...(accessModes && { accessModes }),
      volumeMode,
      storageClassName: storageClass.metadata.name,
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME_LABEL, operator: 'In', values: [nodeName] }] }],
        },
      },
    },
  };
}

/** Whether a volume is a directory that the provisioner of this node made. */
export function isMadeHere(volume: PersistentVolume, nodeName: string): boolean {
  return volume.metadata.annotations?.[PROVISIONED_BY] === LOCAL_PROVISIONER && isOnNode(volume, nodeName);
}

/** Whether a volume is a directory of this node. */
export function isOnNode({ spec }: PersistentVolume, nodeName: string): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return (
    spec.local !== undefined &&
    terms.some((term) =>
      term.matchExpressions?.some(({ key, values }) => key === HOSTNAME_LABEL && values?.includes(nodeName)),
    )
  );
}
