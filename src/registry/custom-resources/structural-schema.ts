import type { JSONSchemaProps } from '../../api/generated/types.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { isJsonObject } from '../values.ts';

/** The schema of a custom kind's objects; one that says nothing for a kind without. */
export function schemaOf(type: ResourceType): JSONSchemaProps {
  return type.custom?.schema?.openAPIV3Schema ?? NOTHING;
}

const NOTHING: JSONSchemaProps = Object.freeze({ type: 'object' });

/** A place in a schema where a schema may be: the JSON there. */
export function asSchema(value: unknown): JSONSchemaProps | undefined {
  return isJsonObject(value) ? value : undefined;
}

/** The schema of what a list holds. */
export const itemSchema = (schema: JSONSchemaProps): JSONSchemaProps | undefined => asSchema(schema.items);

/** The schema of a member of an object; undefined when the schema does not know of it. */
export function memberSchema(schema: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  const { properties, additionalProperties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name];
  return asSchema(additionalProperties);
}

/** What every object has beside what its own schema says of it. */
export const OBJECT_MEMBERS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Whether members that the schema does not know are kept. */
export function keepsUnknown(schema: JSONSchemaProps): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;
}
