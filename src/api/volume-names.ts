import type { PersistentVolume, PersistentVolumeClaim } from './generated/types.ts';

/** On a claim: claim and volume refer to each other, for good. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On a claim or a volume: its reference to the other was set by their controller, not by a person. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a volume: who made it, and is to remove it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** On a claim that waited for its consumer: the node whose agent is to make the volume. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

/** C7: what is in use is not removed. */
export const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection';
export const VOLUME_PROTECTION = 'kubernetes.io/pv-protection';

/** Makes directories on nodes; done by their agents. */
export const LOCAL_PROVISIONER = 'berth.dev/local';

/** The class may still be named the way it was before there was a field for it. */
export const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** The class of a claim or a volume; empty for none, undefined for a claim that leaves it open. */
export function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName;
}
