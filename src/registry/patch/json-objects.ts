import { apiError } from '../../api/errors.ts';

import type { JsonObject } from '../values.ts';

/** The value an object has itself under `key`, never one it inherits (`constructor` is a fine key in JSON). */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a key that came from outside: `__proto__` becomes a plain key too. */
export function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

/** As deep as a document may nest, for whoever walks it by recursion. */
const MAX_DEPTH = 1000;

/** Refuses (400) a document that nests too deeply. Takes no stack itself. */
export function checkDepth(document: unknown): void {
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw apiError('BadRequest', `the document nests deeper than ${MAX_DEPTH} levels`);
    const next: unknown[] = [];
    for (const value of level) {
      if (typeof value !== 'object' || value === null) continue;
      for (const child of Array.isArray(value) ? value : Object.values(value)) {
        if (typeof child === 'object' && child !== null) next.push(child);
      }
    }
    level = next;
  }
}
