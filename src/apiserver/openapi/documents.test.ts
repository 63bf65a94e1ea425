import { describe, expect, test } from 'vitest';

import { builtInTypes, Pods, StatefulSets } from '../../api/kinds.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { OpenApiDocuments } from './documents.ts';
import type { Json } from './schemas.ts';

let types: readonly ResourceType[] = builtInTypes;
const documents = new OpenApiDocuments({
  types: () => types,
  subresources: (type) =>
    type === StatefulSets
      ? [
          { ...type, name: 'status', verbs: ['get', 'patch', 'update'] },
          { name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
        ]
      : [],
  version: 'v1.36.0',
});

/** A document as a client reads it. */
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas: Readonly<Record<string, Json>> };
  readonly definitions?: Readonly<Record<string, Json>>;
}
interface Operation {
  readonly parameters?: readonly { readonly name: string }[];
  readonly 'x-kubernetes-group-version-kind'?: Json;
}

const read = (path: string): Document => JSON.parse(documents.answer(path)?.body.toString() ?? 'null');
const index = (): Readonly<Record<string, { readonly serverRelativeURL: string }>> =>
  JSON.parse(documents.answer('/openapi/v3')?.body.toString() ?? '{}').paths;

describe('OpenAPI version 3', () => {
  test('the index names a document for each group and version, with a hash of its content', () => {
    expect(Object.keys(index())).toContain('api/v1');
    expect(index()['apis/apps/v1']?.serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{64}$/);
  });

  test('every reference leads somewhere', () => {
    for (const path of Object.keys(index())) {
      const document = read(`/openapi/v3/${path}`);
      const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
        ([, name]) => name,
      );
      expect(names.length).toBeGreaterThan(0);
      for (const name of new Set(names)) expect(document.components?.schemas, name).toHaveProperty([name ?? '']);
    }
  });

  test('every kind is marked, so that explain finds it, and can be patched with the parameters kubectl looks for', () => {
    const all = Object.keys(index()).map((path) => read(`/openapi/v3/${path}`));
    const marked = (value: Json | undefined): string =>
      JSON.stringify(value?.['x-kubernetes-group-version-kind'] ?? []);
    for (const { group, version, kind } of builtInTypes) {
      const gvk = JSON.stringify({ group, version, kind });
      const schemas = all.flatMap((document) => Object.values(document.components?.schemas ?? {}));
      expect(
        schemas.filter((schema) => marked(schema).includes(gvk)),
        gvk,
      ).toHaveLength(1);
      const patches = all
        .flatMap((document) => Object.values(document.paths))
        .flatMap(({ patch }) => (patch === undefined || marked(patch as Json) !== gvk ? [] : [patch]));
      expect(patches.length, gvk).toBeGreaterThan(0);
      for (const patch of patches) {
        expect(patch.parameters?.map(({ name }) => name)).toEqual(
          expect.arrayContaining(['dryRun', 'fieldManager', 'fieldValidation', 'force']),
        );
      }
    }
  });

  test('lists say how they merge', () => {
    const schemas = read('/openapi/v3/api/v1').components?.schemas ?? {};
    const { containers, tolerations } = schemas['io.k8s.api.core.v1.PodSpec']!.properties as Record<string, Json>;
    expect(containers).toMatchObject({
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    });
    expect(tolerations).toMatchObject({ 'x-kubernetes-list-type': 'atomic' });
    expect(schemas['io.k8s.api.core.v1.PodSpec']?.required).toEqual(['containers']);
  });

  test('has the routes below an object', () => {
    const { paths } = read('/openapi/v3/apis/apps/v1');
    const object = '/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}';
    expect(Object.keys(paths)).toEqual(expect.arrayContaining([object, `${object}/status`, `${object}/scale`]));
    expect(paths[`${object}/scale`]?.get?.['x-kubernetes-group-version-kind']).toEqual({
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
    });
  });

  test('what is not there has no document', () => {
    for (const path of ['/openapi/v3/apis/nope/v1', '/openapi/v1', '/openapi', '/openapi/v2/x', '/other']) {
      expect(documents.answer(path)).toBeUndefined();
    }
  });

  test('a document is made once, and again when the kinds change', () => {
    const first = documents.answer('/openapi/v3/api/v1')?.body;
    expect(documents.answer('/openapi/v3/api/v1')?.body).toBe(first);
    types = [Pods];
    expect(Object.keys(index())).toEqual(['api/v1']);
    types = builtInTypes;
    expect(documents.answer('/openapi/v3/api/v1')?.body).toEqual(first);
  });
});

describe('OpenAPI version 2', () => {
  test('holds everything in one document', () => {
    const document = read('/openapi/v2');
    const names = [...JSON.stringify(document).matchAll(/"#\/definitions\/([^"]+)"/g)].map(([, name]) => name ?? '');
    for (const name of new Set(names)) expect(document.definitions, name).toHaveProperty([name]);
    expect(document.definitions).toHaveProperty(['io.k8s.api.apps.v1.StatefulSet']);
    expect(document.paths).toHaveProperty(['/api/v1/namespaces/{namespace}/pods/{name}']);
  });

  test('asks nothing of values that may be anything: old clients check manifests against it', () => {
    const schema = read('/openapi/v2').definitions?.[
      'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'
    ] as unknown as { readonly properties: Readonly<Record<string, Json>> };
    expect(schema.properties.default).not.toHaveProperty('type');
    expect(schema.properties.enum?.items).toEqual({});
  });

  test('is written in protobuf for those who ask for it', () => {
    const answer = documents.answer('/openapi/v2', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf');
    expect(answer?.contentType).toContain('protobuf');
    const document = read('/openapi/v2');
    const fields = messages(answer?.body ?? Buffer.alloc(0));
    expect(fields.get(1)?.map(String)).toEqual(['2.0']);
    const definitions = messages(fields.get(9)?.[0] ?? Buffer.alloc(0)).get(1) ?? [];
    const names = definitions.map((entry) => String(messages(entry).get(1)?.[0]));
    expect(names).toEqual(Object.keys(document.definitions ?? {}));
    const paths = messages(fields.get(8)?.[0] ?? Buffer.alloc(0)).get(2) ?? [];
    expect(paths).toHaveLength(Object.keys(document.paths).length);
  });
});

/** The fields of a message that hold bytes, by number. */
function messages(message: Buffer): Map<number, Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const length = varint();
    if (tag % 8 === 0) continue;
    const list = fields.get(tag >> 3) ?? [];
    list.push(message.subarray(at, at + length));
    fields.set(tag >> 3, list);
    at += length;
  }
  return fields;
}
