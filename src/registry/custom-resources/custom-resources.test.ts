import { beforeEach, describe, expect, test } from 'vitest';
import { failure, type TestRegistry, tester, testRegistry } from '../../../test/support/test-registry.ts';
import { tableLayout } from '../../api/columns.ts';
import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { CustomResourceDefinitions } from '../../api/kinds.ts';
import type { New } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { RequestContext } from '../requests.ts';
import type { AnyObject } from '../strategies/strategy.ts';

type Version = CustomResourceDefinition['spec']['versions'][number];

const v1: Version = {
  name: 'v1',
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      required: ['spec'],
      properties: {
        spec: {
          type: 'object',
          required: ['schedule'],
          properties: {
            schedule: { type: 'string', pattern: '^[0-9* ]+$', maxLength: 20 },
            replicas: { type: 'integer', minimum: 0, maximum: 10, default: 1 },
            mode: { type: 'string', enum: ['fast', 'slow'], default: 'slow' },
            note: { type: 'string', nullable: true },
            port: { 'x-kubernetes-int-or-string': true },
            extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            since: { type: 'string', format: 'date-time' },
            steps: {
              type: 'array',
              maxItems: 2,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              items: {
                type: 'object',
                required: ['name'],
                properties: { name: { type: 'string' }, run: { type: 'string' } },
              },
            },
          },
        },
        status: {
          type: 'object',
          properties: { replicas: { type: 'integer' }, selector: { type: 'string' }, phase: { type: 'string' } },
        },
      },
    },
  },
  subresources: {
    status: {},
    scale: {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  additionalPrinterColumns: [
    { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' },
    { name: 'Steps', type: 'string', jsonPath: '.spec.steps[*].name' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: [{ jsonPath: '.spec.mode' }],
};

function definition(versions: readonly Version[] = [v1], names = {}): New<CustomResourceDefinition> {
  return {
    metadata: { name: 'jobbers.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'jobbers', kind: 'Jobber', shortNames: ['jb'], ...names },
      versions,
    },
  };
}

const jobber = (name: string, spec: object = { schedule: '* *' }): object => ({
  metadata: { namespace: 'default', name },
  spec,
});
const at = (name: string) => ({ namespace: 'default', name });

let cluster: TestRegistry;
let warnings: string[];
let asked: RequestContext;
beforeEach(async () => {
  cluster = await testRegistry();
  warnings = [];
  asked = { ...tester, fieldManager: 'tester', warn: (message) => warnings.push(message) };
});

const define = async (given = definition()) => cluster.client.create(CustomResourceDefinitions, given);
function jobbers(version = 'v1'): ResourceType<AnyObject> {
  const type = cluster.registry.find('stable.example.com', version, 'jobbers');
  if (type === undefined) throw new Error('the kind is not served');
  return type as ResourceType<AnyObject>;
}
const create = async (object: object, context = asked) =>
  (await cluster.registry.create(jobbers(), 'default', object, context)).object;

describe('a definition', () => {
  test('makes a kind at once, and says that its names are accepted', async () => {
    const stored = await define();
    expect(stored.status?.conditions).toMatchObject([
      { type: 'NamesAccepted', status: 'True' },
      { type: 'Established', status: 'True' },
    ]);
    expect(stored.status).toMatchObject({
      acceptedNames: { singular: 'jobber', listKind: 'JobberList' },
      storedVersions: ['v1'],
    });
    expect(stored.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    expect(cluster.registry.types()).toContain(jobbers());
    expect(cluster.registry.subresources(jobbers())).toEqual(['status', 'scale']);
  });

  test('whose names are taken is stored, and not served before they are free', async () => {
    await define();
    const rival = definition([v1], { plural: 'others', kind: 'Other', shortNames: ['jb'] });
    const key = { name: 'others.stable.example.com' };
    const refused = await define({ ...rival, metadata: key });
    expect(refused.status?.conditions).toMatchObject([
      { type: 'NamesAccepted', status: 'False', reason: 'ShortNamesConflict', message: '"jb" is already in use' },
      { type: 'Established', status: 'False' },
    ]);
    expect(cluster.registry.find('stable.example.com', 'v1', 'others')).toBeUndefined();
    const changed = await cluster.client.patch(CustomResourceDefinitions, key, {
      type: 'merge',
      body: { spec: { names: { shortNames: ['ot'] } } },
    });
    expect(changed.status?.conditions?.[1]).toMatchObject({ type: 'Established', status: 'True' });
    expect(cluster.registry.find('stable.example.com', 'v1', 'others')).toBeDefined();
  });

  test.each([
    ['a schema that says no type', { properties: { a: {} } }, 'spec.versions[0].schema.openAPIV3Schema.type'],
    [
      'a pattern that is none',
      { type: 'object', properties: { a: { type: 'string', pattern: '(' } } },
      'spec.versions[0].schema.openAPIV3Schema.properties[a].pattern',
    ],
    [
      'a default that does not fit',
      { type: 'object', properties: { a: { type: 'integer', default: 'x' } } },
      'spec.versions[0].schema.openAPIV3Schema.properties[a].default',
    ],
    [
      'a list without items',
      { type: 'object', properties: { a: { type: 'array' } } },
      'spec.versions[0].schema.openAPIV3Schema.properties[a].items',
    ],
  ])('with %s is refused', async (_what, openAPIV3Schema, field) => {
    const refused = await failure(define(definition([{ ...v1, schema: { openAPIV3Schema } }])));
    expect(refused).toMatchObject({
      code: 422,
      details: { causes: expect.arrayContaining([expect.objectContaining({ field })]) },
    });
  });

  test.each<[string, Partial<Version>, string]>([
    [
      'a column of no type',
      { additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: '.a' }] },
      'additionalPrinterColumns[0].type',
    ],
    [
      'a column of no format',
      { additionalPrinterColumns: [{ name: 'A', type: 'string', format: 'x', jsonPath: '.a' }] },
      'additionalPrinterColumns[0].format',
    ],
    ['a warning for a version that is not deprecated', { deprecationWarning: 'old' }, 'deprecationWarning'],
    [
      'a selectable field that is none',
      { selectableFields: [{ jsonPath: '.spec.nope' }] },
      'selectableFields[0].jsonPath',
    ],
    ['a selectable object', { selectableFields: [{ jsonPath: '.spec' }] }, 'selectableFields[0].jsonPath'],
    ['selectable metadata', { selectableFields: [{ jsonPath: '.metadata.name' }] }, 'selectableFields[0].jsonPath'],
    ['nine selectable fields', { selectableFields: Array(9).fill({ jsonPath: '.spec.mode' }) }, 'selectableFields'],
    [
      'a selector that is somewhere else',
      {
        subresources: {
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.other',
          },
        },
      },
      'subresources.scale.labelSelectorPath',
    ],
  ])('with %s is refused', async (_what, version, field) => {
    expect(await failure(define(definition([{ ...v1, ...version }])))).toMatchObject({
      code: 422,
      details: { causes: expect.arrayContaining([expect.objectContaining({ field: `spec.versions[0].${field}` })]) },
    });
  });

  test('keeps the versions in its status that objects may be stored in', async () => {
    const stored = await define();
    const change = (storedVersions: readonly string[]) =>
      cluster.client.patch(
        CustomResourceDefinitions,
        stored.metadata,
        { type: 'merge', body: { status: { storedVersions } } },
        { subresource: 'status' },
      );
    expect(await failure(change([]))).toMatchObject({ code: 422 });
    expect(await failure(change(['v1', 'v0']))).toMatchObject({
      code: 422,
      message: expect.stringContaining('must appear in spec.versions'),
    });
  });

  test('has rules that its objects have to keep, when they are made and when they change, also after a restart', async () => {
    const spec = { type: 'object', properties: { replicas: { type: 'integer' } } };
    const ruled = (rule: string) => ({
      ...v1,
      selectableFields: [],
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: { spec: { ...spec, 'x-kubernetes-validations': [{ rule, message: 'odd' }] } },
        },
      },
    });
    await define(definition([ruled('self.replicas % 2 == 0')]));
    const jobber = (name: string, replicas: number) => ({
      apiVersion: 'stable.example.com/v1',
      kind: 'Jobber',
      metadata: { name, namespace: 'default' },
      spec: { replicas },
    });
    const odd = { code: 422, message: 'Jobber.stable.example.com "a" is invalid: spec: Invalid value: "object": odd' };
    expect(await failure(create(jobber('a', 1)))).toMatchObject(odd);
    await create(jobber('a', 2));
    const change = { type: 'merge', body: { spec: { replicas: 3 } } } as const;
    expect(await failure(cluster.client.patch(jobbers(), at('a'), change))).toMatchObject(odd);

    const { createRegistry } = await import('../create-registry.ts');
    const registry = createRegistry({ store: cluster.store, clock: cluster.clock });
    await registry.bootstrap();
    const type = registry.find('stable.example.com', 'v1', 'jobbers') as ResourceType;
    expect(await failure(registry.patch(type, at('a'), change, tester))).toMatchObject(odd);
  });

  test('with a rule that cannot be read, or calls what there is not, is refused', async () => {
    const ruled = (rule: string) => {
      const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-validations': [{ rule }] } };
      const body = definition([{ ...v1, schema, selectableFields: [] }]);
      return cluster.registry.create(CustomResourceDefinitions, undefined, body, asked);
    };
    expect(await failure(ruled('self.metadata.name =='))).toMatchObject({
      code: 422,
      message: expect.stringContaining(
        'spec.versions[0].schema.openAPIV3Schema.x-kubernetes-validations[0].rule: Invalid value: "self.metadata.name ==": compilation failed',
      ),
    });
    expect(await failure(ruled('nosuch(self.metadata.name)'))).toMatchObject({
      code: 422,
      message: expect.stringContaining("compilation failed: ERROR: found no matching overload for 'nosuch(string)'"),
    });
    await ruled('isCIDR(self.metadata.name)');
  });

  test('that was stored before is served after a restart', async () => {
    await define();
    await create(jobber('a'));
    const { createRegistry } = await import('../create-registry.ts');
    const registry = createRegistry({ store: cluster.store, clock: cluster.clock });
    await registry.bootstrap();
    const type = registry.find('stable.example.com', 'v1', 'jobbers');
    expect((await registry.get(type as ResourceType, at('a'), tester)).object).toMatchObject({ kind: 'Jobber' });
  });

  test('waits for its finalizer, takes no new objects meanwhile, and then its kind and watches are gone', async () => {
    await define();
    const type = jobbers();
    let closed = 0;
    cluster.registry.watch(type, {}, { events: () => {}, closed: () => (closed += 1) });
    const key = { name: 'jobbers.stable.example.com' };
    await cluster.client.delete(CustomResourceDefinitions, key);
    expect(await failure(create(jobber('late')))).toMatchObject({ code: 405 });
    await cluster.client.patch(CustomResourceDefinitions, key, {
      type: 'merge',
      body: { metadata: { finalizers: null } },
    });
    expect(cluster.registry.find('stable.example.com', 'v1', 'jobbers')).toBeUndefined();
    expect(await failure(cluster.client.list(type))).toMatchObject({ code: 404 });
    expect(closed).toBe(1);
  });
});

