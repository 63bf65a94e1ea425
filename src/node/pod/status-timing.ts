import { isReady, viewContainers } from './container-view.ts';
import type { ObservedPod } from './observed.ts';

/** A state that is over within this time is not worth a write of its own. */
const SHORT_LIVED_MS = 100;

/**
 * When the status of a pod at rest should be written. Two states nearly always pass at once, and writing them would
 * double the writes of every pod: just started and not yet found ready, and just asked to end. The API shows the second
 * one anyway (`deletionTimestamp`, which takes the pod out of every endpoint).
 */
export function statusDueMs(observed: ObservedPod): number {
  const { endingSinceMs, runtime, api, nowMs } = observed;
  if (api.type === 'gone' || !runtime?.alive) return nowMs;
  if (endingSinceMs !== undefined) return endingSinceMs + SHORT_LIVED_MS;
  if (api.pod.status?.phase !== 'Pending') return nowMs;
  const views = viewContainers(observed);
  // Only while first probes are on their way: what runs and has none is ready already.
  const probed = views.some((view) => !isReady(view) && (view.container.readinessProbe ?? view.container.startupProbe));
  return probed ? runtime.startedAtMs + SHORT_LIVED_MS : nowMs;
}
