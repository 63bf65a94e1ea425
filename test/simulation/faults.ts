import { apiError, isConflict } from '../../src/api/errors.ts';
import type { KubernetesObject } from '../../src/api/meta.ts';
import type { Client, Watch, WatchEvent, WatchHandler } from '../../src/client/client.ts';
import { type Clock, sleep } from '../../src/platform/clock.ts';
import type { Random } from '../../src/platform/random.ts';
import { intercept, isWrite } from './intercept.ts';

export const FAULT_KINDS = ['refuse', 'conflict', 'lose', 'delay', 'late', 'drop'] as const;

/**
 * What can go wrong between a part and the API:
 *
 * - `refuse`: a request is not done, and fails; `conflict`: an update fails as if somebody else had been faster
 * - `lose`: a write is done, and its answer is lost
 * - `delay`: a request, and its answer, take their time, so that they may overtake each other
 * - `late`: what a watch sends comes late, in order
 * - `drop`: a watch ends, or its version is no longer known
 */
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** The part it is about; `all` is everybody. */
  readonly part: string;
  /** How often, from 0 to 1. */
  readonly rate: number;
}

const LONGEST_DELAY_MS = 3000;
const NO_ANSWER_MS = 1000;

interface Line {
  readonly part: string;
  close(error: Error): void;
}

/** The network between the parts and the API. */
export class Network {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #faults = new Set<Fault>();
  readonly #cut = new Set<string>();
  readonly #lines = new Set<Line>();
  readonly #count: (what: string) => void;

  /** `count` is told what struck. */
  constructor(clock: Clock, random: Random, count: (what: string) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#count = count;
  }

  add(fault: Fault): void {
    this.#faults.add(fault);
  }

  remove(fault: Fault): void {
    this.#faults.delete(fault);
  }

  /** Nothing gets through to `part` or from it any more. */
  cut(part: string): void {
    this.#count('node lost');
    this.#cut.add(part);
    for (const line of this.#lines) if (line.part === part) line.close(unreachable());
  }

  mend(part: string): void {
    if (this.#cut.delete(part)) this.#count('node back');
  }

  /** Everything works from now on. */
  heal(): void {
    this.#faults.clear();
    this.#cut.clear();
  }

  client(part: string, client: Client): Client {
    return intercept(
      client,
      async (request, send) => {
        if (this.#cut.has(part)) return this.#noAnswer();
        if (this.#strikes('refuse', part)) throw apiError('ServiceUnavailable', 'simulated: refused');
        if (request.verb === 'update' && this.#strikes('conflict', part)) {
          throw apiError('Conflict', 'simulated: somebody else was faster');
        }
        const slow = this.#strikes('delay', part);
        if (slow) await this.#pause();
        const losing = isWrite(request) && this.#strikes('lose', part);
        const answer = await send().catch((error: unknown) => {
          // A refusal that is lost is as good as one that arrives; only conflicts keep their meaning.
          if (losing && !isConflict(error)) throw apiError('Timeout', 'simulated: the answer was lost');
          throw error;
        });
        if (slow) await this.#pause();
        if (losing) {
          this.#count('lose: and it was done');
          throw apiError('Timeout', 'simulated: the answer was lost');
        }
        // It had been sent before the line was cut; whether the answer comes is another matter.
        return this.#cut.has(part) ? this.#noAnswer() : answer;
      },
      (_type, handler, open) => this.#watch(part, handler, open),
    );
  }

  #watch<T extends KubernetesObject>(
    part: string,
    handler: WatchHandler<T>,
    open: (handler: WatchHandler<T>) => Watch,
  ): Watch {
    if (this.#cut.has(part)) throw unreachable();
    let open_ = true;
    let inner: Watch | undefined;
    let lastDueMs = 0;
    const line: Line = {
      part,
      close: (error) => {
        if (!open_) return;
        open_ = false;
        this.#lines.delete(line);
        inner?.stop();
        this.#clock.after(0, () => handler.closed(error));
      },
    };
    const underWay: (readonly WatchEvent<T>[])[] = [];
    const deliverNext = (): void => {
      const batch = underWay.shift();
      if (open_ && batch !== undefined) handler.events(batch);
    };
    this.#lines.add(line);
    inner = open({
      events: (batch) => {
        if (!open_) return;
        if (this.#strikes('drop', part)) {
          const expired = this.#random.next() < 0.5;
          line.close(expired ? apiError('Expired', 'simulated: too old') : unreachable());
          return;
        }
        const nowMs = this.#clock.now();
        const late = this.#strikes('late', part) ? this.#random.next() * LONGEST_DELAY_MS : 0;
        // In order: nothing overtakes what is under way, not even by the rounding of a time.
        lastDueMs = Math.max(lastDueMs, nowMs + late);
        underWay.push(batch);
        if (underWay.length === 1 && lastDueMs <= nowMs) deliverNext();
        else this.#clock.after(Math.max(0, lastDueMs - nowMs), deliverNext);
      },
      closed: (error) => {
        if (open_) handler.closed(error);
      },
    });
    return {
      stop: () => {
        open_ = false;
        this.#lines.delete(line);
        inner?.stop();
      },
    };
  }

  #strikes(kind: FaultKind, part: string): boolean {
    for (const fault of this.#faults) {
      if (fault.kind === kind && (fault.part === part || fault.part === 'all') && this.#random.next() < fault.rate) {
        this.#count(kind);
        return true;
      }
    }
    return false;
  }

  #pause(): Promise<void> {
    return sleep(this.#clock, this.#random.next() * LONGEST_DELAY_MS);
  }

  async #noAnswer(): Promise<never> {
    await sleep(this.#clock, NO_ANSWER_MS);
    throw unreachable();
  }
}

function unreachable(): Error {
  return apiError('ServiceUnavailable', 'simulated: no connection');
}
