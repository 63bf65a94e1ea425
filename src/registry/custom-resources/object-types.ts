import type { JSONSchemaProps } from '../../api/generated/types.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { type FieldType, type ListType, type ObjectType, objectType, type SchemaType } from '../../api/schema-types.ts';
import { asSchema, itemSchema, keepsUnknown, schemaOf } from './structural-schema.ts';

const types = new WeakMap<ResourceType, ObjectType>();

/** The type of a custom kind's objects, as server-side apply and the owners of fields need it. */
export function customObjectType(type: ResourceType): ObjectType {
  let found = types.get(type);
  if (found === undefined) {
    found = typeOfObject(type.kind, schemaOf(type), [
      ['apiVersion', STRING],
      ['kind', STRING],
      ['metadata', objectType('ObjectMeta')],
    ]);
    types.set(type, found);
  }
  return found;
}

const STRING: SchemaType = { is: 'scalar', scalar: 'string' };
const ANY: SchemaType = { is: 'scalar', scalar: 'any' };

function typeOfObject(
  name: string,
  schema: JSONSchemaProps,
  own: readonly (readonly [string, SchemaType])[] = [],
): ObjectType {
  const fields = keepsUnknown(schema) ? new OpenFields() : new Map<string, FieldType>();
  for (const [key, of] of Object.entries(schema.properties ?? {})) fields.set(key, field(key, typeOf(key, of)));
  for (const [key, type] of own) fields.set(key, field(key, type));
  return { is: 'object', name, fields, required: [], atomic: schema['x-kubernetes-map-type'] === 'atomic' };
}

function typeOf(name: string, schema: JSONSchemaProps): SchemaType {
  const items = itemSchema(schema);
  if (schema.type === 'array') {
    return { is: 'list', item: items === undefined ? ANY : typeOf(name, items), extension: listExtension(schema) };
  }
  if (schema.type === 'object' || keepsUnknown(schema)) {
    const value = asSchema(schema.additionalProperties);
    if (value !== undefined && schema.properties === undefined) {
      return { is: 'map', value: typeOf(name, value), atomic: schema['x-kubernetes-map-type'] === 'atomic' };
    }
    const embedded = schema['x-kubernetes-embedded-resource'] === true;
    return typeOfObject(
      name,
      schema,
      embedded
        ? [
            ['apiVersion', STRING],
            ['kind', STRING],
            ['metadata', DEDUCED],
          ]
        : [],
    );
  }
  return ANY;
}

function listExtension(schema: JSONSchemaProps): ListType['extension'] {
  switch (schema['x-kubernetes-list-type']) {
    case 'map':
      return { type: 'map', keys: schema['x-kubernetes-list-map-keys'] ?? [] };
    case 'set':
      return { type: 'set', keys: [] };
    default:
      return { type: 'atomic', keys: [] };
  }
}

const field = (name: string, type: SchemaType): FieldType => ({
  name,
  element: `f:${name}`,
  type,
  required: false,
  patch: 'merge',
});

/** Fields that the schema does not know are there all the same: objects are shared, lists have one owner. */
class OpenFields extends Map<string, FieldType> {
  override get(name: string): FieldType | undefined {
    return super.get(name) ?? field(name, DEDUCED);
  }
}

const DEDUCED: ObjectType = { is: 'object', name: 'object', fields: new OpenFields(), required: [], atomic: false };
