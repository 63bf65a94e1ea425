import type { JSONSchemaProps } from '../../api/generated/types.ts';
import { decode, StructureError } from '../../api/schema-check.ts';
import { objectType } from '../../api/schema-types.ts';
import { isJsonObject, type JsonObject } from '../values.ts';
import { itemSchema, keepsUnknown, memberSchema, OBJECT_MEMBERS } from './structural-schema.ts';

/** More unknown fields than these are left out without being named. */
const MOST_NAMED = 100;

/**
 * The object without what its schema does not know, and without nulls where none may be. `unknown` receives the paths of
 * unknown fields. The same reference when nothing had to go.
 */
export function pruneObject(object: JsonObject, schema: JSONSchemaProps, unknown: string[]): JsonObject {
  return members(object, schema, '', unknown, OBJECT_MEMBERS);
}

function pruned(value: unknown, schema: JSONSchemaProps, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === undefined) return value;
    const result = value.map((item, index) => pruned(item, items, `${path}[${index}]`, unknown));
    return result.some((item, index) => item !== value[index]) ? result : value;
  }
  if (!isJsonObject(value)) return value;
  if (schema['x-kubernetes-embedded-resource'] !== true) return members(value, schema, path, unknown, NONE);
  const object = members(value, schema, path, unknown, OBJECT_MEMBERS);
  const metadata = decodedMetadata(object.metadata, `${path}.metadata`, unknown);
  return metadata === object.metadata ? object : { ...object, metadata };
}

/** The metadata of an embedded object, as far as it is some: what is wrong with it is for validation to say. */
function decodedMetadata(metadata: unknown, path: string, unknown: string[]): unknown {
  if (!isJsonObject(metadata)) return metadata;
  try {
    const { object, unknownFields } = decode(objectType('ObjectMeta'), metadata);
    unknown.push(...unknownFields.map((field) => `${path}.${field}`));
    return object;
  } catch (error) {
    if (error instanceof StructureError) return metadata;
    throw error;
  }
}

const NONE: ReadonlySet<string> = new Set();

function members(
  object: JsonObject,
  schema: JSONSchemaProps,
  path: string,
  unknown: string[],
  own: ReadonlySet<string>,
): JsonObject {
  let copy: Record<string, unknown> | undefined;
  for (const key in object) {
    if (own.has(key)) continue;
    const value = object[key];
    const at = path === '' ? key : `${path}.${key}`;
    const of = memberSchema(schema, key);
    if (of === undefined) {
      if (keepsUnknown(schema)) continue;
      if (unknown.length < MOST_NAMED) unknown.push(at);
      copy ??= { ...object };
      delete copy[key];
      continue;
    }
    // A default takes the place of such a null.
    if (value === null && of.nullable !== true && of.default === undefined) {
      copy ??= { ...object };
      delete copy[key];
      continue;
    }
    const kept = pruned(value, of, at, unknown);
    if (kept === value) continue;
    copy ??= { ...object };
    copy[key] = kept;
  }
  return copy ?? object;
}
