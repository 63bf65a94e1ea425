import { apiError } from '../../api/errors.ts';
import type { FieldType, ListType, ObjectType, SchemaType } from '../../api/schema-types.ts';
import { isJsonObject, type JsonObject } from '../values.ts';
import { own, setOwn } from './json-objects.ts';

const DELETE_PREFIX = '$deleteFromPrimitiveList/';
const ORDER_PREFIX = '$setElementOrder/';

/**
 * Strategic merge patch: a merge patch that knows, from the schema, which lists merge by which key, with the
 * directives `$patch`, `$retainKeys`, `$setElementOrder/<field>` and `$deleteFromPrimitiveList/<field>`. `original` is
 * not changed. A patch that makes no sense is a BadRequest (400).
 */
export function strategicPatch(type: ObjectType, original: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) throw apiError('BadRequest', 'error decoding patch: a strategic merge patch is an object');
  return mergeObject(isJsonObject(original) ? original : {}, patch, type);
}

function mergeObject(original: JsonObject, patch: JsonObject, type: SchemaType | undefined): JsonObject {
  const directive = own(patch, '$patch');
  if (directive !== undefined) {
    if (directive === 'delete') return {};
    const { $patch: _directive, ...rest } = patch;
    if (directive === 'replace') return mergeObject({}, rest, type);
    if (directive !== 'merge') throw apiError('BadRequest', `Unknown patch type found: ${JSON.stringify(directive)}`);
    return mergeObject(original, rest, type);
  }
  const result: Record<string, unknown> = retain(original, patch);
  for (const key of Object.keys(patch)) {
    if (key.startsWith('$')) continue;
    const value = patch[key];
    if (value === null) delete result[key];
    else setOwn(result, key, mergeValue(own(result, key), value, fieldOf(type, key)));
  }
  // Removing and ordering come after merging, whatever the order of the keys in the patch.
  for (const key of Object.keys(patch)) {
    if (key.startsWith(DELETE_PREFIX)) {
      const field = key.slice(DELETE_PREFIX.length);
      const list = own(result, field);
      const gone = new Set(listOf(patch[key], key));
      if (Array.isArray(list))
        setOwn(
          result,
          field,
          list.filter((item) => !gone.has(item)),
        );
    } else if (key.startsWith(ORDER_PREFIX)) {
      const field = key.slice(ORDER_PREFIX.length);
      const list = own(result, field);
      const fieldType = fieldOf(type, field)?.type;
      if (!Array.isArray(list)) continue;
      const order = listOf(patch[key], key);
      const before = own(original, field);
      const mergeKey = fieldType?.is === 'list' ? fieldType.extension.mergeKey : undefined;
      if (mergeKey !== undefined) {
        setOwn(result, field, ordered(list, order, Array.isArray(before) ? before : [], mergeKey));
      }
    }
  }
  return result;
}

/** A copy of `original`, with only the keys that the patch's `$retainKeys` names when it has one. */
function retain(original: JsonObject, patch: JsonObject): Record<string, unknown> {
  const keep = own(patch, '$retainKeys');
  if (keep === undefined) return { ...original };
  const kept = new Set(listOf(keep, '$retainKeys'));
  for (const key of Object.keys(patch)) {
    if (!key.startsWith('$') && patch[key] !== null && !kept.has(key)) {
      throw apiError('BadRequest', `invalid patch: ${JSON.stringify(key)} is set but not in its $retainKeys`);
    }
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => kept.has(key)));
}

function mergeValue(original: unknown, patch: unknown, field: FieldLike | undefined): unknown {
  const type = field?.type;
  if (isJsonObject(patch)) {
    const keep = isJsonObject(original) && field?.patch !== 'replace';
    return mergeObject(keep ? original : {}, patch, type);
  }
  if (!Array.isArray(patch)) return patch;
  const mergeKey = type?.is === 'list' ? type.extension.mergeKey : undefined;
  if (mergeKey === undefined || type?.is !== 'list') return withoutDirectives(patch);
  const before = Array.isArray(original) ? original : [];
  return mergeKey === '' ? mergeScalars(before, patch) : mergeItems(before, patch, type, mergeKey);
}

