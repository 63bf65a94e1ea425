import type { HistoryEvent } from './history.ts';

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;

/**
 * The newest events, whose JSON and previous versions are at hand because watchers and answers are likely to want
 * them. What falls out of the window is left to the log: of a current version the JSON, of an old one everything.
 */
export class RecentWindow {
  readonly #maxBytes: number;
  #events: HistoryEvent[] = [];
  #start = 0;
  #bytes = 0;

  /** `maxBytes` of JSON; the values of that many objects take three to four times as much. */
  constructor(maxBytes = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  push(event: HistoryEvent): void {
    this.#events.push(event);
    this.#bytes += event.entry.sizeBytes;
    while (this.#bytes > this.#maxBytes) this.#shift();
    this.#cutOff();
  }

  /** Lets go of the events up to and including `revision`. */
  forget(revision: number): void {
    while ((this.#events[this.#start]?.entry.revision ?? Number.POSITIVE_INFINITY) <= revision) this.#shift();
    this.#cutOff();
  }

  #shift(): void {
    const event = this.#events[this.#start++];
    if (event === undefined) return;
    this.#bytes -= event.entry.sizeBytes;
    event.previous?.release();
    if (event.type === 'delete') event.entry.release();
    else event.entry.releaseJson();
  }

  #cutOff(): void {
    if (this.#start <= this.#events.length / 2) return;
    this.#events = this.#events.slice(this.#start);
    this.#start = 0;
  }
}
