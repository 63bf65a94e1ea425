import { isAlreadyExists } from '../api/errors.ts';
import type { ObjectMeta } from '../api/generated/types.ts';
import { Namespaces, PriorityClasses, ServiceAccounts, Services } from '../api/kinds.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { RegistryCore } from './core.ts';
import { createObject } from './create-object.ts';
import { storeKey } from './keys.ts';
import type { RequestContext } from './requests.ts';

/** The namespaces every cluster has. */
const SYSTEM_NAMESPACES: readonly string[] = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** What the parts of a cluster itself may claim. */
const SYSTEM_PRIORITIES = [
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
] as const;

const bootstrapper: RequestContext = {
  user: { name: 'system:apiserver', groups: ['system:masters'] },
  part: 'kube-apiserver',
};

/** Makes what every cluster begins with, as far as it is not there. */
export async function bootstrap(core: RegistryCore): Promise<void> {
  for (const name of SYSTEM_NAMESPACES) {
    await ensure(core, Namespaces, { metadata: { name } });
    await ensure(core, ServiceAccounts, { metadata: { namespace: name, name: 'default' } });
  }
  for (const [name, value] of SYSTEM_PRIORITIES) {
    await ensure(core, PriorityClasses, { metadata: { name }, value, preemptionPolicy: 'PreemptLowerPriority' });
  }
  await ensure(core, Services, {
    metadata: {
      namespace: 'default',
      name: 'kubernetes',
      labels: { component: 'apiserver', provider: 'kubernetes' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: core.addresses.first,
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
    },
  });
}

async function ensure(
  core: RegistryCore,
  type: ResourceType,
  object: { readonly metadata: ObjectKey & ObjectMeta; readonly [member: string]: unknown },
): Promise<void> {
  // Looking first keeps a restart free of writes.
  if ((await core.store.get(storeKey(type, object.metadata))) !== undefined) return;
  try {
    await createObject(core, type, object.metadata.namespace, object, bootstrapper);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
