import { beforeAll, describe, expect, test } from 'vitest';

import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import type { Errors } from '../../validation/field-errors.ts';
import { loadRules, readRule } from './cel.ts';
import { validateRules } from './validate-rules.ts';

beforeAll(loadRules);

type Rule = NonNullable<JSONSchemaProps['x-kubernetes-validations']>[number];
const properties: Record<string, JSONSchemaProps> = {
  replicas: { type: 'integer' },
  most: { type: 'integer' },
  ratio: { type: 'number' },
  name: { type: 'string' },
  since: { type: 'string', format: 'date-time' },
  wait: { type: 'string', format: 'duration' },
  port: { 'x-kubernetes-int-or-string': true },
  tags: { type: 'array', items: { type: 'string' } },
  labels: { type: 'object', additionalProperties: { type: 'string' } },
  'dashed-name': { type: 'string' },
  namespace: { type: 'string' },
};
const problemsOf = (rule: string | Rule, spec: object, old?: object): Errors => {
  const rules: Rule[] = [typeof rule === 'string' ? { rule } : rule];
  const schema: JSONSchemaProps = {
    type: 'object',
    properties: { spec: { type: 'object', properties, 'x-kubernetes-validations': rules } },
  };
  const errors: Errors = [];
  validateRules({ spec }, schema, errors, old && { spec: old });
  return errors;
};

describe('a rule', () => {
  test.each<[string, object, object]>([
    ['self.replicas <= self.most', { replicas: 3, most: 3 }, { replicas: 4, most: 3 }],
    ['self.replicas % 2 == 1', { replicas: 3 }, { replicas: 2 }],
    ['self.ratio <= 0.5', { ratio: 0.5 }, { ratio: 1 }],
    ['!has(self.name) || self.name.matches("^[a-z]+$")', {}, { name: 'A1' }],
    [
      'self.since > timestamp("2020-01-01T00:00:00Z")',
      { since: '2021-01-01T00:00:00Z' },
      { since: '2019-01-01T00:00:00Z' },
    ],
    ['self.wait < duration("1h")', { wait: '5m' }, { wait: '2h' }],
    ['type(self.port) == int ? self.port < 10 : self.port == "http"', { port: 'http' }, { port: 11 }],
    ['self.tags.all(t, t.size() < 4) && self.tags.isSorted()', { tags: ['a', 'b'] }, { tags: ['b', 'a'] }],
    ['self.tags.exists_one(t, t == "a")', { tags: ['a', 'b'] }, { tags: ['a', 'a'] }],
    ['self.labels.all(key, self.labels[key] != "")', { labels: { a: 'b' } }, { labels: { a: '' } }],
    ['self.__dash__ed == ""', {}, {}],
    ['self.dashed__dash__name == "a"', { 'dashed-name': 'a' }, { 'dashed-name': 'b' }],
    ['self.__namespace__ == "a"', { namespace: 'a' }, { namespace: 'b' }],
    ['self.?name.orValue("none") == "none"', {}, { name: 'a' }],
    ['self.name.find("[0-9]+") == "12" && self.name.replace("x", "") == "a12"', { name: 'ax12' }, { name: 'a13' }],
    ['quantity(self.name).isLessThan(quantity("1Gi"))', { name: '512Mi' }, { name: '2Gi' }],
    ['isQuantity(self.name) && quantity(self.name) == quantity("1000m")', { name: '1' }, { name: 'one' }],
    ['quantity(self.name).add(quantity("1")).asInteger() == 3', { name: '2' }, { name: '3' }],
    ['isURL(self.name) && url(self.name).getScheme() == "https"', { name: 'https://a.b/c' }, { name: 'http://a.b' }],
    ['isIP(self.name)', { name: '::1' }, { name: 'a.b' }],
    ['"%s has %d%%".format([self.name, 5]) == "a has 5%"', { name: 'a' }, { name: 'b' }],
  ])('%s', (rule, good, bad) => {
    if (rule.startsWith('self.__dash__ed')) return expect(problemsOf(rule, good)).toHaveLength(1);
    expect(problemsOf(rule, good)).toEqual([]);
    expect(problemsOf(rule, bad)).toHaveLength(1);
  });

  test('says what is wrong in its own words, with its reason and place', () => {
    const broken = { replicas: 1 };
    const rule = 'self.replicas > 1';
    expect(problemsOf(rule, broken)).toEqual([
      {
        reason: 'FieldValueInvalid',
        field: 'spec',
        message: 'Invalid value: "object": failed rule: self.replicas > 1',
      },
    ]);
    const worded = { rule, message: 'too few', messageExpression: '"only " + string(self.replicas)' };
    expect(problemsOf(worded, broken)[0]?.message).toBe('Invalid value: "object": only 1');
    expect(
      problemsOf({ rule, message: 'too few', reason: 'FieldValueForbidden', fieldPath: '.replicas' }, broken),
    ).toEqual([{ reason: 'FieldValueForbidden', field: 'spec.replicas', message: 'Forbidden: too few' }]);
    expect(problemsOf('self.name == "a"', broken)[0]?.message).toBe(
      'Invalid value: "object": No such key: name evaluating rule: self.name == "a"',
    );
  });

  test('about what was before holds for changes, and for what is new when it says so', () => {
    const rule = 'self.replicas >= oldSelf.replicas';
    expect(problemsOf(rule, { replicas: 1 })).toEqual([]);
    expect(problemsOf(rule, { replicas: 1 }, { replicas: 2 })).toHaveLength(1);
    expect(problemsOf(rule, { replicas: 3 }, { replicas: 2 })).toEqual([]);
    const optional = { rule: 'oldSelf.hasValue() || self.replicas == 1', optionalOldSelf: true };
    expect(problemsOf(optional, { replicas: 2 })).toHaveLength(1);
    expect(problemsOf(optional, { replicas: 2 }, { replicas: 1 })).toEqual([]);
  });

  test('leaves alone what is as it was before there was a rule', () => {
    expect(problemsOf('self.replicas > 1', { replicas: 1 }, { replicas: 1 })).toEqual([]);
  });

  test('that would take too long is not begun', () => {
    const tags = Array.from({ length: 2_000 }, (_, index) => `tag ${index}`);
    const [problem] = problemsOf('self.tags.all(a, self.tags.exists_one(b, a == b))', { tags });
    expect(problem?.message).toContain('running out of cost budget');
    expect(problemsOf('self.tags.all(a, a != "(") && self.tags.exists(b, b == "tag 1")', { tags })).toEqual([]);
  });
});

test('what is no rule is told from what this server does not have', () => {
  expect(readRule('self.replicas >')).toMatchObject({ isSyntax: true });
  expect(readRule('cidr(self.name).prefixLength() < 8')).toMatchObject({ isSyntax: false });
});
