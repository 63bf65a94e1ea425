import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { ApiError } from '../../api/errors.ts';
import { objectType } from '../../api/schema-types.ts';
import { createMergePatch, mergePatch } from './merge-patch.ts';
import { applyPatch } from './patch.ts';

const codeOf = (run: () => unknown): number | undefined => {
  try {
    run();
  } catch (error) {
    return (error as ApiError).code;
  }
  return undefined;
};

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

describe('JSON patch', () => {
  const patch = (object: object, operations: unknown): object => applyPatch('json', deepFreeze(object), operations);

  test('adds, replaces, removes, moves and copies', () => {
    const result = patch({ a: { b: [1, 2, 3] }, c: 'x' }, [
      { op: 'add', path: '/a/b/1', value: 9 },
      { op: 'add', path: '/a/b/-', value: 10 },
      { op: 'remove', path: '/a/b/0' },
      { op: 'replace', path: '/c', value: 'y' },
      { op: 'copy', from: '/a/b', path: '/d' },
      { op: 'move', from: '/c', path: '/a/c' },
      { op: 'add', path: '/d/0', value: 0 },
    ]);
    expect(result).toEqual({ a: { b: [9, 2, 3, 10], c: 'y' }, d: [0, 9, 2, 3, 10] });
  });

  test('keys may contain slashes and tildes', () => {
    expect(
      patch({ 'a/b': 1, 'c~d': 2 }, [
        { op: 'remove', path: '/a~1b' },
        { op: 'replace', path: '/c~0d', value: 3 },
      ]),
    ).toEqual({ 'c~d': 3 });
  });

  test('a test that holds changes nothing, one that fails refuses the whole patch', () => {
    const object = { a: { b: 1, c: [1] } };
    expect(patch(object, [{ op: 'test', path: '/a', value: { c: [1], b: 1 } }])).toEqual(object);
    expect(
      codeOf(() =>
        patch(object, [
          { op: 'replace', path: '/a/b', value: 2 },
          { op: 'test', path: '/a/b', value: 1 },
        ]),
      ),
    ).toBe(422);
  });

  test.each([
    ['not a list', {}, 400],
    ['an unknown operation', [{ op: 'frobnicate', path: '/a' }], 422],
    ['no path', [{ op: 'remove' }], 422],
    ['add without a value', [{ op: 'add', path: '/a' }], 422],
    ['a path without a slash', [{ op: 'remove', path: 'a' }], 422],
    ['removing what is not there', [{ op: 'remove', path: '/zzz' }], 422],
    ['replacing what is not there', [{ op: 'replace', path: '/zzz', value: 1 }], 422],
    ['an index out of range', [{ op: 'add', path: '/list/7', value: 1 }], 422],
    ['an index that is none', [{ op: 'add', path: '/list/01', value: 1 }], 422],
    ['an inherited property', [{ op: 'remove', path: '/constructor' }], 422],
    ['moving into itself', [{ op: 'move', from: '/map', path: '/map/inner' }], 422],
    ['a document that is no object', [{ op: 'replace', path: '', value: 3 }], 400],
    ['too many operations', Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/map', value: {} })), 413],
    ['copies that explode', Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '', path: `/k${i}` })), 422],
  ])('refuses %s', (_what, operations, code) => {
    expect(codeOf(() => patch({ list: [1], map: {}, text: 'x'.repeat(1000) }, operations))).toBe(code);
  });

  test('a key called __proto__ is only a key', () => {
    const result = patch({ a: {} }, [{ op: 'add', path: '/a/__proto__', value: { polluted: true } }]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(JSON.stringify(result)).toBe('{"a":{"__proto__":{"polluted":true}}}');
  });
});

