import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import { isJsonObject } from '../../values.ts';
import { itemSchema, memberSchema } from '../structural-schema.ts';

/**
 * What was there before, with the items of lists that have no order (sets, and maps by keys) in the order in which they
 * are now: then rules find two of them equal that hold the same, as in Kubernetes.
 */
export function inOrderOf(now: unknown, old: unknown, schema: JSONSchemaProps | undefined): unknown {
  if (schema === undefined || old === now) return old;
  if (Array.isArray(now) && Array.isArray(old)) return listInOrderOf(now, old, schema);
  if (!isJsonObject(now) || !isJsonObject(old)) return old;
  return Object.fromEntries(
    Object.entries(old).map(([name, member]) => [name, inOrderOf(now[name], member, memberSchema(schema, name))]),
  );
}

function listInOrderOf(now: readonly unknown[], old: readonly unknown[], schema: JSONSchemaProps): readonly unknown[] {
  const identity = identityIn(schema);
  if (identity === undefined) return old;
  const rest = new Map(old.map((item) => [identity(item), item]));
  // Not a list of these: nothing is lost of it.
  if (rest.size < old.length) return old;
  const items = itemSchema(schema);
  const kept = now.flatMap((item) => {
    const key = identity(item);
    const before = rest.get(key);
    return rest.delete(key) ? [inOrderOf(item, before, items)] : [];
  });
  return [...kept, ...rest.values()];
}

/** What tells the items of a list without an order apart; undefined for other lists. */
function identityIn(schema: JSONSchemaProps): ((item: unknown) => string) | undefined {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return JSON.stringify;
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      return (item) => JSON.stringify(keys.map((key) => (isJsonObject(item) ? item[key] : null)));
    }
    default:
      return undefined;
  }
}
