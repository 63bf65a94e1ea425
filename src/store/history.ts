import type { StoredEntry } from './stored-entry.ts';

/** An event as the store keeps it. */
export type HistoryEvent =
  | { readonly type: 'put'; readonly entry: StoredEntry; readonly previous?: StoredEntry }
  | { readonly type: 'delete'; readonly entry: StoredEntry; readonly previous: StoredEntry };

/**
 * How much of the past a store keeps for watches that resume and lists that go on. Whatever is exceeded first ends it;
 * a tenth is forgotten at a time.
 */
export interface HistoryLimits {
  /** Default 50,000. */
  readonly maxEvents?: number;
  /** Bytes of JSON, where the store keeps it as such (on disk). Default 128 MiB. */
  readonly maxBytes?: number;
  /** Milliseconds; looked at when something is written. Default 10 minutes. */
  readonly maxAgeMs?: number;
}

const DEFAULT_MAX_EVENTS = 50_000;
const DEFAULT_MAX_BYTES = 128 * 1024 * 1024;
const DEFAULT_MAX_AGE_MS = 10 * 60_000;
/** The age of events is known to this much. */
const AGE_STEP_MS = 1000;

/** The newest events, one for each revision without a gap, and what is to be forgotten of them. */
export class History {
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  /** `#events[#start]` is the oldest that is kept; what is before it waits to be cut off in one go. */
  #events: HistoryEvent[] = [];
  #start = 0;
  #bytes = 0;
  #compactedRevision: number;
  /** Which revision had been reached when, oldest first. */
  #marks: { revision: number; readonly timeMs: number }[] = [];

  constructor(limits: HistoryLimits, compactedRevision: number) {
    this.#maxEvents = limits.maxEvents ?? DEFAULT_MAX_EVENTS;
    this.#maxBytes = limits.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#maxAgeMs = limits.maxAgeMs ?? DEFAULT_MAX_AGE_MS;
    this.#compactedRevision = compactedRevision;
  }

  /** Events after this revision are known. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  get revision(): number {
    return this.#compactedRevision + this.#events.length - this.#start;
  }

  push(event: HistoryEvent): void {
    this.#events.push(event);
    this.#bytes += event.entry.sizeBytes;
  }

  /** Notes the time of what has been pushed so far. */
  mark(nowMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && nowMs - last.timeMs < AGE_STEP_MS) last.revision = this.revision;
    else this.#marks.push({ revision: this.revision, timeMs: nowMs });
  }

  /** Events after `revision` (not below {@link compactedRevision}), oldest first. */
  *after(revision: number): Generator<HistoryEvent, void, undefined> {
    const from = this.#start + Math.max(0, revision - this.#compactedRevision);
    for (let index = from; index < this.#events.length; index++) {
      const event = this.#events[index];
      if (event !== undefined) yield event;
    }
  }

  /** Up to which revision the limits ask to forget, or undefined when they are kept. */
  excess(nowMs: number): number | undefined {
    let target = this.#compactedRevision;
    const count = this.#events.length - this.#start;
    if (count > this.#maxEvents) {
      target += count - Math.floor(this.#maxEvents * 0.9);
    } else if (this.#bytes > this.#maxBytes) {
      let left = this.#bytes;
      for (let index = this.#start; left > this.#maxBytes * 0.9 && index < this.#events.length; index++) {
        left -= this.#events[index]?.entry.sizeBytes ?? 0;
        target++;
      }
    }
    for (const mark of this.#marks) {
      if (nowMs - mark.timeMs <= this.#maxAgeMs) break;
      target = Math.max(target, mark.revision);
    }
    return target > this.#compactedRevision ? target : undefined;
  }

  /** Forgets the events up to and including `revision`, and returns them. */
  forget(revision: number): readonly HistoryEvent[] {
    const count = Math.min(revision, this.revision) - this.#compactedRevision;
    if (count <= 0) return [];
    const forgotten = this.#events.slice(this.#start, this.#start + count);
    for (const { entry } of forgotten) this.#bytes -= entry.sizeBytes;
    this.#start += count;
    this.#compactedRevision += count;
    if (this.#start > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
    this.#marks = this.#marks.filter((mark) => mark.revision > this.#compactedRevision);
    return forgotten;
  }
}
