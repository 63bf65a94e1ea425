import { apiError } from '../../api/errors.ts';
import type { ObjectType } from '../../api/schema-types.ts';
import { isJsonObject } from '../values.ts';
import { checkDepth } from './json-objects.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicPatch } from './strategic-patch.ts';

/**
 * `object` as `patch` changes it: a new object that shares what did not change; nothing is changed in place. The
 * result has not been checked, defaulted or validated.
 *
 * `schema` says how lists merge; a strategic merge patch needs it. Server-side apply is `applyConfiguration` in
 * `apply.ts`. Throws `ApiError`: BadRequest for a patch that is not one, Invalid for one that does not fit the object.
 *
 * @example
 * applyPatch('merge', set, { spec: { replicas: 5 } });
 */
export function applyPatch(
  kind: 'json' | 'merge' | 'strategic',
  object: object,
  patch: unknown,
  schema?: ObjectType,
): object {
  checkDepth(patch);
  const result = patched(kind, object, patch, schema);
  if (!isJsonObject(result)) throw apiError('BadRequest', 'the patch does not leave an object');
  return result;
}

function patched(kind: 'json' | 'merge' | 'strategic', object: object, patch: unknown, schema?: ObjectType): unknown {
  switch (kind) {
    case 'json':
      return jsonPatch(object, patch);
    case 'merge':
      if (!isJsonObject(patch)) throw apiError('BadRequest', 'error decoding patch: a merge patch is an object');
      return mergePatch(object, patch);
    case 'strategic':
      if (schema === undefined) {
        throw apiError('UnsupportedMediaType', 'strategic merge patch is not supported for this kind');
      }
      return strategicPatch(schema, object, patch);
  }
}
