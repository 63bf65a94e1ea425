import type { FieldType, ObjectType, ScalarName, SchemaType } from '../../api/schema-types.ts';
import type { JsonObject } from '../values.ts';

/** Required objects that may be absent all the same: whether they are there is for validation to ask. */
const NEVER_FILLED: ReadonlySet<string> = new Set([
  'LabelSelector',
  'LocalObjectReference',
  'NodeSelector',
  'SecretReference',
]);

/** Objects that are always there, though the schema does not require them. */
const ALWAYS_THERE: ReadonlySet<string> = new Set(['PodTemplateSpec.spec']);

/** What one type's objects need. */
interface Plan {
  /** Fields to add when they are missing, with the value they then have. */
  readonly missing: readonly (readonly [name: string, value: () => unknown])[];
  /** Fields to look into. */
  readonly inner: readonly (readonly [name: string, type: SchemaType])[];
}

const plans = new WeakMap<ObjectType, Plan>();

/**
 * The object with every required field there, empty where the writer left it out, as Kubernetes' own types always have
 * them. What follows may rely on it; validation says which of them must not be empty. The same reference when nothing
 * was missing. What is frozen has been stored before, and is complete.
 *
 * @param root the type of a kind: its `spec` is always there, too
 */
export function withZeroValues(object: JsonObject, root: ObjectType): JsonObject {
  const spec = root.fields.get('spec');
  const whole = spec?.type.is === 'object' && object.spec === undefined ? { ...object, spec: {} } : object;
  return filledObject(whole, root);
}

function planOf(type: ObjectType): Plan {
  let plan = plans.get(type);
  if (plan === undefined) {
    const missing: [string, () => unknown][] = [];
    const inner: [string, SchemaType][] = [];
    plan = { missing, inner };
    // Held before it is complete: types refer to themselves.
    plans.set(type, plan);
    for (const field of type.fields.values()) {
      const zero = field.required || ALWAYS_THERE.has(`${type.name}.${field.name}`) ? zeroOf(field) : undefined;
      if (zero !== undefined) missing.push([field.name, zero]);
      if (holdsObjects(field.type)) inner.push([field.name, field.type]);
    }
  }
  return plan;
}

function holdsObjects(type: SchemaType): boolean {
  switch (type.is) {
    case 'scalar':
      return false;
    case 'object':
      return true;
    case 'list':
      return holdsObjects(type.item);
    case 'map':
      return holdsObjects(type.value);
  }
}

function zeroOf({ type }: FieldType): (() => unknown) | undefined {
  switch (type.is) {
    case 'object':
      return NEVER_FILLED.has(type.name) ? undefined : () => filledObject({}, type);
    case 'list':
      return () => [];
    case 'map':
      return () => ({});
    case 'scalar':
      return zeroScalar(type.scalar);
  }
}

function zeroScalar(scalar: ScalarName): (() => unknown) | undefined {
  switch (scalar) {
    case 'string':
    case 'byte':
      return () => '';
    case 'int32':
    case 'int64':
    case 'double':
    case 'int-or-string':
      return () => 0;
    case 'boolean':
      return () => false;
    case 'quantity':
      return () => '0';
    case 'date-time':
    case 'micro-time':
    case 'schema-or-bool':
    case 'any':
      return undefined;
  }
}

function filled(value: unknown, type: SchemaType): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  switch (type.is) {
    case 'scalar':
      return value;
    case 'object':
      return Array.isArray(value) ? value : filledObject(value as JsonObject, type);
    case 'list':
      return Array.isArray(value) ? filledList(value, type.item) : value;
    case 'map':
      return filledMap(value as JsonObject, type.value);
  }
}

function filledObject(object: JsonObject, type: ObjectType): JsonObject {
  const { missing, inner } = planOf(type);
  let copy: Record<string, unknown> | undefined;
  for (const [name, zero] of missing) {
    if (object[name] !== undefined) continue;
    copy ??= { ...object };
    copy[name] = zero();
  }
  for (const [name, innerType] of inner) {
    const before = object[name];
    if (before === undefined) continue;
    const after = filled(before, innerType);
    if (after === before) continue;
    copy ??= { ...object };
    copy[name] = after;
  }
  return copy ?? object;
}

function filledList(list: readonly unknown[], item: SchemaType): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index++) {
    const after = filled(list[index], item);
    if (after === list[index]) continue;
    copy ??= list.slice();
    copy[index] = after;
  }
  return copy ?? list;
}

function filledMap(map: JsonObject, type: SchemaType): JsonObject {
  let copy: Record<string, unknown> | undefined;
  for (const key in map) {
    const after = filled(map[key], type);
    if (after === map[key]) continue;
    copy ??= { ...map };
    // A key from outside may be called __proto__: never assign it.
    Object.defineProperty(copy, key, { value: after, enumerable: true, configurable: true, writable: true });
  }
  return copy ?? map;
}
