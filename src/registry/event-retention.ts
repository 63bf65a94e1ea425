import { isNotFound } from '../api/errors.ts';
import type { Event } from '../api/generated/types.ts';
import { Events } from '../api/kinds.ts';
import type { Entry } from '../store/store.ts';
import { objectOf, type RegistryCore } from './core.ts';
import { deleteObject } from './delete-object.ts';
import { resourcePrefix } from './keys.ts';
import type { RequestContext } from './requests.ts';

/** How many events are kept, and for how long. */
export interface EventRetention {
  /** Since the event was last seen. An hour, as in Kubernetes, when absent. */
  readonly maxAgeMs?: number;
  /** Of several the newest stay. 10,000 when absent. */
  readonly maxCount?: number;
}

const sweeper: RequestContext = { user: { name: 'system:apiserver', groups: ['system:masters'] } };

/** How many events are removed at a time, so that a large sweep leaves room for other writes. */
const BATCH = 200;

/** Removes events that are too old or too many; says how many. To be called from time to time. */
export async function sweepEvents(
  core: RegistryCore,
  { maxAgeMs = 3_600_000, maxCount = 10_000 }: EventRetention = {},
): Promise<number> {
  const { entries } = await core.store.list(resourcePrefix(Events));
  const oldest = core.clock.now() - maxAgeMs;
  const dated = entries.map((entry) => ({ entry, seenMs: lastSeenMs(entry) })).sort((a, b) => b.seenMs - a.seenMs);
  const surplus = dated.filter(({ seenMs }, index) => index >= maxCount || seenMs < oldest);
  let removed = 0;
  for (let start = 0; start < surplus.length; start += BATCH) {
    const batch = surplus.slice(start, start + BATCH);
    const outcomes = await Promise.all(batch.map(({ entry }) => remove(core, entry)));
    removed += outcomes.filter(Boolean).length;
  }
  return removed;
}

function lastSeenMs(entry: Entry): number {
  const event = objectOf<Event>(entry);
  const times = [
    event.metadata.creationTimestamp,
    event.lastTimestamp,
    event.eventTime,
    event.series?.lastObservedTime,
  ];
  return Math.max(...times.map((time) => (time === undefined ? 0 : Date.parse(time) || 0)));
}

/** False when the event has changed or gone since it was looked at. */
async function remove(core: RegistryCore, entry: Entry): Promise<boolean> {
  const { metadata } = objectOf(entry);
  const preconditions = { uid: metadata.uid, resourceVersion: metadata.resourceVersion };
  try {
    await deleteObject(core, Events, metadata, { preconditions }, sweeper);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
