/** An object as it came from a caller or out of the store, before anything is known of its kind. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deeper than any real object, shallow enough for the stack. */
const DEEPEST = 200;

/** A value that no JSON document could hold, or one nested too deeply. */
export class NotJsonError extends Error {
  override readonly name = 'NotJsonError';
}

/**
 * The same value, deeply frozen, for everybody to share. What is frozen already is taken as it is, so that of a
 * changed object only the changed part is walked; the rest is copied, so that a caller keeps what it handed in.
 *
 * Members that are `undefined` are left out. Throws {@link NotJsonError}.
 */
export function seal<T>(value: T): T {
  return sealed(value, 0) as T;
}

function sealed(value: unknown, depth: number): unknown {
  if (typeof value !== 'object') {
    if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
      throw new NotJsonError(`a ${typeof value} is not JSON`);
    }
    return value;
  }
  if (value === null || Object.isFrozen(value)) return value;
  if (depth > DEEPEST) throw new NotJsonError(`more than ${DEEPEST} levels deep`);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => sealed(item, depth + 1)));
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = (value as JsonObject)[key];
    if (member === undefined) continue;
    const kept = sealed(member, depth + 1);
    if (key === '__proto__') define(copy, key, kept);
    else copy[key] = kept;
  }
  return Object.freeze(copy);
}

/** Assigning `__proto__` would change what the object is. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether two JSON values are equal; shared parts are not looked into. The order of members does not matter. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameValue(item, b[index]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameValue((a as JsonObject)[key], (b as JsonObject)[key]));
}
