import { type ContainerView, running } from './container-view.ts';
import { act, type Decision, type Ending, idle } from './decision.ts';
import type { ObservedPod, PodAction } from './observed.ts';

/** What a pod gets that has no word of its own on it. */
const DEFAULT_GRACE_SECONDS = 30;
/** Even a pod deleted with no grace gets this long to hear its signal, as in Kubernetes. */
const MINIMUM_GRACE_SECONDS = 1;
/** A deadline that moved by less than this is the same deadline. */
const SAME_DEADLINE_MS = 500;

/**
 * P4: the ordinary containers are stopped together; then the sidecars, last first, each when the one after it has
 * ended; then whatever is left of the sandbox. All of it within one grace period.
 */
export function planEnding(observed: ObservedPod, views: readonly ContainerView[], ending: Ending): Decision {
  const alive = views.filter(running);
  if (alive.length > 0 && observed.runtime?.alive) return stop(observed, alive, ending);
  if (observed.runtime && !observed.sandboxStopped) return act({ type: 'stopSandbox' });
  switch (ending.why) {
    case 'deleted':
      // M1: only now, when nothing of it is left. A finalizer may keep the object: then there is nothing more to do.
      return observed.confirmed ? idle() : act({ type: 'confirm' });
    case 'gone':
      return act({ type: 'forget' });
    case 'nodeStops':
    case 'over':
      return idle();
  }
}

function stop(observed: ObservedPod, alive: readonly ContainerView[], ending: Ending): Decision {
  const sinceMs = observed.endingSinceMs ?? observed.nowMs;
  const deadlineMs = sinceMs + graceSeconds(observed) * 1000;
  const ordinary = alive.filter((view) => view.kind !== 'sidecar');
  const next = ordinary.length > 0 ? ordinary : alive.slice(-1);
  const actions = next
    .filter(({ memory: { operation } }) => {
      // Under way already, unless the user has since asked for less patience.
      return operation?.type !== 'stopping' || deadlineMs < operation.deadlineMs - SAME_DEADLINE_MS;
    })
    .map(({ container }): PodAction => {
      const graceMs = Math.max(0, deadlineMs - observed.nowMs);
      const message = reasonToStop(ending, container.name);
      return { type: 'stopContainer', container: container.name, ending: true, graceMs, message };
    });
  return {
    actions,
    waiting: {
      reason: 'Terminating',
      message: `waiting for ${next.map((view) => view.container.name).join(', ')} to end`,
    },
    wakeAtMs: undefined,
  };
}

function graceSeconds({ api, refused }: ObservedPod): number {
  if (refused !== undefined) return MINIMUM_GRACE_SECONDS; // evicted
  const asked = api.pod?.metadata.deletionGracePeriodSeconds ?? api.pod?.spec.terminationGracePeriodSeconds;
  return Math.max(MINIMUM_GRACE_SECONDS, asked ?? DEFAULT_GRACE_SECONDS);
}

function reasonToStop(ending: Ending, container: string): string {
  switch (ending.why) {
    case 'nodeStops':
      return `Stopping container ${container}: the node is shutting down`;
    case 'over':
      return ending.reason === ''
        ? `Stopping container ${container}`
        : `Stopping container ${container}: ${ending.message}`;
    case 'deleted':
    case 'gone':
      return `Stopping container ${container}`;
  }
}
