/** Upper ends of the buckets, in seconds; what takes longer than the last is beyond them all. */
export const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30] as const;

/** How often something took how long. */
export class Histogram {
  /** How many were within each bucket and not within the one before; the last is beyond them all. */
  readonly #counts: number[] = new Array<number>(BUCKETS.length + 1).fill(0);
  #seconds = 0;

  /** All of them together, in seconds. */
  get seconds(): number {
    return this.#seconds;
  }

  get counts(): readonly number[] {
    return this.#counts;
  }

  add(seconds: number): void {
    const bucket = BUCKETS.findIndex((upper) => seconds <= upper);
    const index = bucket < 0 ? BUCKETS.length : bucket;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#seconds += seconds;
  }
}
