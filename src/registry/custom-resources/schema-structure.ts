import type { JSONSchemaProps } from '../../api/generated/types.ts';
import { duplicate, type Errors, forbidden, invalidValue, notSupported, required } from '../validation/field-errors.ts';
import { sameValue } from '../values.ts';
import { readPattern } from './patterns.ts';
import { pruneObject } from './prune.ts';
import { validateAgainstSchema } from './schema-validation.ts';
import { asSchema, itemSchema } from './structural-schema.ts';

/** Schemas deeper than this are not read. */
const DEEPEST = 100;

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const UNSUPPORTED = ['$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id'] as const;

type Level = 'root' | 'items' | 'field';

const NO_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  items: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

/**
 * What is wrong with the schema of a custom kind. It is structural: every place has one type, said where the place is,
 * and nothing refers elsewhere. `at` is where the schema is in its definition.
 */
export function validateStructure(schema: JSONSchemaProps, at: string, errors: Errors): void {
  if (schema.type !== undefined && schema.type !== 'object') {
    errors.push(invalidValue(`${at}.type`, schema.type, 'must be object at the root'));
  }
  if (schema.nullable === true) errors.push(forbidden(`${at}.nullable`, 'nullable cannot be true at the root'));
  if (schema.additionalProperties !== undefined) {
    errors.push(forbidden(`${at}.additionalProperties`, 'must not be used at the root'));
  }
  const { metadata } = schema.properties ?? {};
  if (metadata !== undefined) {
    const { type: _type, default: _default, properties = {}, ...rest } = metadata;
    const others = Object.keys(properties).filter((name) => name !== 'name' && name !== 'generateName');
    if (Object.keys(rest).length > 0 || others.length > 0) {
      const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
      errors.push(forbidden(`${at}.properties[metadata]`, why));
    }
  }
  validateNode(schema, at, 'root', errors, 0);
}

function validateNode(schema: JSONSchemaProps, at: string, level: Level, errors: Errors, depth: number): void {
  if (depth > DEEPEST) {
    errors.push(forbidden(at, `schemas are not nested more than ${DEEPEST} levels deep`));
    return;
  }
  const { type = '', items, properties, additionalProperties } = schema;
  validateKeywords(schema, at, errors);
  validateExtensions(schema, at, errors);
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  if (type === '' && !open && !embedded) errors.push(required(`${at}.type`, NO_TYPE[level]));
  if (type !== '' && !TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, TYPES));
  if (type === 'array' && items === undefined) errors.push(required(`${at}.items`, 'must be specified'));
  validateListType(schema, at, errors);
  if (level === 'root' || embedded) validateObjectMembers(schema, at, errors);
  if (schema.default !== undefined && depth > 0) validateDefault(schema, at, errors);
  for (const [name, of] of Object.entries(properties ?? {})) {
    if (depth === 0 && name === 'metadata') continue;
    validateNode(of, `${at}.properties[${name}]`, 'field', errors, depth + 1);
  }
  const inner = itemSchema(schema);
  if (inner !== undefined) validateNode(inner, `${at}.items`, 'items', errors, depth + 1);
  const rest = asSchema(additionalProperties);
  if (rest !== undefined) validateNode(rest, `${at}.additionalProperties`, 'field', errors, depth + 1);
  validateAlternatives(schema, schema, at, errors, depth);
}

