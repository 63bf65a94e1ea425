import { type FieldError, invalid } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { validateChangedMetadata, validateMetadata } from './metadata-validation.ts';
import type { AnyObject, Strategy } from './strategies/strategy.ts';

/** Throws `Invalid` with everything that is wrong with a new object. */
export function assertValidNew(type: ResourceType, strategy: Strategy, object: AnyObject): void {
  const errors: readonly FieldError[] = [...validateMetadata(type, strategy, object.metadata)];
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
}

/** Throws `Invalid` with everything that is wrong with a changed object; `old` is what is stored. */
export function assertValidChange(
  type: ResourceType,
  strategy: Strategy,
  object: AnyObject,
  old: AnyObject,
  _subresource: string | undefined,
): void {
  const errors: readonly FieldError[] = [...validateChangedMetadata(type, strategy, object.metadata, old.metadata)];
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
}
