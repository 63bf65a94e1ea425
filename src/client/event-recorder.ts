import { isAlreadyExists, isNotFound } from '../api/errors.ts';
import type { Event } from '../api/generated/types.ts';
import { Events } from '../api/kinds.ts';
import type { KubernetesObject, New } from '../api/meta.ts';
import { type Clock, type Timer, timestamp } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { nameSuffix, type Random } from '../platform/random.ts';
import type { Client } from './client.ts';

/** Something worth telling a person about an object. */
export interface EventNote {
  readonly about: KubernetesObject;
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
  /** The part of the object that is meant: `spec.containers{redis}`. */
  readonly fieldPath?: string;
}

/** Where controllers say what they did and why they wait. Never blocks, never throws. */
export interface EventRecorder {
  record(note: EventNote): void;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Who speaks: `statefulset-controller`. */
  readonly component: string;
  /** The node the speaker runs on, if it belongs to one. */
  readonly host?: string;
  /** Events about one object that are written at once (default 25); after that one every `refillMs`. */
  readonly burst?: number;
  /** Default 60 s. */
  readonly refillMs?: number;
  /** Writes of all events together in a second (default 50). */
  readonly writesPerSecond?: number;
  /** The same note again within this time (default 10 min) raises the count of the event there is. */
  readonly windowMs?: number;
  /** Most events remembered, and most waiting to be written (default 4096); the oldest go first. */
  readonly capacity?: number;
}

/** What has been told, or waits to be. */
interface Told {
  readonly note: EventNote;
  readonly firstMs: number;
  lastMs: number;
  count: number;
  /** The stored event, once there is one. */
  stored: Event | undefined;
  waiting: boolean;
}

interface Allowance {
  tokens: number;
  sinceMs: number;
}

/** Where events about objects without a namespace go. */
const CLUSTER_EVENTS_NAMESPACE = 'default';
/** The API's limits. */
const LONGEST_NAME = 253;
const LONGEST_MESSAGE = 1024;

/**
 * Writes v1 Events. The same note about the same object is one event with a count, and its writes are spread out: what
 * piles up while a write waits its turn becomes one write.
 */
export class ApiEventRecorder implements EventRecorder {
  readonly #options: Required<Omit<EventRecorderOptions, 'host'>> & { readonly host: string };
  readonly #told = new Map<string, Told>();
  readonly #queue: Told[] = [];
  readonly #allowances = new Map<string, Allowance>();
  #timer: Timer | undefined;
  #writing = false;
  #stopped = false;

  constructor(options: EventRecorderOptions) {
    this.#options = {
      host: '',
      burst: 25,
      refillMs: 60_000,
      writesPerSecond: 50,
      windowMs: 600_000,
      capacity: 4096,
      ...options,
    };
  }

  record(note: EventNote): void {
    if (this.#stopped) return;
    const { clock, windowMs, capacity } = this.#options;
    const nowMs = clock.now();
    const id = [note.about.metadata.uid, note.type, note.reason, note.message].join('\n');
    let told = this.#told.get(id);
    if (told === undefined || nowMs - told.lastMs > windowMs) {
      if (!this.#allow(note.about.metadata.uid, nowMs)) return;
      told = { note, firstMs: nowMs, lastMs: nowMs, count: 0, stored: undefined, waiting: false };
    }
    told.count += 1;
    told.lastMs = nowMs;
    // Moves it to the end: the map is in the order of the last use.
    this.#told.delete(id);
    this.#told.set(id, told);
    if (this.#told.size > capacity) dropFirst(this.#told);
    if (told.waiting || this.#queue.length >= capacity) return;
    told.waiting = true;
    this.#queue.push(told);
    this.#schedule(0);
  }

  /** Writes nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#queue.length = 0;
  }

  /** A bucket for each object, so that one that is in trouble does not silence the others. */
  #allow(uid: string, nowMs: number): boolean {
    const { burst, refillMs, capacity } = this.#options;
    const before = this.#allowances.get(uid) ?? { tokens: burst, sinceMs: nowMs };
    const refilled = Math.min(burst, before.tokens + (nowMs - before.sinceMs) / refillMs);
    const allowed = refilled >= 1;
    this.#allowances.delete(uid);
    this.#allowances.set(uid, { tokens: allowed ? refilled - 1 : refilled, sinceMs: nowMs });
    if (this.#allowances.size > capacity) dropFirst(this.#allowances);
    return allowed;
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== undefined || this.#writing || this.#stopped) return;
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      void this.#writeNext();
    });
  }

  async #writeNext(): Promise<void> {
    const told = this.#queue.shift();
    if (told === undefined) return;
    this.#writing = true;
    told.waiting = false;
    try {
      await this.#write(told);
    } catch (error) {
      // An event is a courtesy: one that cannot be written is lost, and nothing else with it.
      this.#options.logger.debug('cannot write an event', { reason: told.note.reason, error: String(error) });
    }
    this.#writing = false;
    if (this.#queue.length > 0) this.#schedule(1000 / this.#options.writesPerSecond);
  }

  async #write(told: Told): Promise<void> {
    const { client } = this.#options;
    if (told.stored !== undefined) {
      const { namespace = CLUSTER_EVENTS_NAMESPACE, name } = told.stored.metadata;
      const body = { count: told.count, lastTimestamp: timestamp(told.lastMs) };
      try {
        told.stored = await client.patch(Events, { namespace, name }, { type: 'merge', body });
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    try {
      told.stored = await client.create(Events, this.#event(told));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #event({ note, firstMs, lastMs, count }: Told): New<Event> {
    const { component, host, random } = this.#options;
    const { apiVersion, kind, metadata } = note.about;
    const { name, namespace, uid, resourceVersion } = metadata;
    return {
      metadata: { name: eventName(name, nameSuffix(random, 16)), namespace: namespace ?? CLUSTER_EVENTS_NAMESPACE },
      involvedObject: {
        apiVersion,
        kind,
        name,
        uid,
        resourceVersion,
        ...(namespace !== undefined && { namespace }),
        ...(note.fieldPath !== undefined && { fieldPath: note.fieldPath }),
      },
      type: note.type,
      reason: note.reason,
      message: note.message.slice(0, LONGEST_MESSAGE),
      count,
      firstTimestamp: timestamp(firstMs),
      lastTimestamp: timestamp(lastMs),
      source: { component, ...(host !== '' && { host }) },
      reportingComponent: component,
      reportingInstance: host,
    };
  }
}

/** Begins with as much of the object's name as the API takes. */
function eventName(name: string, suffix: string): string {
  const room = LONGEST_NAME - suffix.length - 1;
  return `${name.slice(0, room).replace(/[-.]+$/, '')}.${suffix}`;
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
