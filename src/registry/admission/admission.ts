import type { ResourceType } from '../../api/resource-type.ts';
import type { RegistryCore } from '../core.ts';
import type { RequestContext } from '../requests.ts';
import type { AnyObject } from '../strategies/strategy.ts';
import { admitNamespace } from './namespace-lifecycle.ts';

/** A new object as the cluster takes it in. */
export interface Admitted {
  readonly object: AnyObject;
  /** Gives back what was set aside for the object (addresses, ports): it was not stored. */
  undo(): void;
}

const nothing = (): void => {};

/** What the cluster, beyond the kind itself, decides about a new object. Throws `ApiError` when it is refused. */
export async function admitCreate(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
  _context: RequestContext,
): Promise<Admitted> {
  await admitNamespace(core, type, object);
  return { object, undo: nothing };
}
