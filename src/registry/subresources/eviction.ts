import { type ApiError, apiError, notFound } from '../../api/errors.ts';
import type { Eviction, OwnerReference, Pod, PodDisruptionBudget, Status } from '../../api/generated/types.ts';
import { Deployments, PodDisruptionBudgets, Pods, ReplicaSets, StatefulSets } from '../../api/kinds.ts';
import { matchSelector } from '../../api/labels.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { deleteObject } from '../delete-object.ts';
import { readObject } from '../input.ts';
import { listPrefix, storeKey } from '../keys.ts';
import type { DeleteRequest, RequestContext } from '../requests.ts';
import type { AnyObject } from '../strategies/strategy.ts';
import { isJsonObject } from '../values.ts';
import { budgetState, isHealthy } from './disruption.ts';

/** What `kubectl drain` posts. It is never stored. */
const Evictions: ResourceType<Eviction> = {
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  plural: 'evictions',
  singular: 'eviction',
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: 'Eviction',
};

/**
 * Deletes a pod if its disruption budget allows. What the budget allows is counted here and now, so that two evictions
 * at once cannot both have the last place. Throws `TooManyRequests` when it does not.
 */
export async function evictPod(
  core: RegistryCore,
  key: ObjectKey,
  body: unknown,
  context: RequestContext,
): Promise<Status> {
  const eviction = readObject(Evictions, asCurrentVersion(body), context) as unknown as Eviction;
  const { name = '' } = eviction.metadata;
  if (name !== '' && name !== key.name) {
    throw apiError('BadRequest', `name in URL does not match name in Eviction object: ${key.name} != ${name}`);
  }
  const entry = await core.store.get(storeKey(Pods, key));
  if (entry === undefined) throw notFound(Pods, key.name);
  const pod = objectOf<Pod>(entry);
  const request = deleteRequest(eviction, pod);
  const dryRun = context.dryRun || (eviction.deleteOptions?.dryRun ?? []).length > 0;
  const evict = async (): Promise<Status> => {
    await deleteObject(core, Pods, key, request, { ...context, dryRun });
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  };
  if (hasNothingToLose(pod)) return evict();
  const [budget, second] = await budgetsOf(core, pod);
  if (budget === undefined) return evict();
  if (second !== undefined) {
    throw apiError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  return core.locks.run(`eviction:${storeKey(PodDisruptionBudgets, budget.metadata)}`, async () => {
    await assertAllowed(core, budget, pod);
    return evict();
  });
}

/** Clients older than 1.22 send the version before, which says the same. */
function asCurrentVersion(body: unknown): unknown {
  return isJsonObject(body) && body.apiVersion === 'policy/v1beta1' ? { ...body, apiVersion: 'policy/v1' } : body;
}

function deleteRequest({ deleteOptions }: Eviction, pod: Pod): DeleteRequest {
  const { gracePeriodSeconds, preconditions } = deleteOptions ?? {};
  return {
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    // The pod that was looked at, and no later one of its name.
    preconditions: { uid: pod.metadata.uid, ...preconditions },
  };
}

/** Pods that have ended, have not begun, or are on their way out are in no budget. */
function hasNothingToLose({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '');
}

async function budgetsOf(core: RegistryCore, pod: Pod): Promise<readonly PodDisruptionBudget[]> {
  const { entries } = await core.store.list(listPrefix(PodDisruptionBudgets, pod.metadata.namespace));
  return entries
    .map((entry) => objectOf<PodDisruptionBudget>(entry))
    .filter((budget) => matchSelector(budget.spec?.selector)(pod.metadata.labels));
}

async function assertAllowed(core: RegistryCore, budget: PodDisruptionBudget, pod: Pod): Promise<void> {
  const { entries } = await core.store.list(listPrefix(Pods, pod.metadata.namespace));
  const matches = matchSelector(budget.spec?.selector);
  const pods = entries.map((entry) => objectOf<Pod>(entry)).filter((one) => matches(one.metadata.labels));
  const state = budgetState(budget, pods, await expectedPods(core, pods));
  if (!isHealthy(pod)) {
    const always = budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow';
    if (always || (state.desiredHealthy > 0 && state.currentHealthy >= state.desiredHealthy)) return;
  }
  if (state.disruptionsAllowed > 0) return;
  throw refusal(budget, state.desiredHealthy, state.currentHealthy);
}

function refusal(
  { metadata: { name } }: PodDisruptionBudget,
  desiredHealthy: number,
  currentHealthy: number,
): ApiError {
  return apiError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [
      {
        reason: 'DisruptionBudget',
        message: `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      },
    ],
  });
}

/** How many pods the controllers of these want together; undefined when one pod has no controller that says. */
async function expectedPods(core: RegistryCore, pods: readonly Pod[]): Promise<number | undefined> {
  const replicas = new Map<string, number>();
  for (const pod of pods) {
    const reference = controllerOf(pod);
    if (reference === undefined) return undefined;
    if (replicas.has(reference.uid)) continue;
    const controller = await scalableController(core, reference, pod.metadata.namespace);
    if (controller === undefined) return undefined;
    const wanted = controller.spec?.replicas;
    replicas.set(controller.metadata.uid, typeof wanted === 'number' ? wanted : 1);
    if (controller.metadata.uid !== reference.uid) replicas.set(reference.uid, 0);
  }
  return [...replicas.values()].reduce((sum, count) => sum + count, 0);
}

const SCALABLE: readonly ResourceType[] = [StatefulSets, ReplicaSets, Deployments];

/** The object of the reference, or of a replica set the deployment above it. */
async function scalableController(
  core: RegistryCore,
  reference: OwnerReference,
  namespace: string | undefined,
): Promise<AnyObject | undefined> {
  const type = SCALABLE.find(
    ({ kind, group }) => kind === reference.kind && reference.apiVersion.startsWith(`${group}/`),
  );
  if (type === undefined || namespace === undefined) return undefined;
  const entry = await core.store.get(storeKey(type, { namespace, name: reference.name }));
  if (entry === undefined) return undefined;
  const controller = objectOf(entry);
  if (controller.metadata.uid !== reference.uid) return undefined;
  const above = type === ReplicaSets ? controllerOf(controller) : undefined;
  const deployment = above === undefined ? undefined : await scalableController(core, above, namespace);
  return deployment ?? controller;
}
