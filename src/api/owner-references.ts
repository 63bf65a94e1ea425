import type { ObjectMeta, OwnerReference } from './generated/types.ts';
import type { KubernetesObject } from './meta.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';

type HasOwners = { readonly metadata: Pick<ObjectMeta, 'ownerReferences'> };

/** A reference to `owner`. A plain one makes it an owner; see {@link controllerReference} for the one controller. */
export function ownerReference(type: ResourceType, owner: KubernetesObject): OwnerReference {
  const { name, uid } = owner.metadata;
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid };
}

/** A reference that makes `owner` the controller; it cannot go in the foreground before the owned object has gone. */
export function controllerReference(type: ResourceType, owner: KubernetesObject): OwnerReference {
  const { name, uid } = owner.metadata;
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The reference to the controller of an object, if it has one. */
export function controllerOf(object: HasOwners): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner` is among the owners of `object`, as the very same object and not only by name. */
export function isOwnedBy(object: HasOwners, owner: KubernetesObject): boolean {
  return object.metadata.ownerReferences?.some((reference) => reference.uid === owner.metadata.uid) ?? false;
}

/** Whether `owner` is the controller of `object`. */
export function isControlledBy(object: HasOwners, owner: KubernetesObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}
