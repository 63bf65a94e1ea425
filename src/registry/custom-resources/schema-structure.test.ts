import { beforeAll, describe, expect, test } from 'vitest';

import type { JSONSchemaProps } from '../../api/generated/types.ts';
import type { Errors } from '../validation/field-errors.ts';
import { loadPatterns } from './patterns.ts';
import { validateStructure } from './schema-structure.ts';

beforeAll(loadPatterns);

const text: JSONSchemaProps = { type: 'string' };
const item: JSONSchemaProps = { type: 'object', required: ['k'], properties: { k: text, v: text } };
const listMap = (items: JSONSchemaProps, keys: readonly string[] = ['k']): JSONSchemaProps => ({
  type: 'array',
  items,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': keys,
});
const set = (items: JSONSchemaProps): JSONSchemaProps => ({ type: 'array', items, 'x-kubernetes-list-type': 'set' });

function fieldsOf(schema: JSONSchemaProps): readonly string[] {
  const errors: Errors = [];
  validateStructure(schema, '', errors);
  return errors.map(({ field }) => field);
}

describe('a schema', () => {
  test('of every kind of place is taken', () => {
    const properties: Record<string, JSONSchemaProps> = {
      metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 20 } } },
      port: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
      percent: {
        'x-kubernetes-int-or-string': true,
        allOf: [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, { pattern: '^\\d+%?$' }],
      },
      any: { 'x-kubernetes-preserve-unknown-fields': true },
      given: { type: 'object', properties: { a: text }, default: { a: 'x' } },
      part: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      list: listMap(item),
      defaulted: listMap({ type: 'object', properties: { k: { type: 'string', default: 'a' } } }),
      set: set({ type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: text } }),
      one: {
        type: 'object',
        properties: { a: text, b: text, c: { type: 'array', items: text } },
        oneOf: [{ required: ['a'] }, { required: ['b'], properties: { b: { minLength: 1 } } }],
        not: { properties: { c: { items: { enum: ['x'] } } } },
      },
    };
    expect(fieldsOf({ type: 'object', properties })).toEqual([]);
  });

  test.each<[JSONSchemaProps, string]>([
    [{}, '.type'],
    [{ type: 'array', items: text }, '.type'],
    [{ type: 'object', nullable: true }, '.nullable'],
    [{ type: 'object', additionalProperties: text }, '.additionalProperties'],
    [{ type: 'object', properties: { kind: { type: 'integer' } } }, '.properties[kind].type'],
    [
      { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
      '.properties[metadata]',
    ],
  ])('whose root is %j is refused', (schema, field) => {
    expect(fieldsOf(schema)).toEqual([field]);
  });

  test.each<[JSONSchemaProps, string]>([
    [{}, '.type'],
    [{ type: 'text' }, '.type'],
    [{ type: 'array' }, '.items'],
    [{ type: 'array', items: {} }, '.items.type'],
    [{ type: 'object', additionalProperties: false }, '.additionalProperties'],
    [{ type: 'object', properties: { a: text }, additionalProperties: text }, '.additionalProperties'],
    [{ ...text, pattern: '[' }, '.pattern'],
    [{ ...text, default: 1 }, '.default'],
    [{ type: 'object', properties: { a: text }, default: { b: 1 } }, '.default'],
    [{ type: 'object', 'x-kubernetes-preserve-unknown-fields': false }, '.x-kubernetes-preserve-unknown-fields'],
    [
      { 'x-kubernetes-int-or-string': true, 'x-kubernetes-preserve-unknown-fields': true },
      '.x-kubernetes-preserve-unknown-fields',
    ],
    [{ type: 'object', 'x-kubernetes-embedded-resource': true }, '.properties'],
    [{ ...text, 'x-kubernetes-map-type': 'atomic' }, '.type'],
    [{ type: 'object', 'x-kubernetes-map-type': 'x' }, '.x-kubernetes-map-type'],
    [{ ...text, 'x-kubernetes-list-type': 'atomic' }, '.type'],
    [{ type: 'array', items: text, 'x-kubernetes-list-type': 'x' }, '.x-kubernetes-list-type'],
    [{ type: 'array', items: item, 'x-kubernetes-list-map-keys': ['k'] }, '.x-kubernetes-list-type'],
    [listMap(item, []), '.x-kubernetes-list-map-keys'],
    [listMap(item, ['x']), '.x-kubernetes-list-map-keys[0]'],
    [listMap(item, ['k', 'k']), '.x-kubernetes-list-map-keys[1]'],
    [listMap(item, ['v']), '.items.properties[v].default'],
    [listMap({ ...item, properties: { k: { ...text, nullable: true } } }), '.items.properties[k].nullable'],
    [listMap({ ...item, properties: { k: { type: 'object' } } }), '.items.properties[k].type'],
    [set({ type: 'object', properties: { a: text } }), '.items.x-kubernetes-map-type'],
    [set({ ...text, nullable: true }), '.items.nullable'],
    [{ ...text, anyOf: [{ type: 'string' }] }, '.anyOf[0].type'],
    [{ ...text, allOf: [{ description: 'a' }] }, '.allOf[0].description'],
    [{ ...text, not: { nullable: true } }, '.not.nullable'],
    [{ type: 'object', oneOf: [{ properties: { a: { minLength: 1 } } }] }, '.oneOf[0].properties[a]'],
  ])('with %j is refused', (schema, field) => {
    expect(fieldsOf({ type: 'object', properties: { at: schema } })).toEqual([`.properties[at]${field}`]);
  });
});
