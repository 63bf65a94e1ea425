import { describe, expect, test } from 'vitest';
import { failure, setNamed, testRegistry } from '../../test/support/test-registry.ts';
import { ConfigMaps, Deployments, StatefulSets } from '../api/kinds.ts';

const redis = { namespace: 'default', name: 'redis' };
const map = { namespace: 'default', name: 'settings' };
const apply = (body: object) => ({ type: 'apply', body }) as const;
const config = (data: Record<string, string>) =>
  apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data });

describe('server-side apply', () => {
  test('makes what is not there, and says who owns what', async () => {
    const { client } = await testRegistry();
    const set = await client.patch(StatefulSets, redis, apply(setNamed('redis')), { fieldManager: 'me' });
    expect(set.spec).toMatchObject({ replicas: 1, podManagementPolicy: 'OrderedReady' });
    expect(set.metadata.managedFields).toMatchObject([
      {
        manager: 'me',
        operation: 'Apply',
        apiVersion: 'apps/v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
      },
    ]);
    expect(set.metadata.managedFields?.[0]?.fieldsV1).toMatchObject({ 'f:spec': { 'f:serviceName': {} } });
    expect(set.metadata.managedFields?.[0]?.fieldsV1).not.toMatchObject({ 'f:spec': { 'f:replicas': {} } });
  });

  test('the same again changes nothing', async () => {
    const { client, registry } = await testRegistry();
    const first = await client.patch(StatefulSets, redis, apply(setNamed('redis')), { fieldManager: 'me' });
    const before = registry.resourceVersion;
    expect(await client.patch(StatefulSets, redis, apply(setNamed('redis')), { fieldManager: 'me' })).toBe(first);
    expect(registry.resourceVersion).toBe(before);
  });

  test('the same again changes nothing, also where a list is one value and the server fills it in', async () => {
    const { client, clock, registry } = await testRegistry();
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const body = apply(setNamed('redis', { volumeClaimTemplates: [claim] }));
    await client.patch(StatefulSets, redis, body, { fieldManager: 'me' });
    const before = registry.resourceVersion;
    await clock.advance(5_000);
    await client.patch(StatefulSets, redis, body, { fieldManager: 'me' });
    expect(registry.resourceVersion).toBe(before);
  });

  test('what is no longer applied goes, what others set stays', async () => {
    const { client } = await testRegistry();
    await client.patch(ConfigMaps, map, config({ a: '1', b: '2' }), { fieldManager: 'me' });
    await client.patch(ConfigMaps, map, { type: 'merge', body: { data: { c: '3' } } }, { fieldManager: 'other' });
    const after = await client.patch(ConfigMaps, map, config({ a: '1' }), { fieldManager: 'me' });
    expect(after.data).toEqual({ a: '1', c: '3' });
  });

  test('a field of somebody else is a conflict, unless forced', async () => {
    const { client } = await testRegistry();
    await client.create(StatefulSets, setNamed('redis'), { fieldManager: 'maker' });
    await client.patch(
      StatefulSets,
      redis,
      { type: 'merge', body: { spec: { replicas: 3 } } },
      { fieldManager: 'scaler' },
    );
    const wanted = apply(setNamed('redis', { replicas: 5 }));
    expect(await failure(client.patch(StatefulSets, redis, wanted, { fieldManager: 'me' }))).toMatchObject({
      code: 409,
      message: expect.stringContaining('conflict with "scaler" using apps/v1: .spec.replicas'),
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.replicas' }] },
    });
    const forced = await client.patch(StatefulSets, redis, wanted, { fieldManager: 'me', force: true });
    expect(forced.spec.replicas).toBe(5);
  });

  test('a writer that does not say who it is counts when the object is tracked', async () => {
    const { client } = await testRegistry();
    await client.patch(ConfigMaps, map, config({ a: '1' }), { fieldManager: 'me' });
    await client.patch(ConfigMaps, map, { type: 'merge', body: { data: { a: '2' } } });
    expect(await failure(client.patch(ConfigMaps, map, config({ a: '1' }), { fieldManager: 'me' }))).toMatchObject({
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "tester" using v1: .data.a',
    });
  });

  test('of objects nobody else has touched, no list of owners is kept', async () => {
    const { client } = await testRegistry();
    const set = await client.create(StatefulSets, setNamed('redis'));
    expect(set.metadata.managedFields).toBeUndefined();
  });

  test('an empty list of owners changes nothing, a list with an empty entry takes them away', async () => {
    const { client } = await testRegistry();
    const made = await client.patch(ConfigMaps, map, config({ a: '1' }), { fieldManager: 'me' });
    const owners = (managedFields: object[]) => ({ type: 'merge', body: { metadata: { managedFields } } }) as const;
    const same = await client.patch(ConfigMaps, map, owners([]), { fieldManager: 'other' });
    expect(same.metadata.managedFields).toEqual(made.metadata.managedFields);
    const none = await client.patch(ConfigMaps, map, owners([{}]), { fieldManager: 'other' });
    expect(none.metadata.managedFields).toBeUndefined();
  });

  test('many at once make one object', async () => {
    const { client } = await testRegistry();
    const all = ['a', 'b', 'c', 'd'].map((key) =>
      client.patch(ConfigMaps, map, config({ [key]: key }), { fieldManager: key }),
    );
    await Promise.all(all);
    expect((await client.get(ConfigMaps, map)).data).toEqual({ a: 'a', b: 'b', c: 'c', d: 'd' });
  });

  test('it wants a manager, a matching name, and an object that exists if it names its uid', async () => {
    const { client } = await testRegistry();
    expect(await failure(client.patch(ConfigMaps, map, config({ a: '1' })))).toMatchObject({
      code: 422,
      message: expect.stringContaining('fieldManager: Required value'),
    });
    const manager = { fieldManager: 'me' };
    const other = apply({ metadata: { name: 'other' } });
    expect(await failure(client.patch(ConfigMaps, map, other, manager))).toMatchObject({ code: 400 });
    const uid = apply({ metadata: { name: 'settings', uid: 'u' } });
    expect(await failure(client.patch(ConfigMaps, map, uid, manager))).toMatchObject({
      code: 409,
      message: expect.stringContaining('uid mismatch: the provided object specified uid u'),
    });
    const status = { ...manager, subresource: 'status' };
    expect(await failure(client.patch(Deployments, redis, apply({ metadata: {} }), status))).toMatchObject({
      code: 404,
    });
  });

  test('a dry run makes nothing', async () => {
    const { client } = await testRegistry();
    const dry = await client.patch(ConfigMaps, map, config({ a: '1' }), { fieldManager: 'me', dryRun: true });
    expect(dry.data).toEqual({ a: '1' });
    expect(await failure(client.get(ConfigMaps, map))).toMatchObject({ code: 404 });
  });
});
