import { apiError } from '../api/errors.ts';
import type { ObjectKey } from '../api/meta.ts';
import { checkPathSegment } from '../api/names.ts';
import type { ResourceType } from '../api/resource-type.ts';

/** Where all objects of a resource are in the store. */
export function resourcePrefix(type: Pick<ResourceType, 'group' | 'plural'>): string {
  return `/${type.group === '' ? 'core' : type.group}/${type.plural}/`;
}

/** Where an object is in the store. Throws `BadRequest` for a name or namespace that no object could have. */
export function storeKey(type: ResourceType, key: ObjectKey): string {
  const { namespace, name } = key;
  assertSegment('name', name);
  if (!type.namespaced) return `${resourcePrefix(type)}${name}`;
  if (namespace === undefined || namespace === '') {
    throw apiError('BadRequest', 'an empty namespace may not be set when a resource name is provided', { type, name });
  }
  assertSegment('namespace', namespace);
  return `${resourcePrefix(type)}${namespace}/${name}`;
}

/** Where the objects of a namespace are, or of all namespaces. */
export function listPrefix(type: ResourceType, namespace: string | undefined): string {
  if (!type.namespaced || namespace === undefined || namespace === '') return resourcePrefix(type);
  assertSegment('namespace', namespace);
  return `${resourcePrefix(type)}${namespace}/`;
}

function assertSegment(what: string, value: string): void {
  if (value === '') throw apiError('BadRequest', `${what} is required`);
  const wrong = checkPathSegment(value);
  if (wrong.length > 0)
    throw apiError('BadRequest', `invalid resource ${what} ${JSON.stringify(value)}: [${wrong.join(', ')}]`);
}
