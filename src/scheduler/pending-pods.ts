import type { Pod } from '../api/generated/types.ts';
import { claimKeysOf } from '../api/pod-claims.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Helper } from './obstacle.ts';

type State =
  | { readonly type: 'queued' }
  | { readonly type: 'unschedulable'; readonly helpedBy: ReadonlySet<Helper> }
  /** A node is chosen and counted; the claims or the binding are under way. */
  | { readonly type: 'placed'; readonly nodeName: string; readonly untilMs: number }
  /** Bound; the cache does not show it yet. */
  | { readonly type: 'bound' };

/** A pod that has no node yet. */
export interface PendingPod {
  pod: Pod;
  readonly claims: readonly string[];
  /** In the order they came. */
  readonly order: number;
  state: State;
  attempts: number;
  /** Why it could not be scheduled, as last told. */
  toldMessage: string | undefined;
  retry: Timer | undefined;
}

/** Attempts that follow an event at once. A pod that has failed more often waits, so that it does not starve others. */
const FREE_ATTEMPTS = 3;
const FIRST_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 10_000;

/** The pods without a node: those whose turn it is, and those that wait for something to change. */
export class PendingPods {
  readonly #clock: Clock;
  readonly #onQueued: () => void;
  readonly #pods = new Map<string, PendingPod>();
  readonly #queued = new Set<PendingPod>();
  readonly #unschedulable = new Set<PendingPod>();
  /** Those of the unschedulable pods for which it matters where others are. */
  readonly #seekers = new Set<PendingPod>();
  readonly #byClaim = new Map<string, Set<PendingPod>>();
  #order = 0;

  constructor(clock: Clock, onQueued: () => void) {
    this.#clock = clock;
    this.#onQueued = onQueued;
  }

  get(uid: string): PendingPod | undefined {
    return this.#pods.get(uid);
  }

  get hasUnschedulable(): boolean {
    return this.#unschedulable.size > 0;
  }

  usersOf(claim: string): Iterable<PendingPod> {
    return this.#byClaim.get(claim) ?? [];
  }

  add(pod: Pod): void {
    const claims = claimKeysOf(pod);
    const pending: PendingPod = {
      pod,
      claims,
      order: this.#order++,
      state: { type: 'queued' },
      attempts: 0,
      toldMessage: undefined,
      retry: undefined,
    };
    this.#pods.set(pod.metadata.uid, pending);
    for (const claim of claims) {
      const users = this.#byClaim.get(claim);
      if (users === undefined) this.#byClaim.set(claim, new Set([pending]));
      else users.add(pending);
    }
    this.setState(pending, { type: 'queued' });
  }

  remove(pending: PendingPod): void {
    this.#pods.delete(pending.pod.metadata.uid);
    this.#queued.delete(pending);
    this.#unschedulable.delete(pending);
    this.#seekers.delete(pending);
    pending.retry?.cancel();
    for (const claim of pending.claims) {
      const users = this.#byClaim.get(claim);
      if (users?.delete(pending) && users.size === 0) this.#byClaim.delete(claim);
    }
  }

  /** Nothing happens to a pod that is not pending any more. */
  setState(pending: PendingPod, state: State): void {
    if (this.#pods.get(pending.pod.metadata.uid) !== pending) return;
    this.#queued.delete(pending);
    this.#unschedulable.delete(pending);
    this.#seekers.delete(pending);
    pending.retry?.cancel();
    pending.retry = undefined;
    pending.state = state;
    if (state.type === 'unschedulable') {
      this.#unschedulable.add(pending);
      if (seeksOthers(pending.pod)) this.#seekers.add(pending);
    }
    if (state.type === 'queued') {
      this.#queued.add(pending);
      this.#onQueued();
    }
  }

  /** Takes up to `limit` pods whose turn it is: by priority, then in the order they came. */
  take(limit: number): readonly PendingPod[] {
    const priority = ({ pod }: PendingPod): number => pod.spec.priority ?? 0;
    const next = [...this.#queued].sort((a, b) => priority(b) - priority(a) || a.order - b.order).slice(0, limit);
    for (const pending of next) this.#queued.delete(pending);
    return next;
  }

  get hasQueued(): boolean {
    return this.#queued.size > 0;
  }

  /** Something changed that may help: pods that wait for it get another try. */
  wake(help: Helper): void {
    for (const pending of this.#unschedulable) {
      if (pending.state.type === 'unschedulable' && pending.state.helpedBy.has(help)) this.retry(pending);
    }
  }

  /** A pod was placed: it may be what another one wants to be near to. */
  wakeSeekers(): void {
    for (const pending of this.#seekers) this.retry(pending);
  }

  wakeAll(): void {
    for (const pending of this.#unschedulable) this.retry(pending);
  }

  /** Another try: now, or after a while when there have been many. */
  retry(pending: PendingPod): void {
    if (this.#pods.get(pending.pod.metadata.uid) !== pending) return;
    if (pending.retry !== undefined || pending.state.type === 'queued') return;
    const excess = pending.attempts - FREE_ATTEMPTS;
    if (excess <= 0) {
      this.setState(pending, { type: 'queued' });
      return;
    }
    const delayMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(excess - 1, 10));
    pending.retry = this.#clock.after(delayMs, () => {
      pending.retry = undefined;
      this.setState(pending, { type: 'queued' });
    });
  }

  clear(): void {
    for (const pending of this.#pods.values()) pending.retry?.cancel();
    this.#pods.clear();
    this.#queued.clear();
    this.#unschedulable.clear();
    this.#seekers.clear();
    this.#byClaim.clear();
  }
}

function seeksOthers({ spec }: Pod): boolean {
  return spec.affinity?.podAffinity !== undefined || spec.topologySpreadConstraints !== undefined;
}
