import type { JSONSchemaProps, ObjectMeta } from '../../api/generated/types.ts';
import { checkPathSegment } from '../../api/names.ts';
import { decode, StructureError } from '../../api/schema-check.ts';
import { objectType } from '../../api/schema-types.ts';
import { checkName } from '../validation/checks.ts';
import { duplicate, type Errors, invalidValue, notSupported, required, tooMany } from '../validation/field-errors.ts';
import { validateAnnotations, validateLabels } from '../validation/metadata-validation.ts';
import { isJsonObject, type JsonObject, sameValue } from '../values.ts';
import { isFormatted } from './formats.ts';
import { readPattern } from './patterns.ts';
import { asSchema, itemSchema, OBJECT_MEMBERS } from './structural-schema.ts';

/**
 * What is wrong with an object of a custom kind, in Kubernetes' words. What is as it is in `old` is not looked at: a
 * schema can have become stricter since it was stored.
 */
export function validateAgainstSchema(
  object: JsonObject,
  schema: JSONSchemaProps,
  errors: Errors,
  old?: JsonObject,
): void {
  validate(object, schema, '', errors, old);
}

/** The values and the schemas together are not deeper than this: alternatives may nest. */
function validate(value: unknown, schema: JSONSchemaProps, path: string, errors: Errors, old: unknown): void {
  if (old !== undefined && sameValue(value, old)) return;
  if (!isOfType(value, schema, path, errors)) return;
  if (schema.enum !== undefined && !schema.enum.some((each) => sameValue(each, value))) {
    errors.push(notSupported(path, value, schema.enum.map(textOf)));
  }
  validateAlternatives(value, schema, path, errors);
  if (typeof value === 'string') validateText(value, schema, path, errors);
  else if (typeof value === 'number') validateNumber(value, schema, path, errors);
  else if (Array.isArray(value)) validateList(value, schema, path, errors, old);
  else if (isJsonObject(value)) validateObject(value, schema, path, errors, old);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** As Kubernetes' validator words it. */
function wrong(path: string, value: unknown, why: string): Errors[number] {
  return invalidValue(path, value, path === '' ? why : `${path} in body ${why}`);
}

function isOfType(value: unknown, schema: JSONSchemaProps, path: string, errors: Errors): boolean {
  if (value === null) {
    if (schema.nullable === true || schema.type === undefined) return schema.type === undefined;
    errors.push(typeError(path, 'null', schema.type));
    return false;
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (typeof value === 'string' || Number.isInteger(value)) return true;
    errors.push(typeError(path, jsonType(value), 'integer,string'));
    return false;
  }
  const { type } = schema;
  const actual = jsonType(value);
  if (type === undefined || type === '' || actual === type || (type === 'number' && actual === 'integer')) return true;
  errors.push(typeError(path, actual, type));
  return false;
}

function typeError(path: string, actual: string, expected: string): Errors[number] {
  const why = `must be of type ${expected}: ${JSON.stringify(actual)}`;
  return { ...wrong(path, actual, why), reason: 'FieldValueTypeInvalid' };
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function validateText(text: string, schema: JSONSchemaProps, path: string, errors: Errors): void {
  const { maxLength, minLength, format, pattern } = schema;
  if (maxLength !== undefined || minLength !== undefined) {
    const length = Array.from(text).length;
    if (maxLength !== undefined && length > maxLength) {
      errors.push({
        reason: 'FieldValueTooLong',
        field: path,
        message: `Too long: may not be more than ${maxLength} bytes`,
      });
    }
    if (minLength !== undefined && length < minLength) {
      errors.push(wrong(path, text, `should be at least ${minLength} chars long`));
    }
  }
  if (pattern !== undefined && pattern !== '' && !fitsPattern(text, pattern)) {
    errors.push(wrong(path, text, `should match '${pattern}'`));
  }
  if (format !== undefined && schema['x-kubernetes-int-or-string'] !== true && !isFormatted(text, format)) {
    errors.push(wrong(path, text, `must be of type ${format}: ${JSON.stringify(text)}`));
  }
}

/** A pattern that was stored when there were others than now fits nothing. */
function fitsPattern(text: string, pattern: string): boolean {
  try {
    return readPattern(pattern).matcher(text).find();
  } catch {
    return false;
  }
}

/** `0.3 / 0.1` is not quite three. */
const isWhole = (quotient: number): boolean => Math.abs(quotient - Math.round(quotient)) < 1e-9;

function validateNumber(number: number, schema: JSONSchemaProps, path: string, errors: Errors): void {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf, format } = schema;
  if (minimum !== undefined && (exclusiveMinimum ? number <= minimum : number < minimum)) {
    const bound = exclusiveMinimum ? 'greater than' : 'greater than or equal to';
    errors.push(wrong(path, number, `should be ${bound} ${minimum}`));
  }
  if (maximum !== undefined && (exclusiveMaximum ? number >= maximum : number > maximum)) {
    const bound = exclusiveMaximum ? 'less than' : 'less than or equal to';
    errors.push(wrong(path, number, `should be ${bound} ${maximum}`));
  }
  if (multipleOf !== undefined && multipleOf > 0 && !isWhole(number / multipleOf)) {
    errors.push(wrong(path, number, `should be a multiple of ${multipleOf}`));
  }
  if (format === 'int32' && (number < -(2 ** 31) || number >= 2 ** 31)) {
    errors.push(wrong(path, number, `must be of type int32: ${JSON.stringify(String(number))}`));
  }
}

function validateList(
  list: readonly unknown[],
  schema: JSONSchemaProps,
  path: string,
  errors: Errors,
  old: unknown,
): void {
  const { maxItems, minItems, uniqueItems } = schema;
  if (maxItems !== undefined && list.length > maxItems) errors.push(tooMany(path, list.length, maxItems));
  if (minItems !== undefined && list.length < minItems) {
    errors.push(wrong(path, list.length, `should have at least ${minItems} items`));
  }
  validateKeys(list, schema, path, errors);
  if (uniqueItems === true && new Set(list.map(identity)).size < list.length) {
    errors.push(wrong(path, list, "shouldn't contain duplicates"));
  }
  const items = itemSchema(schema);
  if (items === undefined) return;
  const before: readonly unknown[] = Array.isArray(old) ? old : [];
  for (const [index, item] of list.entries()) validate(item, items, `${path}[${index}]`, errors, before[index]);
}

/** Sets have no item twice, and maps no two with the same keys. */
function validateKeys(list: readonly unknown[], schema: JSONSchemaProps, path: string, errors: Errors): void {
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map') return;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const properties = itemSchema(schema)?.properties ?? {};
  const seen = new Set<string>();
  for (const [index, item] of list.entries()) {
    const object = isJsonObject(item) ? item : {};
    const key =
      listType === 'set'
        ? item
        : Object.fromEntries(keys.map((each) => [each, object[each] ?? properties[each]?.default]));
    const text = identity(key);
    if (seen.has(text)) errors.push(duplicate(`${path}[${index}]`, key));
    seen.add(text);
  }
}

/** The same text for the same value, whatever the order of its members. */
function identity(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    isJsonObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

function validateObject(object: JsonObject, schema: JSONSchemaProps, path: string, errors: Errors, old: unknown): void {
  const at = (key: string): string => (path === '' ? key : `${path}.${key}`);
  const { maxProperties, minProperties, properties = {} } = schema;
  const before: JsonObject = isJsonObject(old) ? old : {};
  for (const key of schema.required ?? []) {
    if (object[key] === undefined) errors.push(required(at(key)));
  }
  const size = Object.keys(object).length;
  if (maxProperties !== undefined && size > maxProperties) errors.push(tooMany(path, size, maxProperties));
  if (minProperties !== undefined && size < minProperties) {
    errors.push(wrong(path, size, `should have at least ${minProperties} properties`));
  }
  if (schema['x-kubernetes-embedded-resource'] === true) validateEmbedded(object, path, errors);
  const rest = asSchema(schema.additionalProperties);
  for (const key in object) {
    // What every object has is checked with the rest of its metadata.
    if (path === '' && OBJECT_MEMBERS.has(key)) continue;
    const of = Object.hasOwn(properties, key) ? properties[key] : rest;
    if (of !== undefined) validate(object[key], of, at(key), errors, before[key]);
  }
}

function validateEmbedded(object: JsonObject, path: string, errors: Errors): void {
  for (const key of ['apiVersion', 'kind']) {
    const value = object[key];
    if (value === undefined || value === '') errors.push(required(`${path}.${key}`, 'must not be empty'));
    else if (typeof value !== 'string') errors.push(typeError(`${path}.${key}`, jsonType(value), 'string'));
  }
  const { metadata } = object;
  if (metadata !== undefined && !isJsonObject(metadata)) {
    errors.push(typeError(`${path}.metadata`, jsonType(metadata), 'object'));
  } else if (metadata !== undefined) validateEmbeddedMetadata(metadata, `${path}.metadata`, errors);
}

function validateEmbeddedMetadata(given: JsonObject, path: string, errors: Errors): void {
  try {
    const metadata: ObjectMeta = decode(objectType('ObjectMeta'), given).object as ObjectMeta;
    if (metadata.name !== undefined) checkName(metadata.name, checkPathSegment, `${path}.name`, errors);
    validateLabels(metadata.labels, `${path}.labels`, errors);
    validateAnnotations(metadata.annotations, `${path}.annotations`, errors);
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    errors.push(invalidValue(path, given, error.message));
  }
}

function validateAlternatives(value: unknown, schema: JSONSchemaProps, path: string, errors: Errors): void {
  for (const each of schema.allOf ?? []) validate(value, each, path, errors, undefined);
  const { anyOf, oneOf, not } = schema;
  if (anyOf !== undefined && anyOf.length > 0 && !anyOf.some((each) => fits(value, each, path))) {
    errors.push(wrong(path, value, 'must validate at least one schema (anyOf)'));
  }
  if (oneOf !== undefined && oneOf.length > 0 && oneOf.filter((each) => fits(value, each, path)).length !== 1) {
    errors.push(wrong(path, value, 'must validate one and only one schema (oneOf)'));
  }
  if (not !== undefined && fits(value, not, path))
    errors.push(wrong(path, value, 'must not validate the schema (not)'));
}

function fits(value: unknown, schema: JSONSchemaProps, path: string): boolean {
  const errors: Errors = [];
  validate(value, schema, path, errors, undefined);
  return errors.length === 0;
}
