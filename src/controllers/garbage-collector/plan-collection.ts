import type { OwnerReference, ServedMeta } from '../../api/generated/types.ts';
import type { KubernetesObject } from '../../api/meta.ts';

/** On an owner that is ending: its dependents are to go on without it. */
export const ORPHAN = 'orphan';
/** On an owner that is ending: its dependents go first. */
export const FOREGROUND = 'foregroundDeletion';

/** What is known of one owner of an object. */
export type OwnerState =
  /** It is there, and is the one that is meant. */
  | 'solid'
  /** It is not there (any more), or another one has its name. */
  | 'absent'
  /** It is ending and waits for its dependents. */
  | 'waiting';

export interface ObservedObject {
  readonly object: KubernetesObject;
  /** Each owner and its state; absent ones are known to be so by the API itself. */
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[];
  readonly hasDependents: boolean;
}

export type CollectionPlan =
  | { readonly type: 'nothing' }
  /** Some of its owners have gone, others have not: it forgets the former. */
  | { readonly type: 'forget-owners'; readonly ownerReferences: readonly OwnerReference[] }
  | { readonly type: 'delete'; readonly propagationPolicy: 'Orphan' | 'Background' | 'Foreground' };

const NOTHING: CollectionPlan = { type: 'nothing' };

/** A4: what is to become of an object, given the state of its owners. */
export function planCollection({ object, owners, hasDependents }: ObservedObject): CollectionPlan {
  if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return NOTHING;
  const solid = owners.filter(({ state }) => state === 'solid');
  if (solid.length === owners.length) return NOTHING;
  if (solid.length > 0) return { type: 'forget-owners', ownerReferences: solid.map(({ reference }) => reference) };
  const isWaitedFor = owners.some(({ state }) => state === 'waiting');
  // What waits in the foreground waits for all that is below it.
  if (isWaitedFor && hasDependents) return { type: 'delete', propagationPolicy: 'Foreground' };
  return { type: 'delete', propagationPolicy: policyOf(object.metadata) };
}

function policyOf({ finalizers = [] }: ServedMeta): 'Orphan' | 'Background' | 'Foreground' {
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}

/** What an ending object is to do with its dependents. */
export function endingMode({ metadata }: KubernetesObject): 'orphan' | 'foreground' | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (metadata.finalizers?.includes(ORPHAN)) return 'orphan';
  return metadata.finalizers?.includes(FOREGROUND) ? 'foreground' : undefined;
}

/** Whether an owner that ends in the foreground has to wait for this dependent. */
export function blocks(dependent: KubernetesObject, ownerUid: string): boolean {
  return (
    dependent.metadata.ownerReferences?.some(
      ({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true,
    ) ?? false
  );
}
