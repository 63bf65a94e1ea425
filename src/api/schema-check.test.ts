import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { findDuplicateFields } from './duplicate-fields.ts';
import type { ApiError } from './errors.ts';
import { Pods, Secrets, StatefulSets } from './kinds.ts';
import { decodeObject } from './schema-check.ts';

const pod = (spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec });

function refusal(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    const { code, message } = error as ApiError;
    return { code, message };
  }
  throw new Error('nothing was refused');
}

describe('decoding', () => {
  test('what is right comes back as it is', () => {
    const object = pod({ containers: [{ name: 'c', image: 'x', resources: { limits: { cpu: '1' } } }] });
    const decoded = decodeObject(Pods, object);
    expect(decoded.object).toBe(object);
    expect(decoded.unknownFields).toEqual([]);
  });

  test('a frozen part is right in one place and looked at again in another', () => {
    const labels = Object.freeze({ app: 'x', image: 'y' });
    const labelled = { metadata: { name: 'a', labels } };
    for (let time = 0; time < 2; time++) {
      expect(decodeObject(Pods, labelled).unknownFields).toEqual([]);
      expect(decodeObject(Pods, pod({ containers: [labels] })).unknownFields).toEqual(['spec.containers[0].app']);
      expect(refusal(() => decodeObject(Pods, pod({ containers: labels }))).code).toBe(400);
    }
  });

  test('V4 unknown fields are left out and named', () => {
    const decoded = decodeObject(StatefulSets, {
      spec: { replicsa: 3, template: { spec: { containers: [{ name: 'a' }, { name: 'b', imag: 'x' }] } } },
      other: 1,
    });
    expect(decoded.unknownFields).toEqual(['spec.replicsa', 'spec.template.spec.containers[1].imag', 'other']);
    expect(decoded.object).toEqual({ spec: { template: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } } } });
  });

  test('nulls are fields that are not there', () => {
    expect(decodeObject(StatefulSets, { metadata: { labels: null }, spec: { replicas: null } }).object).toEqual({
      metadata: {},
      spec: {},
    });
  });

  test('empty lists and maps are fields that are not there, empty objects are not', () => {
    const metadata = { labels: {}, annotations: {}, finalizers: [] };
    const spec = { volumes: [{ name: 'v', emptyDir: {} }], securityContext: {}, containers: [] };
    expect(decodeObject(Pods, { metadata, spec }).object).toEqual({ metadata: {}, spec });
  });

  test('quantities may be numbers, and become canonical', () => {
    const limits = { cpu: 0.5, memory: '1024Mi' };
    const decoded = decodeObject(Pods, pod({ containers: [{ name: 'c', resources: { limits } }] }));
    expect(decoded.object).toMatchObject({
      spec: { containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi' } } }] },
    });
  });

  test('times are written in UTC', () => {
    const status = { startTime: '2026-01-02T03:04:05.678+01:00' };
    expect(decodeObject(Pods, { status }).object).toEqual({ status: { startTime: '2026-01-02T02:04:05Z' } });
  });

  test.each([
    [
      'a string for a number',
      { replicas: '3' },
      'spec.replicas: json: cannot unmarshal string into a field of type int32',
    ],
    ['a fraction', { replicas: 1.5 }, 'spec.replicas: json: cannot unmarshal number 1.5 into a field of type int32'],
    ['too large a number', { replicas: 2 ** 31 }, 'cannot unmarshal number 2147483648 into a field of type int32'],
    [
      'a list for an object',
      { template: [] },
      'spec.template: json: cannot unmarshal array into a field of type PodTemplateSpec',
    ],
    ['an object for a list', { volumeClaimTemplates: {} }, 'into a field of type []PersistentVolumeClaim'],
    [
      'a number for a label',
      { selector: { matchLabels: { a: 1 } } },
      'spec.selector.matchLabels.a: json: cannot unmarshal number into a field of type string',
    ],
    [
      'a string for a boolean',
      { template: { spec: { hostNetwork: 'yes' } } },
      'spec.template.spec.hostNetwork: json: cannot unmarshal string',
    ],
    [
      'a wrong quantity',
      { template: { spec: { overhead: { cpu: 'much' } } } },
      'spec.template.spec.overhead.cpu: quantities must match',
    ],
  ])('V5 %s is refused with its path', (_what, spec, message) => {
    const refused = refusal(() => decodeObject(StatefulSets, { spec }));
    expect(refused.code).toBe(400);
    expect(refused.message).toContain('StatefulSet in version "v1" cannot be handled as a StatefulSet: ');
    expect(refused.message).toContain(message);
  });

  test.each([[[]], ['x'], [3], [null], [true]])('V5 %j is no object', (value) => {
    expect(refusal(() => decodeObject(Pods, value)).code).toBe(400);
  });

  test('V5 wrong base64 and wrong times are refused', () => {
    expect(refusal(() => decodeObject(Secrets, { data: { a: 'x$' } })).message).toContain('data.a: illegal base64');
    expect(refusal(() => decodeObject(Pods, { status: { startTime: 'now' } })).message).toContain('status.startTime');
  });

  test('a label called __proto__ is a label', () => {
    const object = JSON.parse('{"metadata":{"labels":{"__proto__":"x"}},"__proto__":{"polluted":true}}');
    const decoded = decodeObject(Pods, object);
    expect(JSON.stringify(decoded.object)).toBe('{"metadata":{"labels":{"__proto__":"x"}}}');
    expect(decoded.unknownFields).toEqual(['__proto__']);
  });

  test('V5 no JSON makes it fail in any other way, and what it lets through it lets through again', () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom('metadata', 'spec', 'status', 'containers', 'name', 'x', 'labels') }),
        (value) => {
          let decoded: object;
          try {
            decoded = decodeObject(Pods, JSON.parse(JSON.stringify(value))).object;
          } catch (error) {
            expect((error as ApiError).code).toBe(400);
            return;
          }
          const again = decodeObject(Pods, decoded);
          expect(again.object).toBe(decoded);
          expect(again.unknownFields).toEqual([]);
        },
      ),
    );
  });
});

