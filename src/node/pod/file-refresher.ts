import type { Clock } from '../../platform/clock.ts';
import { tokenLifetimeMs } from '../volumes/projections.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodResources } from './pod-resources.ts';

/** After this part of its life a token is renewed, as in Kubernetes. */
const RENEWAL_SHARE = 0.8;
/** How soon what could not be written is tried again. */
const RETRY_MS = 60_000;

/** P6: keeps the files of running pods as the objects are that they come from. */
export class FileRefresher {
  readonly #resources: PodResources;
  readonly #events: PodEvents;
  readonly #clock: Clock;

  constructor(options: { readonly resources: PodResources; readonly events: PodEvents; readonly clock: Clock }) {
    this.#resources = options.resources;
    this.#events = options.events;
    this.#clock = options.clock;
  }

  /** Writes the pod's files anew when they may be out of date. What is missing now stays as it was. */
  async refresh(record: PodRecord): Promise<void> {
    const { api, runtime } = record;
    const isDue = record.filesDueMs !== undefined && record.filesDueMs <= this.#clock.now();
    if (!record.filesStale && !isDue) return;
    record.filesStale = false;
    record.filesDueMs = undefined;
    if (api.type === 'gone' || !runtime?.alive) return;
    try {
      await this.#resources.refresh(api.pod, runtime.ips);
    } catch (error) {
      record.filesDueMs = this.#clock.now() + RETRY_MS;
      this.#events.warning(api.pod, 'FailedMount', error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * When the pod's files have to be written anew though nothing changes: its tokens are renewed before they end, and what
   * went wrong is tried again.
   */
  dueMs(record: PodRecord): number | undefined {
    if (record.api.type === 'gone' || !record.runtime?.alive) return undefined;
    if (record.filesDueMs !== undefined) return record.filesDueMs;
    const lifetimeMs = tokenLifetimeMs(record.api.pod);
    if (lifetimeMs === undefined) return undefined;
    record.filesDueMs = this.#clock.now() + lifetimeMs * RENEWAL_SHARE;
    return record.filesDueMs;
  }
}