describe('a custom object', () => {
  beforeEach(async () => void (await define()));

  test('is defaulted, and loses what the schema does not know', async () => {
    const object = await create(
      jobber('a', { schedule: '* *', colour: 'red', note: null, mode: null, extra: { any: [1] } }),
    );
    expect(object).toMatchObject({ apiVersion: 'stable.example.com/v1', kind: 'Jobber', metadata: { generation: 1 } });
    expect(object.spec).toEqual({ schedule: '* *', replicas: 1, mode: 'slow', note: null, extra: { any: [1] } });
    expect(warnings).toEqual(['unknown field "spec.colour"']);
    const strict = create(jobber('b', { schedule: '*', colour: 'red' }), { ...asked, fieldValidation: 'Strict' });
    expect(await failure(strict)).toMatchObject({
      code: 400,
      message: expect.stringContaining('strict decoding error: unknown field "spec.colour"'),
    });
  });

  test.each([
    [{ schedule: 'daily' }, 'spec.schedule: Invalid value: "daily": spec.schedule in body should match \'^[0-9* ]+$\''],
    [{}, 'spec.schedule: Required value'],
    [
      { schedule: '*', replicas: 11 },
      'spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10',
    ],
    [
      { schedule: '*', replicas: 'x' },
      'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
    ],
    [{ schedule: '*', mode: 'mid' }, 'spec.mode: Unsupported value: "mid": supported values: "fast", "slow"'],
    [
      { schedule: '*', port: true },
      'spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"',
    ],
    [
      { schedule: '*', since: 'noon' },
      'spec.since: Invalid value: "noon": spec.since in body must be of type date-time: "noon"',
    ],
    [{ schedule: '*', steps: [{ name: 'a' }, { name: 'a' }] }, 'spec.steps[1]: Duplicate value: {"name":"a"}'],
    [{ schedule: '*', steps: [{}] }, 'spec.steps[0].name: Required value'],
    [
      { schedule: '*', steps: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] },
      'spec.steps: Too many: 3: must have at most 2 items',
    ],
  ])('that breaks its schema is refused: %j', async (spec, message) => {
    expect(await failure(create(jobber('a', spec)))).toMatchObject({
      code: 422,
      message: `Jobber.stable.example.com "a" is invalid: ${message}`,
    });
  });

  test('of no kind at all is refused', async () => {
    expect(await failure(create({ ...jobber('a'), kind: { toString: 1 } }))).toMatchObject({ code: 400 });
    expect(await failure(create({ ...jobber('a'), metadata: [] }))).toMatchObject({ code: 400 });
  });

  test('has a status of its own, and a scale', async () => {
    const made = await create({ ...jobber('a'), status: { phase: 'Done' } });
    expect(made.status).toBeUndefined();
    const { registry } = cluster;
    const body = { metadata: { labels: { a: 'b' } }, spec: { replicas: 9 }, status: { replicas: 2, selector: 'a=b' } };
    const patched = await registry.patch(
      jobbers(),
      at('a'),
      { type: 'merge', body },
      { ...asked, subresource: 'status' },
    );
    expect(patched.object).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 2 } });
    expect(patched.object.metadata.labels).toBeUndefined();
    expect(patched.object.metadata.generation).toBe(1);
    expect(await registry.getSubresource(jobbers(), at('a'), 'scale', tester)).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 1 },
      status: { replicas: 2, selector: 'a=b' },
    });
    await registry.patchSubresource(
      jobbers(),
      at('a'),
      'scale',
      { type: 'merge', body: { spec: { replicas: 3 } } },
      asked,
    );
    expect((await registry.get(jobbers(), at('a'), tester)).object).toMatchObject({
      spec: { replicas: 3 },
      metadata: { generation: 2 },
    });
  });

  test('has no scale to show while it has no number', async () => {
    const replicas = { type: 'integer' };
    const spec = { type: 'object', properties: { schedule: { type: 'string' }, replicas } };
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
    await cluster.client.patch(
      CustomResourceDefinitions,
      { name: 'jobbers.stable.example.com' },
      {
        type: 'merge',
        body: { spec: { versions: [{ ...v1, schema, selectableFields: [] }] } },
      },
    );
    await create(jobber('a'));
    const shown = cluster.registry.getSubresource(jobbers(), at('a'), 'scale', tester);
    expect(await failure(shown)).toMatchObject({
      code: 500,
      message: expect.stringContaining('the spec replicas field ".spec.replicas" does not exist'),
    });
    const change = { type: 'merge', body: { spec: { replicas: 2 } } } as const;
    const scale = await cluster.registry.patchSubresource(jobbers(), at('a'), 'scale', change, asked);
    expect(scale.spec).toEqual({ replicas: 2 });
  });

  test('is applied with owners of its fields, and has no strategic merge patch', async () => {
    const { registry } = cluster;
    const apply = (steps: readonly object[], fieldManager: string, force = false) =>
      registry.patch(
        jobbers(),
        at('a'),
        { type: 'apply', body: jobber('a', { schedule: '*', steps }), force },
        { ...asked, fieldManager },
      );
    await apply([{ name: 'one', run: 'x' }], 'first');
    const both = await apply([{ name: 'two', run: 'y' }], 'second');
    expect(both.object.spec?.steps).toEqual([
      { name: 'one', run: 'x' },
      { name: 'two', run: 'y' },
    ]);
    expect(await failure(apply([{ name: 'one', run: 'z' }], 'second'))).toMatchObject({ code: 409 });
    const strategic = registry.patch(jobbers(), at('a'), { type: 'strategic', body: {} }, asked);
    expect(await failure(strategic)).toMatchObject({ code: 415 });
  });

  test('is selected by the fields that the definition names', async () => {
    await create(jobber('a', { schedule: '*', mode: 'fast' }));
    await create(jobber('b'));
    const { items } = await cluster.client.list(jobbers(), { fieldSelector: 'spec.mode=fast' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect(await failure(cluster.client.list(jobbers(), { fieldSelector: 'spec.note=x' }))).toMatchObject({
      code: 400,
    });
  });

  test('is printed in the columns of its definition', async () => {
    const object = await create(jobber('a', { schedule: '*', steps: [{ name: 'x' }, { name: 'y' }] }));
    const layout = tableLayout(jobbers());
    expect(layout.columns.map(({ name }) => name)).toEqual(['Name', 'Schedule', 'Steps', 'Age']);
    expect(layout.cells(object, cluster.clock.now())).toEqual(['a', '*', 'x,y', '0s']);
  });

  test('can go on as it is when its schema becomes stricter', async () => {
    await create(jobber('a', { schedule: '1 2 3 4' }));
    const schema = structuredClone(v1.schema) as {
      openAPIV3Schema: { properties: { spec: { properties: { schedule: object } } } };
    };
    schema.openAPIV3Schema.properties.spec.properties.schedule = { type: 'string', maxLength: 3 };
    await cluster.client.patch(
      CustomResourceDefinitions,
      { name: 'jobbers.stable.example.com' },
      { type: 'merge', body: { spec: { versions: [{ ...v1, schema }] } } },
    );
    const patched = await cluster.client.patch(jobbers(), at('a'), { type: 'merge', body: { spec: { mode: 'fast' } } });
    expect(patched.spec).toMatchObject({ schedule: '1 2 3 4', mode: 'fast' });
    expect(await failure(create(jobber('b', { schedule: '1 2 3 4' })))).toMatchObject({ code: 422 });
  });
});

