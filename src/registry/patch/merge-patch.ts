import { isJsonObject, type JsonObject, sameValue } from '../values.ts';
import { own, setOwn } from './json-objects.ts';

/**
 * JSON merge patch (RFC 7386): objects merge, `null` removes, everything else replaces. The result shares with
 * `target` and `patch` what it takes over from them; neither is changed.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const base: JsonObject = isJsonObject(target) ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete result[key];
    else setOwn(result, key, isJsonObject(value) ? mergePatch(own(base, key), value) : value);
  }
  return result;
}

/** The merge patch that turns `from` into `to`; `to` has no `null` in an object, which a merge patch cannot say. */
export function createMergePatch(from: unknown, to: unknown): unknown {
  if (!isJsonObject(from) || !isJsonObject(to)) return to;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(from)) if (!Object.hasOwn(to, key)) setOwn(patch, key, null);
  for (const key of Object.keys(to)) {
    const before = own(from, key);
    const after = to[key];
    if (isJsonObject(before) && isJsonObject(after)) {
      const inner = createMergePatch(before, after) as JsonObject;
      if (Object.keys(inner).length > 0) setOwn(patch, key, inner);
    } else if (!sameValue(before, after)) setOwn(patch, key, after);
  }
  return patch;
}
