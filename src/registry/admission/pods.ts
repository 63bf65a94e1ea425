import { apiError } from '../../api/errors.ts';
import type { Pod, PriorityClass, Toleration } from '../../api/generated/types.ts';
import { Pods, PriorityClasses, ServiceAccounts } from '../../api/kinds.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { resourcePrefix, storeKey } from '../keys.ts';

/** How long a pod stays on a node that has gone silent, unless it says otherwise. In seconds. */
const DEFAULT_TOLERATION_SECONDS = 300;
const SILENT_NODE_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/** A new pod as the cluster takes it in: its account, its priority, and how long it puts up with a silent node. */
export async function admitPod(core: RegistryCore, pod: Pod): Promise<Pod> {
  return withTolerations(await withPriority(core, await withServiceAccount(core, pod)));
}

function withTolerations(pod: Pod): Pod {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const given = spec.tolerations ?? [];
  const added = SILENT_NODE_TAINTS.filter((taint) => !given.some((toleration) => tolerates(toleration, taint))).map(
    (key): Toleration => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: DEFAULT_TOLERATION_SECONDS,
    }),
  );
  return added.length === 0 ? pod : { ...pod, spec: { ...spec, tolerations: [...given, ...added] } };
}

function tolerates({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || effect === '');
}

async function withServiceAccount(core: RegistryCore, pod: Pod): Promise<Pod> {
  const { spec, metadata } = pod;
  if (spec === undefined || metadata.namespace === undefined) return pod;
  const name = spec.serviceAccountName ?? spec.serviceAccount ?? 'default';
  // Every namespace has the default account, or will have it in a moment.
  if (name !== 'default') {
    const key = storeKey(ServiceAccounts, { namespace: metadata.namespace, name });
    if ((await core.store.get(key)) === undefined) {
      throw forbidden(
        pod,
        `error looking up service account ${metadata.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`,
      );
    }
  }
  if (spec.serviceAccountName === name && spec.serviceAccount === name) return pod;
  return { ...pod, spec: { ...spec, serviceAccountName: name, serviceAccount: name } };
}

async function withPriority(core: RegistryCore, pod: Pod): Promise<Pod> {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const priorityClass = await classOf(core, pod);
  const priority = priorityClass?.value ?? 0;
  const preemptionPolicy = priorityClass?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw forbidden(
      pod,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    throw forbidden(
      pod,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  }
  const priorityClassName = priorityClass?.metadata.name;
  return {
    ...pod,
    spec: { ...spec, priority, preemptionPolicy, ...(priorityClassName !== undefined && { priorityClassName }) },
  };
}

/** The class the pod names, else the one that is the default, if any. */
async function classOf(core: RegistryCore, pod: Pod): Promise<PriorityClass | undefined> {
  const name = pod.spec?.priorityClassName ?? '';
  if (name !== '') {
    const entry = await core.store.get(storeKey(PriorityClasses, { name }));
    if (entry === undefined) throw forbidden(pod, `no PriorityClass with name ${name} was found`);
    return objectOf<PriorityClass>(entry);
  }
  const { entries } = await core.store.list(resourcePrefix(PriorityClasses));
  return entries
    .map((entry) => objectOf<PriorityClass>(entry))
    .filter(({ globalDefault }) => globalDefault === true)
    .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))
    .at(0);
}

function forbidden({ metadata: { name } }: Pod, why: string): Error {
  return apiError('Forbidden', `pods ${JSON.stringify(name)} is forbidden: ${why}`, { type: Pods, name });
}
