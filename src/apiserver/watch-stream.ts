import { apiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Registry, StoredWatchEvent, WatchRequest } from '../registry/requests.ts';
import { statusOf } from './answers.ts';
import type { Encoder } from './representations.ts';
import type { StreamedAnswer } from './streams/web-socket-answer.ts';

export interface WatchStreamOptions {
  readonly registry: Registry;
  readonly type: ResourceType;
  readonly request: WatchRequest;
  readonly encoder: Encoder;
  readonly response: StreamedAnswer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The client wants to be told from time to time which version has been reached. */
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
  readonly limits?: Partial<WatchLimits>;
  /** Runs what it is given once the changes that come together have come; default: after this turn of the event loop. */
  readonly soon?: (run: () => void) => void;
}

/** How far a connection may fall behind before it is closed. */
export interface WatchLimits {
  /** Events that wait for the socket, besides the first ones; default 10,000. */
  readonly events: number;
  /** Bytes of the events that wait for the socket, besides the first ones; default 32 MiB. */
  readonly sizeBytes: number;
}

const DEFAULT_LIMITS: WatchLimits = { events: 10_000, sizeBytes: 32 * 1024 * 1024 };
/** What waits is written in pieces of about this size. */
const PIECE_BYTES = 256 * 1024;
const BOOKMARK_INTERVAL_MS = 60_000;
/** How long a client that did not read gets to read that its watch is over. */
const LINGER_MS = 5_000;

const lineEnd = Buffer.from('}\n');
const heads = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
} as const;
/** Where the word for the type of an event begins. */
const LETTER_AT = '{"type":"'.length;

/**
 * The lines made in this turn of the event loop: one change is told to all who watch it, each in the same bytes. Kept
 * apart for each encoder, by the event's own bytes.
 */
const linesOfThisTurn = new Map<Encoder, Map<Buffer, Buffer>>();

function lineOf(event: Exclude<StoredWatchEvent, { type: 'BOOKMARK' }>, type: ResourceType, encoder: Encoder): Buffer {
  if (linesOfThisTurn.size === 0) setImmediate(() => linesOfThisTurn.clear());
  let lines = linesOfThisTurn.get(encoder);
  if (lines === undefined) {
    lines = new Map();
    linesOfThisTurn.set(encoder, lines);
  }
  const bytes = event.item.json();
  const known = lines.get(bytes);
  // The same version of an object may be new to one watcher and changed to another: their first letters differ.
  if (known !== undefined && known[LETTER_AT] === heads[event.type][LETTER_AT]) return known;
  const line = Buffer.concat([heads[event.type], encoder.object(type, event.item), lineEnd]);
  lines.set(bytes, line);
  return line;
}

let dueAfterThisTurn: (() => void)[] = [];

/** Changes made by requests that arrived together go to each watcher in one write, which is what a watcher costs. */
function afterThisTurn(run: () => void): void {
  if (dueAfterThisTurn.length === 0) {
    setImmediate(() => {
      const due = dueAfterThisTurn;
      dueAfterThisTurn = [];
      for (const each of due) each();
    });
  }
  dueAfterThisTurn.push(run);
}

/**
 * One watch on one connection: a line of JSON for each event. What the socket does not take at once waits here, as
 * references to what the store has anyway and within limits; past them the connection is told to start again (410) and
 * closed, so that a slow reader costs nobody else anything.
 */
