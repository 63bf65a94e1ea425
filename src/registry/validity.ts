import { type FieldError, invalid } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { validateRules } from './custom-resources/rules/validate-rules.ts';
import { validateAgainstSchema } from './custom-resources/schema-validation.ts';
import { schemaOf } from './custom-resources/structural-schema.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { validateCreate, validateUpdate } from './validation/validation.ts';

/** Throws `Invalid` with everything that is wrong with a new object. */
export function assertValidNew(type: ResourceType, object: AnyObject): void {
  const errors = [...validateCreate(type, object), ...validateCustom(type, object)];
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
}

/** Throws `Invalid` with everything that is wrong with a changed object; `old` is what is stored. */
export function assertValidChange(
  type: ResourceType,
  object: AnyObject,
  old: AnyObject,
  subresource: string | undefined,
): void {
  const errors = [...validateUpdate(type, object, old, subresource), ...validateCustom(type, object, old)];
  if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
}

function validateCustom(type: ResourceType, object: AnyObject, old?: AnyObject): readonly FieldError[] {
  if (type.custom === undefined) return NONE;
  const errors: FieldError[] = [];
  const schema = schemaOf(type);
  validateAgainstSchema({ ...object }, schema, errors, old && { ...old });
  // Rules rely on what the schema says.
  if (errors.length === 0) validateRules({ ...object }, schema, errors, old && { ...old });
  return errors;
}

const NONE: readonly FieldError[] = [];
