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
    if (value !== undefined && !isJsonScalar(value)) throw notJson(value);
    return value;
  }
  if (value === null || Object.isFrozen(value)) return value;
  if (depth > DEEPEST) throw new NotJsonError(`more than ${DEEPEST} levels deep`);
  if (Array.isArray(value)) return Object.freeze(value.map((item) => sealed(item, depth + 1)));
  // Spreading also keeps a member that is called __proto__ what it is, and assigning to a member of its own is safe.
  const copy: Record<string, unknown> = { ...value };
  for (const key in copy) {
    const member = copy[key];
    if (member === undefined) delete copy[key];
    else if (typeof member === 'object' && !Object.isFrozen(member)) copy[key] = sealed(member, depth + 1);
    else if (typeof member !== 'object' && !isJsonScalar(member)) throw notJson(member);
  }
  return Object.freeze(copy);
}

function isJsonScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function notJson(value: unknown): NotJsonError {
  return new NotJsonError(`a ${typeof value} is not JSON`);
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

/** What is left of `budget` characters when `value` has taken as many as its JSON has, about; less than 0: too few. */
export function charactersLeft(value: unknown, budget: number): number {
  if (typeof value === 'string') return budget - value.length - 2;
  if (typeof value !== 'object' || value === null) return budget - 5;
  let left = budget - 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      left = charactersLeft(item, left - 1);
      if (left < 0) return left;
    }
    return left;
  }
  const members: JsonObject = value as JsonObject;
  for (const key in members) {
    left = charactersLeft(members[key], left - key.length - 4);
    if (left < 0) return left;
  }
  return left;
}
