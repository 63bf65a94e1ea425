import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import { isJsonObject, type JsonObject } from '../../values.ts';
import { itemSchema, memberSchema } from '../structural-schema.ts';
import { durationOf } from './cel.ts';

/** A value as rules see it: whole numbers are integers, times are times, as the schema says. */
export function ruleValue(value: unknown, schema: JSONSchemaProps | undefined): unknown {
  if (typeof value === 'number')
    return schema?.type !== 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string') return textValue(value, schema?.format);
  if (Array.isArray(value)) {
    const items = schema && itemSchema(schema);
    return value.map((item) => ruleValue(item, items));
  }
  return isJsonObject(value) ? objectValue(value, schema) : value;
}

function textValue(text: string, format: string | undefined): unknown {
  switch (format) {
    case 'date':
    case 'date-time':
      return new Date(text);
    case 'duration':
      return durationOf(text);
    case 'byte':
      return new Uint8Array(Buffer.from(text, 'base64'));
    default:
      return text;
  }
}

function objectValue(object: JsonObject, schema: JSONSchemaProps | undefined): ReadonlyMap<string, unknown> {
  const properties = schema?.properties ?? {};
  return new Map(
    // For rules what is null is not there.
    Object.entries(object).flatMap(([key, member]) =>
      member === null
        ? []
        : [
            [
              Object.hasOwn(properties, key) ? escapedName(key) : key,
              ruleValue(member, schema && memberSchema(schema, key)),
            ] as const,
          ],
    ),
  );
}

/** The object as a whole: of its metadata rules know the name only. */
export function rootValue(object: JsonObject, schema: JSONSchemaProps): unknown {
  const { metadata, ...rest } = object;
  const { name, generateName } = isJsonObject(metadata) ? metadata : {};
  const known = { ...(name !== undefined && { name }), ...(generateName !== undefined && { generateName }) };
  return objectValue({ ...rest, metadata: known }, schema);
}

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** How rules name a property whose name is no identifier. */
export function escapedName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__');
}
