import type { Explanation, PodAction } from './observed.ts';

/** Why a pod is being ended, or has ended. */
export type Ending =
  /** Its object is marked: confirm when nothing is left (M1). */
  | { readonly why: 'deleted' }
  /** Its object is no longer there, or no longer this node's: forget it when nothing is left. */
  | { readonly why: 'gone' }
  /** The node is shut down in order: the object stays, and the pod starts again with the node. */
  | { readonly why: 'nodeStops' }
  /** It has come to an end, or may not run: its object stays with a final phase. */
  | ({ readonly why: 'over'; readonly phase: 'Succeeded' | 'Failed' } & Explanation);

/** A plan without the status that goes with it. */
export interface Decision {
  readonly actions: readonly PodAction[];
  readonly waiting: Explanation | undefined;
  readonly wakeAtMs: number | undefined;
}

/** Nothing to do until something happens, or `wakeAtMs`. */
export function idle(waiting?: Explanation, wakeAtMs?: number): Decision {
  return { actions: [], waiting, wakeAtMs };
}

export function act(...actions: readonly PodAction[]): Decision {
  return { actions, waiting: undefined, wakeAtMs: undefined };
}

/** The earlier of two times, either of which may be missing. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/**
 * Whether a time is still to come that was at most `longestMs` ahead when it was chosen. One that is further away is of
 * before the machine's clock was set back, and nothing waits for it.
 */
export function isAhead(atMs: number, nowMs: number, longestMs: number): boolean {
  return atMs > nowMs && atMs - nowMs <= longestMs + TOLERANCE_MS;
}

/** Files have times of a clock that is less exact. */
const TOLERANCE_MS = 1_000;
