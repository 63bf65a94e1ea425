import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
  StorageClass,
} from '../../api/generated/types.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { findVolume, isReservedFor, mismatch } from '../../api/volume-matching.ts';
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  CLAIM_PROTECTION,
  classOf,
  LOCAL_PROVISIONER,
  SELECTED_NODE,
} from '../../api/volume-names.ts';

/** All that the fate of a claim depends on. */
export interface ObservedClaim {
  readonly claim: PersistentVolumeClaim;
  /** The volume that the claim names. */
  readonly volume: PersistentVolume | undefined;
  /** Volumes of the claim's class that are free or reserved for it. Asked for only when needed. */
  readonly candidates: () => Iterable<PersistentVolume>;
  readonly storageClass: StorageClass | undefined;
  /** The class of claims that leave it open. */
  readonly defaultClass: string | undefined;
  readonly node: (name: string) => Node | undefined;
  /** Where a volume is made that nobody has chosen a node for. */
  readonly anyNode: () => string | undefined;
  /** Whether a pod on a node uses the claim. */
  readonly isUsed: () => boolean;
}

export interface Note {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What is to be done about a claim, in one pass. */
export type ClaimPlan =
  | { readonly type: 'nothing' }
  /** C7: nobody uses it any more; it may go, when the API itself shows no user either. */
  | { readonly type: 'let-go' }
  | { readonly type: 'set-class'; readonly storageClassName: string }
  /** `undefined` takes the choice back: the node is gone. */
  | { readonly type: 'select-node'; readonly nodeName: string | undefined }
  /** Make claim and volume refer to each other, as far as they do not. */
  | { readonly type: 'bind'; readonly volume: PersistentVolume }
  | {
      readonly type: 'grow';
      readonly volume: PersistentVolume;
      readonly storage: string;
      readonly status: PersistentVolumeClaimStatus;
    }
  | { readonly type: 'set-status'; readonly status: PersistentVolumeClaimStatus; readonly note?: Note };

const NOTHING: ClaimPlan = { type: 'nothing' };

/** The next step of a claim. */
export function planClaim(observed: ObservedClaim): ClaimPlan {
  const { claim } = observed;
  const { deletionTimestamp, finalizers = [], annotations = {} } = claim.metadata;
  if (deletionTimestamp !== undefined) {
    return finalizers.includes(CLAIM_PROTECTION) && !observed.isUsed() ? { type: 'let-go' } : NOTHING;
  }
  return annotations[BIND_COMPLETED] === undefined ? planUnbound(observed) : planBound(observed);
}

/** The status of a claim that is bound to `volume`. */
export function boundStatus(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaimStatus {
  return {
    ...claim.status,
    phase: 'Bound',
    accessModes: volume.spec.accessModes ?? [],
    // What a claim has been told it has is never taken back; growing is a step of its own.
    capacity: claim.status?.capacity ?? volume.spec.capacity ?? {},
  };
}

export function isSameStatus(claim: PersistentVolumeClaim, status: PersistentVolumeClaimStatus): boolean {
  const facts = ({ phase, accessModes, capacity }: PersistentVolumeClaimStatus): string =>
    JSON.stringify([phase, accessModes, capacity]);
  return claim.status !== undefined && facts(claim.status) === facts(status);
}

function planUnbound(observed: ObservedClaim): ClaimPlan {
  const { claim, volume, storageClass, defaultClass } = observed;
  if (claim.spec.volumeName) {
    if (volume === undefined) return pending(claim);
    const isTaken = volume.spec.claimRef !== undefined && !isReservedFor(volume, claim);
    if (isTaken) {
      return pending(claim, {
        type: 'Warning',
        reason: 'FailedBinding',
        message: `volume "${volume.metadata.name}" already bound to a different claim.`,
      });
    }
    const wrong = mismatch(volume, claim);
    if (wrong === undefined) return { type: 'bind', volume };
    return pending(claim, {
      type: 'Warning',
      reason: 'VolumeMismatch',
      message: `Cannot bind to requested volume "${volume.metadata.name}": ${wrong}`,
    });
  }

  const className = classOf(claim);
  if (className === undefined && defaultClass !== undefined)
    return { type: 'set-class', storageClassName: defaultClass };
  const selected = claim.metadata.annotations?.[SELECTED_NODE];
  const node = selected === undefined ? undefined : observed.node(selected);
  const found = findVolume(claim, observed.candidates(), placeFor(storageClass, node));
  if (found !== undefined) return { type: 'bind', volume: found };

  if (selected !== undefined && node === undefined) return { type: 'select-node', nodeName: undefined };
  const isOurs = storageClass?.provisioner === LOCAL_PROVISIONER;
  if (isOurs && selected === undefined && storageClass.volumeBindingMode !== 'WaitForFirstConsumer') {
    const nodeName = observed.anyNode();
    if (nodeName !== undefined) return { type: 'select-node', nodeName };
  }
  return pending(claim);
}

function placeFor(storageClass: StorageClass | undefined, node: Node | undefined): Parameters<typeof findVolume>[2] {
  if (storageClass?.volumeBindingMode !== 'WaitForFirstConsumer') return { type: 'anywhere' };
  // The node's agent makes a volume for each claim that is sent to it: another one here would be one too many.
  if (node === undefined || storageClass.provisioner === LOCAL_PROVISIONER) return { type: 'undecided' };
  return { type: 'node', node };
}

function pending(claim: PersistentVolumeClaim, note?: Note): ClaimPlan {
  const isSaid = claim.status?.phase === 'Pending' || claim.status?.phase === undefined;
  if (isSaid && note === undefined) return NOTHING;
  return { type: 'set-status', status: { ...claim.status, phase: 'Pending' }, ...(note && { note }) };
}

function planBound({ claim, volume, storageClass }: ObservedClaim): ClaimPlan {
  const { volumeName } = claim.spec;
  if (!volumeName)
    return lost(claim, 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!');
  if (volume === undefined)
    return lost(claim, 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (claimRef !== undefined && !isReservedFor(volume, claim)) {
    return lost(claim, 'Two claims are bound to the same volume, this one is bound incorrectly', 'ClaimMisbound');
  }
  const isReferred = claimRef?.uid === claim.metadata.uid;
  if (!isReferred || !isSameStatus(claim, boundStatus(claim, volume))) return { type: 'bind', volume };
  return planGrowth(claim, volume, storageClass);
}

function planGrowth(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  storageClass: StorageClass | undefined,
): ClaimPlan {
  const wanted = claim.spec.resources?.requests?.storage ?? '0';
  if (compareQuantities(wanted, claim.status?.capacity?.storage ?? '0') <= 0) return NOTHING;
  // Others are grown by whoever made them.
  if (storageClass?.provisioner !== LOCAL_PROVISIONER || storageClass.allowVolumeExpansion !== true) return NOTHING;
  const has = volume.spec.capacity?.storage ?? '0';
  const storage = compareQuantities(wanted, has) > 0 ? wanted : has;
  return {
    type: 'grow',
    volume,
    storage,
    status: { ...claim.status, capacity: { ...claim.status?.capacity, storage } },
  };
}

function lost(claim: PersistentVolumeClaim, message: string, reason = 'ClaimLost'): ClaimPlan {
  if (claim.status?.phase === 'Lost') return NOTHING;
  return { type: 'set-status', status: { phase: 'Lost' }, note: { type: 'Warning', reason, message } };
}

/** The annotations of a claim that has just been bound. */
export function boundAnnotations(claim: PersistentVolumeClaim): Readonly<Record<string, string>> {
  const setByUs = !claim.spec.volumeName && { [BOUND_BY_CONTROLLER]: 'yes' };
  return { [BIND_COMPLETED]: 'yes', ...setByUs };
}
