import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { LabelSelector } from './generated/types.ts';
import {
  formatSelector,
  matchLabelMap,
  matchRequirements,
  matchSelector,
  parseLabelSelector,
  SelectorSyntaxError,
} from './labels.ts';

const matchesText = (text: string) => matchRequirements(parseLabelSelector(text));

describe('label selectors as text', () => {
  const labels = { app: 'redis', tier: 'a', weight: '7', empty: '' };

  test.each([
    ['', true],
    ['app', true],
    ['app=redis', true],
    ['app==redis', true],
    ['app!=redis', false],
    ['app=other', false],
    ['none!=x', true],
    ['none', false],
    ['!none', true],
    ['! app', false],
    ['tier in (a,b)', true],
    ['tier in (b, c)', false],
    ['tier notin (b,c)', true],
    ['none notin (a)', true],
    ['empty=', true],
    ['empty in (,x)', true],
    ['app=,tier', false],
    ['weight>6', true],
    ['weight>7', false],
    ['weight<10', true],
    ['app>1', false],
    ['app=redis,tier in (a,b),!old,weight>3', true],
    [' app = redis , tier ', true],
    ['in=x', false],
  ])('%j', (text, expected) => {
    expect(matchesText(text)(labels)).toBe(expected);
  });

  test.each([
    ['=a', "found '=', expected: identifier"],
    ['a,', "found '', expected: identifier after ','"],
    ['a b', "found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a in b', "found 'b', expected: '('"],
    ['a in (b', "found '', expected: ',' or ')'"],
    ['a=b c', "found 'c', expected: ',' or 'end of string'"],
    ['a>b', 'the value must be an integer'],
    ['a=-x', 'a valid label must be'],
    ['-a=x', 'name part must consist'],
    ['!', "found '', expected: identifier"],
  ])('V5 %j is refused', (text, why) => {
    expect(() => parseLabelSelector(text)).toThrow(SelectorSyntaxError);
    expect(() => parseLabelSelector(text)).toThrow(why);
  });

  test('whatever the text, it is understood or refused', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-c=!,()<> \n]{0,20}$|^.{0,20}$/), (text) => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          expect(error).toBeInstanceOf(SelectorSyntaxError);
        }
      }),
    );
  });
});

describe('label selectors as objects', () => {
  test('all of it must hold', () => {
    const matches = matchSelector({
      matchLabels: { app: 'redis' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'old', operator: 'DoesNotExist' },
        { key: 'app', operator: 'Exists' },
        { key: 'zone', operator: 'NotIn', values: ['x'] },
      ],
    });
    expect(matches({ app: 'redis', tier: 'a' })).toBe(true);
    expect(matches({ app: 'redis', tier: 'c' })).toBe(false);
    expect(matches({ app: 'redis', tier: 'a', old: '' })).toBe(false);
    expect(matches({ app: 'redis', tier: 'a', zone: 'x' })).toBe(false);
    expect(matches(undefined)).toBe(false);
  });

  test('an empty selector matches everything, an absent one nothing', () => {
    expect(matchSelector({})({ a: 'b' })).toBe(true);
    expect(matchSelector({})(undefined)).toBe(true);
    expect(matchSelector(undefined)({ a: 'b' })).toBe(false);
  });

  test('an empty map of a service matches nothing', () => {
    expect(matchLabelMap({})({ a: 'b' })).toBe(false);
    expect(matchLabelMap({ a: 'b' })({ a: 'b', c: 'd' })).toBe(true);
  });

  test('names that every JavaScript object has are labels like any other', () => {
    expect(matchSelector({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] })({})).toBe(false);
  });

  test('an operator that does not exist is refused', () => {
    expect(() => matchSelector({ matchExpressions: [{ key: 'a', operator: 'Like' }] })).toThrow(
      '"Like" is not a valid label selector operator',
    );
    expect(() => matchSelector({ matchExpressions: [{ key: 'a', operator: 'In' }] })).toThrow('values');
  });

  test('as text it means the same', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const value = fc.constantFrom('', 'x', 'y');
    const selector: fc.Arbitrary<LabelSelector> = fc.record({
      matchLabels: fc.dictionary(key, value),
      matchExpressions: fc.array(
        fc.oneof(
          fc.record({ key, operator: fc.constantFrom('In', 'NotIn'), values: fc.array(value, { minLength: 1 }) }),
          fc.record({ key, operator: fc.constantFrom('Exists', 'DoesNotExist') }),
        ),
      ),
    });
    fc.assert(
      fc.property(selector, fc.dictionary(key, value), (given, labels) => {
        expect(matchesText(formatSelector(given))(labels)).toBe(matchSelector(given)(labels));
      }),
    );
  });

  test('the text is in the order of the keys', () => {
    const selector = { matchLabels: { b: '1' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['y', 'x'] }] };
    expect(formatSelector(selector)).toBe('a in (x,y),b=1');
  });
});