describe('duplicate fields', () => {
  test.each([
    ['{"a":1,"b":{"a":2}}', []],
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"c":[{"n":1},{"n":1,"x":"\\"n\\":","n":2}]}}', ['spec.c[1].n']],
    ['[{"a":1},{"a":1,"\\u0061":2}]', ['[1].a']],
    ['{"a":"{\\"b\\":1,\\"b\\":2}"}', []],
    ['{"a":[1,2,{"b":{}}],"c":[],"a":{}}', ['a']],
    ['""', []],
    ['{"a" :1,"b":{"a"\n:1,"a":2}}', ['b.a']],
    ['{"a":":","b":[":",":"],"c":"\\": "}', []],
    ['{"a":":","a":1}', ['a']],
    ['{"__proto__":1,"__proto__":{"a":1}}', ['__proto__']],
  ])('V4 in %s', (json, expected) => {
    expect(findDuplicateFields(json, JSON.parse(json))).toEqual(expected);
  });

  test('there are none in what was parsed and written again', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const value = JSON.parse(json);
        expect(findDuplicateFields(JSON.stringify(value, null, 1), value)).toEqual([]);
      }),
    );
  });

  test('V4 a key that is added once more is found, whatever else there is', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 });
    fc.assert(
      fc.property(object, fc.jsonValue(), (value, again) => {
        const [key = ''] = Object.keys(value);
        const json = `${JSON.stringify(value).slice(0, -1)} , ${JSON.stringify(key)} :${JSON.stringify(again)}}`;
        expect(findDuplicateFields(json, JSON.parse(json))).toEqual([key]);
      }),
    );
  });
});
