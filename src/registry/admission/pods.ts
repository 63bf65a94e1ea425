import { apiError } from '../../api/errors.ts';
import type { Pod, PriorityClass, Toleration } from '../../api/generated/types.ts';
import { Pods, PriorityClasses } from '../../api/kinds.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { resourcePrefix, storeKey } from '../keys.ts';
import { seal } from '../values.ts';
import { withServiceAccount } from './service-account.ts';

/** How long a pod stays on a node that has gone silent, unless it says otherwise. In seconds. */
const DEFAULT_TOLERATION_SECONDS = 300;
const DEFAULT_TOLERATIONS: readonly Toleration[] = seal(
  ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map((key) => ({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: DEFAULT_TOLERATION_SECONDS,
  })),
);

/** A new pod as the cluster takes it in: its account, its priority, and how long it puts up with a silent node. */
export async function admitPod(core: RegistryCore, pod: Pod): Promise<Pod> {
  const { spec } = pod;
  if (spec === undefined) return pod;
  // There are none: who asks for a sandbox of another kind is not to run without it.
  if (spec.runtimeClassName)
    throw forbidden(pod, `pod rejected: RuntimeClass ${JSON.stringify(spec.runtimeClassName)} not found`);
  const withAccount = await withServiceAccount(core, pod, spec);
  const priority = await priorityOf(core, pod);
  const tolerations = tolerationsOf(spec.tolerations ?? []);
  return { ...pod, spec: { ...withAccount, ...priority, tolerations } };
}

function tolerationsOf(given: readonly Toleration[]): readonly Toleration[] {
  if (given.length === 0) return DEFAULT_TOLERATIONS;
  const added = DEFAULT_TOLERATIONS.filter(({ key = '' }) => !given.some((toleration) => tolerates(toleration, key)));
  return [...given, ...added];
}

function tolerates({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || effect === '');
}

type Priority = Pick<NonNullable<Pod['spec']>, 'priority' | 'preemptionPolicy' | 'priorityClassName'>;

async function priorityOf(core: RegistryCore, pod: Pod): Promise<Priority> {
  const priorityClass = await classOf(core, pod);
  const priority = priorityClass?.value ?? 0;
  const preemptionPolicy = priorityClass?.preemptionPolicy ?? 'PreemptLowerPriority';
  const given = pod.spec ?? { containers: [] };
  if (given.priority !== undefined && given.priority !== priority) {
    throw forbidden(
      pod,
      `the integer value of priority (${given.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  }
  if (given.preemptionPolicy !== undefined && given.preemptionPolicy !== preemptionPolicy) {
    throw forbidden(
      pod,
      `the string value of PreemptionPolicy (${given.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  }
  const priorityClassName = priorityClass?.metadata.name;
  return { priority, preemptionPolicy, ...(priorityClassName !== undefined && { priorityClassName }) };
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
