import type { Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';

/** An eviction that was granted counts against the budget until the pod is seen to end, but no longer than this. */
const DISRUPTED_POD_MS = 120_000;

export interface ObservedBudget {
  readonly budget: PodDisruptionBudget;
  /** The pods it protects. */
  readonly pods: readonly Pod[];
  /** How many pods their controllers want; a text when that cannot be told. */
  readonly wanted: number | { readonly unknown: string };
  readonly nowMs: number;
}

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** When a granted eviction is forgotten, ms from now. */
  readonly againInMs?: number;
}

/** What a budget allows, given the pods there are. */
export function planBudget({ budget, pods, wanted, nowMs }: ObservedBudget): BudgetPlan {
  const { spec, metadata } = budget;
  const granted = grantedEvictions(budget, pods, nowMs);
  const currentHealthy = pods.filter(
    (pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined && !(pod.metadata.name in granted),
  ).length;
  const expected = expectedPods(spec, pods.length, wanted);
  const failure = typeof expected === 'number' ? undefined : expected.unknown;
  const expectedCount = typeof expected === 'number' ? expected : 0;
  const desiredHealthy = failure === undefined ? desired(spec, expectedCount) : 0;
  const spare = currentHealthy - desiredHealthy;
  const disruptionsAllowed = failure === undefined && expectedCount > 0 ? Math.max(0, spare) : 0;
  const generation = metadata.generation;
  const status: PodDisruptionBudgetStatus = {
    ...(generation !== undefined && { observedGeneration: generation }),
    ...(Object.keys(granted).length > 0 && { disruptedPods: granted }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods: expectedCount,
    conditions: [conditionFor(budget, disruptionsAllowed, failure, nowMs)],
  };
  const ages = Object.values(granted).map((time) => Date.parse(time) + DISRUPTED_POD_MS - nowMs);
  return ages.length === 0 ? { status } : { status, againInMs: Math.max(0, Math.min(...ages)) };
}

/** Whether two statuses say the same. */
export function isSameBudgetStatus(
  before: PodDisruptionBudgetStatus | undefined,
  after: PodDisruptionBudgetStatus,
): boolean {
  const facts = (status: PodDisruptionBudgetStatus | undefined): string =>
    JSON.stringify([
      status?.observedGeneration,
      Object.entries(status?.disruptedPods ?? {}).sort(),
      status?.disruptionsAllowed,
      status?.currentHealthy,
      status?.desiredHealthy,
      status?.expectedPods,
      status?.conditions?.map(({ type, status: value, reason, message }) => [type, value, reason, message]),
    ]);
  return facts(before) === facts(after);
}

/** Whether the number of pods the controllers want has to be known. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
}

function expectedPods(
  spec: PodDisruptionBudget['spec'],
  podCount: number,
  wanted: ObservedBudget['wanted'],
): ObservedBudget['wanted'] {
  const usesScale = spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
  return usesScale ? wanted : podCount;
}

function desired({ maxUnavailable, minAvailable }: PodDisruptionBudget['spec'], expectedCount: number): number {
  if (maxUnavailable !== undefined) return Math.max(0, expectedCount - scaled(maxUnavailable, expectedCount));
  return minAvailable === undefined ? 0 : scaled(minAvailable, expectedCount);
}

/** A number, or a percentage of `total` rounded up. */
function scaled(value: number | string, total: number): number {
  if (typeof value === 'number') return value;
  return Math.ceil((Number.parseInt(value, 10) * total) / 100);
}

function grantedEvictions(
  { status }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const before = Object.entries(status?.disruptedPods ?? {});
  if (before.length === 0) return {};
  const going = new Map(pods.map((pod) => [pod.metadata.name, pod]));
  return Object.fromEntries(
    before.filter(([name, time]) => {
      const pod = going.get(name);
      return (
        pod?.metadata.deletionTimestamp === undefined &&
        pod !== undefined &&
        Date.parse(time) + DISRUPTED_POD_MS > nowMs
      );
    }),
  );
}

function conditionFor(
  { metadata, status }: PodDisruptionBudget,
  disruptionsAllowed: number,
  failure: string | undefined,
  nowMs: number,
): Condition {
  const value = disruptionsAllowed > 0 ? 'True' : 'False';
  const reason = failure !== undefined ? 'SyncFailed' : disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  const before = status?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  return {
    type: 'DisruptionAllowed',
    status: value,
    reason,
    message: failure ?? '',
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    lastTransitionTime: before?.status === value ? before.lastTransitionTime : timestamp(nowMs),
  };
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
