import type { Deployment } from '../../api/generated/types.ts';

export interface Limits {
  /** Pods there may be beyond what is wanted. */
  readonly maxSurge: number;
  /** Pods that may be missing of what is wanted. */
  readonly maxUnavailable: number;
}

export function wantedReplicas({ spec }: Deployment): number {
  return spec.replicas ?? 1;
}

/** What a rolling update may do at once: percentages of a surge are rounded up, of what is missing down. */
export function limitsOf(deployment: Deployment): Limits {
  const { strategy } = deployment.spec;
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const total = wantedReplicas(deployment);
  const maxSurge = scaled(strategy?.rollingUpdate?.maxSurge ?? '25%', total, Math.ceil);
  const maxUnavailable = scaled(strategy?.rollingUpdate?.maxUnavailable ?? '25%', total, Math.floor);
  // With neither, nothing could ever move.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, total) };
}

function scaled(value: number | string, total: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseInt(value, 10) * total) / 100);
}
