import { apiError } from './errors.ts';
import { canonicalQuantity, QuantityError } from './quantity.ts';
import type { ResourceType } from './resource-type.ts';
import {
  type FieldType,
  type ListType,
  type MapType,
  type ObjectType,
  objectType,
  type ScalarName,
  type SchemaType,
} from './schema-types.ts';

export interface Decoded {
  /** With the structure of its type; the value itself when nothing had to change. */
  readonly object: object;
  /** What the type does not have and was left out: `spec.template.spec.containers[0].imag`. */
  readonly unknownFields: readonly string[];
}

/** A value does not have the structure of its type; the message says where. */
export class StructureError extends Error {
  override readonly name = 'StructureError';
}

/**
 * JSON from outside as an object of `type`, as Kubernetes' decoding leaves it: fields of the wrong type are refused,
 * unknown fields, nulls, empty lists and empty maps are left out, quantities and times are in their canonical form. Nothing is changed in
 * place. Required fields may still be missing: that is for validation to say.
 *
 * Throws a BadRequest `ApiError` with the path of what is wrong.
 *
 * @example
 * decodeObject(StatefulSets, { spec: { replicsa: 3 } }).unknownFields; // ['spec.replicsa']
 */
export function decodeObject(type: ResourceType, value: unknown): Decoded {
  try {
    return decode(objectType(type.schema), value);
  } catch (error) {
    if (error instanceof StructureError) throw undecodable(type, error.message);
    throw error;
  }
}

/** What a strict request is told about unknown and repeated fields: `unknown field "spec.replicsa"`. */
export function strictError(type: ResourceType, problems: readonly string[]): Error {
  return undecodable(type, `strict decoding error: ${problems.join(', ')}`);
}

export const unknownFieldProblem = (path: string): string => `unknown field "${path}"`;
export const duplicateFieldProblem = (path: string): string => `duplicate field "${path}"`;

function undecodable(type: Pick<ResourceType, 'kind' | 'version'>, why: string): Error {
  return apiError(
    'BadRequest',
    `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: ${why}`,
  );
}

/** Like {@link decodeObject}, for any type of the schema. Throws {@link StructureError}. */
export function decode(type: ObjectType, value: unknown): Decoded {
  if (!isObject(value)) throw new StructureError(`json: cannot unmarshal ${jsonType(value)} into ${type.name}`);
  const decoder = new Decoder();
  const object = decoder.object(value, type);
  return { object, unknownFields: decoder.unknownFields };
}

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What Go's JSON calls a value of this kind. */
function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'number' : `number ${value}`;
    default:
      return typeof value;
  }
}

const NONE: readonly string[] = Object.freeze([]);

/** Frozen values that have the structure of a type, all the way down. */
const known = new WeakMap<object, SchemaType>();

class Decoder {
  /** Keys and indices from the root to where the decoder is. */
  readonly #path: (string | number)[] = [];
  #unknown: string[] | undefined;

  get unknownFields(): readonly string[] {
    return this.#unknown ?? NONE;
  }

  object(value: JsonObject, type: ObjectType): JsonObject {
    let copy: Record<string, unknown> | undefined;
    for (const key in value) {
      const member = value[key];
      const field = type.fields.get(key);
      if (field === undefined || member === null || member === undefined) {
        if (field === undefined) this.#noteUnknown(key);
        copy ??= { ...value };
        delete copy[key];
        continue;
      }
      const decoded = this.#member(key, member, field.type);
      if (isOmitted(decoded, field)) {
        copy ??= { ...value };
        delete copy[key];
      } else if (decoded !== member) {
        copy ??= { ...value };
        copy[key] = decoded;
      }
    }
    return copy ?? value;
  }

