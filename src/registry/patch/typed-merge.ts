import type { ListType, ObjectType, SchemaType } from '../../api/schema-types.ts';
import type { JsonObject } from '../values.ts';
import { childOf, type FieldSet, isMember } from './field-set.ts';
import { isGranular, itemElement } from './object-fields.ts';

/** `live` with every field of the configuration in place; lists that are maps or sets merge by item. */
export function mergeConfiguration(live: object | undefined, config: JsonObject, type: ObjectType): JsonObject {
  return live === undefined ? config : (mergeValue(live, config, type) as JsonObject);
}

function mergeValue(live: unknown, config: unknown, type: SchemaType | undefined): unknown {
  if (type === undefined || !isGranular(live, type) || !isGranular(config, type)) return config;
  if (type.is === 'list') return mergeList(live as readonly unknown[], config as readonly unknown[], type);
  const before = live as JsonObject;
  const wanted = config as JsonObject;
  // Spreading keeps a key called __proto__ a key; the same keys are then assigned as own ones.
  const result: Record<string, unknown> = { ...before, ...wanted };
  for (const key of Object.keys(wanted)) {
    if (!Object.hasOwn(before, key)) continue;
    const merged = mergeValue(before[key], wanted[key], memberType(type, key));
    if (merged !== wanted[key]) result[key] = merged;
  }
  return result;
}

/** Items that were there stay where they are; new ones follow in the order given. */
function mergeList(live: readonly unknown[], config: readonly unknown[], type: ListType): readonly unknown[] {
  const wanted = new Map(config.map((item) => [itemElement(item, type), item]));
  const result = live.map((item) => {
    const element = itemElement(item, type);
    if (!wanted.has(element)) return item;
    const merged = mergeValue(item, wanted.get(element), type.item);
    wanted.delete(element);
    return merged;
  });
  return [...result, ...wanted.values()];
}

/**
 * `value` without the paths of `gone` that are not in `kept`. A field survives when anything in it is kept; an item of
 * a list only when it is kept itself.
 */
export function withoutFields(value: JsonObject, type: ObjectType, gone: FieldSet, kept: FieldSet): JsonObject {
  return prune(value, type, gone, kept) as JsonObject;
}

function prune(value: unknown, type: SchemaType | undefined, gone: FieldSet, kept: FieldSet | undefined): unknown {
  if (type === undefined || !isGranular(value, type)) return value;
  if (type.is === 'list') {
    return (value as readonly unknown[]).flatMap((item) => {
      const element = itemElement(item, type);
      const goneHere = childOf(gone, element);
      if (goneHere === undefined) return [item];
      const keptHere = childOf(kept, element);
      if (keptHere === undefined || !isMember(keptHere)) return isMember(goneHere) ? [] : [item];
      return [prune(item, type.item, goneHere, keptHere)];
    });
  }
  const object = value as JsonObject;
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    const goneHere = childOf(gone, `f:${key}`);
    if (goneHere === undefined) continue;
    const keptHere = childOf(kept, `f:${key}`);
    const left = keptHere === undefined ? undefined : prune(object[key], memberType(type, key), goneHere, keptHere);
    if (left === object[key]) continue;
    copy ??= { ...object };
    if (left === undefined) delete copy[key];
    else copy[key] = left;
  }
  return copy ?? object;
}

function memberType(type: SchemaType, key: string): SchemaType | undefined {
  if (type.is === 'object') return type.fields.get(key)?.type;
  return type.is === 'map' ? type.value : undefined;
}
