import { beforeAll, describe, expect, test } from 'vitest';

import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import type { Errors } from '../../validation/field-errors.ts';
import { loadRules } from './cel.ts';
import { checkRules } from './check-rules.ts';
import type { ValidationRule } from './validate-rules.ts';

beforeAll(loadRules);

const text: JSONSchemaProps = { type: 'string' };
const int: JSONSchemaProps = { type: 'integer' };
const pair: JSONSchemaProps = { type: 'object', properties: { k: text, v: text } };
const properties: Record<string, JSONSchemaProps> = {
  i: int,
  n: { type: 'number' },
  s: text,
  b: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
  wait: { type: 'string', format: 'duration' },
  day: { type: 'string', format: 'date' },
  at: { type: 'string', format: 'date-time' },
  ints: { type: 'array', items: int, maxItems: 1000 },
  texts: { type: 'array', items: text },
  pairs: {
    type: 'array',
    items: pair,
    maxItems: 100,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
  },
  lists: { type: 'array', items: { type: 'array', items: pair } },
  map: { type: 'object', additionalProperties: text },
  counts: { type: 'object', additionalProperties: int },
  port: { 'x-kubernetes-int-or-string': true },
  open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  any: { 'x-kubernetes-preserve-unknown-fields': true },
  part: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
  inner: { type: 'object', properties: { x: int } },
  in: text,
  'a-b': text,
};

function problemsOf(rule: ValidationRule | string, on: JSONSchemaProps = { type: 'object', properties }): Errors {
  const errors: Errors = [];
  const rules = [typeof rule === 'string' ? { rule } : rule];
  checkRules({ ...on, 'x-kubernetes-validations': rules }, 'schema', errors);
  return errors;
}

describe('a rule is taken', () => {
  test.each([
    "self.s.matches('^[a-z]+$') && self.s.split(' ', 2) == ['a', 'b']",
    'self.n > 1 && self.i < 1.5 && double(self.i) == self.n',
    "self.bytes == b'AB' && string(self.bytes) == self.s",
    "self.wait == duration('1h') + duration('3s') && string(self.wait) == self.s",
    "self.at - self.day > duration('1h') && string(self.at) == self.s",
    'self.ints.map(e, e * 20).filter(e, e > 50).exists(e, e == 60)',
    'self.pairs.all(x, self.pairs.exists_one(y, x.k == y.k)) && has(self.pairs[0].v)',
    'self.lists[0] == [self.lists[0][0]] && self.pairs[0] != self.pairs[1]',
    "self.map == {'a': 'b'} && self.map.a == 'b' && self.counts.all(k, self.counts[k] > 0)",
    "type(self.port) == int ? self.i <= self.port : self.port.matches('%$')",
    "self.metadata.name == 'a' && self.kind == 'b' && self.part.metadata.name == 'c'",
    'has(self.open) && has(self.inner.x) && self.?inner.?x.orValue(1) == 1',
    "self.__in__ == 'a' && self.a__dash__b == 'b'",
    '!has(oldSelf.s) || self.s == oldSelf.s',
    'cel.bind(x, self.i, x > 1 && x < 5)',
    "self.texts.all(i, v, i < 3 && v != '') && self.map.exists(k, v, k == v) && self.ints.existsOne(x, x == 1)",
    "self.texts.transformList(i, v, i > 0, v + string(i)) == ['b1']",
    'self.map.transformMap(k, v, v + k).size() == 1 && self.map.transformMapEntry(k, v, {v: k}).size() == 1',
    'self.?inner.?x.optMap(v, v > 1).orValue(true)',
  ])('%s', (rule) => {
    expect(problemsOf(rule)).toEqual([]);
  });
});

describe('a rule that can be right for no object is refused', () => {
  test.each([
    ['self.nope == 1', 'No such key: nope'],
    ['has(self.nope)', 'No such key: nope'],
    ['has(self.any)', 'No such key: any'],
    ["self.open.x == 'a'", 'No such key: x'],
    ["self.pairs.all(p, p.nope == 'x')", 'No such key: nope'],
    ["self.metadata.namespace == 'x'", 'No such key: namespace'],
    ["self.i == 'a'", 'no such overload: int == string'],
    ["self.s + 1 == 'a'", 'no such overload: string + int'],
    ["self.wait == 'x'", 'no such overload: google.protobuf.Duration == string'],
    ['size(self.i) == 1', "found no matching overload for 'size(int)'"],
    ['self.i', 'must evaluate to a bool'],
    ['other == 1', 'Unknown variable: other'],
    ['self.ints.all(i, v, i)', "the last argument may not be of type 'int'"],
    ['self.i.all(i, v, true)', 'cannot be range of a comprehension'],
    ['self.ints.all(i, v.x, true)', 'argument must be a simple name'],
    ['has(self)', 'invalid argument to has() macro'],
    ['  ', 'rule is not specified'],
  ])('%s', (rule, why) => {
    expect(problemsOf(rule)).toEqual([
      expect.objectContaining({
        field: 'schema.x-kubernetes-validations[0].rule',
        message: expect.stringContaining(why),
      }),
    ]);
  });

  test.each<[ValidationRule, string, string]>([
    [{ rule: 'self.b', message: 'a\nb' }, 'message', 'message must not contain line breaks'],
    [{ rule: 'self.b &&\nself.b' }, 'message', 'message must be specified if rule contains line breaks'],
    [{ rule: 'self.b', messageExpression: 'self.i' }, 'messageExpression', 'must evaluate to a string'],
    [{ rule: 'self.b', reason: 'Odd' }, 'reason', 'Unsupported value: "Odd"'],
    [{ rule: 'self.b', fieldPath: '.inner.y' }, 'fieldPath', 'fieldPath must be a valid path'],
    [{ rule: 'self.b', optionalOldSelf: true }, 'optionalOldSelf', 'may not be set if oldSelf is not used in rule'],
  ])('%j', (rule, field, why) => {
    expect(problemsOf(rule)).toEqual([
      expect.objectContaining({
        field: `schema.x-kubernetes-validations[0].${field}`,
        message: expect.stringContaining(why),
      }),
    ]);
  });

  test('the old value of an item that has no keys', () => {
    const rule = { rule: 'self == oldSelf' };
    const of = (list: Partial<JSONSchemaProps>): Errors => {
      const item = { ...pair, 'x-kubernetes-validations': [rule] };
      return problemsOf('true', { type: 'object', properties: { l: { type: 'array', items: item, ...list } } });
    };
    expect(of({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] })).toEqual([]);
    expect(of({ 'x-kubernetes-list-type': 'atomic' })[0]?.message).toContain(
      'oldSelf cannot be used on the uncorrelatable portion of the schema within schema.properties[l]',
    );
  });
});
