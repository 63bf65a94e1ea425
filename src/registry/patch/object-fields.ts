import type { ListType, MapType, ObjectType, SchemaType } from '../../api/schema-types.ts';
import { isJsonObject, type JsonObject, sameValue } from '../values.ts';
import { asMember, type FieldSet, isEmptySet, LEAF, type OpenFieldSet } from './field-set.ts';

/** Keys of list items that may be left out, with the value they then have. */
const KEY_DEFAULTS: Readonly<Record<string, unknown>> = { protocol: 'TCP' };

/** How a set names an item of a list: by its keys, or by its value. */
export function itemElement(item: unknown, type: ListType): string {
  if (type.extension.type === 'set') return `v:${JSON.stringify(item)}`;
  const { keys } = type.extension;
  const object: JsonObject = isJsonObject(item) ? item : {};
  const only = keys[0];
  if (keys.length === 1 && only !== undefined) return `k:{"${only}":${JSON.stringify(object[only] ?? null)}}`;
  const named: Record<string, unknown> = {};
  for (const key of keys.toSorted()) {
    const value = object[key] ?? KEY_DEFAULTS[key];
    if (value !== undefined) named[key] = value;
  }
  return `k:${JSON.stringify(named)}`;
}

/** Whether writers share what is inside; else it has one owner as a whole. */
export function isGranular(value: unknown, type: SchemaType): boolean {
  switch (type.is) {
    case 'scalar':
      return false;
    case 'list':
      return type.extension.type !== 'atomic' && Array.isArray(value);
    case 'object':
    case 'map':
      return !type.atomic && isJsonObject(value);
  }
}

/** Who walks the fields: an applied configuration does not own the maps and lists around what it names. */
interface Walk {
  readonly containers: boolean;
}

const APPLIED: Walk = { containers: false };
const WRITTEN: Walk = { containers: true };

/** The fields that an applied configuration names. */
export function appliedFields(config: object, type: ObjectType): FieldSet {
  return objectFields(config as JsonObject, type, APPLIED);
}

/** All fields of an object that somebody wrote. */
export function writtenFields(object: object, type: ObjectType): FieldSet {
  return objectFields(object as JsonObject, type, WRITTEN);
}

/**
 * The fields of values that cannot change any more. The pods of a set share their containers by reference, and so the
 * sets of their fields. A JSON patch may move a value to a place of another type, so the type is known too.
 */
const knownNodes = new WeakMap<object, { readonly type: SchemaType; readonly node: FieldSet }>();

function nodeOf(value: unknown, type: SchemaType, walk: Walk): FieldSet {
  if (!isGranular(value, type)) return LEAF;
  if (!walk.containers || typeof value !== 'object' || value === null || !Object.isFrozen(value)) {
    return newNode(value, type, walk);
  }
  const known = knownNodes.get(value);
  if (known?.type === type) return known.node;
  const node = Object.freeze(newNode(value, type, walk));
  knownNodes.set(value, { type, node });
  return node;
}

function newNode(value: unknown, type: SchemaType, walk: Walk): FieldSet {
  switch (type.is) {
    case 'scalar':
      return LEAF;
    case 'object':
      return objectFields(value as JsonObject, type, walk);
    case 'map':
      return contained(mapFields(value as JsonObject, type, walk), walk);
    case 'list':
      return contained(listFields(value as readonly unknown[], type, walk), walk);
  }
}

const contained = (node: FieldSet, walk: Walk): FieldSet => (walk.containers ? asMember(node) : node);

function objectFields(object: JsonObject, type: ObjectType, walk: Walk): FieldSet {
  const fields: OpenFieldSet = {};
  for (const key in object) {
    const value = object[key];
    const field = type.fields.get(key);
    if (value === undefined || field === undefined) continue;
    fields[field.element] = nodeOf(value, field.type, walk);
  }
  return fields;
}

