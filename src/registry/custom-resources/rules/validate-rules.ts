import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import { type Errors, invalidValue } from '../../validation/field-errors.ts';
import { isJsonObject, type JsonObject, sameValue } from '../../values.ts';
import { asSchema, itemSchema, memberSchema, OBJECT_MEMBERS } from '../structural-schema.ts';
import { optionalOf, type Rule, readRule } from './cel.ts';
import { MOST_STEPS, mostSteps } from './rule-cost.ts';
import { rootValue, ruleValue } from './rule-values.ts';
import { inOrderOf } from './same-order.ts';

export type ValidationRule = NonNullable<JSONSchemaProps['x-kubernetes-validations']>[number];

/**
 * What the rules of a schema (`x-kubernetes-validations`) find wrong with an object that is as its schema says. What is
 * as it is in `old` is not looked at. Rules that speak of `oldSelf` hold for what was there before.
 */
export function validateRules(object: JsonObject, schema: JSONSchemaProps, errors: Errors, old?: JsonObject): void {
  validate(object, schema, '', errors, old);
}

/** Rules that compare with what was there before. */
export const SPEAKS_OF_OLD: RegExp = /\boldSelf\b/;

const withRules = new WeakMap<JSONSchemaProps, boolean>();

/** Whether a schema has rules anywhere. */
export function hasRules(schema: JSONSchemaProps | undefined): boolean {
  if (schema === undefined) return false;
  let has = withRules.get(schema);
  if (has === undefined) {
    const inner = [
      ...Object.values(schema.properties ?? {}),
      itemSchema(schema),
      asSchema(schema.additionalProperties),
    ];
    has = (schema['x-kubernetes-validations'] ?? []).length > 0 || inner.some(hasRules);
    withRules.set(schema, has);
  }
  return has;
}

function validate(value: unknown, schema: JSONSchemaProps, path: string, errors: Errors, old: unknown): void {
  if (value === null || value === undefined || !hasRules(schema)) return;
  if (old !== undefined && sameValue(value, old)) return;
  for (const rule of schema['x-kubernetes-validations'] ?? []) check(rule, value, schema, path, errors, old);
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === undefined) return;
    const before = earlierItem(schema, old);
    for (const [index, item] of value.entries()) validate(item, items, `${path}[${index}]`, errors, before(item));
  } else if (isJsonObject(value)) {
    const before: JsonObject = isJsonObject(old) ? old : {};
    for (const [key, member] of Object.entries(value)) {
      if (path === '' && OBJECT_MEMBERS.has(key)) continue;
      const inner = memberSchema(schema, key);
      if (inner !== undefined) validate(member, inner, path === '' ? key : `${path}.${key}`, errors, before[key]);
    }
  }
}

/** Which item was the same before: known only where items have keys. */
function earlierItem(schema: JSONSchemaProps, old: unknown): (item: unknown) => unknown {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return () => undefined;
  const identity = (item: unknown): string =>
    JSON.stringify(keys.map((key) => (isJsonObject(item) ? item[key] : null)));
  const byKey = new Map(old.map((item: unknown) => [identity(item), item]));
  return (item) => byKey.get(identity(item));
}

function check(
  definition: ValidationRule,
  value: unknown,
  schema: JSONSchemaProps,
  path: string,
  errors: Errors,
  old: unknown,
): void {
  const { rule, optionalOldSelf } = definition;
  const isTransition = SPEAKS_OF_OLD.test(rule);
  if (isTransition && old === undefined && optionalOldSelf !== true) return;
  const compiled = readRule(rule);
  // Stored by a version that took what it could not evaluate.
  if (typeof compiled !== 'function') return;
  const wrong = (message: string): void => {
    const field = `${path}${definition.fieldPath ?? ''}`.replace(/^\./, '');
    errors.push({
      ...invalidValue(field === '' ? '<nil>' : field, schema.type ?? 'object', message),
      ...reasonOf(definition, message),
    });
  };
  if (mostSteps(rule, value) > MOST_STEPS) {
    wrong('validation failed due to running out of cost budget, no further validation rules will be run');
    return;
  }
  const see = (seen: unknown): unknown =>
    path === '' && isJsonObject(seen) ? rootValue(seen, schema) : ruleValue(seen, schema);
  const before = old === undefined ? undefined : see(inOrderOf(value, old, schema));
  const oldSelf = optionalOldSelf === true ? optionalOf(before) : before;
  const variables = { self: see(value), ...(isTransition && { oldSelf }) };
  try {
    if (compiled(variables) !== true) wrong(messageOf(definition, variables));
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    wrong(`${why} evaluating rule: ${definition.message ?? rule}`);
  }
}

function messageOf({ rule, message, messageExpression }: ValidationRule, variables: Parameters<Rule>[0]): string {
  const said = message === undefined || message === '' ? `failed rule: ${rule}` : message;
  if (messageExpression === undefined) return said;
  const expression = readRule(messageExpression);
  if (typeof expression !== 'function') return said;
  try {
    const text = expression(variables);
    return typeof text === 'string' && text.trim() !== '' && !text.includes('\n') ? text : said;
  } catch {
    return said;
  }
}

function reasonOf({ reason }: ValidationRule, message: string): Partial<Errors[number]> {
  switch (reason) {
    case 'FieldValueForbidden':
      return { reason, message: `Forbidden: ${message}` };
    case 'FieldValueRequired':
      return { reason, message: `Required value: ${message}` };
    case 'FieldValueDuplicate':
      return { reason, message: `Duplicate value: ${message}` };
    default:
      return {};
  }
}
