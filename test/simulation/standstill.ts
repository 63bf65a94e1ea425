import type { Client } from '../../src/client/client.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { intercept, type Request } from './intercept.ts';

/** Honest work sends some dozens at one moment. */
const MOST_REQUESTS = 2000;
const MOST_NAMED = 3;

/**
 * Notices parts that keep each other busy for ever: each answers what the other wrote, so that time never goes on.
 * They get no answers from then on, so that the run ends.
 */
export class Standstill {
  readonly #clock: Clock;
  readonly #fail: (message: string) => void;
  #atMs = Number.NEGATIVE_INFINITY;
  #requests = 0;
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock, fail: (message: string) => void) {
    this.#clock = clock;
    this.#fail = fail;
  }

  client(part: string, client: Client): Client {
    return intercept(
      client,
      (request, send) => (this.#isTooMuch(part, request) ? new Promise(() => {}) : send()),
      (_type, handler, open) => open(handler),
    );
  }

  #isTooMuch(part: string, request: Request): boolean {
    const nowMs = this.#clock.now();
    if (nowMs !== this.#atMs) {
      this.#atMs = nowMs;
      this.#requests = 0;
      this.#counts.clear();
    }
    this.#requests += 1;
    if (this.#requests > MOST_REQUESTS / 2) this.#count(part, request);
    if (this.#requests < MOST_REQUESTS) return false;
    if (this.#requests === MOST_REQUESTS) this.#fail(`livelock: ${this.#describe()}`);
    return true;
  }

  /** Only the second half of them: what goes on for ever, and not what began it. */
  #count(part: string, { verb, type, name, subresource }: Request): void {
    const what = [part, verb, type.singular, name, subresource].filter(Boolean).join(' ');
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  #describe(): string {
    const most = [...this.#counts].sort(([, a], [, b]) => b - a).slice(0, MOST_NAMED);
    return `${this.#requests} requests and no time passes: ${most.map(([what, count]) => `${what} (${count} times)`).join(', ')} ...`;
  }
}
