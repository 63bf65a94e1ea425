import { describe, expect, test } from 'vitest';
import { failure, type TestRegistry, tester, testRegistry } from '../../../test/support/test-registry.ts';
import type { ServiceSpec } from '../../api/generated/types.ts';
import { Services } from '../../api/kinds.ts';
import { memoryStore } from '../../store/memory-store.ts';
import { createRegistry } from '../create-registry.ts';

const http = { port: 80, protocol: 'TCP' };
const create = ({ client }: TestRegistry, name: string, spec: Partial<ServiceSpec> = {}) =>
  client.create(Services, {
    metadata: { namespace: 'default', name },
    spec: { selector: { app: 'web' }, ports: [http], ...spec },
  });

describe('services', () => {
  test('every service gets an address of its own from 10.96.0.0/16', async () => {
    const fixture = await testRegistry();
    const made = await Promise.all(Array.from({ length: 50 }, (_, index) => create(fixture, `s${index}`)));
    const addresses = made.map(({ spec }) => spec.clusterIP ?? '');
    expect(new Set(addresses).size).toBe(50);
    for (const address of addresses) expect(address).toMatch(/^10\.96\.\d+\.\d+$/);
    expect(made[0]?.spec).toMatchObject({
      type: 'ClusterIP',
      clusterIPs: [addresses[0]],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
  });

  test('a headless service has none, and stays so', async () => {
    const fixture = await testRegistry();
    const service = await create(fixture, 'redis', { clusterIP: 'None' });
    expect(service.spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'], ipFamilies: ['IPv4'] });
    const changed = await fixture.client.update(Services, {
      ...service,
      spec: { ...service.spec, publishNotReadyAddresses: true },
    });
    expect(changed.spec.clusterIP).toBe('None');
  });

  test('an address that is asked for is given, unless it is taken or not in the range', async () => {
    const fixture = await testRegistry();
    expect((await create(fixture, 'a', { clusterIP: '10.96.0.10' })).spec.clusterIP).toBe('10.96.0.10');
    expect(await failure(create(fixture, 'b', { clusterIP: '10.96.0.10' }))).toMatchObject({
      code: 422,
      message:
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    });
    expect(await failure(create(fixture, 'c', { clusterIP: '10.97.0.10' }))).toMatchObject({
      code: 422,
      message: expect.stringContaining('The range of valid IPs is 10.96.0.0/16'),
    });
    await fixture.client.delete(Services, { namespace: 'default', name: 'a' });
    expect((await create(fixture, 'd', { clusterIP: '10.96.0.10' })).spec.clusterIP).toBe('10.96.0.10');
  });

  test('of two that ask for one address at once, one gets it; what a failed or dry write held is free again', async () => {
    const fixture = await testRegistry();
    const outcomes = await Promise.allSettled(
      ['a', 'b'].map((name) => create(fixture, name, { clusterIP: '10.96.0.20' })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const body = { metadata: { name: 'dry' }, spec: { ports: [http], clusterIP: '10.96.0.30' } };
    await fixture.registry.create(Services, 'default', body, { ...tester, dryRun: true });
    expect(await failure(create(fixture, 'kubernetes', { clusterIP: '10.96.0.30' }))).toMatchObject({ code: 409 });
    expect((await create(fixture, 'c', { clusterIP: '10.96.0.30' })).spec.clusterIP).toBe('10.96.0.30');
  });

  test('node ports are unique, and freed with the type', async () => {
    const fixture = await testRegistry();
    const ports = [
      { name: 'a', port: 80 },
      { name: 'b', port: 81, nodePort: 30_080 },
    ];
    const service = await create(fixture, 'web', { type: 'NodePort', ports });
    const [first, second] = service.spec.ports ?? [];
    expect(first?.nodePort).toBeGreaterThanOrEqual(30_000);
    expect(first?.nodePort).toBeLessThanOrEqual(32_767);
    expect(second?.nodePort).toBe(30_080);
    expect(
      await failure(create(fixture, 'other', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] })),
    ).toMatchObject({
      code: 422,
      message:
        'Service "other" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    });
    expect(
      await failure(create(fixture, 'other', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })),
    ).toMatchObject({
      code: 422,
      message: expect.stringContaining('The range of valid ports is 30000-32767'),
    });
    const inside = await fixture.client.update(Services, { ...service, spec: { ...service.spec, type: 'ClusterIP' } });
    expect(inside.spec.ports?.map(({ nodePort }) => nodePort)).toEqual([undefined, undefined]);
    expect(inside.spec.externalTrafficPolicy).toBeUndefined();
    await create(fixture, 'other', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
  });

  test('a PUT that leaves out what was given keeps it', async () => {
    const fixture = await testRegistry();
    const service = await create(fixture, 'web', { type: 'NodePort' });
    const body = {
      metadata: { name: 'web' },
      spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ ...http, name: 'http' }] },
    };
    const key = { namespace: 'default', name: 'web' };
    const { object } = await fixture.registry.update(Services, key, body, tester);
    expect(object.spec.clusterIP).toBe(service.spec.clusterIP);
    expect(object.spec.ports?.[0]).toMatchObject({ name: 'http', nodePort: service.spec.ports?.[0]?.nodePort });
  });

  test('a service that points elsewhere gives its address back', async () => {
    const fixture = await testRegistry();
    const service = await create(fixture, 'web', { clusterIP: '10.96.0.40' });
    const elsewhere = await fixture.client.update(Services, {
      ...service,
      spec: { ...service.spec, type: 'ExternalName', externalName: 'example.com' },
    });
    expect(elsewhere.spec).not.toHaveProperty('clusterIP');
    expect((await create(fixture, 'next', { clusterIP: '10.96.0.40' })).spec.clusterIP).toBe('10.96.0.40');
  });

  test('a registry that begins on stored services knows what is taken', async () => {
    const fixture = await testRegistry();
    await create(fixture, 'a', { clusterIP: '10.96.0.50' });
    const later: TestRegistry = { ...fixture, registry: createRegistry({ store: fixture.store }) };
    const body = { metadata: { name: 'b' }, spec: { ports: [http], clusterIP: '10.96.0.50' } };
    expect(await failure(later.registry.create(Services, 'default', body, tester))).toMatchObject({ code: 422 });
  });

  test('a range that is used up says so', async () => {
    const registry = createRegistry({ store: memoryStore(), serviceRange: '10.96.0.0/30' });
    await registry.bootstrap();
    const body = (name: string) => ({ metadata: { name }, spec: { ports: [http] } });
    await registry.create(Services, 'default', body('a'), tester);
    expect(await failure(registry.create(Services, 'default', body('b'), tester))).toMatchObject({
      code: 422,
      message: expect.stringContaining('range is full'),
    });
  });
});
