import { beforeAll, describe, expect, test } from 'vitest';

import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import type { Errors } from '../../validation/field-errors.ts';
import { loadRules, partsOf } from './cel.ts';
import { checkRules } from './check-rules.ts';
import { leastCost } from './rule-estimate.ts';

beforeAll(loadRules);

const typed = (type: string, format?: string): JSONSchemaProps => ({ type, ...(format !== undefined && { format }) });
const list = (items: JSONSchemaProps, maxItems?: number): JSONSchemaProps => ({
  type: 'array',
  items,
  ...(maxItems !== undefined && { maxItems }),
});
const map = (values: JSONSchemaProps, maxProperties?: number): JSONSchemaProps => ({
  type: 'object',
  additionalProperties: values,
  ...(maxProperties !== undefined && { maxProperties }),
});
const withText: JSONSchemaProps = { type: 'object', required: ['required'], properties: { required: typed('string') } };
const pair: JSONSchemaProps = { type: 'object', properties: { y: typed('number') } };

/** The second number is what Kubernetes estimates: never less than we do, and not much more where it is loops that count. */
describe('what a rule costs at the least', () => {
  test.each([
    ['self.all(x, true)', list(typed('number')), 4_718_591],
    ['self.all(x, true)', list(typed('string')), 3_145_727],
    ['self.all(x, true)', list(typed('boolean')), 1_887_437],
    ['self.all(x, true)', list(typed('string', 'duration')), 2_359_295],
    ['self.all(x, true)', list(typed('string', 'date')), 725_936],
    ['self.all(x, true)', list(typed('string', 'date-time')), 428_963],
    ['self.all(x, true)', list(list(typed('number'))), 3_145_727],
    ['self.all(x, true)', list(withText), 555_128],
    ['self.all(x, true)', map(typed('number')), 1_348_169],
    ['self.all(x, true)', map(map(typed('number'))), 1_179_647],
    ['self.all(x, true)', list(typed('number'), 10), 32],
    ['self.all(x, self.all(y, true))', list(typed('number'), 10), 352],
    ['self.all(x, self.all(y, self.all(z, true)))', list(typed('number'), 10), 3_552],
    ['self.all(x, x == 0.0)', list(typed('number'), 6_291_456), 25_165_826],
    ['self.all(x, x.y == 25.2)', list(pair), 6_291_452],
    ['self.all(x, x.contains(self[x]))', map(typed('string')), 2_752_507],
    ['self[1] == 0.0', list(typed('number')), 2],
    ['self[0].y > 2.0', list(pair), 4],
    ['has(self.x)', map(typed('number')), 0],
    // Names that every object has in JavaScript.
    ["self.toString.constructor('a') == 'a'", typed('object', 'constructor'), 3],
  ])('%s', (rule, schema, estimate) => {
    const cost = leastCost(partsOf(rule), schema, { times: 1 });
    expect(cost).toBeLessThanOrEqual(estimate);
    expect(cost).toBeGreaterThanOrEqual(Math.floor(estimate / 2));
  });
});

const problemsOf = (properties: Record<string, JSONSchemaProps>): Errors => {
  const errors: Errors = [];
  checkRules({ type: 'object', properties }, 'schema', errors);
  return errors;
};
const ruled = (schema: JSONSchemaProps, rule: string): JSONSchemaProps => ({
  ...schema,
  'x-kubernetes-validations': [{ rule }],
});
const AGAINST_EACH_OTHER = 'self.all(x, self.all(y, x == y))';

describe('a rule that could cost too much', () => {
  test('is refused where it is, and what to do is said', () => {
    const [error] = problemsOf({ names: ruled(list(typed('string')), AGAINST_EACH_OTHER) });
    expect(error).toMatchObject({
      reason: 'FieldValueForbidden',
      field: 'schema.properties[names].x-kubernetes-validations[0].rule',
      message: expect.stringMatching(/^Forbidden: estimated rule cost exceeds budget .*adding maxItems, maxProperties/),
    });
  });

  test('is taken with a limit', () => {
    expect(problemsOf({ names: ruled(list(typed('string'), 100), AGAINST_EACH_OTHER) })).toEqual([]);
  });

  test('counts as often as there can be what it is about', () => {
    const group = (rule: string): JSONSchemaProps => ruled(list(typed('string'), 1_000), rule);
    const rule = 'self.all(x, x != "")';
    expect(problemsOf({ group: group(rule), groups: list(group(rule), 100) })).toEqual([]);
    for (const groups of [list(group(rule)), map(group(rule)), list(list(group(rule), 100), 100)]) {
      expect(problemsOf({ groups })[0]?.message).toContain('estimated rule cost exceeds budget');
    }
  });

  test('and all rules together are refused', () => {
    const each = ruled(list(typed('string'), 1_400), AGAINST_EACH_OTHER);
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`list${index}`, each]));
    expect(problemsOf({ each })).toEqual([]);
    expect(problemsOf(many).map(({ field, message }) => `${field}: ${message}`)).toEqual([
      expect.stringMatching(
        /^schema: Forbidden: x-kubernetes-validations estimated rule cost total .* factor of 1\.\dx/,
      ),
    ]);
  });
});