export class WatchStream {
  readonly #options: WatchStreamOptions;
  readonly #limits: WatchLimits;
  #queue: StoredWatchEvent[] = [];
  #queuedBytes = 0;
  #allowedEvents: number;
  #allowedBytes: number;
  #blocked = false;
  #started = false;
  #isDue = false;
  #over = false;
  #subscription: { stop(): void } | undefined;
  #timers: Timer[] = [];

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#allowedEvents = this.#limits.events;
    this.#allowedBytes = this.#limits.sizeBytes;
  }

  /** Begins; throws an `ApiError`, with nothing written yet, when the watch is refused. */
  start(): void {
    const { registry, type, request, response, clock, timeoutMs, encoder } = this.#options;
    response.statusCode = 200;
    response.setHeader('Content-Type', encoder.contentType);
    response.setHeader('Cache-Control', 'no-cache, private');
    response.on('drain', () => this.#unblock());
    response.on('close', () => this.#stop());
    try {
      this.#subscription = registry.watch(type, request, {
        events: (batch) => this.#take(batch),
        closed: (error) => this.#close(error),
      });
    } catch (error) {
      this.#over = true;
      response.removeHeader('Content-Type');
      throw error;
    }
    if (this.#over) {
      this.#subscription.stop();
      return;
    }
    if (!response.headersSent) response.flushHeaders();
    this.#timers.push(clock.after(timeoutMs, () => this.close()));
    if (this.#options.bookmarks) this.#armBookmark();
  }

  /** Ends it normally: the client goes on from the last version it saw. */
  close(): void {
    this.#close(undefined);
  }

  #take(batch: readonly StoredWatchEvent[]): void {
    if (this.#over || batch.length === 0) return;
    const sizeBytes = batch.reduce((sum, event) => sum + sizeOf(event), 0);
    const isFirst = !this.#started;
    this.#started = true;
    if (isFirst) {
      // The state to begin with may be large, and the store has it anyway.
      this.#allowedEvents += batch.length;
      this.#allowedBytes += sizeBytes;
    }
    for (const event of batch) this.#queue.push(event);
    this.#queuedBytes += sizeBytes;
    if (!this.#blocked && (this.#queuedBytes > PIECE_BYTES || this.#isBehind())) this.#drain();
    else if (!this.#blocked) this.#drainSoon();
    if (this.#isBehind()) {
      this.#close(apiError('Expired', 'the watch fell too far behind: list again and go on from there'));
    }
  }

  #isBehind(): boolean {
    return this.#queue.length > this.#allowedEvents || this.#queuedBytes > this.#allowedBytes;
  }

  #drainSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const { soon = afterThisTurn } = this.#options;
    soon(() => {
      this.#isDue = false;
      if (!this.#over) this.#drain();
    });
  }

  #unblock(): void {
    this.#blocked = false;
    if (!this.#over) this.#drain();
  }

  #drain(): void {
    let next = 0;
    while (!this.#blocked && next < this.#queue.length) {
      const first = next;
      let sizeBytes = 0;
      while (next < this.#queue.length && sizeBytes < PIECE_BYTES) {
        const event = this.#queue[next++];
        if (event !== undefined) sizeBytes += sizeOf(event);
      }
      this.#queuedBytes -= sizeBytes;
      // What has gone of the first state is not allowed to come again.
      this.#allowedEvents = Math.max(this.#limits.events, this.#allowedEvents - (next - first));
      this.#allowedBytes = Math.max(this.#limits.sizeBytes, this.#allowedBytes - sizeBytes);
      this.#write(this.#encode(this.#queue.slice(first, next)));
    }
    this.#queue = next >= this.#queue.length ? [] : this.#queue.slice(next);
  }

  #write(frame: Buffer): void {
    if (frame.length > 0 && !this.#options.response.write(frame)) this.#blocked = true;
  }

  #encode(events: readonly StoredWatchEvent[]): Buffer {
    const { type, encoder, bookmarks } = this.#options;
    const lines: Buffer[] = [];
    for (const event of events) {
      if (event.type !== 'BOOKMARK') {
        lines.push(lineOf(event, type, encoder));
      } else if (bookmarks || event.initialEnd) {
        lines.push(heads.BOOKMARK, encoder.bookmark(type, event.resourceVersion, event.initialEnd), lineEnd);
      }
    }
    return lines.length === 1 && lines[0] ? lines[0] : Buffer.concat(lines);
  }

  #armBookmark(): void {
    this.#timers[1] = this.#options.clock.after(BOOKMARK_INTERVAL_MS, () => {
      const { registry, request } = this.#options;
      // Before the first events have come, nothing has been reached yet.
      const hasBegun = this.#started || (request.resourceVersion ?? '0') !== '0';
      if (hasBegun) {
        this.#take([{ type: 'BOOKMARK', resourceVersion: registry.resourceVersion, initialEnd: false }]);
      }
      if (!this.#over) this.#armBookmark();
    });
  }

  #close(error: Error | undefined): void {
    if (this.#over) return;
    const { response, logger, clock } = this.#options;
    this.#drain();
    this.#stop();
    if (error === undefined) {
      response.end();
    } else {
      const status = statusOf(error, logger);
      response.end(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`);
    }
    const timer = clock.after(LINGER_MS, () => response.destroy());
    response.once('close', () => timer.cancel());
  }

  #stop(): void {
    this.#over = true;
    this.#queue = [];
    this.#subscription?.stop();
    for (const timer of this.#timers) timer.cancel();
  }
}

function sizeOf(event: StoredWatchEvent): number {
  return event.type === 'BOOKMARK' ? 0 : event.item.json().length;
}
