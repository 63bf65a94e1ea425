import { schema } from './generated/schema.ts';
import {
  atomicMaps,
  atomicTypes,
  granularFields,
  type ListExtension,
  listExtensions,
  quantityFields,
  replacedFields,
  retainKeysFields,
  typedFields,
} from './schema-extensions.ts';

/** The types of plain values. `any` is JSON of any shape; `schema-or-bool` a schema, or whether anything goes. */
export type ScalarName =
  | 'string'
  | 'byte'
  | 'int32'
  | 'int64'
  | 'double'
  | 'boolean'
  | 'date-time'
  | 'micro-time'
  | 'int-or-string'
  | 'quantity'
  | 'schema-or-bool'
  | 'any';

export interface ScalarType {
  readonly is: 'scalar';
  readonly scalar: ScalarName;
}

export interface ListType {
  readonly is: 'list';
  readonly item: SchemaType;
  readonly extension: ListExtension;
}

export interface MapType {
  readonly is: 'map';
  readonly value: SchemaType;
  /** One owner for the whole map. */
  readonly atomic: boolean;
}

export interface ObjectType {
  readonly is: 'object';
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldType>;
  /** The fields that must be there. */
  readonly required: readonly string[];
  /** One owner for the whole object. */
  readonly atomic: boolean;
}

export type SchemaType = ScalarType | ListType | MapType | ObjectType;

export interface FieldType {
  readonly name: string;
  /** How a set of owned fields names it: `f:spec`. */
  readonly element: string;
  readonly type: SchemaType;
  readonly required: boolean;
  /** How a strategic merge patch treats the value, when it is an object. */
  readonly patch: 'merge' | 'replace' | 'retainKeys';
}

const ATOMIC_LIST: ListExtension = { type: 'atomic', keys: [] };

interface OpenObjectType extends ObjectType {
  readonly fields: Map<string, FieldType>;
}

const objectTypes = new Map<string, OpenObjectType>();
const scalarTypes = new Map<string, ScalarType>();

/**
 * The type of the schema called `name`, with its extensions worked in. Built when first asked for, with everything it
 * reaches. Throws for a name that the schema does not have.
 */
export function objectType(name: string): ObjectType {
  const known = objectTypes.get(name);
  if (known !== undefined) return known;
  const definition = schema[name];
  if (definition === undefined) throw new Error(`the schema has no type ${name}`);
  const required = Object.keys(definition).filter((field) => definition[field]?.endsWith('!'));
  const type: OpenObjectType = {
    is: 'object',
    name,
    fields: new Map(),
    required,
    atomic: atomicTypes.has(name),
  };
  // Registered before its fields are read: types refer to themselves.
  objectTypes.set(name, type);
  for (const [field, generated] of Object.entries(definition)) {
    const at = `${name}.${field}`;
    const notation = typedFields[at] ?? generated;
    type.fields.set(field, {
      name: field,
      element: `f:${field}`,
      type: parseType(notation.endsWith('!') ? notation.slice(0, -1) : notation, at),
      required: notation.endsWith('!'),
      patch: replacedFields.has(at) ? 'replace' : retainKeysFields.has(at) ? 'retainKeys' : 'merge',
    });
  }
  return type;
}

function parseType(notation: string, at: string): SchemaType {
  if (notation.startsWith('[]')) {
    return { is: 'list', item: parseType(notation.slice(2), at), extension: listExtensions[at] ?? ATOMIC_LIST };
  }
  if (notation.startsWith('{}')) {
    return { is: 'map', value: parseType(notation.slice(2), at), atomic: atomicMaps.has(at) };
  }
  if (/^[A-Z]/.test(notation)) {
    const type = objectType(notation);
    // The copy shares the fields, which may still be filling up.
    return type.atomic && granularFields.has(at) ? { ...type, atomic: false } : type;
  }
  return scalarType(quantityFields.has(at) ? 'quantity' : (notation as ScalarName));
}

/** The type of a plain value. */
function scalarType(scalar: ScalarName): ScalarType {
  let type = scalarTypes.get(scalar);
  if (type === undefined) {
    type = { is: 'scalar', scalar };
    scalarTypes.set(scalar, type);
  }
  return type;
}
