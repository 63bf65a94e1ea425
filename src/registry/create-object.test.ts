import { describe, expect, test } from 'vitest';
import { failure, podNamed, setNamed, tester, testRegistry } from '../../test/support/test-registry.ts';
import type { Pod } from '../api/generated/types.ts';
import {
  ConfigMaps,
  ControllerRevisions,
  Namespaces,
  Nodes,
  PersistentVolumeClaims,
  Pods,
  StatefulSets,
} from '../api/kinds.ts';
import { seededRandom } from '../platform/random.ts';
import { settle } from '../platform/virtual-clock.ts';
import type { Store } from '../store/store.ts';
import { createRegistry } from './create-registry.ts';

function bound(target: Store, property: string | symbol): unknown {
  const value: unknown = Reflect.get(target, property, target);
  return typeof value === 'function' ? value.bind(target) : value;
}

describe('create', () => {
  test('the server decides uid, creation time, version and generation, whatever the creator says', async () => {
    const { client } = await testRegistry();
    const { metadata, status } = await client.create(Pods, {
      ...podNamed('redis-0'),
      metadata: {
        namespace: 'default',
        name: 'redis-0',
        uid: 'mine',
        creationTimestamp: '1999-01-01T00:00:00Z',
        generation: 7,
        deletionTimestamp: '2030-01-01T00:00:00Z',
        selfLink: '/x',
      },
      status: { phase: 'Running' },
    } as Pod);
    expect(metadata.uid).not.toBe('mine');
    expect(metadata.creationTimestamp).toBe('2026-01-01T00:00:00Z');
    expect(metadata.generation).toBe(1);
    expect(Number(metadata.resourceVersion)).toBeGreaterThan(0);
    expect(metadata).not.toHaveProperty('deletionTimestamp');
    expect(metadata).not.toHaveProperty('selfLink');
    expect(status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
  });

  test('a node keeps the status it registers with', async () => {
    const { client } = await testRegistry();
    const node = await client.create(Nodes, {
      metadata: { name: 'node-0' },
      spec: {},
      status: { capacity: { cpu: '4' } },
    });
    expect(node.status?.capacity).toEqual({ cpu: '4' });
  });

  test('what comes out is deeply frozen, and what was handed in is left as it was', async () => {
    const { client } = await testRegistry();
    const given = setNamed('redis');
    const set = await client.create(StatefulSets, given);
    expect(Object.isFrozen(set.spec.template.spec?.containers[0])).toBe(true);
    expect(Object.isFrozen(given.spec)).toBe(false);
    expect(given).toEqual(setNamed('redis'));
  });

  test('a second object of the name is refused', async () => {
    const { client } = await testRegistry();
    await client.create(StatefulSets, setNamed('redis'));
    expect(await failure(client.create(StatefulSets, setNamed('redis')))).toEqual({
      code: 409,
      reason: 'AlreadyExists',
      message: 'statefulsets.apps "redis" already exists',
      details: { name: 'redis', group: 'apps', kind: 'statefulsets' },
    });
  });

  test('of many at once with one name exactly one is made', async () => {
    const { client } = await testRegistry();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => client.create(StatefulSets, setNamed('redis'))),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a name that is still ending says so', async () => {
    const { client } = await testRegistry();
    await client.create(Pods, podNamed('redis-0', { nodeName: 'node-0' }));
    await client.delete(Pods, { namespace: 'default', name: 'redis-0' });
    expect(await failure(client.create(Pods, podNamed('redis-0')))).toMatchObject({
      reason: 'AlreadyExists',
      message: 'object is being deleted: pods "redis-0" already exists',
    });
  });

  test('a generated name is the prefix, cut to 58 letters, and five letters more', async () => {
    const { client } = await testRegistry();
    const create = (generateName: string) =>
      client.create(ConfigMaps, { metadata: { namespace: 'default', generateName } });
    expect((await create('redis-')).metadata.name).toMatch(/^redis-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect((await create('a'.repeat(80))).metadata.name).toMatch(/^a{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('a generated name that is taken is tried again', async () => {
    const { registry, store } = await testRegistry();
    // Two registries with the same luck: the second one generates the same names as the first.
    const body = { metadata: { generateName: 'redis-' } };
    const again = createRegistry({ store, random: seededRandom(5) });
    const first = await createRegistry({ store, random: seededRandom(5) }).create(ConfigMaps, 'default', body, tester);
    const second = await again.create(ConfigMaps, 'default', body, tester);
    expect(second.object.metadata.name).not.toBe(first.object.metadata.name);
    expect((await registry.list(ConfigMaps, {}, tester)).items).toHaveLength(2);
  });

  test('a namespace that does not exist is not found', async () => {
    const { client } = await testRegistry();
    const create = client.create(ConfigMaps, { metadata: { namespace: 'nowhere', name: 'a' } });
    expect(await failure(create)).toMatchObject({
      code: 404,
      reason: 'NotFound',
      message: 'namespaces "nowhere" not found',
    });
  });

  test('a namespace that is being emptied takes nothing new', async () => {
    const { client } = await testRegistry();
    await client.create(Namespaces, { metadata: { name: 'old' }, spec: {} });
    await client.delete(Namespaces, { name: 'old' });
    expect(await failure(client.create(ConfigMaps, { metadata: { namespace: 'old', name: 'a' } }))).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      message:
        'configmaps "a" is forbidden: unable to create new content in namespace old because it is being terminated',
      details: {
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: 'namespace old is being terminated',
            field: 'metadata.namespace',
          },
        ],
      },
    });
  });

  test('nothing appears in a namespace after it has begun to end, also when that was not known yet', async () => {
    const { client, store, clock } = await testRegistry();
    await client.create(Namespaces, { metadata: { name: 'old' }, spec: {} });
    // Whoever asks for the namespace gets an answer that is old when it arrives.
    const gates: (() => void)[] = [];
    const slow = new Proxy(store, {
      get(target, property) {
        if (property !== 'get') return bound(target, property);
        return async (key: string) => {
          const entry = await target.get(key);
          if (key === '/core/namespaces/old') await new Promise<void>((resolve) => gates.push(resolve));
          return entry;
        };
      },
    });
    const late = createRegistry({ store: slow, clock });
    const create = failure(late.create(ConfigMaps, 'old', { metadata: { name: 'a' } }, tester));
    await settle();
    gates.shift()?.();
    await settle();
    await client.delete(Namespaces, { name: 'old' });
    for (let turn = 0; turn < 5; turn += 1) {
      gates.shift()?.();
      await settle();
    }
    expect(await create).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect((await client.list(ConfigMaps, { namespace: 'old' })).items).toEqual([]);
  });

  test('the namespace of the object may not be another than that of the request', async () => {
    const { registry } = await testRegistry();
    const body = { metadata: { namespace: 'kube-system', name: 'a' } };
    expect(await failure(registry.create(ConfigMaps, 'default', body, tester))).toMatchObject({
      code: 400,
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    });
  });

  test('a version belongs to objects that exist', async () => {
    const { client } = await testRegistry();
    const create = client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'a', resourceVersion: '5' } });
    expect(await failure(create)).toMatchObject({
      code: 400,
      message: 'resourceVersion should not be set on objects to be created',
    });
  });

  test.each([
    ['null', null],
    ['a list', []],
    ['a word', 'pod'],
  ])('V5 %s is not an object', async (_what, body) => {
    const { registry } = await testRegistry();
    expect(await failure(registry.create(Pods, 'default', body, tester))).toMatchObject({ code: 400 });
  });

  test('V5 what is nested without end is refused', async () => {
    const { registry } = await testRegistry();
    const data: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    const body = { metadata: { name: 'a' }, revision: 1, data: { data } };
    expect(await failure(registry.create(ControllerRevisions, 'default', body, tester))).toMatchObject({ code: 400 });
  });

  test('V5 another kind or version is refused by name', async () => {
    const { registry } = await testRegistry();
    const kind = registry.create(
      Pods,
      'default',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } },
      tester,
    );
    expect(await failure(kind)).toMatchObject({
      code: 400,
      message: expect.stringContaining('Secret in version "v1" cannot be handled as a Pod'),
    });
    const version = registry.create(
      StatefulSets,
      'default',
      { apiVersion: 'apps/v1beta1', kind: 'StatefulSet' },
      tester,
    );
    expect(await failure(version)).toMatchObject({
      code: 400,
      message: 'the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)',
    });
  });

  test('V4 unknown fields are an error, a warning or nothing, as is asked', async () => {
    const { registry } = await testRegistry();
    const body = { metadata: { name: 'a' }, data: {}, dta: {} };
    const strict = registry.create(ConfigMaps, 'default', body, { ...tester, fieldValidation: 'Strict' });
    expect(await failure(strict)).toMatchObject({
      code: 400,
      message: 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dta"',
    });
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const { object } = await registry.create(ConfigMaps, 'default', body, { ...tester, fieldValidation: 'Warn', warn });
    expect(warnings).toEqual(['unknown field "dta"']);
    expect(object).not.toHaveProperty('dta');
    await registry.delete(ConfigMaps, object.metadata, {}, tester);
    await registry.create(ConfigMaps, 'default', body, { ...tester, fieldValidation: 'Ignore', warn });
    expect(warnings).toHaveLength(1);
  });

  test('V1 an invalid object is refused with its causes', async () => {
    const { client } = await testRegistry();
    expect(await failure(client.create(StatefulSets, setNamed('redis', { replicas: -1 })))).toMatchObject({
      code: 422,
      reason: 'Invalid',
      message:
        'StatefulSet.apps "redis" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      details: { kind: 'StatefulSet', causes: [{ reason: 'FieldValueInvalid', field: 'spec.replicas' }] },
    });
  });

  test('a dry run answers as if it had been done and stores nothing', async () => {
    const { client, registry } = await testRegistry();
    const before = registry.resourceVersion;
    const set = await client.create(StatefulSets, setNamed('redis'), { dryRun: true });
    expect(set.spec.replicas).toBe(1);
    expect(registry.resourceVersion).toBe(before);
    expect((await client.list(StatefulSets)).items).toEqual([]);
  });

  test('nulls are fields that are not there, and __proto__ is a key like any other', async () => {
    const { registry } = await testRegistry();
    const body: unknown = JSON.parse('{"metadata":{"name":"a","labels":null},"data":{"__proto__":"x"}}');
    const stored = await registry.create(ConfigMaps, 'default', body, tester);
    expect(stored.object.metadata).not.toHaveProperty('labels');
    expect(JSON.parse(stored.json().toString())).toEqual(
      JSON.parse(JSON.stringify({ ...stored.object, data: JSON.parse('{"__proto__":"x"}') })),
    );
    expect(Object.keys(stored.object.data ?? {})).toEqual(['__proto__']);
  });

  test('a claim begins Pending', async () => {
    const { client } = await testRegistry();
    const claim = await client.create(PersistentVolumeClaims, {
      metadata: { namespace: 'default', name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    expect(claim.status).toEqual({ phase: 'Pending' });
  });
});
