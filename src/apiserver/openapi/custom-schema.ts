import { describe } from '../../api/descriptions.ts';
import type { ResourceType } from '../../api/resource-type.ts';

/** A JSON schema as a document holds it. */
type Json = Readonly<Record<string, unknown>>;

/**
 * The schema of a custom kind in a document: what its definition says, with what every object has. Clients check with
 * the second version before they send, and it cannot say everything: what it cannot, it leaves open.
 */
export function customSchema({ custom }: ResourceType, version: 2 | 3, metadata: Json): Json {
  const given: Json = { ...custom?.schema?.openAPIV3Schema };
  const schema = version === 3 ? given : simplified(given);
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true && version === 2;
  return {
    ...schema,
    ...(!open && {
      properties: {
        ...(isObject(schema.properties) && schema.properties),
        apiVersion: { type: 'string', description: describe('Pod', 'apiVersion') },
        kind: { type: 'string', description: describe('Pod', 'kind') },
        metadata: version === 3 ? { description: describe('Pod', 'metadata'), allOf: [metadata] } : metadata,
      },
    }),
  };
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What version 2 has no words for, or what its readers take for something else. */
const V3_ONLY: ReadonlySet<string> = new Set([
  'oneOf',
  'anyOf',
  'not',
  'nullable',
  'default',
  'x-kubernetes-validations',
]);

function simplified(schema: Json): Json {
  if (schema['x-kubernetes-int-or-string'] === true || schema.nullable === true) return described(schema);
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return described(schema);
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (V3_ONLY.has(key)) continue;
    if (key === 'properties' && isObject(value)) {
      result[key] = Object.fromEntries(
        Object.entries(value).map(([name, of]) => [name, isObject(of) ? simplified(of) : of]),
      );
    } else if ((key === 'items' || key === 'additionalProperties') && isObject(value)) result[key] = simplified(value);
    else if (key === 'allOf' && Array.isArray(value)) continue;
    else result[key] = value;
  }
  return result;
}

/** Anything goes. */
function described(schema: Json): Json {
  const { description } = schema;
  const marks = Object.entries(schema).filter(([key]) => key.startsWith('x-kubernetes-') && !V3_ONLY.has(key));
  return { ...(description !== undefined && { description }), ...Object.fromEntries(marks) };
}
