import { invalid } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { validateCreate, validateUpdate } from './validation/validation.ts';

/** Throws `Invalid` with everything that is wrong with a new object. */
export function assertValidNew(type: ResourceType, object: AnyObject): void {
  const errors = validateCreate(type, object);
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
}

/** Throws `Invalid` with everything that is wrong with a changed object; `old` is what is stored. */
export function assertValidChange(
  type: ResourceType,
  object: AnyObject,
  old: AnyObject,
  subresource: string | undefined,
): void {
  const errors = validateUpdate(type, object, old, subresource);
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
}
