import type { PodTemplateSpec } from '../api/generated/types.ts';

// Versions of objects are frozen and shared, so what was once computed from one holds as long as it lives.
const canonicals = new WeakMap<object, string>();

/** A template as text that is the same for equal templates: members in order, and without those that say nothing. */
export function canonicalTemplate(template: PodTemplateSpec): string {
  let text = canonicals.get(template);
  if (text === undefined) {
    text = JSON.stringify(ordered(template));
    canonicals.set(template, text);
  }
  return text;
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(
    members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, ordered(member)]),
  );
}

/** Letters and digits without vowels and look-alikes, as Kubernetes writes hashes in names. */
const HASH_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** A short name for a text: at most ten letters (FNV-1a, 32 bits). */
export function hashName(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return Array.from(String(hash), (digit) => HASH_LETTERS[digit.charCodeAt(0) % HASH_LETTERS.length]).join('');
}
