import { describe, expect, test } from 'vitest';

import type { JSONSchemaProps } from '../../api/generated/types.ts';
import type { Errors } from '../validation/field-errors.ts';
import type { JsonObject } from '../values.ts';
import { pruneObject } from './prune.ts';
import { withSchemaDefaults } from './schema-defaults.ts';
import { validateAgainstSchema } from './schema-validation.ts';

/** What is stored of a value of a schema, with the fields that were not known and those that are wrong. */
function stored(schema: JSONSchemaProps, value: unknown) {
  const around: JSONSchemaProps = { type: 'object', properties: { at: schema } };
  const unknown: string[] = [];
  const object: JsonObject = withSchemaDefaults(pruneObject({ at: value }, around, unknown), around);
  const errors: Errors = [];
  validateAgainstSchema(object, around, errors);
  return { value: object.at, unknown, wrong: errors.map(({ field }) => field) };
}

const text: JSONSchemaProps = { type: 'string' };
const given: JSONSchemaProps = { type: 'string', default: 'D' };
const embedded: JSONSchemaProps = {
  type: 'object',
  'x-kubernetes-embedded-resource': true,
  'x-kubernetes-preserve-unknown-fields': true,
};
const part = (metadata: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata });

describe('a null', () => {
  test.each<[string, JSONSchemaProps, unknown, unknown]>([
    ['is left out', text, null, undefined],
    ['is left out where anything may be', { 'x-kubernetes-preserve-unknown-fields': true }, null, undefined],
    ['stays where it may be', { ...text, nullable: true }, null, null],
    ['gives way to a default', given, null, 'D'],
    ['stays where it may be, default or not', { ...given, nullable: true }, null, null],
    ['gives way to a default of items', { type: 'array', items: given }, ['a', null], ['a', 'D']],
    ['gives way to a default of members', { type: 'object', additionalProperties: given }, { a: null }, { a: 'D' }],
    ['is left out of members', { type: 'object', additionalProperties: text }, { a: null }, {}],
  ])('%s', (_what, schema, value, wanted) => {
    expect(stored(schema, value)).toEqual({ value: wanted, unknown: [], wrong: [] });
  });

  test('in a list that takes none is wrong', () => {
    expect(stored({ type: 'array', items: text }, [null]).wrong).toEqual(['at[0]']);
  });
});

describe('a value', () => {
  test.each<[JSONSchemaProps, unknown, readonly string[]]>([
    [{ type: 'number', multipleOf: 0.1 }, 0.3, []],
    [{ type: 'number', multipleOf: 0.1 }, 0.35, ['at']],
    [embedded, part({ name: 'a', labels: { a: 'b' } }), []],
    [embedded, part({ name: 5 }), ['at.metadata']],
    [embedded, part({ name: 'a/b' }), ['at.metadata.name']],
    [embedded, part({ labels: { a: '?' } }), ['at.metadata.labels']],
    [embedded, part({ annotations: { '?': '' } }), ['at.metadata.annotations']],
  ])('of %j: %j', (schema, value, wrong) => {
    expect(stored(schema, value).wrong).toEqual(wrong);
  });

  test('that is an object itself has no metadata that is not known', () => {
    const { value, unknown } = stored(embedded, part({ name: 'a', odd: 1 }));
    expect(value).toEqual(part({ name: 'a' }));
    expect(unknown).toEqual(['at.metadata.odd']);
  });
});
