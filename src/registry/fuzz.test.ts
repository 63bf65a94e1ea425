import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answered, podNamed, setNamed, tester, testRegistry } from '../../test/support/test-registry.ts';
import { schema } from '../api/generated/schema.ts';
import { builtInTypes, Pods, StatefulSets } from '../api/kinds.ts';

/** A value that has about the structure of its type, with things missing, and now and then something else. */
function anyOf(notation: string, depth: number): fc.Arbitrary<unknown> {
  const anything = fc.oneof(
    { maxDepth: 1 },
    fc.constant(null),
    fc.integer(),
    fc.boolean(),
    fc.string(),
    fc.constant([]),
    fc.constant({}),
  );
  const text = notation.replace('!', '');
  const proper = (): fc.Arbitrary<unknown> => {
    if (depth > 5) return anything;
    if (text.startsWith('[]')) return fc.array(anyOf(text.slice(2), depth + 1), { maxLength: 2 });
    if (text.startsWith('{}'))
      return fc.dictionary(fc.constantFrom('a', 'b', ''), anyOf(text.slice(2), depth + 1), { maxKeys: 2 });
    const fields = schema[text];
    if (fields !== undefined) return objectOf(fields, depth);
    switch (text) {
      case 'int32':
      case 'int64':
        return fc.constantFrom(-1, 0, 1, 80, 70_000);
      case 'boolean':
        return fc.boolean();
      case 'int-or-string':
        return fc.constantFrom(1, '50%', 'x', '');
      case 'quantity':
        return fc.constantFrom('1', '1Gi', 'x', 2);
      default:
        return fc.constantFrom('', 'a', 'None', 'ClusterIP', 'NodePort', 'Always', '10.96.0.9', 'x/y', 'Node');
    }
  };
  return fc.oneof({ weight: 20, arbitrary: fc.constant(undefined).chain(proper) }, { weight: 1, arbitrary: anything });
}

function objectOf(fields: Readonly<Record<string, string>>, depth: number): fc.Arbitrary<object> {
  const names = Object.keys(fields);
  return fc
    .subarray(names, { maxLength: depth === 0 ? names.length : Math.min(names.length, 6) })
    .chain((chosen) =>
      fc.record(Object.fromEntries(chosen.map((name) => [name, anyOf(fields[name] ?? '', depth + 1)]))),
    );
}

describe('V5 whatever comes in is answered', () => {
  test.each(builtInTypes.map((type) => [type.schema, type] as const))('%s', async (name, type) => {
    const { registry } = await testRegistry();
    const namespace = type.namespaced ? 'default' : undefined;
    const body = objectOf(schema[name] ?? {}, 0);
    await fc.assert(
      fc.asyncProperty(body, body, fc.boolean(), async (first, second, wild) => {
        const key = { ...(namespace !== undefined && { namespace }), name: 'a' };
        const named = (object: object) =>
          wild ? object : { ...object, apiVersion: undefined, kind: undefined, metadata: { name: 'a' } };
        await answered(() => registry.create(type, namespace, named(first), tester));
        await answered(() => registry.update(type, key, named(second), tester));
        await answered(() => registry.patch(type, key, { type: 'merge', body: second }, tester));
        await answered(() => registry.patch(type, key, { type: 'strategic', body: first }, tester));
        await answered(() =>
          registry.patch(type, key, { type: 'apply', body: named(first) }, { ...tester, fieldManager: 'me' }),
        );
        await answered(() => registry.update(type, key, named(second), { ...tester, subresource: 'status' }));
        await answered(() => registry.delete(type, key, { gracePeriodSeconds: 0 }, tester));
      }),
      { numRuns: 40 },
    );
  });

  test.each(['binding', 'eviction', 'scale', 'none'])('%s', async (subresource) => {
    const { registry, client } = await testRegistry();
    await client.create(Pods, podNamed('a'));
    await client.create(StatefulSets, setNamed('a'));
    const key = { namespace: 'default', name: 'a' };
    const shape = { binding: 'Binding', eviction: 'Eviction', scale: 'Scale' }[subresource] ?? 'Status';
    await fc.assert(
      fc.asyncProperty(objectOf(schema[shape] ?? {}, 0), async (body) => {
        const named = { ...body, metadata: { name: 'a' } };
        for (const one of [body, named]) {
          await answered(() => registry.createSubresource(Pods, key, subresource, one, tester));
          await answered(() => registry.updateSubresource(StatefulSets, key, subresource, one, tester));
          await answered(() =>
            registry.patchSubresource(StatefulSets, key, subresource, { type: 'merge', body: one }, tester),
          );
        }
      }),
      { numRuns: 100 },
    );
    expect((await client.get(StatefulSets, key)).metadata.name).toBe('a');
  });
});
