import type { JSONSchemaProps } from '../../api/generated/types.ts';
import { isJsonObject, type JsonObject } from '../values.ts';
import { asSchema, itemSchema } from './structural-schema.ts';

/** Whether there is a default anywhere in a schema; asked once for each. */
const known = new WeakMap<JSONSchemaProps, boolean>();

function hasDefaults(schema: JSONSchemaProps): boolean {
  let has = known.get(schema);
  if (has === undefined) {
    const inner = [
      ...Object.values(schema.properties ?? {}),
      itemSchema(schema),
      asSchema(schema.additionalProperties),
    ];
    has = inner.some((each) => each !== undefined && (each.default !== undefined || hasDefaults(each)));
    known.set(schema, has);
  }
  return has;
}

/** The value with the defaults of its schema where nothing was said. The same reference when there was nothing to add. */
export function withSchemaDefaults(value: JsonObject, schema: JSONSchemaProps): JsonObject {
  const result = filled(value, schema);
  return isJsonObject(result) ? result : value;
}

function filled(value: unknown, schema: JSONSchemaProps): unknown {
  if (!hasDefaults(schema)) return value;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === undefined) return value;
    const result = value.map((item) => filled(given(item, items), items));
    return result.some((item, index) => item !== value[index]) ? result : value;
  }
  if (!isJsonObject(value)) return value;
  let copy: Record<string, unknown> | undefined;
  const put = (key: string, before: unknown, after: unknown): void => {
    if (after === before) return;
    copy ??= { ...value };
    copy[key] = after;
  };
  for (const [key, of] of Object.entries(schema.properties ?? {})) {
    const before = Object.hasOwn(value, key) ? value[key] : undefined;
    const after = before === undefined ? of.default : given(before, of);
    if (after !== undefined) put(key, before, filled(after, of));
  }
  const rest = asSchema(schema.additionalProperties);
  if (rest !== undefined) {
    for (const key of Object.keys(value)) {
      if (!Object.hasOwn(schema.properties ?? {}, key)) put(key, value[key], filled(given(value[key], rest), rest));
    }
  }
  return copy ?? value;
}

/** A null that may not be gives way to the default. */
function given(value: unknown, schema: JSONSchemaProps): unknown {
  return value === null && schema.nullable !== true && schema.default !== undefined ? schema.default : value;
}
