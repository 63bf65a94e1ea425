import type {
  HostPathVolumeSource,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types.ts';
import { POD_NAME_LABEL } from '../../api/labels.ts';
import { matchesNodeSelector } from '../../api/node-selector.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { mayUseClaim } from '../../api/pod-claims.ts';
import type { References } from '../config/references.ts';
import { NotReadyError } from '../pod/pod-resources.ts';
import type { IdentityLock } from '../runtimes/runtime.ts';

const REASON = 'FailedMount';

/** Where the data of a claim is on this node. */
export interface ClaimVolume {
  readonly path: string;
  /** What somebody has said that the path is, of a volume made by hand. */
  readonly hostPath?: HostPathVolumeSource;
  /** Absent when the volume may be shared. */
  readonly lock?: IdentityLock;
}

/** The directory behind a claim. Throws {@link NotReadyError} when it cannot be used (yet). */
export async function claimVolume(
  pod: Pod,
  claimName: string,
  references: References,
  node: Pick<Node, 'metadata'>,
  /** The pod runs already, and only asks again where its data is. */
  isInUse = false,
): Promise<ClaimVolume> {
  const { namespace = 'default' } = pod.metadata;
  const claim = await references.claim(namespace, claimName);
  if (!claim) throw new NotReadyError(REASON, `persistentvolumeclaim "${claimName}" not found`);
  const { volumeName } = claim.spec;
  if (!volumeName || claim.status?.phase !== 'Bound') {
    throw new NotReadyError(REASON, `persistentvolumeclaim "${claimName}" is not bound`);
  }
  if (!mayUseClaim(pod, claim)) {
    throw new NotReadyError(REASON, `persistentvolumeclaim "${claimName}" was not made for this pod`);
  }
  // C5: it waits for its users to end; a new one would make it wait for ever.
  if (claim.metadata.deletionTimestamp !== undefined && !isInUse) {
    throw new NotReadyError(REASON, `persistentvolumeclaim "${claimName}" is being deleted`);
  }
  const volume = await references.volume(volumeName);
  if (!volume) throw new NotReadyError(REASON, `persistentvolume "${volumeName}" not found`);
  if (volume.spec.claimRef?.uid !== claim.metadata.uid) {
    throw new NotReadyError(REASON, `persistentvolume "${volumeName}" is bound to another claim`);
  }
  const required = volume.spec.nodeAffinity?.required;
  if (required && !matchesNodeSelector(required, node)) {
    throw new NotReadyError(REASON, `persistentvolume "${volumeName}" is not on node ${node.metadata.name}`);
  }
  if (volume.spec.volumeMode === 'Block') {
    throw new NotReadyError(REASON, `persistentvolume "${volumeName}" is a block device, which this node cannot mount`);
  }
  const path = volume.spec.local?.path ?? volume.spec.hostPath?.path;
  if (path === undefined) {
    throw new NotReadyError(REASON, `persistentvolume "${volumeName}" is of a kind this node cannot mount`);
  }
  const lock = { id: lockId(volume), description: `claim ${namespace}/${claimName}` };
  return {
    path,
    ...(volume.spec.hostPath && { hostPath: volume.spec.hostPath }),
    ...(isExclusive(pod, claim) && { lock }),
  };
}

/**
 * M5: the claim is the pod's identity: made from a template of the pod's StatefulSet, which its name says
 * (`<template>-<pod>`), also when the set has gone without its pods; or it is for one pod only by its access mode.
 */
function isExclusive(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if (claim.spec.accessModes?.includes('ReadWriteOncePod')) return true;
  const { name, labels } = pod.metadata;
  const isMember = controllerOf(pod)?.kind === 'StatefulSet' || labels?.[POD_NAME_LABEL] === name;
  return isMember && claim.metadata.name.endsWith(`-${name}`);
}

/** The volume's own uid: a copy of the data directory, or an old database restored, has the same one. */
function lockId(volume: PersistentVolume): string {
  return `volume-${volume.metadata.uid}`;
}
