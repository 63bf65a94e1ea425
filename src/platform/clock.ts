/** Something that can be called off. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time. Everything that waits or stamps takes a clock, so that a whole cluster can run in
 * virtual time.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now (0 or more). */
  after(delayMs: number, callback: () => void): Timer;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    // setTimeout holds at most 2^31-1 ms; a longer wait is taken in stages.
    const longestMs = 2 ** 31 - 1;
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      handle = setTimeout(
        () => (leftMs > longestMs ? arm(leftMs - longestMs) : callback()),
        Math.min(leftMs, longestMs),
      );
      handle.unref();
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves `delayMs` from now, or rejects at once with the signal's reason when it is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

let lastSecond = Number.NaN;
let lastTimestamp = '';

/** A time as Kubernetes writes it: RFC 3339, UTC, whole seconds. */
export function timestamp(timeMs: number): string {
  // A status has a dozen of them, nearly all of the same second.
  const second = Math.floor(timeMs / 1000);
  if (second !== lastSecond) {
    lastTimestamp = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastTimestamp;
}

/** A time as Kubernetes writes a `MicroTime`: RFC 3339, UTC, microseconds. */
export function microTimestamp(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 23)}000Z`;
}