function mapFields(map: JsonObject, type: MapType, walk: Walk): FieldSet {
  const fields: OpenFieldSet = {};
  for (const key in map) fields[`f:${key}`] = nodeOf(map[key], type.value, walk);
  return fields;
}

function listFields(list: readonly unknown[], type: ListType, walk: Walk): FieldSet {
  const fields: OpenFieldSet = {};
  for (const item of list) fields[itemElement(item, type)] = asMember(nodeOf(item, type.item, walk));
  return fields;
}

/** How one version of an object differs from another. */
export interface FieldChanges {
  /** What is new or has another value. */
  readonly changed: FieldSet;
  /** What is not there any more, with everything below it. */
  readonly removed: FieldSet;
}

/** What differs from `before` to `after`. Parts that are the same reference are not looked into. */
export function compareFields(before: object, after: object, type: ObjectType): FieldChanges {
  const changed: OpenFieldSet = {};
  const removed: OpenFieldSet = {};
  compareObjects(before as JsonObject, after as JsonObject, type, changed, removed);
  return { changed, removed };
}

function compareObjects(
  before: JsonObject,
  after: JsonObject,
  type: ObjectType,
  changed: OpenFieldSet,
  removed: OpenFieldSet,
): void {
  for (const key in after) {
    const field = type.fields.get(key);
    if (field !== undefined) compareMember(before[key], after[key], field.type, field.element, changed, removed);
  }
  for (const key in before) {
    if (after[key] !== undefined) continue;
    const field = type.fields.get(key);
    if (field !== undefined) compareMember(before[key], undefined, field.type, field.element, changed, removed);
  }
}

function compareMember(
  before: unknown,
  after: unknown,
  type: SchemaType,
  element: string,
  changed: OpenFieldSet,
  removed: OpenFieldSet,
): void {
  if (before === after) return;
  if (before === undefined) {
    changed[element] = nodeOf(after, type, WRITTEN);
  } else if (after === undefined) {
    removed[element] = LEAF;
  } else if (!isGranular(before, type) || !isGranular(after, type)) {
    if (!sameValue(before, after)) changed[element] = LEAF;
  } else {
    const changedBelow: OpenFieldSet = {};
    const removedBelow: OpenFieldSet = {};
    compareInside(before, after, type, changedBelow, removedBelow);
    if (!isEmptySet(changedBelow)) changed[element] = changedBelow;
    if (!isEmptySet(removedBelow)) removed[element] = removedBelow;
  }
}

function compareInside(
  before: unknown,
  after: unknown,
  type: SchemaType,
  changed: OpenFieldSet,
  removed: OpenFieldSet,
): void {
  switch (type.is) {
    case 'scalar':
      return;
    case 'object':
      compareObjects(before as JsonObject, after as JsonObject, type, changed, removed);
      return;
    case 'map': {
      const [old, now] = [before as JsonObject, after as JsonObject];
      for (const key in now) {
        compareMember(
          Object.hasOwn(old, key) ? old[key] : undefined,
          now[key],
          type.value,
          `f:${key}`,
          changed,
          removed,
        );
      }
      for (const key in old) {
        if (!Object.hasOwn(now, key)) compareMember(old[key], undefined, type.value, `f:${key}`, changed, removed);
      }
      return;
    }
    case 'list': {
      const old = itemsByElement(before as readonly unknown[], type);
      const now = itemsByElement(after as readonly unknown[], type);
      for (const [element, item] of now) {
        const was = old.get(element);
        compareMember(was, item, type.item, element, changed, removed);
        if (was === undefined) changed[element] = asMember(changed[element] ?? LEAF);
      }
      for (const [element, item] of old) {
        if (!now.has(element)) compareMember(item, undefined, type.item, element, changed, removed);
      }
      return;
    }
  }
}

function itemsByElement(list: readonly unknown[], type: ListType): ReadonlyMap<string, unknown> {
  return new Map(list.map((item) => [itemElement(item, type), item]));
}
