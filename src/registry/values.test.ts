import { describe, expect, test } from 'vitest';

import { charactersLeft, sameValue, seal } from './values.ts';

describe('seal', () => {
  test('freezes all of it, and leaves what was handed in alone', () => {
    const given = { a: [{ b: 1 }], c: { d: 'x' } };
    const sealed = seal(given);
    expect(sealed).toEqual(given);
    expect(Object.isFrozen(sealed.a[0])).toBe(true);
    expect(Object.isFrozen(given.a)).toBe(false);
    expect(sealed.c).not.toBe(given.c);
  });

  test('what is frozen already is shared', () => {
    const spec = seal({ containers: [{ name: 'a' }] });
    expect(seal({ spec, status: {} }).spec).toBe(spec);
  });

  test('members that are undefined are not there', () => {
    expect(Object.keys(seal({ a: undefined, b: 1 }))).toEqual(['b']);
  });

  test('a member called __proto__ stays one', () => {
    const sealed = seal(JSON.parse('{"__proto__":{"polluted":true}}') as Record<string, unknown>);
    expect(JSON.stringify(sealed)).toBe('{"__proto__":{"polluted":true}}');
    expect(sealed).not.toHaveProperty('polluted');
    expect(Object.getPrototypeOf(sealed)).toBe(Object.prototype);
  });

  test('what is not JSON is refused', () => {
    expect(() => seal({ a: () => 1 })).toThrow('a function is not JSON');
    expect(() => seal({ a: [1n] })).toThrow('a bigint is not JSON');
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(() => seal(loop)).toThrow('levels deep');
  });
});

describe('sameValue', () => {
  test.each([
    [{ a: 1, b: [1, { c: 'x' }] }, { b: [1, { c: 'x' }], a: 1 }, true],
    [{ a: 1 }, { a: 2 }, false],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [{ a: undefined }, { b: 1 }, false],
    [[1, 2], [2, 1], false],
    [[1], { 0: 1 }, false],
    [null, {}, false],
    ['1', 1, false],
  ])('%j and %j', (a, b, expected) => {
    expect(sameValue(a, b)).toBe(expected);
    expect(sameValue(b, a)).toBe(expected);
  });
});

describe('charactersLeft', () => {
  test('is about what the JSON takes', () => {
    const value = { metadata: { name: 'redis', labels: { app: 'redis' } }, list: ['a', 'bc', true, 12] };
    expect(Math.abs(1_000 - charactersLeft(value, 1_000) - JSON.stringify(value).length)).toBeLessThan(20);
  });

  test('stops when there is nothing left', () => {
    expect(
      charactersLeft(
        Array.from({ length: 1_000 }, () => 'x'.repeat(100)),
        50,
      ),
    ).toBeLessThan(0);
  });
});