/** A list that is replaced: directives in its items have nothing to act on. */
function withoutDirectives(list: readonly unknown[]): readonly unknown[] {
  return list.map((item) => (isJsonObject(item) ? mergeObject({}, item, undefined) : item));
}

function mergeScalars(original: readonly unknown[], patch: readonly unknown[]): readonly unknown[] {
  const merged = [...new Set([...original, ...patch])];
  return ordered(merged, patch, original, '');
}

function mergeItems(
  original: readonly unknown[],
  patch: readonly unknown[],
  type: ListType,
  mergeKey: string,
): readonly unknown[] {
  const changes: JsonObject[] = [];
  const gone = new Set<unknown>();
  let replace = false;
  for (const item of patch) {
    if (!isJsonObject(item)) {
      throw apiError('BadRequest', `invalid patch: an item of a list merged by ${mergeKey} is not an object`);
    }
    const directive = own(item, '$patch');
    if (directive === 'replace') {
      replace = true;
      // The directive may stand alone or on an item that is meant to stay.
      const { $patch: _directive, ...rest } = item;
      if (Object.keys(rest).length > 0) changes.push(rest);
    } else if (directive === 'delete') gone.add(keyOf(item, mergeKey));
    else changes.push(item);
  }
  const merged: unknown[] = replace ? [] : original.filter((item) => !gone.has(looseKeyOf(item, mergeKey)));
  const at = new Map(merged.map((item, index) => [looseKeyOf(item, mergeKey), index]));
  for (const change of changes) {
    const key = keyOf(change, mergeKey);
    const index = at.get(key);
    if (index === undefined) {
      at.set(key, merged.length);
      merged.push(mergeObject({}, change, type.item));
    } else {
      const before = merged[index];
      merged[index] = mergeObject(isJsonObject(before) ? before : {}, change, type.item);
    }
  }
  return ordered(merged, changes, original, mergeKey);
}

/**
 * `list` in the order that `wanted` gives to its items. Items it does not name keep the order they had in `before`, and
 * stand in front of those they stood in front of there.
 */
function ordered(
  list: readonly unknown[],
  wanted: readonly unknown[],
  before: readonly unknown[],
  mergeKey: string,
): readonly unknown[] {
  const positions = (items: readonly unknown[]): Map<unknown, number> =>
    new Map(items.map((item, index) => [looseKeyOf(item, mergeKey), index]));
  const rank = positions(wanted);
  const old = positions(before);
  const named: unknown[] = [];
  const others: unknown[] = [];
  for (const item of list) (rank.has(looseKeyOf(item, mergeKey)) ? named : others).push(item);
  const by = (order: Map<unknown, number>) => (a: unknown, b: unknown) =>
    (order.get(looseKeyOf(a, mergeKey)) ?? 0) - (order.get(looseKeyOf(b, mergeKey)) ?? 0);
  named.sort(by(rank));
  others.sort(by(old));
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const position = old.get(looseKeyOf(item, mergeKey));
    if (position !== undefined) {
      while (next < others.length && (old.get(looseKeyOf(others[next], mergeKey)) ?? Infinity) < position) {
        result.push(others[next++]);
      }
    }
    result.push(item);
  }
  return result.concat(others.slice(next));
}

/** What identifies an item: itself when the list is one of scalars. */
function looseKeyOf(item: unknown, mergeKey: string): unknown {
  return mergeKey !== '' && isJsonObject(item) ? own(item, mergeKey) : item;
}

function keyOf(item: JsonObject, mergeKey: string): unknown {
  const key = own(item, mergeKey);
  if (key === undefined || key === null) {
    throw apiError('BadRequest', `map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return key;
}

type FieldLike = Pick<FieldType, 'type' | 'patch'>;

function fieldOf(type: SchemaType | undefined, key: string): FieldLike | undefined {
  if (type?.is === 'object') return type.fields.get(key);
  return type?.is === 'map' ? { type: type.value, patch: 'merge' } : undefined;
}

function listOf(value: unknown, directive: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw apiError('BadRequest', `invalid patch: ${directive} is not a list`);
}
