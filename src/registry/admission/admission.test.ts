import { describe, expect, test } from 'vitest';
import { failure, podNamed, type TestRegistry, testRegistry } from '../../../test/support/test-registry.ts';
import {
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  PriorityClasses,
  ServiceAccounts,
  StorageClasses,
} from '../../api/kinds.ts';

const claimNamed = (name: string, storageClassName?: string) => ({
  metadata: { namespace: 'default', name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    ...(storageClassName !== undefined && { storageClassName }),
  },
});
const classNamed = ({ client }: TestRegistry, name: string, isDefault: boolean) =>
  client.create(StorageClasses, {
    metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) } },
    provisioner: 'berth.dev/local',
  });

describe('claims and volumes', () => {
  test('a claim without a class gets the default one, the newest of several', async () => {
    const fixture = await testRegistry();
    const { client, clock } = fixture;
    expect((await client.create(PersistentVolumeClaims, claimNamed('none'))).spec?.storageClassName).toBeUndefined();
    await classNamed(fixture, 'old', true);
    await clock.advance(1_000);
    await classNamed(fixture, 'new', true);
    await classNamed(fixture, 'other', false);
    expect((await client.create(PersistentVolumeClaims, claimNamed('default'))).spec?.storageClassName).toBe('new');
    expect((await client.create(PersistentVolumeClaims, claimNamed('chosen', 'other'))).spec?.storageClassName).toBe(
      'other',
    );
    expect((await client.create(PersistentVolumeClaims, claimNamed('empty', ''))).spec?.storageClassName).toBe('');
  });

  test('C7 claims and volumes are protected from the beginning', async () => {
    const { client } = await testRegistry();
    const claim = await client.create(PersistentVolumeClaims, claimNamed('data'));
    expect(claim.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    const volume = await client.create(PersistentVolumes, {
      metadata: { name: 'pv', finalizers: ['berth.dev/hold'] },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
    });
    expect(volume.metadata.finalizers).toEqual(['berth.dev/hold', 'kubernetes.io/pv-protection']);
    expect(volume.status).toEqual({ phase: 'Pending', lastPhaseTransitionTime: '2026-01-01T00:00:00Z' });
    await client.delete(PersistentVolumeClaims, { namespace: 'default', name: 'data' });
    expect(
      (await client.get(PersistentVolumeClaims, { namespace: 'default', name: 'data' })).metadata.deletionTimestamp,
    ).toBeDefined();
  });
});

describe('pods', () => {
  test('P9 a pod that asks for another runtime is refused: there is none', async () => {
    const { client } = await testRegistry();
    const pod = podNamed('sandboxed');
    const refused = client.create(Pods, { ...pod, spec: { ...pod.spec!, runtimeClassName: 'gvisor' } });
    expect(await failure(refused)).toMatchObject({
      code: 403,
      message: 'pods "sandboxed" is forbidden: pod rejected: RuntimeClass "gvisor" not found',
    });
  });

  test('a pod puts up with a silent node for five minutes, unless it says otherwise', async () => {
    const { client } = await testRegistry();
    const pod = await client.create(Pods, podNamed('a'));
    const tolerate = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
    expect(pod.spec?.tolerations).toEqual([
      tolerate('node.kubernetes.io/not-ready'),
      tolerate('node.kubernetes.io/unreachable'),
    ]);
    const own = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' };
    const patient = await client.create(Pods, podNamed('b', { tolerations: [own] }));
    expect(patient.spec?.tolerations).toEqual([own, tolerate('node.kubernetes.io/unreachable')]);
    const stoic = await client.create(Pods, podNamed('c', { tolerations: [{ operator: 'Exists' }] }));
    expect(stoic.spec?.tolerations).toEqual([{ operator: 'Exists' }]);
  });

  test('the priority is that of the class, of the default class, or zero', async () => {
    const { client } = await testRegistry();
    expect((await client.create(Pods, podNamed('plain'))).spec).toMatchObject({
      priority: 0,
      preemptionPolicy: 'PreemptLowerPriority',
    });
    const critical = podNamed('critical', { priorityClassName: 'system-node-critical' });
    expect((await client.create(Pods, critical)).spec?.priority).toBe(2_000_001_000);
    await client.create(PriorityClasses, { metadata: { name: 'usual' }, value: 5, globalDefault: true });
    const second = client.create(PriorityClasses, { metadata: { name: 'second' }, value: 6, globalDefault: true });
    expect(await failure(second)).toMatchObject({ code: 403, message: expect.stringContaining('usual is already') });
    expect((await client.create(Pods, podNamed('usual'))).spec).toMatchObject({
      priority: 5,
      priorityClassName: 'usual',
    });
    expect(await failure(client.create(Pods, podNamed('x', { priorityClassName: 'none' })))).toMatchObject({
      code: 403,
      message: 'pods "x" is forbidden: no PriorityClass with name none was found',
    });
    expect(await failure(client.create(Pods, podNamed('x', { priority: 7 })))).toMatchObject({
      code: 403,
      message: expect.stringContaining('the integer value of priority (7) must not be provided in pod spec'),
    });
  });

  test('the account is the default one, or one that exists', async () => {
    const { client } = await testRegistry();
    expect((await client.create(Pods, podNamed('a'))).spec).toMatchObject({
      serviceAccountName: 'default',
      serviceAccount: 'default',
    });
    const own = podNamed('b', { serviceAccountName: 'redis' });
    expect(await failure(client.create(Pods, own))).toMatchObject({
      code: 403,
      message:
        'pods "b" is forbidden: error looking up service account default/redis: serviceaccount "redis" not found',
    });
    await client.create(ServiceAccounts, { metadata: { namespace: 'default', name: 'redis' } });
    expect((await client.create(Pods, own)).spec?.serviceAccount).toBe('redis');
  });
});