function validateKeywords(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const { items, properties, additionalProperties } = schema;
  for (const key of UNSUPPORTED)
    if (schema[key] !== undefined) errors.push(forbidden(`${at}.${key}`, `${key} is not supported`));
  if (schema.uniqueItems === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbidden(`${at}.uniqueItems`, why));
  }
  if (schema.pattern !== undefined) validatePattern(schema.pattern, `${at}.pattern`, errors);
  if (properties !== undefined && (additionalProperties === true || asSchema(additionalProperties) !== undefined)) {
    errors.push(forbidden(`${at}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  }
  if (additionalProperties === false) {
    errors.push(forbidden(`${at}.additionalProperties`, 'additionalProperties cannot be set to false'));
  }
  if (Array.isArray(items)) errors.push(forbidden(`${at}.items`, 'items must be a schema object and not an array'));
}

function validateExtensions(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const { type = '', properties, additionalProperties } = schema;
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserve === false) {
    errors.push(invalidValue(`${at}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  }
  if (schema['x-kubernetes-int-or-string'] === true) {
    for (const other of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
      if (schema[other] !== true) continue;
      errors.push(invalidValue(`${at}.${other}`, true, 'must be false if x-kubernetes-int-or-string is true'));
    }
  }
  if (schema['x-kubernetes-embedded-resource'] === true) {
    const why = 'must be object if x-kubernetes-embedded-resource is true';
    if (type === '') errors.push(required(`${at}.type`, why));
    else if (type !== 'object') errors.push(invalidValue(`${at}.type`, type, why));
    if (additionalProperties !== undefined) {
      const used = 'must not be used if x-kubernetes-embedded-resource is set';
      errors.push(forbidden(`${at}.additionalProperties`, used));
    }
    if (preserve !== true && Object.keys(properties ?? {}).length === 0) {
      const empty =
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
      errors.push(required(`${at}.properties`, empty));
    }
  }
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType === undefined) return;
  if (type !== 'object') {
    errors.push(invalidValue(`${at}.type`, type, 'must be object if x-kubernetes-map-type is specified'));
  }
  if (mapType !== 'atomic' && mapType !== 'granular') {
    errors.push(notSupported(`${at}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  }
}

/** What every object of the API has is of the same type everywhere. */
function validateObjectMembers({ properties = {} }: JSONSchemaProps, at: string, errors: Errors): void {
  for (const [name, wanted] of [
    ['apiVersion', 'string'],
    ['kind', 'string'],
    ['metadata', 'object'],
  ] as const) {
    const given = properties[name];
    if (given === undefined || given.type === wanted) continue;
    errors.push(invalidValue(`${at}.properties[${name}].type`, given.type ?? '', `must be ${wanted}`));
  }
}

const INT_OR_STRING: readonly JSONSchemaProps[] = [{ type: 'integer' }, { type: 'string' }];

/** `allOf`, `anyOf`, `oneOf`, `not`: they restrict the values of places that the schema itself has, `outside`. */
function validateAlternatives(
  schema: JSONSchemaProps,
  outside: JSONSchemaProps,
  at: string,
  errors: Errors,
  depth: number,
): void {
  for (const junctor of ['allOf', 'anyOf', 'oneOf'] as const) {
    // How a whole number or a text is said.
    if (junctor === 'anyOf' && sameValue(schema.anyOf, INT_OR_STRING)) continue;
    for (const [index, each] of (schema[junctor] ?? []).entries()) {
      validateRestriction(each, outside, `${at}.${junctor}[${index}]`, errors, depth + 1);
    }
  }
  if (schema.not !== undefined) validateRestriction(schema.not, outside, `${at}.not`, errors, depth + 1);
}

/** What says how a place looks, and not which values it may have. */
const STRUCTURE = {
  type: 'must be empty to be structural',
  additionalProperties: 'must be undefined to be structural',
  default: 'must be undefined to be structural',
  title: 'must be empty to be structural',
  description: 'must be empty to be structural',
  nullable: 'must be false to be structural',
  'x-kubernetes-preserve-unknown-fields': 'must be false to be structural',
  'x-kubernetes-embedded-resource': 'must be false to be structural',
  'x-kubernetes-int-or-string': 'must be false to be structural',
  'x-kubernetes-list-map-keys': 'must be empty to be structural',
  'x-kubernetes-list-type': 'must be undefined to be structural',
  'x-kubernetes-map-type': 'must be undefined to be structural',
  'x-kubernetes-validations': 'must be empty to be structural',
} as const;

function validateRestriction(
  schema: JSONSchemaProps,
  outside: JSONSchemaProps | undefined,
  at: string,
  errors: Errors,
  depth: number,
): void {
  if (depth > DEEPEST) {
    errors.push(forbidden(at, `schemas are not nested more than ${DEEPEST} levels deep`));
    return;
  }
  if (outside === undefined) errors.push(required(at, 'must be specified outside of value validation, too'));
  validateKeywords(schema, at, errors);
  for (const [key, why] of Object.entries(STRUCTURE)) {
    const value: unknown = Reflect.get(schema, key);
    if (value !== undefined && value !== '' && value !== false) errors.push(forbidden(`${at}.${key}`, why));
  }
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    const place = `${at}.properties[${name}]`;
    if (name === 'metadata') errors.push(forbidden(place, 'must not be specified in a nested context'));
    else if (outside !== undefined) validateRestriction(each, outside.properties?.[name], place, errors, depth + 1);
  }
  const items = itemSchema(schema);
  if (items !== undefined && outside !== undefined) {
    validateRestriction(items, itemSchema(outside), `${at}.items`, errors, depth + 1);
  }
  if (outside !== undefined) validateAlternatives(schema, outside, at, errors, depth);
}

function validatePattern(pattern: string, at: string, errors: Errors): void {
  try {
    readPattern(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors.push(invalidValue(at, pattern, `must be a valid regular expression, but isn't: ${why}`));
  }
}

function validateListType(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const keysField = `${at}.x-kubernetes-list-map-keys`;
  if (keys.length > 0 && listType !== 'map') {
    const why = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(
      listType === undefined
        ? required(`${at}.x-kubernetes-list-type`, why)
        : invalidValue(`${at}.x-kubernetes-list-type`, listType, why),
    );
  }
  if (listType === undefined) return;
  if (schema.type !== 'array') {
    errors.push(invalidValue(`${at}.type`, schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'));
  }
  const items = itemSchema(schema);
  switch (listType) {
    case 'atomic':
      return;
    case 'set':
      if (items !== undefined) validateSetItems(items, `${at}.items`, errors);
      return;
    case 'map':
      break;
    default:
      errors.push(notSupported(`${at}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set']));
      return;
  }
  if (keys.length === 0) errors.push(required(keysField, 'must not be empty if x-kubernetes-list-type is map'));
  if (items === undefined) return;
  if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(invalidValue(`${at}.items.type`, items.type ?? '', why));
  }
  const seen = new Set<string>();
  for (const [index, key] of keys.entries()) {
    const field = `${keysField}[${index}]`;
    if (seen.has(key)) errors.push(duplicate(field, key));
    seen.add(key);
    const of = items.properties?.[key];
    if (of === undefined) errors.push(invalidValue(field, key, 'entries must all be names of item properties'));
    else validateKey(of, items.required?.includes(key) === true, `${at}.items.properties[${key}]`, errors);
  }
}

/** Every item has all keys of its list. */
function validateKey(schema: JSONSchemaProps, isRequired: boolean, at: string, errors: Errors): void {
  if (schema.type === 'array' || schema.type === 'object') {
    const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
    errors.push(invalidValue(`${at}.type`, schema.type, why));
  }
  if (schema.nullable === true) {
    errors.push(forbidden(`${at}.nullable`, 'cannot be nullable when x-kubernetes-list-type is map'));
  }
  if (schema.default === undefined && !isRequired) {
    errors.push(
      required(
        `${at}.default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      ),
    );
  }
}

/** The items of a set are compared as a whole. */
function validateSetItems(schema: JSONSchemaProps, at: string, errors: Errors): void {
  if (schema.nullable === true) {
    errors.push(forbidden(`${at}.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'));
  }
  if (schema.type === 'array' && schema['x-kubernetes-list-type'] !== 'atomic') {
    const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    errors.push(invalidValue(`${at}.x-kubernetes-list-type`, schema['x-kubernetes-list-type'] ?? '', why));
  }
  if (schema.type === 'object' && schema['x-kubernetes-map-type'] !== 'atomic') {
    const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
    errors.push(invalidValue(`${at}.x-kubernetes-map-type`, schema['x-kubernetes-map-type'] ?? '', why));
  }
}

/** A default is as the schema says, and no part of it would be left out. */
function validateDefault(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const found: Errors = [];
  const around: JSONSchemaProps = { type: 'object', properties: { default: schema } };
  validateAgainstSchema({ default: schema.default }, around, found);
  const unknown: string[] = [];
  pruneObject({ default: schema.default }, around, unknown);
  if (unknown.length > 0) found.push(invalidValue('default', schema.default, 'must not have unknown fields'));
  for (const { field, ...error } of found) errors.push({ ...error, field: `${at}.${field}` });
}
