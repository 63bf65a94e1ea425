import { randomBytes, randomUUID } from 'node:crypto';

/** The only source of chance. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  next(): number;
  /** A version 4 UUID. */
  uuid(): string;
}

/** The machine's own, fit for names and identifiers that must not be guessed. */
export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  uuid: () => randomUUID(),
};

/** The same sequence for the same seed (an integer), for simulation. */
export function seededRandom(seed: number): Random {
  // mulberry32: small, fast, and good enough to choose faults with.
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  return { next, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}` };
}

/** The letters Kubernetes makes names of: no vowels and no look-alikes, so that no word and no doubt comes out. */
const NAME_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** `length` letters for the end of a generated name. */
export function nameSuffix(random: Random, length = 5): string {
  let suffix = '';
  while (suffix.length < length) suffix += NAME_LETTERS[Math.floor(random.next() * NAME_LETTERS.length)];
  return suffix;
}
