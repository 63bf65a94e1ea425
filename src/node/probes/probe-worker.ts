import type { Probe } from '../../api/generated/types.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { ProbeOutcome } from './outcome.ts';
import {
  afterOutcome,
  eagerDelayMs,
  initialState,
  type ProbeKind,
  type ProbeState,
  periodMs,
  timeoutMs,
} from './probe-state.ts';

export interface ProbeWorkerOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly clock: Clock;
  /** When the container was started. */
  readonly startedAtMs: number;
  /** What is known from before the agent was started. */
  readonly decided: boolean | undefined;
  readonly run: (signal: AbortSignal) => Promise<ProbeOutcome>;
  /** A probe that counts has found this. */
  readonly found: (outcome: ProbeOutcome, before: ProbeState, after: ProbeState) => void;
}

/** Runs one probe of one run of a container again and again, until it is stopped. */
export class ProbeWorker {
  readonly #options: ProbeWorkerOptions;
  readonly #stopped = new AbortController();
  #state: ProbeState;
  /** The next beat of the period. */
  #beatMs: number;
  /** Probes until the first success: liveness has nothing to wait for. */
  #eager: boolean;
  #firstMs: number;
  #timer: Timer | undefined;

  constructor(options: ProbeWorkerOptions) {
    const { probe, clock, startedAtMs, decided, kind } = options;
    this.#options = options;
    this.#state = initialState(decided);
    this.#eager = kind !== 'liveness' && decided !== true;
    this.#beatMs = Math.max(clock.now(), startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000);
    this.#firstMs = this.#beatMs;
    this.#schedule(this.#beatMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stopped.abort(new Error('the probe is no longer needed'));
  }

  #schedule(atMs: number): void {
    const { clock } = this.#options;
    // Not by what the clock says then: it may have been set back.
    const onBeat = atMs >= this.#beatMs;
    this.#timer = clock.after(Math.max(0, atMs - clock.now()), () => void this.#run(onBeat));
  }

  async #run(onBeat: boolean): Promise<void> {
    const { clock, probe, run, found } = this.#options;
    const limit = new AbortController();
    const timer = clock.after(timeoutMs(probe), () =>
      limit.abort(new Error(`no answer within ${timeoutMs(probe) / 1000}s (timeoutSeconds)`)),
    );
    const outcome = await run(AbortSignal.any([limit.signal, this.#stopped.signal]));
    timer.cancel();
    if (this.#stopped.signal.aborted) return;
    while (onBeat && this.#beatMs <= clock.now()) this.#beatMs += periodMs(probe);
    this.#beatMs = Math.min(this.#beatMs, clock.now() + periodMs(probe));
    this.#firstMs = Math.min(this.#firstMs, clock.now());
    if (outcome.success) this.#eager = false;
    if (onBeat || outcome.success) {
      const before = this.#state;
      this.#state = afterOutcome(before, outcome.success, probe);
      found(outcome, before, this.#state);
    }
    if (this.#stopped.signal.aborted) return;
    const eagerMs = clock.now() + eagerDelayMs(clock.now() - this.#firstMs);
    this.#schedule(this.#eager ? Math.min(this.#beatMs, eagerMs) : this.#beatMs);
  }
}
