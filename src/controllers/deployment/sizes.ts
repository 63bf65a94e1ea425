import type { Deployment, ReplicaSet } from '../../api/generated/types.ts';
import { limitsOf, wantedReplicas } from './limits.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS, type Revisions } from './revisions.ts';

/** A set and how large it is to be. */
export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

const NONE: readonly Resize[] = [];

/** Whether somebody changed the size of the deployment since its sets were last sized. */
export function isScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => isSizedForAnother(deployment, set));
}

function isSizedForAnother(deployment: Deployment, set: ReplicaSet): boolean {
  const desired = set.metadata.annotations?.[DESIRED_REPLICAS];
  return isActive(set) && desired !== undefined && Number(desired) !== wantedReplicas(deployment);
}

/**
 * New sizes after the deployment was scaled: an update under way is scaled in proportion, so that it stays half done.
 * Sets that keep their size are among them when they were sized for another one, so that they take note of it.
 */
export function scaledSizes(deployment: Deployment, revisions: Revisions): readonly Resize[] {
  const { current, old } = revisions;
  const sizes = proportionalSizes(deployment, revisions);
  const stale = (current === undefined ? old : [...old, current]).filter(
    (set) => isSizedForAnother(deployment, set) && !sizes.some((size) => size.set === set),
  );
  return [...sizes, ...stale.map((set) => ({ set, replicas: sizeOf(set) }))];
}

function proportionalSizes(deployment: Deployment, { current, old }: Revisions): readonly Resize[] {
  const wanted = wantedReplicas(deployment);
  const all = current === undefined ? old : [...old, current];
  const active = all.filter(isActive);
  const only = active.length <= 1 ? (active[0] ?? current ?? old.at(-1)) : undefined;
  if (only !== undefined) return resize(only, wanted);
  if (current !== undefined && sizeOf(current) === wanted && (current.status?.availableReplicas ?? 0) === wanted) {
    return old.filter(isActive).flatMap((set) => resize(set, 0));
  }
  if (deployment.spec.strategy?.type === 'Recreate') return NONE;

  const allowed = wanted > 0 ? wanted + limitsOf(deployment).maxSurge : 0;
  const toAdd = allowed - total(active);
  // The largest first; of equals the newest grows and the oldest shrinks.
  const sorted = active.toSorted((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? all.indexOf(b) - all.indexOf(a) : 0));
  let added = 0;
  const sizes = sorted.map((set) => {
    const share = toAdd === added ? 0 : shareOf(deployment, set, allowed);
    const change = toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
    added += change;
    return { set, replicas: sizeOf(set) + change };
  });
  return sizes.flatMap(({ set, replicas }, index) =>
    resize(set, Math.max(0, index === 0 ? replicas + (toAdd - added) : replicas)),
  );
}

/** The next step of a rolling update: first the new set grows as far as it may, then the old ones shrink. */
export function rolledSizes(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly Resize[] {
  const wanted = wantedReplicas(deployment);
  const grown = resize(current, grownSize(deployment, sizeOf(current), total(old)));
  return grown.length > 0 ? grown : shrunkSizes(deployment, current, old, wanted);
}

/** How large the new set may be now. */
export function grownSize(deployment: Deployment, size: number, oldTotal: number): number {
  const wanted = wantedReplicas(deployment);
  if (size >= wanted) return wanted;
  const room = wanted + limitsOf(deployment).maxSurge - (size + oldTotal);
  return size + Math.max(0, Math.min(room, wanted - size));
}

/** All of the old sets empty: what `Recreate` begins with. */
export function emptiedSizes(old: readonly ReplicaSet[]): readonly Resize[] {
  return old.flatMap((set) => resize(set, 0));
}

export function total(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0);
}

function resize(set: ReplicaSet, replicas: number): readonly Resize[] {
  return sizeOf(set) === replicas ? NONE : [{ set, replicas }];
}

function shrunkSizes(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  wanted: number,
): readonly Resize[] {
  const least = wanted - limitsOf(deployment).maxUnavailable;
  const notYet = sizeOf(current) - availableIn(current);
  const room = total(old) + sizeOf(current) - least - notYet;
  if (total(old) === 0 || room <= 0) return NONE;

  const sizes = new Map(old.map((set) => [set, sizeOf(set)]));
  // Pods that do not work are no loss: they go first, so that they do not hold up the update.
  let cleanable = room;
  for (const set of old) {
    const taken = Math.min(cleanable, Math.max(0, sizeOf(set) - availableIn(set)));
    sizes.set(set, sizeOf(set) - taken);
    cleanable -= taken;
  }
  let spare = old.reduce((sum, set) => sum + availableIn(set), availableIn(current)) - least;
  for (const set of old) {
    const taken = Math.max(0, Math.min(spare, sizes.get(set) ?? 0));
    sizes.set(set, (sizes.get(set) ?? 0) - taken);
    spare -= taken;
  }
  return [...sizes].flatMap(([set, replicas]) => resize(set, replicas));
}

function shareOf(deployment: Deployment, set: ReplicaSet, allowed: number): number {
  if (allowed === 0) return -sizeOf(set);
  const before = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0) || (deployment.status?.replicas ?? 0);
  return before === 0 ? 0 : Math.round((sizeOf(set) * allowed) / before) - sizeOf(set);
}

function isActive(set: ReplicaSet): boolean {
  return sizeOf(set) > 0;
}

function sizeOf({ spec }: ReplicaSet): number {
  return spec.replicas ?? 1;
}

function availableIn({ status }: ReplicaSet): number {
  return status?.availableReplicas ?? 0;
}
