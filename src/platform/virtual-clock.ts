import type { Clock, Timer } from './clock.ts';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when told to. Timers due at the same time fire in the order they were set, so a run
 * depends on nothing but what its code does.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #pending = new Set<Pending>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry: Pending = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#pending.add(entry);
    return { cancel: () => this.#pending.delete(entry) };
  }

  /** When the next timer is due, or undefined when none is set. */
  nextDueMs(): number | undefined {
    return this.#earliest()?.dueMs;
  }

  /** Moves to the next timer and fires it; false when there is none. */
  step(): boolean {
    const next = this.#earliest();
    if (next === undefined) return false;
    this.#pending.delete(next);
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    next.callback();
    return true;
  }

  /**
   * Moves on by `durationMs`, firing what falls due in order. Between two timers it lets pending promises run, so
   * that what a timer started is under way before the next one fires.
   */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      await settle();
      const next = this.#earliest();
      if (next === undefined || next.dueMs > untilMs) break;
      this.step();
    }
    this.#nowMs = untilMs;
    await settle();
  }

  #earliest(): Pending | undefined {
    let first: Pending | undefined;
    for (const entry of this.#pending) {
      if (
        first === undefined ||
        entry.dueMs < first.dueMs ||
        (entry.dueMs === first.dueMs && entry.order < first.order)
      ) {
        first = entry;
      }
    }
    return first;
  }
}

/** Lets all promise callbacks that are ready, and those they make ready, run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
