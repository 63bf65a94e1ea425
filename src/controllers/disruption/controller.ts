import { isNotFound } from '../../api/errors.ts';
import type { OwnerReference, Pod, PodDisruptionBudget } from '../../api/generated/types.ts';
import { Deployments, PodDisruptionBudgets, Pods, ReplicaSets, StatefulSets } from '../../api/kinds.ts';
import { matchSelector } from '../../api/labels.ts';
import { formatKey, keyOf } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import type { Index, Informer, InformerSet } from '../../client/informer.ts';
import { type Controller, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import { isSameBudgetStatus, needsScale, type ObservedBudget, planBudget } from './plan-budget.ts';

/** Changes of the pods of a budget are looked at together. */
const PAUSE_MS = 20;

/** Starts the disruption controller: it says in the status of every budget how many evictions it allows now. */
export function startDisruptionController(parts: Omit<ControllerParts, 'events'>): Controller {
  const { client, informers, clock, logger } = parts;
  const budgets = informers.get(PodDisruptionBudgets);
  const pods = informers.get(Pods);
  const budgetsByNamespace = budgets.index(namespaceOf);
  const podsByNamespace = pods.index(namespaceOf);
  const scales = new Scales(informers);
  return runController({
    name: 'disruption',
    clock,
    logger,
    reconcile: async (key): Promise<ReconcileResult | undefined> => {
      const budget = budgets.getByKey(key);
      if (budget === undefined || budget.metadata.deletionTimestamp !== undefined) return undefined;
      const own = podsOf(budget, podsByNamespace);
      const wanted = needsScale(budget) ? scales.wanted(own) : own.length;
      const { status, againInMs } = planBudget({ budget, pods: own, wanted, nowMs: clock.now() });
      if (!isSameBudgetStatus(budget.status, status)) {
        try {
          // An eviction that is granted in between is a conflict: it is counted by the next pass.
          await client.update(PodDisruptionBudgets, { ...budget, status }, { subresource: 'status' });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
      return againInMs === undefined ? undefined : { requeueAfterMs: againInMs };
    },
    caches: [budgets, pods, scales],
    follow: (queue) => {
      const podChanged = (pod: Pod): void => {
        for (const budget of budgetsByNamespace.get(namespaceOf(pod))) {
          if (matchSelector(budget.spec.selector)(pod.metadata.labels)) {
            queue.enqueueAfter(formatKey(keyOf(budget)), PAUSE_MS);
          }
        }
      };
      const scaleChanged = (namespace: string | undefined): void => {
        for (const budget of budgetsByNamespace.get(namespace ?? '')) {
          if (needsScale(budget)) queue.enqueueAfter(formatKey(keyOf(budget)), PAUSE_MS);
        }
      };
      return [
        budgets.subscribe((changes) => {
          for (const { object } of changes) queue.enqueue(formatKey(keyOf(object)));
        }),
        pods.subscribe((changes) => {
          if (budgets.size === 0) return;
          for (const change of changes) {
            if (change.type === 'updated' && change.previous.metadata.labels !== change.object.metadata.labels) {
              podChanged(change.previous);
            }
            podChanged(change.object);
          }
        }),
        ...scales.subscribe(scaleChanged),
      ];
    },
  });
}

/** How many pods the controllers of pods want. */
class Scales {
  readonly #kinds: readonly {
    readonly kind: string;
    readonly informer: Pick<
      Informer<{
        readonly apiVersion: string;
        readonly kind: string;
        readonly metadata: Pod['metadata'];
        readonly spec: { readonly replicas?: number };
      }>,
      'get' | 'subscribe' | 'synced'
    >;
  }[];
  readonly synced: Promise<unknown>;

  constructor(informers: InformerSet) {
    this.#kinds = [
      { kind: StatefulSets.kind, informer: informers.get(StatefulSets) },
      { kind: ReplicaSets.kind, informer: informers.get(ReplicaSets) },
      { kind: Deployments.kind, informer: informers.get(Deployments) },
    ];
    this.synced = Promise.all(this.#kinds.map(({ informer }) => informer.synced));
  }

  subscribe(changed: (namespace: string | undefined) => void): (() => void)[] {
    return this.#kinds.map(({ informer }) =>
      informer.subscribe((changes) => {
        for (const change of changes) {
          if (change.type === 'updated' && change.previous.spec.replicas === change.object.spec.replicas) continue;
          changed(change.object.metadata.namespace);
        }
      }),
    );
  }

  /** The sum over all controllers of these pods; a pod without one cannot be counted on. */
  wanted(pods: readonly Pod[]): ObservedBudget['wanted'] {
    const counted = new Map<string, number>();
    for (const pod of pods) {
      const reference = controllerOf(pod);
      const owner = reference && this.#top(reference, pod.metadata.namespace ?? '');
      if (owner === undefined) {
        return { unknown: `found no controller with a scale for pod "${pod.metadata.name}"` };
      }
      counted.set(owner.uid, owner.replicas);
    }
    return [...counted.values()].reduce((sum, replicas) => sum + replicas, 0);
  }

  /** A deployment's pods are counted by the deployment, not by its replica sets of now and before. */
  #top(reference: OwnerReference, namespace: string): { readonly uid: string; readonly replicas: number } | undefined {
    const informer = this.#kinds.find(({ kind }) => kind === reference.kind)?.informer;
    const owner = informer?.get({ namespace, name: reference.name });
    if (owner?.metadata.uid !== reference.uid) return undefined;
    const above = controllerOf(owner);
    const higher = above && this.#top(above, namespace);
    return higher ?? { uid: reference.uid, replicas: owner.spec.replicas ?? 1 };
  }
}

function podsOf(budget: PodDisruptionBudget, podsByNamespace: Index<Pod>): readonly Pod[] {
  const matches = matchSelector(budget.spec.selector);
  return podsByNamespace
    .get(namespaceOf(budget))
    .filter(
      ({ metadata, status }) => matches(metadata.labels) && status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
    );
}

function namespaceOf({ metadata }: Pod | PodDisruptionBudget): string {
  return metadata.namespace ?? '';
}