  #member(key: string | number, value: unknown, type: SchemaType): unknown {
    this.#path.push(key);
    const decoded = this.#value(value, type);
    this.#path.pop();
    return decoded;
  }

  #value(value: unknown, type: SchemaType): unknown {
    if (typeof value !== 'object' || value === null || !Object.isFrozen(value)) return this.#decoded(value, type);
    // A part of a stored object, such as the containers of a template, that many others are made with.
    if (known.get(value) === type) return value;
    const decoded = this.#decoded(value, type);
    if (decoded === value) known.set(value, type);
    return decoded;
  }

  #decoded(value: unknown, type: SchemaType): unknown {
    switch (type.is) {
      case 'scalar':
        return this.#scalar(value, type.scalar);
      case 'object':
        return isObject(value) ? this.object(value, type) : this.#refuse(value, type.name);
      case 'list':
        return Array.isArray(value) ? this.#list(value, type) : this.#refuse(value, typeName(type));
      case 'map':
        return isObject(value) ? this.#map(value, type) : this.#refuse(value, typeName(type));
    }
  }

  #list(list: readonly unknown[], type: ListType): readonly unknown[] {
    let copy: unknown[] | undefined;
    for (let index = 0; index < list.length; index++) {
      const item = list[index];
      const decoded = item === null ? emptyOf(type.item) : this.#member(index, item, type.item);
      if (decoded !== item) {
        copy ??= list.slice();
        copy[index] = decoded;
      }
    }
    return copy ?? list;
  }

  #map(map: JsonObject, type: MapType): JsonObject {
    let copy: Record<string, unknown> | undefined;
    for (const key in map) {
      const member = map[key];
      const decoded = member === null ? emptyOf(type.value) : this.#member(key, member, type.value);
      if (decoded !== member) {
        copy ??= { ...map };
        // A key from outside may be called __proto__: never assign it.
        Object.defineProperty(copy, key, { value: decoded, enumerable: true, configurable: true, writable: true });
      }
    }
    return copy ?? map;
  }

  #scalar(value: unknown, scalar: ScalarName): unknown {
    switch (scalar) {
      case 'string':
        return typeof value === 'string' ? value : this.#refuse(value, 'string');
      case 'int32':
        return isInt32(value) ? value : this.#refuse(value, 'int32', true);
      case 'int64':
        return Number.isInteger(value) ? value : this.#refuse(value, 'int64', true);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#refuse(value, 'bool');
      case 'double':
        return typeof value === 'number' ? value : this.#refuse(value, 'float64');
      case 'int-or-string':
        return typeof value === 'string' || isInt32(value) ? value : this.#refuse(value, 'int32 or string');
      case 'byte':
        return this.#bytes(value);
      case 'quantity':
        return this.#quantity(value);
      case 'date-time':
        return this.#time(value, false);
      case 'micro-time':
        return this.#time(value, true);
      case 'schema-or-bool':
        if (typeof value === 'boolean') return value;
        return isObject(value)
          ? this.object(value, objectType('JSONSchemaProps'))
          : this.#refuse(value, 'JSONSchemaProps');
      case 'any':
        return value;
    }
  }

  #bytes(value: unknown): unknown {
    if (typeof value !== 'string') return this.#refuse(value, '[]uint8');
    if (value.length % 4 !== 0 || !BASE64.test(value)) this.#fail('illegal base64 data');
    return value;
  }

  #quantity(value: unknown): unknown {
    if (typeof value !== 'string' && typeof value !== 'number') return this.#refuse(value, 'Quantity');
    try {
      return canonicalQuantity(value);
    } catch (error) {
      if (error instanceof QuantityError) this.#fail(error.message);
      throw error;
    }
  }

  #time(value: unknown, micro: boolean): unknown {
    if (typeof value !== 'string') return this.#refuse(value, micro ? 'MicroTime' : 'Time');
    if (micro ? MICRO_TIME.test(value) : TIME.test(value)) return value;
    const match = RFC_3339.exec(value);
    const timeMs = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
    if (match === null || Number.isNaN(timeMs)) {
      this.#fail(`parsing time ${JSON.stringify(value)}: it is not as RFC 3339 writes one (2006-01-02T15:04:05Z)`);
    }
    const seconds = new Date(timeMs).toISOString().slice(0, 19);
    return micro ? `${seconds}.${(match[2] ?? '.').slice(1, 7).padEnd(6, '0')}Z` : `${seconds}Z`;
  }

  #refuse(value: unknown, expected: string, showNumber = false): never {
    const given = showNumber && typeof value === 'number' ? `number ${value}` : jsonType(value);
    return this.#fail(`json: cannot unmarshal ${given} into a field of type ${expected}`);
  }

  #fail(why: string): never {
    throw new StructureError(`${formatPath(this.#path)}: ${why}`);
  }

  #noteUnknown(key: string): void {
    // A body with a million unknown fields gets an answer of readable length.
    this.#unknown ??= [];
    if (this.#unknown.length < MAX_UNKNOWN_FIELDS) this.#unknown.push(formatPath([...this.#path, key]));
  }
}

/** Kubernetes does not write empty lists and maps, unless they are required: nothing tells them from absent ones. */
function isOmitted(value: unknown, { type, required }: FieldType): boolean {
  if (required || typeof value !== 'object' || value === null) return false;
  if (type.is === 'list') return Array.isArray(value) && value.length === 0;
  return type.is === 'map' && Object.keys(value).length === 0;
}

/** How many of the unknown fields of one body are told. */
export const MAX_UNKNOWN_FIELDS = 100;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;
const MICRO_TIME = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;
const RFC_3339 = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

const isInt32 = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) === (value as number) >> 0;

/** What Go leaves where a list or a map holds a null. */
function emptyOf(type: SchemaType): unknown {
  switch (type.is) {
    case 'object':
    case 'map':
      return {};
    case 'list':
      return [];
    case 'scalar':
      return emptyScalar(type.scalar);
  }
}

function emptyScalar(scalar: ScalarName): unknown {
  switch (scalar) {
    case 'int32':
    case 'int64':
    case 'double':
    case 'int-or-string':
      return 0;
    case 'boolean':
    case 'schema-or-bool':
      return false;
    case 'any':
      return null;
    case 'quantity':
      return '0';
    default:
      return '';
  }
}

function typeName(type: SchemaType): string {
  switch (type.is) {
    case 'scalar':
      return type.scalar;
    case 'object':
      return type.name;
    case 'list':
      return `[]${typeName(type.item)}`;
    case 'map':
      return `map[string]${typeName(type.value)}`;
  }
}

/** `spec.containers[0].name` */
function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
