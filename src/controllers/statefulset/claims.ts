import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { Pods, StatefulSets } from '../../api/kinds.ts';
import type { KubernetesObject, New } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner-references.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource-type.ts';
import { claimName } from './identity.ts';

/** The claims of the set's namespace, by name. */
export interface Claims {
  get(name: string): PersistentVolumeClaim | undefined;
}

/** What the claims of an ordinal without a pod say about making one. */
export type ClaimsForPod =
  | { readonly state: 'usable'; readonly missing: readonly New<PersistentVolumeClaim>[] }
  /** C5: it is being deleted, and must be gone and made again before the pod. */
  | { readonly state: 'terminating'; readonly claim: PersistentVolumeClaim }
  /** C3: it belongs to an earlier pod of this name and goes with it. */
  | { readonly state: 'stale'; readonly claim: PersistentVolumeClaim };

interface RetentionPolicy {
  readonly deleteWithSet: boolean;
  readonly deleteWhenScaled: boolean;
}

function retentionPolicy(set: StatefulSet): RetentionPolicy {
  const policy = set.spec.persistentVolumeClaimRetentionPolicy;
  return { deleteWithSet: policy?.whenDeleted === 'Delete', deleteWhenScaled: policy?.whenScaled === 'Delete' };
}

function claimNames(set: StatefulSet, ordinal: number): readonly string[] {
  return (set.spec.volumeClaimTemplates ?? []).map((claim) => claimName(set, claim.metadata?.name ?? '', ordinal));
}

/** C1, C5: which claims an ordinal's pod still needs, or which of them holds it back. */
export function claimsForPod(set: StatefulSet, ordinal: number, claims: Claims): ClaimsForPod {
  for (const name of claimNames(set, ordinal)) {
    const claim = claims.get(name);
    if (claim === undefined) continue;
    if (claim.metadata.deletionTimestamp !== undefined) return { state: 'terminating', claim };
    // There is no pod of this name now, so whatever pod of this name owns the claim is gone.
    if (ownersOf(claim).some((owner) => refersTo(owner, Pods, `${set.metadata.name}-${ordinal}`))) {
      return { state: 'stale', claim };
    }
  }
  return { state: 'usable', missing: missingClaims(set, ordinal, claims) };
}

/** C1, O8: the claims of an ordinal that do not exist. */
export function missingClaims(
  set: StatefulSet,
  ordinal: number,
  claims: Claims,
): readonly New<PersistentVolumeClaim>[] {
  const templates = set.spec.volumeClaimTemplates ?? [];
  const missing: New<PersistentVolumeClaim>[] = [];
  for (const template of templates) {
    const name = claimName(set, template.metadata?.name ?? '', ordinal);
    if (claims.get(name) !== undefined) continue;
    const { labels, annotations } = template.metadata ?? {};
    const { namespace } = set.metadata;
    missing.push({
      metadata: {
        name,
        ...(namespace !== undefined && { namespace }),
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations && { annotations }),
        // Made with its owner, a claim costs one write and not two.
        ...(retentionPolicy(set).deleteWithSet && { ownerReferences: [controllerReference(StatefulSets, set)] }),
      },
      spec: template.spec,
    });
  }
  return missing;
}

/**
 * C3, C4: the owners a claim of `pod` should have, or undefined when they are right or not ours to change.
 *
 * whenDeleted Delete: the set owns the claim, so that it goes with it. whenScaled Delete: once the pod is condemned the
 * pod owns it instead. Retain: neither does.
 */
export function correctedOwners(
  set: StatefulSet,
  pod: Pod,
  condemned: boolean,
  claim: PersistentVolumeClaim,
): readonly OwnerReference[] | undefined {
  const owners = ownersOf(claim);
  const policy = retentionPolicy(set);
  const wanted = wantedOwner(set, pod, policy, condemned);
  if (wanted === undefined && owners.length === 0) return undefined;
  const ofSet = owners.find((owner) => refersTo(owner, StatefulSets, set.metadata.name));
  const ofPod = owners.find((owner) => refersTo(owner, Pods, pod.metadata.name));
  // C4: left over from an earlier set or pod of the same name. The garbage collector knows what to do with it.
  if (ofSet !== undefined && ofSet.uid !== set.metadata.uid) return undefined;
  if (ofPod !== undefined && ofPod.uid !== pod.metadata.uid) return undefined;

  const others = owners.filter((owner) => owner !== ofSet && owner !== ofPod);
  const retains = !policy.deleteWithSet && !policy.deleteWhenScaled;
  // C4: it has a controller of its own: we take ourselves off, and add nothing.
  const foreign = !retains && others.some((owner) => owner.controller === true);
  const corrected = wanted === undefined || foreign ? others : [...others, wanted];
  return sameOwners(owners, corrected) ? undefined : corrected;
}

function wantedOwner(
  set: StatefulSet,
  pod: Pod,
  policy: RetentionPolicy,
  condemned: boolean,
): OwnerReference | undefined {
  if (policy.deleteWhenScaled && condemned) return controllerReference(Pods, pod);
  if (policy.deleteWithSet) return controllerReference(StatefulSets, set);
  return undefined;
}

const NO_OWNERS: readonly OwnerReference[] = [];

function ownersOf(object: KubernetesObject): readonly OwnerReference[] {
  return object.metadata.ownerReferences ?? NO_OWNERS;
}

function refersTo(owner: OwnerReference, type: ResourceType, name: string): boolean {
  return owner.name === name && owner.kind === type.kind && owner.apiVersion === apiVersionOf(type);
}

function sameOwners(some: readonly OwnerReference[], others: readonly OwnerReference[]): boolean {
  return (
    some.length === others.length &&
    some.every((owner) =>
      others.some((other) => other.uid === owner.uid && (other.controller ?? false) === (owner.controller ?? false)),
    )
  );
}
