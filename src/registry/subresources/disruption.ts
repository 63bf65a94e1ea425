import type { Pod, PodDisruptionBudget } from '../../api/generated/types.ts';

/** How far a disruption budget is used up. */
export interface BudgetState {
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  /** How many healthy pods may go now. */
  readonly disruptionsAllowed: number;
}

/**
 * How many pods may be evicted now. `pods` are those the budget selects; `expected` is how many there should be: the
 * replicas of their controllers, undefined when a pod has none that says so.
 */
export function budgetState(
  { spec }: PodDisruptionBudget,
  pods: readonly Pod[],
  expected: number | undefined,
): BudgetState {
  const currentHealthy = pods.filter(isHealthy).length;
  const desiredHealthy = desired(spec ?? {}, pods.length, expected);
  // A share of an unknown number is unknown: nothing may go.
  if (desiredHealthy === undefined) return { currentHealthy, desiredHealthy: 0, disruptionsAllowed: 0 };
  const disruptionsAllowed = pods.length === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  return { currentHealthy, desiredHealthy, disruptionsAllowed };
}

function desired(
  { minAvailable, maxUnavailable }: NonNullable<PodDisruptionBudget['spec']>,
  present: number,
  expected: number | undefined,
): number | undefined {
  if (maxUnavailable !== undefined) {
    return expected === undefined ? undefined : Math.max(0, expected - share(maxUnavailable, expected));
  }
  if (minAvailable === undefined) return Math.max(0, present - 1);
  if (typeof minAvailable === 'number') return minAvailable;
  return expected === undefined ? undefined : share(minAvailable, expected);
}

/** A number, or a percentage of `total`, rounded up. */
function share(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil((Number.parseFloat(value) * total) / 100);
}

/** Ready and not on its way out. */
export function isHealthy(pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false)
  );
}
