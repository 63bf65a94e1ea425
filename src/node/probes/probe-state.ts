import type { Probe } from '../../api/generated/types.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** How a probe stands: its last decision, and how often in a row it has found the same. */
export interface ProbeState {
  /** Undefined: nothing decided yet. */
  readonly decided: boolean | undefined;
  readonly successes: number;
  readonly failures: number;
}

const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_TIMEOUT_SECONDS = 1;
const DEFAULT_FAILURE_THRESHOLD = 3;
const SHORTEST_RETRY_MS = 20;
/** Waiting goes on for at most this part of what has been waited already. */
const RETRY_SHARE = 0.25;

export function initialState(decided?: boolean): ProbeState {
  return { decided, successes: 0, failures: 0 };
}

/** P2: a decision changes only when the other outcome has come as often in a row as its threshold says. */
export function afterOutcome(state: ProbeState, success: boolean, probe: Probe): ProbeState {
  const { successThreshold = 1, failureThreshold = DEFAULT_FAILURE_THRESHOLD } = probe;
  const successes = success ? state.successes + 1 : 0;
  const failures = success ? 0 : state.failures + 1;
  const decided = successes >= successThreshold ? true : failures >= failureThreshold ? false : state.decided;
  return { decided, successes, failures };
}

export function periodMs({ periodSeconds = DEFAULT_PERIOD_SECONDS }: Probe): number {
  return periodSeconds * 1000;
}

export function timeoutMs({ timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: Probe): number {
  return timeoutSeconds * 1000;
}

/**
 * When to probe next while the first success is awaited: soon, and then less and less often, but never later than the
 * period asks for. Kubernetes probes once a period and so lets a pod that is ready wait up to a period. Only the probes
 * on the period's own beat count as failures: the thresholds keep their meaning.
 */
export function eagerDelayMs(waitedMs: number): number {
  return Math.max(SHORTEST_RETRY_MS, waitedMs * RETRY_SHARE);
}
