import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SharedParts } from './shared-parts.ts';

const containers = [{ name: 'main', image: 'example/"main"\\', command: ['/bin/main', '--text', '}],{['.repeat(20)] }];
const pod = (name: string): Record<string, unknown> => ({
  kind: 'Pod',
  metadata: { name, labels: { app: 'main' } },
  spec: { containers, hostname: name },
  status: { phase: 'Pending' },
});
const parse = (parts: SharedParts, value: unknown): Record<string, Record<string, unknown>> =>
  parts.parse(JSON.stringify(value)) as Record<string, Record<string, unknown>>;

test('objects of one template share what they have in common', () => {
  const parts = new SharedParts();
  const [first, second] = [parse(parts, pod('main-0')), parse(parts, pod('main-1'))];
  expect(first).toEqual(pod('main-0'));
  expect(second).toEqual(pod('main-1'));
  expect(second.spec?.containers).toBe(first.spec?.containers);
  expect([first, first.spec, first.spec?.containers].every(Object.isFrozen)).toBe(true);
});

test('what differs by one character is not shared', () => {
  const parts = new SharedParts();
  const lists = ['a', 'b'].map((end) => ({ spec: { list: ['x'.repeat(200), end] } }));
  expect(lists.map((value) => parse(parts, value))).toEqual(lists);
});

test('more parts than are remembered come out right', () => {
  const parts = new SharedParts();
  const values = Array.from({ length: 3000 }, (_, index) => ({ data: { list: ['x'.repeat(100), index % 1500] } }));
  expect(values.map((value) => parse(parts, value))).toEqual(values);
});

test('any value comes out as JSON.parse has it, with its members in order, whatever was parsed before', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('"', '\\', '\\"', '}', ']', '{"a":[', '__proto__', '1'),
  );
  const leaf = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
  const large = fc.oneof(
    fc.array(fc.oneof(leaf, fc.dictionary(text, leaf)), { minLength: 8 }),
    fc.dictionary(text, leaf, { minKeys: 8 }),
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(text, fc.oneof(leaf, large, fc.array(large), fc.dictionary(text, fc.oneof(leaf, large)))),
  );
  const parts = new SharedParts();
  fc.assert(
    fc.property(value, fc.boolean(), (written, spaced) => {
      const json = JSON.stringify(written, undefined, spaced ? 1 : 0);
      expect(JSON.stringify(parts.parse(json))).toBe(JSON.stringify(JSON.parse(json)));
      expect(JSON.stringify(parts.parse(json))).toBe(JSON.stringify(JSON.parse(json)));
    }),
    { numRuns: 2000 },
  );
});

test.each(['', '{', '{"a', '{"a":{"b":[1,2', '{"a":{"b":["\\', `{"a":{"b":["${'x'.repeat(200)}",]}}`, 'nothing'])(
  'what is no JSON is refused: %s',
  (text) => {
    expect(() => new SharedParts().parse(text)).toThrow(SyntaxError);
  },
);
