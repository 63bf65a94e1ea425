import type { Node, PersistentVolume, PersistentVolumeClaim } from './generated/types.ts';
import { matchSelector } from './labels.ts';
import { matchesNodeSelector } from './node-selector.ts';
import { compareQuantities } from './quantity.ts';
import { classOf } from './volume-names.ts';

/** Whether a volume is reserved for a claim, by name and (once it has one) by uid. */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { claimRef } = volume.spec;
  return (
    claimRef !== undefined &&
    claimRef.namespace === claim.metadata.namespace &&
    claimRef.name === claim.metadata.name &&
    (!claimRef.uid || claimRef.uid === claim.metadata.uid)
  );
}

/** Why a volume that the claim names cannot be its volume; undefined when it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  const { spec } = volume;
  const wanted = claim.spec.resources?.requests?.storage ?? '0';
  if (compareQuantities(spec.capacity?.storage ?? '0', wanted) < 0) return 'requested PV is too small';
  if ((classOf(volume) ?? '') !== (classOf(claim) ?? '')) return 'storageClassName does not match';
  if ((spec.volumeMode ?? 'Filesystem') !== (claim.spec.volumeMode ?? 'Filesystem')) return 'incompatible volumeMode';
  const modes = spec.accessModes ?? [];
  if (!(claim.spec.accessModes ?? []).every((mode) => modes.includes(mode))) return 'incompatible accessMode';
  return undefined;
}

/**
 * The volume a claim gets of those that exist: one that is reserved for it, else the smallest that will do. A claim
 * whose volume depends on where its pod goes gets, without a node, only a reserved one.
 */
export function findVolume(
  claim: PersistentVolumeClaim,
  candidates: Iterable<PersistentVolume>,
  place:
    | { readonly type: 'anywhere' }
    | { readonly type: 'undecided' }
    | { readonly type: 'node'; readonly node: Node },
): PersistentVolume | undefined {
  const { selector } = claim.spec;
  const matches = selector === undefined ? () => true : matchSelector(selector);
  let best: PersistentVolume | undefined;
  for (const volume of candidates) {
    if (volume.metadata.deletionTimestamp !== undefined || mismatch(volume, claim) !== undefined) continue;
    if (isReservedFor(volume, claim)) return volume;
    if (volume.spec.claimRef !== undefined || place.type === 'undecided' || !isFree(volume)) continue;
    if (!matches(volume.metadata.labels)) continue;
    const required = volume.spec.nodeAffinity?.required;
    if (place.type === 'node' && required !== undefined && !matchesNodeSelector(required, place.node)) continue;
    if (best === undefined || isBetter(volume, best)) best = volume;
  }
  return best;
}

/** The class of a volume that any claim may have; undefined for others. */
export function freeVolumeClass({ spec, status }: PersistentVolume): string | undefined {
  if (spec.claimRef !== undefined || (status?.phase !== undefined && status.phase !== 'Available')) return undefined;
  return spec.storageClassName ?? '';
}

/** `Pending`: new, nothing was said of it yet. */
function isFree({ status }: PersistentVolume): boolean {
  return status?.phase === undefined || status.phase === 'Available' || status.phase === 'Pending';
}

function isBetter(a: PersistentVolume, b: PersistentVolume): boolean {
  const difference = compareQuantities(a.spec.capacity?.storage ?? '0', b.spec.capacity?.storage ?? '0');
  return difference < 0 || (difference === 0 && a.metadata.name < b.metadata.name);
}
