import fc from 'fast-check';
import { test } from 'vitest';
import { answered, tester, testRegistry } from '../../../test/support/test-registry.ts';
import { CustomResourceDefinitions } from '../../api/kinds.ts';
import type { ResourceType } from '../../api/resource-type.ts';

const NAMES = ['spec', 'status', 'metadata', 'a', 'b', 'replicas', 'labels', 'kind', 'apiVersion', '__proto__'];

/** JSON with names that mean something, so that it gets somewhere. */
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    fc.constantFrom(null, true, 0, -1, 1.5, '', 'a', '2026-01-01'),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('json'), { maxKeys: 4 }),
  ),
}));

const schemas: fc.Arbitrary<object> = fc.letrec<{ schema: object }>((tie) => {
  const leaf = fc.constantFrom<object>(
    { type: 'string', pattern: '^a', maxLength: 3, default: 'a' },
    { type: 'string', format: 'date', nullable: true },
    { type: 'integer', minimum: 0, multipleOf: 2 },
    { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    { 'x-kubernetes-preserve-unknown-fields': true },
    { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
  );
  return {
    schema: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'replicas'), tie('schema'), { maxKeys: 3 }),
        required: fc.subarray(['a', 'b']),
      }),
      fc.record({ type: fc.constant('object'), additionalProperties: fc.oneof(fc.boolean(), tie('schema')) }),
      fc.record({
        type: fc.constant('array'),
        items: tie('schema'),
        'x-kubernetes-list-type': fc.constantFrom('atomic', 'set'),
      }),
      fc.record({ type: fc.constantFrom('object', 'array', 'odd'), items: json, default: json, not: json }),
    ),
  };
}).schema;

/** As in Kubernetes: an object without a number has no scale, and that is an internal error. */
function withoutNumber(error: Error): void {
  if (!error.message.includes('the spec replicas field')) throw error;
}

test('V5 whatever a schema says and whatever comes in for it is answered', async () => {
  await fc.assert(
    fc.asyncProperty(schemas, schemas, fc.array(json, { maxLength: 4 }), async (spec, status, bodies) => {
      const { registry } = await testRegistry();
      const versions = ['v1', 'v2'].map((name) => ({
        name,
        served: true,
        storage: name === 'v1',
        schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.a',
            labelSelectorPath: '.status.b',
          },
        },
      }));
      await answered(() =>
        registry.create(
          CustomResourceDefinitions,
          undefined,
          {
            metadata: { name: 'things.x.example.com' },
            spec: { group: 'x.example.com', scope: 'Cluster', names: { plural: 'things', kind: 'Thing' }, versions },
          },
          tester,
        ),
      );
      const types = ['v1', 'v2'].map((version) => registry.find('x.example.com', version, 'things'));
      for (const type of types.filter((each): each is ResourceType => each !== undefined)) {
        for (const body of bodies) {
          const key = { name: 'a' };
          const named = typeof body === 'object' && body !== null ? { ...body, metadata: { name: 'a' } } : body;
          const spelled = { metadata: { name: 'a' }, spec: body, status: body };
          for (const one of [body, named, spelled]) {
            await answered(() => registry.create(type, undefined, one, tester));
            await answered(() => registry.patch(type, key, { type: 'merge', body: one }, tester));
            await answered(() =>
              registry.patch(type, key, { type: 'apply', body: one }, { ...tester, fieldManager: 'me' }),
            );
            await answered(() =>
              registry.patch(type, key, { type: 'merge', body: one }, { ...tester, subresource: 'status' }),
            );
          }
          await answered(() => registry.patchSubresource(type, key, 'scale', { type: 'merge', body }, tester));
          await answered(() => registry.getSubresource(type, key, 'scale', tester).catch(withoutNumber));
          await answered(() => registry.list(type, {}, tester));
        }
      }
    }),
    { numRuns: 100 },
  );
});
