import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { RegistryCore } from '../core.ts';
import type { AnyObject } from '../strategies/strategy.ts';
import { type Admitted, admittedAs } from './admitted.ts';
import { admitters } from './admitters.ts';
import { admitNamespace, assertNamespaceDeletable } from './namespace-lifecycle.ts';

/** What the cluster, beyond the kind itself, decides about a new object. Throws `ApiError` when it is refused. */
export async function admitCreate(core: RegistryCore, type: ResourceType, object: AnyObject): Promise<Admitted> {
  await admitNamespace(core, type, object);
  return admitters.get(qualifiedName(type))?.create?.(core, object) ?? admittedAs(object);
}

/** The same for a changed object; `old` is what is stored. */
export async function admitUpdate(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
  old: AnyObject,
): Promise<Admitted> {
  return admitters.get(qualifiedName(type))?.update?.(core, object, old) ?? admittedAs(object);
}

/** Throws `Forbidden` for what the cluster cannot do without. */
export function admitDelete(type: ResourceType, object: AnyObject): void {
  assertNamespaceDeletable(type, object);
}
