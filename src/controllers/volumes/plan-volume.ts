import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { BOUND_BY_CONTROLLER, PROVISIONED_BY, VOLUME_PROTECTION } from '../../api/volume-names.ts';
import type { Note } from './plan-claim.ts';

/** All that the fate of a volume depends on. */
export interface ObservedVolume {
  readonly volume: PersistentVolume;
  /** The claim the volume is reserved for: the very same one when the volume knows its uid. */
  readonly claim: PersistentVolumeClaim | undefined;
}

export type VolumePlan =
  | { readonly type: 'nothing' }
  /** No claim holds it any more; it may go. */
  | { readonly type: 'let-go' }
  /** Its claim has another volume: it is free again. */
  | { readonly type: 'unbind' }
  | { readonly type: 'set-phase'; readonly phase: 'Available' | 'Bound' }
  /** Its claim has gone: before this is done the API itself must say so. */
  | { readonly type: 'release'; readonly phase: 'Released' | 'Failed'; readonly note?: Note };

const NOTHING: VolumePlan = { type: 'nothing' };

/** The next step of a volume. */
export function planVolume({ volume, claim }: ObservedVolume): VolumePlan {
  const { claimRef } = volume.spec;
  const phase = volume.status?.phase;
  const { deletionTimestamp, finalizers = [], annotations = {} } = volume.metadata;
  // C7: a volume in use is not removed.
  if (deletionTimestamp !== undefined && phase !== 'Bound' && finalizers.includes(VOLUME_PROTECTION)) {
    return { type: 'let-go' };
  }
  if (claimRef === undefined) return setPhase(volume, 'Available');
  // Reserved by a person for a claim that is still to come, or that takes it in its own pass.
  if (!claimRef.uid) return setPhase(volume, 'Available');
  if (claim === undefined) return planRelease(volume);
  if (claim.spec.volumeName === volume.metadata.name) return setPhase(volume, 'Bound');
  if (!claim.spec.volumeName) return NOTHING;
  // The claim was faster with another volume.
  if (annotations[PROVISIONED_BY] !== undefined) return planRelease(volume);
  return annotations[BOUND_BY_CONTROLLER] === undefined ? NOTHING : { type: 'unbind' };
}

function setPhase(volume: PersistentVolume, phase: 'Available' | 'Bound'): VolumePlan {
  return volume.status?.phase === phase || volume.metadata.deletionTimestamp !== undefined
    ? NOTHING
    : { type: 'set-phase', phase };
}

function planRelease(volume: PersistentVolume): VolumePlan {
  const phase = volume.status?.phase;
  if (phase === 'Released' || phase === 'Failed') return NOTHING;
  const { claimRef, persistentVolumeReclaimPolicy: policy } = volume.spec;
  const owner = `claim ${claimRef?.namespace ?? ''}/${claimRef?.name ?? ''}`;
  if (policy === 'Retain' || policy === undefined) {
    const message = `the data of ${owner} stays ${whereabouts(volume)}; delete the data and this volume to free the space, or remove spec.claimRef to offer it to another claim`;
    return { type: 'release', phase: 'Released', note: { type: 'Normal', reason: 'VolumeRetained', message } };
  }
  // C8: whoever made it removes the data, and then the object.
  if (policy === 'Delete' && volume.metadata.annotations?.[PROVISIONED_BY] !== undefined) {
    return { type: 'release', phase: 'Released' };
  }
  const message = `nobody knows how to ${policy === 'Delete' ? 'delete' : 'recycle'} this volume, which was made by hand: the data of ${owner} stays ${whereabouts(volume)}`;
  const reason = policy === 'Delete' ? 'VolumeFailedDelete' : 'VolumeFailedRecycle';
  return { type: 'release', phase: 'Failed', note: { type: 'Warning', reason, message } };
}

function whereabouts({ spec }: PersistentVolume): string {
  const path = spec.local?.path ?? spec.hostPath?.path;
  const nodes = (spec.nodeAffinity?.required?.nodeSelectorTerms ?? [])
    .flatMap(({ matchExpressions = [], matchFields = [] }) => [...matchExpressions, ...matchFields])
    .filter(({ key, operator }) => operator === 'In' && (key === 'kubernetes.io/hostname' || key === 'metadata.name'))
    .flatMap(({ values = [] }) => values);
  const on = nodes.length === 0 ? '' : ` on ${[...new Set(nodes)].join(', ')}`;
  return path === undefined ? `where it is${on}` : `at ${path}${on}`;
}
