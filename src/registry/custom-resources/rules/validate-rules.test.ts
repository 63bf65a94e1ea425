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
  set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
  pairs: {
    type: 'array',
    items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer' } } },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
  },
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
    ['ip(self.name).family() == 4 && ip(self.name).isLoopback()', { name: '127.0.0.9' }, { name: '::1' }],
    ['ip.isCanonical(self.name)', { name: '2001:db8::1' }, { name: '2001:0db8::1' }],
    ['string(ip(self.name)) == "fe80::1" && ip(self.name).isLinkLocalUnicast()', { name: 'FE80:0::1' }, { name: '::' }],
    ['isIP(self.name)', { name: '10.0.0.1' }, { name: '::ffff:10.0.0.1' }],
    ['cidr("10.0.0.0/8").containsIP(self.name)', { name: '10.9.8.7' }, { name: '11.0.0.1' }],
    ['cidr("fd00::/8").containsCIDR(cidr(self.name))', { name: 'fd12::/64' }, { name: 'fc00::/7' }],
    ['isCIDR(self.name) && cidr(self.name).prefixLength() == 24', { name: '10.0.0.5/24' }, { name: '10.0.0.5/33' }],
    ['string(cidr(self.name).masked()) == "10.0.0.0/8"', { name: '10.1.2.3/8' }, { name: '11.1.2.3/8' }],
    ['sets.contains(["a", "b"], self.tags)', { tags: ['b', 'a', 'b'] }, { tags: ['c'] }],
    ['sets.equivalent(["a", "b"], self.tags)', { tags: ['b', 'a', 'b'] }, { tags: ['a'] }],
    ['!sets.intersects(["a"], self.tags)', { tags: ['b'] }, { tags: ['b', 'a'] }],
    ['!format.dns1123Label().validate(self.name).hasValue()', { name: 'a-b' }, { name: 'A' }],
    ['!format.named("uuid").value().validate(self.name).hasValue()', { name: crypto.randomUUID() }, { name: 'x' }],
    ['semver(self.name).isLessThan(semver("2.0.0"))', { name: '2.0.0-rc.1' }, { name: '2.0.1' }],
    ['isSemver(self.name, true) && semver(self.name, true).minor() == 7', { name: 'v1.7' }, { name: '1.x' }],
    ['self.tags.all(i, t, t == string(i))', { tags: ['0', '1'] }, { tags: ['0', '0'] }],
    ['self.labels.exists(key, value, key == value)', { labels: { a: 'b', c: 'c' } }, { labels: { a: 'b' } }],
    ['self.tags.existsOne(i, t, t == "a")', { tags: ['a', 'b'] }, { tags: ['a', 'a'] }],
    ['self.tags.transformList(i, t, i > 0, t + t) == ["bb"]', { tags: ['a', 'b'] }, { tags: ['b'] }],
    ['self.labels.transformMap(k, v, k + v) == {"a": "ab"}', { labels: { a: 'b' } }, { labels: { a: 'c' } }],
    ['self.labels.transformMapEntry(k, v, {v: k}) == {"b": "a"}', { labels: { a: 'b' } }, { labels: { b: 'a' } }],
    ['self.?name.optMap(n, n == "a").orValue(true)', {}, { name: 'b' }],
    ['self.?name.optFlatMap(n, self.?most).orValue(1) == 1', { name: 'a' }, { name: 'a', most: 2 }],
    ['has(self.labels.a) && !has(self.labels.b)', { labels: { a: '' } }, { labels: { b: '' } }],
    ['!has(self.name)', { name: null }, { name: '' }],
    [
      '"%s:%d:%.1f:%%".format([self.tags, self.most, self.ratio]) == "[a, b]:3:0.5:%"',
      { tags: ['a', 'b'], most: 3, ratio: 0.5 },
      { tags: [], most: 3, ratio: 0.5 },
    ],
    [
      '"%x %X %b %o %e".format([self.most, self.name, true, 8, self.ratio]) == "ff 6A 1 10 5.000000e-01"',
      { most: 255, name: 'j', ratio: 0.5 },
      { most: 254, name: 'j', ratio: 0.5 },
    ],
    [
      'string(self.wait) == "90s" && string(self.since) == "2021-01-01T00:00:00Z"',
      { wait: '1m30s', since: '2021-01-01T00:00:00Z' },
      { wait: '1m', since: '2021-01-01T00:00:00Z' },
    ],
    ['quantity(self.name).sub(1) == quantity("500m")', { name: '1500m' }, { name: '1' }],
    ['url(self.name).getQuery()["a"] == ["1", "2"]', { name: 'http://x/?a=1&a=2' }, { name: 'http://x/?a=1' }],
    ['self.tags.lastIndexOf("a") == 2', { tags: ['a', 'b', 'a'] }, { tags: ['a'] }],
    ['self.name.findAll("[0-9]+", 1) == ["1"]', { name: 'a1b2' }, { name: 'ab' }],
    ['self.name.replace("a", "b", 1) == "bba"', { name: 'aba' }, { name: 'bab' }],
    ['self.name.matches(" matches(") || "matches(" == self.name', { name: 'matches(' }, { name: 'a' }],
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

  test.each<[string, object, object, boolean]>([
    ['set', ['b', 'a'], ['a', 'b'], true],
    ['set', ['b', 'c', 'a'], ['a', 'b'], false],
    ['set', ['a'], ['a', 'b'], false],
    ['set', ['a', 'b'], ['a', 'a'], false],
    ['pairs', [{ k: 'y', v: 2 }, { k: 'x' }], [{ k: 'x' }, { k: 'y', v: 2 }], true],
    ['pairs', [{ k: 'y', v: 2 }, { k: 'x' }], [{ k: 'x' }, { k: 'y', v: 3 }], false],
    ['tags', ['b', 'a'], ['a', 'b'], false],
  ])('finds %s %j the same as %j was, in any order: %s', (list, now, before, same) => {
    const of = (items: object): object => ({ replicas: items === now ? 1 : 2, [list]: items });
    expect(problemsOf(`self.${list} == oldSelf.${list}`, of(now), of(before))).toHaveLength(same ? 0 : 1);
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

test.each([
  ['self.replicas >', 'Unexpected token: EOF'],
  ['nosuch(self.name)', "found no matching overload for 'nosuch(dyn)'"],
  ['self.tags.all(tag, tag.nosuch())', "found no matching overload for 'dyn.nosuch()'"],
  ['nosuch.contains(self.tags)', 'Unknown variable: nosuch'],
  ['1.matches("a") && cidr(1)', "found no matching overload for 'int.matches(string)'"],
])('%s cannot be evaluated, and why', (rule, message) => {
  expect(readRule(rule)).toEqual({ message });
});
