import { describe, expect, test } from 'vitest';

import { failure, podNamed } from '../../../test/support/test-registry.ts';
import type { Pod, ServiceAccount } from '../../api/generated/types.ts';
import { Pods, ServiceAccounts } from '../../api/kinds.ts';
import { inProcessClient } from '../../client/in-process-client.ts';
import { seededRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import { memoryStore } from '../../store/memory-store.ts';
import { createRegistry } from '../create-registry.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

async function cluster(account: Partial<ServiceAccount> = {}) {
  const clock = new VirtualClock();
  const tokens = { audience: 'api', issue: () => 'token' };
  const registry = createRegistry({ store: memoryStore({ clock }), clock, random: seededRandom(1), tokens });
  await registry.bootstrap();
  const client = inProcessClient(registry, { name: 'tester', groups: [] });
  await client.create(ServiceAccounts, { metadata: { namespace: 'default', name: 'app' }, ...account });
  const make = (name: string, spec: Partial<NonNullable<Pod['spec']>> = {}) =>
    client.create(Pods, podNamed(name, { serviceAccountName: 'app', ...spec }));
  return { client, make };
}
const mountsOf = ({ spec }: Pod) =>
  [...spec.containers, ...(spec.initContainers ?? [])].map(({ volumeMounts = [] }) =>
    volumeMounts.filter(({ mountPath }) => mountPath === MOUNT_PATH).map(({ name }) => name),
  );

describe('a pod', () => {
  test('gets a token, whom to trust and its namespace, in every container', async () => {
    const { make } = await cluster();
    const { spec } = await make('a', { initContainers: [{ name: 'first', image: 'x' }] });
    const [volume] = spec.volumes ?? [];
    expect(volume?.name).toMatch(/^kube-api-access-/);
    expect(volume?.projected).toEqual({
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
    });
    for (const { volumeMounts } of [...spec.containers, ...(spec.initContainers ?? [])]) {
      expect(volumeMounts).toEqual([{ name: volume?.name, readOnly: true, mountPath: MOUNT_PATH }]);
    }
  });

  test('I6 is equal to others of the same spec', async () => {
    const { make } = await cluster();
    expect((await make('a')).spec).toEqual((await make('b')).spec);
  });

  test('shares its containers with others of a template, and not with those that do without', async () => {
    const { make } = await cluster();
    const { spec } = await make('template', { automountServiceAccountToken: false });
    const { containers } = spec;
    const [a, b] = [await make('a', { containers }), await make('b', { containers })];
    expect(mountsOf(a)).toEqual([['kube-api-access-berth']]);
    expect(b.spec.containers).toBe(a.spec.containers);
    expect(mountsOf(await make('c', { containers, automountServiceAccountToken: false }))).toEqual([[]]);
    expect(() => Object.assign(a.spec.containers[0] ?? {}, { image: 'other' })).toThrow(TypeError);
  });

  test('does without when it says so, or its account does, and the pod has the last word', async () => {
    const { make } = await cluster({ automountServiceAccountToken: false });
    expect(mountsOf(await make('a'))).toEqual([[]]);
    expect(mountsOf(await make('b', { automountServiceAccountToken: true }))[0]).toHaveLength(1);
    const { make: makeThere } = await cluster();
    const without = await makeThere('c', { automountServiceAccountToken: false });
    expect(without.spec.volumes ?? []).toEqual([]);
  });

  test('keeps what it mounts there itself, and a volume it was copied with serves all of its containers', async () => {
    const { make, client } = await cluster();
    const own = { name: 'own', emptyDir: {} };
    const mount = { name: 'own', mountPath: MOUNT_PATH };
    const containers = [{ name: 'main', image: 'x', volumeMounts: [mount] }];
    expect(mountsOf(await make('own', { volumes: [own], containers }))).toEqual([['own']]);

    const { spec } = await make('first');
    const more = [...spec.containers, { name: 'more', image: 'x' }];
    const copy = await client.create(Pods, podNamed('copy', { ...spec, containers: more }));
    expect(copy.spec.volumes).toEqual(spec.volumes);
    expect(mountsOf(copy).flat()).toEqual([spec.volumes?.[0]?.name, spec.volumes?.[0]?.name]);
  });

  test('gets the secrets for images from its account unless it names some', async () => {
    const { make } = await cluster({ imagePullSecrets: [{ name: 'registry' }] });
    expect((await make('a')).spec.imagePullSecrets).toEqual([{ name: 'registry' }]);
    expect((await make('b', { imagePullSecrets: [{ name: 'mine' }] })).spec.imagePullSecrets).toEqual([
      { name: 'mine' },
    ]);
  });

  test('does not own what it was given', async () => {
    const { client } = await cluster();
    const { metadata } = await client.create(Pods, podNamed('a'), { fieldManager: 'me' });
    expect(JSON.stringify(metadata.managedFields)).toContain('f:image');
    expect(JSON.stringify(metadata.managedFields)).not.toContain('f:volume');
  });

  test('is refused when its account does not exist', async () => {
    const { make } = await cluster();
    expect(await failure(make('a', { serviceAccountName: 'nobody' }))).toMatchObject({ code: 403 });
  });
});
