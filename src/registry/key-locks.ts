/**
 * Lets one piece of work at a time have a key. A write that waits here for the one before it never sees a conflict
 * that its caller did not ask for.
 */
export class KeyLocks {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** How many keys are in use now. */
  get size(): number {
    return this.#tails.size;
  }

  /** Runs `work` when everything that came before it for `key` is over, and answers with its outcome. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const outcome = before === undefined ? work() : before.then(work, work);
    const release = (): void => {
      if (this.#tails.get(key) === outcome) this.#tails.delete(key);
    };
    this.#tails.set(key, outcome);
    outcome.then(release, release);
    return outcome;
  }
}
