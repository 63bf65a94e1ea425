import type { KubernetesObject } from '../../src/api/meta.ts';
import type { Client, Watch, WatchHandler } from '../../src/client/client.ts';
import type { Runtime } from '../../src/node/runtimes/runtime.ts';
import type { Clock, Timer } from '../../src/platform/clock.ts';
import { intercept, isWrite } from './intercept.ts';

/**
 * One life of a part of the cluster, from its start to its `kill -9`. What it is given through here ends with it: its
 * timers do not fire, nothing it asks is answered, nothing it wants is done. What it had sent before goes its way.
 */
export class Life {
  readonly name: string;
  #alive = true;
  readonly #timers = new Set<Timer>();
  readonly #watches = new Set<Watch>();
  #writesLeft = Number.POSITIVE_INFINITY;
  #atLastWrite: () => void = () => {};

  constructor(name: string) {
    this.name = name;
  }

  get alive(): boolean {
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    for (const watch of this.#watches) watch.stop();
    this.#watches.clear();
  }

  /** It ends just after it has sent its `count`th write from now, and before it hears of it; `then` is called. */
  endAfterWrites(count: number, then: () => void): void {
    this.#writesLeft = count;
    this.#atLastWrite = then;
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      after: (delayMs, callback) => {
        if (!this.#alive) return { cancel: () => {} };
        const timer = clock.after(delayMs, () => {
          this.#timers.delete(own);
          callback();
        });
        const own: Timer = {
          cancel: () => {
            this.#timers.delete(own);
            timer.cancel();
          },
        };
        this.#timers.add(own);
        return own;
      },
    };
  }

  client(client: Client): Client {
    return intercept(
      client,
      async (request, send) => {
        if (!this.#alive) return silence();
        const answer = send();
        if (isWrite(request)) {
          this.#writesLeft -= 1;
          if (this.#writesLeft === 0) {
            this.end();
            this.#atLastWrite();
          }
        }
        return this.#hears(answer);
      },
      (_type, handler, open) => {
        if (!this.#alive) return { stop: () => {} };
        const watch = open(this.#listener(handler));
        this.#watches.add(watch);
        return {
          stop: () => {
            this.#watches.delete(watch);
            watch.stop();
          },
        };
      },
    );
  }

  /** A runtime outlives its agents; only this one's calls end with it. */
  runtime<T extends Runtime>(runtime: T): T {
    return new Proxy(runtime, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          if (!this.#alive) return silence();
          const result: unknown = value.apply(target, args);
          return result instanceof Promise ? this.#hears(result) : result;
        };
      },
    });
  }

  async #hears<R>(answer: Promise<R>): Promise<R> {
    try {
      const result = await answer;
      return this.#alive ? result : silence();
    } catch (error) {
      if (this.#alive) throw error;
      return silence();
    }
  }

  #listener<T extends KubernetesObject>(handler: WatchHandler<T>): WatchHandler<T> {
    return {
      events: (batch) => {
        if (this.#alive) handler.events(batch);
      },
      closed: (error) => {
        if (this.#alive) handler.closed(error);
      },
    };
  }
}

function silence(): Promise<never> {
  return new Promise(() => {});
}
