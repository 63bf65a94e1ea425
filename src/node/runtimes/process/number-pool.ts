/**
 * Numbers of a range, each given out once. One that was given back is the last to be given out again, so that whoever
 * still remembers it meets nobody.
 */
export class NumberPool {
  readonly #first: number;
  readonly #count: number;
  readonly #used = new Set<number>();
  #next = 0;

  constructor(first: number, count: number) {
    this.#first = first;
    this.#count = count;
  }

  /** Undefined when all are taken. */
  allocate(): number | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const offset = (this.#next + tried) % this.#count;
      if (this.#used.has(offset)) continue;
      this.#used.add(offset);
      this.#next = (offset + 1) % this.#count;
      return this.#first + offset;
    }
    return undefined;
  }

  /** False when it is taken already, or of another range. */
  claim(number: number): boolean {
    const offset = number - this.#first;
    if (offset < 0 || offset >= this.#count || this.#used.has(offset)) return false;
    this.#used.add(offset);
    this.#next = Math.max(this.#next, (offset + 1) % this.#count);
    return true;
  }

  release(number: number): void {
    this.#used.delete(number - this.#first);
  }
}
