import type { Pod, PodCondition } from '../../api/generated/types.ts';

/** What counts of a pod when the next step is decided. */
export interface PodState {
  /** It is being deleted (M1); its name is not free yet. */
  readonly terminating: boolean;
  /** O2: it has ended, for better or worse, and never runs again. */
  readonly finished: boolean;
  /** Running, and its Ready condition is true. */
  readonly ready: boolean;
  /** Ready for `minReadySeconds` without a break. */
  readonly available: boolean;
  /** When time alone makes it available (ms since the epoch); only while it is ready and not yet available. */
  readonly availableAtMs: number | undefined;
  /** Available and staying: what the order rules call healthy. */
  readonly healthy: boolean;
}

export function podState(pod: Pod, minReadySeconds: number, nowMs: number): PodState {
  const state = stateOf(pod);
  return minReadySeconds === 0 ? state : stateAt(state, readySinceMs(pod), minReadySeconds, nowMs);
}

/** Without `minReadySeconds`: a fact about this version of the pod, whatever the time. */
export function stateOf(pod: Pod): PodState {
  const phase = pod.status?.phase;
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = phase === 'Running' && readyCondition(pod)?.status === 'True';
  return {
    terminating,
    finished: phase === 'Failed' || phase === 'Succeeded',
    ready,
    available: ready,
    availableAtMs: undefined,
    healthy: ready && !terminating,
  };
}

/** S3: the state with `minReadySeconds`: availability needs no event, only time. */
export function stateAt(state: PodState, sinceMs: number, minReadySeconds: number, nowMs: number): PodState {
  const availableAtMs = sinceMs + minReadySeconds * 1000;
  if (!state.ready || availableAtMs <= nowMs) return state;
  return { ...state, available: false, availableAtMs, healthy: false };
}

/** Since when the pod is Ready (ms since the epoch). One that does not say has been so for ever. */
export function readySinceMs(pod: Pod): number {
  return timeOf(readyCondition(pod)?.lastTransitionTime, 0);
}

export function readyCondition(pod: Pod): PodCondition | undefined {
  return findCondition(pod, 'Ready');
}

export function findCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** A time of the API in ms since the epoch; `otherwiseMs` when it is missing or not a time. */
export function timeOf(text: string | undefined, otherwiseMs: number): number {
  const timeMs = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(timeMs) ? otherwiseMs : timeMs;
}

/**
 * U7: whether a pod has been Ready at any time since it was created, as far as its status tells.
 *
 * A node sets the Ready condition to false in its first report, together with `startTime`, and its transition time
 * moves only when the condition changes. So a pod that is not Ready, and whose condition has not moved since, has never
 * been Ready. Both times are in whole seconds; a pod that was Ready for less than one may be taken for one that never
 * was.
 */
export function wasEverReady(pod: Pod): boolean {
  const ready = readyCondition(pod);
  if (ready === undefined) return false;
  if (ready.status === 'True') return true;
  // A pod that has left this phase never comes back to it.
  if (pod.status?.phase === 'Pending') return false;
  const movedMs = timeOf(ready.lastTransitionTime, Number.POSITIVE_INFINITY);
  const startedMs = timeOf(pod.status?.startTime ?? pod.metadata.creationTimestamp, Number.NEGATIVE_INFINITY);
  return movedMs > startedMs + 1000;
}