describe('merge patch', () => {
  test('merges objects, removes with null, replaces lists', () => {
    const before = deepFreeze({ a: { b: 1, c: 2 }, list: [1, 2], gone: 'x' });
    expect(applyPatch('merge', before, { a: { c: null, d: { e: null, f: 1 } }, list: [3], gone: null })).toEqual({
      a: { b: 1, d: { f: 1 } },
      list: [3],
    });
  });

  test('a patch that is not an object is refused', () => {
    expect(codeOf(() => applyPatch('merge', {}, [1]))).toBe(400);
    expect(codeOf(() => applyPatch('merge', {}, null))).toBe(400);
  });

  test('a document that nests too deeply is refused, not a crash', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`);
    expect(codeOf(() => applyPatch('merge', {}, deep))).toBe(400);
  });

  const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean());
  const { document } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(leaf), tie('document')),
    document: fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.string()), tie('value')),
  }));

  test('the patch made from two documents turns one into the other', () => {
    fc.assert(
      fc.property(document, document, (from, to) => {
        const patched = mergePatch(deepFreeze(from), deepFreeze(createMergePatch(from, to)));
        expect(patched).toEqual(to);
        // What is equal needs no patch.
        expect(createMergePatch(to, patched)).toEqual({});
      }),
    );
  });
});

describe('strategic merge patch', () => {
  const pod = objectType('Pod');
  const patch = (object: object, body: unknown): object => applyPatch('strategic', deepFreeze(object), body, pod);
  const containers = (object: object): unknown => (object as { spec: { containers: unknown } }).spec.containers;
  const two = {
    spec: {
      containers: [
        { name: 'a', image: '1', env: [{ name: 'X', value: '1' }] },
        { name: 'b', image: '2' },
      ],
    },
  };

  test('list items merge by their key', () => {
    expect(containers(patch(two, { spec: { containers: [{ name: 'a', env: [{ name: 'Y', value: '2' }] }] } }))).toEqual(
      [
        {
          name: 'a',
          image: '1',
          env: [
            { name: 'Y', value: '2' },
            { name: 'X', value: '1' },
          ],
        },
        { name: 'b', image: '2' },
      ],
    );
  });

  test('a new item comes first, unless an order is given', () => {
    expect(containers(patch(two, { spec: { containers: [{ name: 'c' }] } }))).toMatchObject([
      { name: 'c' },
      { name: 'a' },
      { name: 'b' },
    ]);
    const order = [{ name: 'b' }, { name: 'c' }, { name: 'a' }];
    expect(
      containers(patch(two, { spec: { '$setElementOrder/containers': order, containers: [{ name: 'c' }] } })),
    ).toMatchObject(order);
  });

  test('an order may be changed without changing an item', () => {
    const order = [{ name: 'b' }, { name: 'a' }];
    expect(containers(patch(two, { spec: { '$setElementOrder/containers': order } }))).toMatchObject(order);
  });

  test('items are deleted, lists replaced, objects replaced by directive', () => {
    expect(containers(patch(two, { spec: { containers: [{ name: 'a', $patch: 'delete' }] } }))).toEqual([
      { name: 'b', image: '2' },
    ]);
    expect(
      containers(patch(two, { spec: { containers: [{ $patch: 'replace' }, { name: 'z', image: '9' }] } })),
    ).toEqual([{ name: 'z', image: '9' }]);
    const labelled = { metadata: { labels: { a: '1', b: '2' } } };
    expect(patch(labelled, { metadata: { labels: { $patch: 'replace', c: '3' } } })).toEqual({
      metadata: { labels: { c: '3' } },
    });
    expect(patch(labelled, { metadata: { labels: { $patch: 'delete' } } })).toEqual({ metadata: { labels: {} } });
  });

  test('lists of scalars that are sets merge, others are replaced', () => {
    expect(patch({ metadata: { finalizers: ['a', 'b'] } }, { metadata: { finalizers: ['c'] } })).toEqual({
      metadata: { finalizers: ['c', 'a', 'b'] },
    });
    expect(
      patch({ metadata: { finalizers: ['a', 'b'] } }, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } }),
    ).toEqual({ metadata: { finalizers: ['b'] } });
    const command = { spec: { containers: [{ name: 'a', command: ['x', 'y'] }] } };
    expect(containers(patch(command, { spec: { containers: [{ name: 'a', command: ['z'] }] } }))).toEqual([
      { name: 'a', command: ['z'] },
    ]);
  });

  test('$retainKeys changes the kind of a volume', () => {
    const before = { spec: { volumes: [{ name: 'v', emptyDir: {} }] } };
    const body = { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } }] } };
    expect(patch(before, body)).toEqual({ spec: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] } });
  });

  test('tolerations, node selector values and unknown fields are replaced or merged as JSON', () => {
    const before = { spec: { tolerations: [{ key: 'a' }], nodeSelector: { a: '1' } }, other: { a: 1 } };
    expect(patch(before, { spec: { tolerations: [{ key: 'b' }], nodeSelector: { b: '2' } }, other: { b: 2 } })).toEqual(
      {
        spec: { tolerations: [{ key: 'b' }], nodeSelector: { a: '1', b: '2' } },
        other: { a: 1, b: 2 },
      },
    );
  });

  test.each([
    ['an unknown directive', { $patch: 'explode' }],
    ['an item without its merge key', { spec: { containers: [{ image: 'x' }] } }],
    ['an item that is no object', { spec: { containers: ['x'] } }],
    ['a key missing in $retainKeys', { spec: { volumes: [{ name: 'v', $retainKeys: ['name'], emptyDir: {} }] } }],
    ['an order that is no list', { spec: { '$setElementOrder/containers': 'a' } }],
    ['a patch that is no object', []],
  ])('refuses %s', (_what, body) => {
    expect(codeOf(() => patch({ spec: { containers: [{ name: 'a' }], volumes: [] } }, body))).toBe(400);
  });

  test('kinds without a schema refuse it', () => {
    expect(codeOf(() => applyPatch('strategic', {}, {}))).toBe(415);
  });
});
