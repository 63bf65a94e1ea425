import { beforeAll, expect, test } from 'vitest';

import { loadPatterns, readPattern } from './patterns.ts';

beforeAll(loadPatterns);

const fits = (pattern: string, text: string): boolean => readPattern(pattern).matcher(text).find();

test.each([
  ['(?i)^ab$', 'AB', 'b'],
  ['\\Aa\\z', 'a', 'ab'],
  ['(?P<name>x)y', 'xy', 'y'],
  ['^\\x{263a}\\p{Greek}$', '\u263aα', 'xα'],
  ['^[[:alpha:]]+$', 'abc', 'a1'],
  ['^.$', '\u{1f600}', 'ab'],
])('a pattern is one of Go: %s', (pattern, good, bad) => {
  expect([fits(pattern, good), fits(pattern, bad)]).toEqual([true, false]);
});

test.each(['a(?=b)', '(a)\\1', '[', '(?<!a)b'])('what Go does not have is refused: %s', (pattern) => {
  expect(() => readPattern(pattern)).toThrow('error parsing regexp');
});

test('no text takes a pattern for ever', () => {
  // Two to the power of 1,000 steps for who tries one way after the other.
  expect(fits('^(a|a)*$', `${'a'.repeat(1_000)}!`)).toBe(false);
});