describe('several versions', () => {
  const old: Version = { ...v1, name: 'v1beta1', storage: false, deprecated: true };

  test('show the same objects, each as its own version', async () => {
    await define(definition([old, v1]));
    expect(cluster.registry.types().slice(-2)).toEqual([jobbers('v1'), jobbers('v1beta1')]);
    await cluster.registry.create(jobbers('v1beta1'), 'default', jobber('a'), asked);
    expect(warnings).toEqual(['stable.example.com/v1beta1 Jobber is deprecated']);
    const events: string[] = [];
    cluster.registry.watch(
      jobbers('v1'),
      {},
      {
        events: (batch) =>
          events.push(
            ...batch.map((each) =>
              each.type === 'BOOKMARK' ? '' : JSON.parse(each.item.json().toString()).apiVersion,
            ),
          ),
        closed: () => {},
      },
    );
    for (const version of ['v1', 'v1beta1']) {
      const { object } = await cluster.registry.get(jobbers(version), at('a'), tester);
      expect(object.apiVersion).toBe(`stable.example.com/${version}`);
      const { items } = await cluster.client.list(jobbers(version));
      expect(items.map(({ apiVersion }) => apiVersion)).toEqual([`stable.example.com/${version}`]);
    }
    const before = cluster.store.revision;
    await cluster.client.patch(jobbers('v1beta1'), at('a'), { type: 'merge', body: { spec: { mode: 'slow' } } });
    expect(cluster.store.revision).toBe(before);
    await cluster.client.patch(jobbers('v1beta1'), at('a'), { type: 'merge', body: { spec: { mode: 'fast' } } });
    expect(events).toEqual(['stable.example.com/v1', 'stable.example.com/v1']);
    expect((await cluster.store.get('/stable.example.com/jobbers/default/a'))?.value).toMatchObject({
      apiVersion: 'stable.example.com/v1',
    });
  });
});
