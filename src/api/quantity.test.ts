import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  canonicalQuantity,
  compareQuantities,
  parseQuantity,
  QuantityError,
  quantityMillis,
  quantityValue,
} from './quantity.ts';

describe('quantities', () => {
  test.each([
    ['0', '0'],
    ['0Gi', '0'],
    ['1', '1'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['1024', '1024'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['1023Ki', '1023Ki'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['5.', '5'],
    ['100m', '100m'],
    ['1000m', '1'],
    ['1e3', '1e3'],
    ['1.2e3', '1200'],
    ['12e4', '120e3'],
    ['-1.5', '-1500m'],
    ['+2', '2'],
    ['0.0000000001', '1n'],
    ['10Ei', '9223372036854775807'],
    [2, '2'],
    [0.25, '250m'],
    ['1e-1000000', '1e-9'],
    ['9e999999999', '9223372036854775807'],
  ])('%s is %s in canonical form', (text, form) => {
    expect(canonicalQuantity(text)).toBe(form);
  });

  test.each(['', 'x', '1 Gi', '1gi', '1K', '1.2.3', '1mi', '--1', '1e', 'NaN', 'Infinity', `${'9'.repeat(300)}`])(
    '%j is none',
    (text) => {
      expect(() => canonicalQuantity(text)).toThrow(QuantityError);
    },
  );

  test('amounts compare however they are written', () => {
    expect(compareQuantities('1Gi', '1024Mi')).toBe(0);
    expect(compareQuantities('1G', '1Gi')).toBeLessThan(0);
    expect(compareQuantities('2', '1999m')).toBeGreaterThan(0);
    expect(compareQuantities('-1', '0')).toBeLessThan(0);
  });

  test('amounts are rounded up to whole units and thousandths', () => {
    expect(quantityValue('1Gi')).toBe(2 ** 30);
    expect(quantityValue('1500m')).toBe(2);
    expect(quantityMillis('0.5')).toBe(500);
    expect(quantityMillis('100u')).toBe(1);
  });

  test('the canonical form is the same amount, and, of a decimal one, its own canonical form', () => {
    const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e2', 'e-2');
    const quantity = fc.tuple(fc.integer({ min: -99999, max: 99999 }), fc.integer({ min: 0, max: 999 }), suffix);
    fc.assert(
      fc.property(quantity, ([whole, fraction, unit]) => {
        const text = `${whole}.${fraction}${unit}`;
        const form = canonicalQuantity(text);
        expect(parseQuantity(canonicalQuantity(form)).nano).toBe(parseQuantity(form).nano);
        // A binary amount has no fraction: it is rounded up to whole units, and one that is no multiple of 1024 loses its
        // suffix (3.906Ki is 4000), so that it is a decimal amount the next time (4k), as in Kubernetes.
        if (unit.endsWith('i')) return;
        expect(canonicalQuantity(form)).toBe(form);
        expect(parseQuantity(form).nano).toBe(parseQuantity(text).nano);
      }),
    );
  });
});
