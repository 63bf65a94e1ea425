import { apiError } from '../../api/errors.ts';
import type { Container, Pod, ServiceAccount, Volume } from '../../api/generated/types.ts';
import { Pods, ServiceAccounts } from '../../api/kinds.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { storeKey } from '../keys.ts';
import { seal } from '../values.ts';

type PodSpec = NonNullable<Pod['spec']>;

const DEFAULT_ACCOUNT = 'default';
/** Where every client library looks. */
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
const READ_BY_ALL = 0o644;

/**
 * What a pod reaches the API with: a token that is its own, whom to trust, and its namespace. One object for all pods,
 * by a name that is always the same: nothing is made anew for each, and equal pods stay equal (I6).
 */
const ACCESS_VOLUME: Volume = seal({
  name: `${VOLUME_PREFIX}berth`,
  projected: {
    sources: [
      // A little more than an hour, as in Kubernetes: who asks for an hour exactly did so by hand.
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
    defaultMode: READ_BY_ALL,
  },
});
const ACCESS_MOUNTS = seal([{ name: ACCESS_VOLUME.name, readOnly: true, mountPath: MOUNT_PATH }]);

/**
 * A pod's spec with its account, and what comes with it: the account's secrets for pulling images when the pod names
 * none, and the volume to reach the API with, unless the pod or the account does not want it.
 */
export async function withServiceAccount(core: RegistryCore, pod: Pod, spec: PodSpec): Promise<PodSpec> {
  const { name, account } = await accountOf(core, pod, spec);
  const pullSecrets = account?.imagePullSecrets;
  const named: PodSpec = {
    ...spec,
    serviceAccountName: name,
    serviceAccount: name,
    ...((spec.imagePullSecrets ?? []).length === 0 && pullSecrets && { imagePullSecrets: pullSecrets }),
  };
  const wanted = spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true;
  return wanted && core.tokens !== undefined ? withAccess(named) : named;
}

async function accountOf(
  core: RegistryCore,
  pod: Pod,
  spec: PodSpec,
): Promise<{ readonly name: string; readonly account: ServiceAccount | undefined }> {
  const namespace = pod.metadata.namespace ?? '';
  const name = spec.serviceAccountName || spec.serviceAccount || DEFAULT_ACCOUNT;
  const entry = await core.store.get(storeKey(ServiceAccounts, { namespace, name }));
  if (entry !== undefined) return { name, account: objectOf<ServiceAccount>(entry) };
  // Every namespace has the default account, or will have it in a moment.
  if (name === DEFAULT_ACCOUNT) return { name, account: undefined };
  throw apiError(
    'Forbidden',
    `pods ${JSON.stringify(pod.metadata.name)} is forbidden: error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
    { type: Pods, name: pod.metadata.name },
  );
}

function withAccess(spec: PodSpec): PodSpec {
  const { containers, initContainers = [], volumes = [] } = spec;
  if (![...containers, ...initContainers].some(lacksAccess)) return spec;
  // Of a pod that was copied with its volume: that one serves as well.
  const present = volumes.find(({ name }) => name.startsWith(VOLUME_PREFIX));
  const mounts =
    present === undefined ? ACCESS_MOUNTS : ACCESS_MOUNTS.map((mount) => ({ ...mount, name: present.name }));
  return {
    ...spec,
    ...(present === undefined && { volumes: [...volumes, ACCESS_VOLUME] }),
    containers: mounted(containers, mounts),
    ...(initContainers.length > 0 && { initContainers: mounted(initContainers, mounts) }),
  };
}

/** What has become of lists of containers that many pods share, those of a template. */
const mountedLists = new WeakMap<readonly Container[], readonly Container[]>();

function mounted(containers: readonly Container[], mounts: typeof ACCESS_MOUNTS): readonly Container[] {
  const known = mounts === ACCESS_MOUNTS ? mountedLists.get(containers) : undefined;
  if (known !== undefined) return known;
  const list = containers.map((container) =>
    lacksAccess(container)
      ? { ...container, volumeMounts: container.volumeMounts ? [...container.volumeMounts, ...mounts] : mounts }
      : container,
  );
  if (mounts !== ACCESS_MOUNTS || !Object.isFrozen(containers)) return list;
  const shared = seal(list);
  mountedLists.set(containers, shared);
  return shared;
}

function lacksAccess({ volumeMounts = [] }: Container): boolean {
  return !volumeMounts.some(({ mountPath }) => mountPath === MOUNT_PATH);
}
