import type { Pod, PodStatus } from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';
import { podConditions } from './conditions.ts';
import { containerStatus } from './container-status.ts';
import { type ContainerView, exited, isTerminal, running } from './container-view.ts';
import type { Ending } from './decision.ts';
import type { ObservedPod } from './observed.ts';
import { isInitialized } from './plan-running.ts';

/** What the API is told about a pod (P1). What others write into the status is kept. */
export function podStatus(
  observed: ObservedPod,
  pod: Pod,
  views: readonly ContainerView[],
  ending: Ending | undefined,
): PodStatus {
  const initialized = isInitialized(views);
  const over = ending !== undefined && !observed.runtime?.alive;
  const statuses = (...kinds: readonly ContainerView['kind'][]) =>
    views
      .filter((view) => kinds.includes(view.kind))
      .map((view) => containerStatus(observed, pod, view, { initialized, over }));
  const initContainerStatuses = statuses('init', 'sidecar');
  const ephemeralContainerStatuses = statuses('ephemeral');
  const { phase, reason, message } = phaseOf(observed, pod, views, ending, initialized);
  const startTime = pod.status?.startTime ?? timestamp(observed.seenAtMs);
  const ips = observed.runtime?.alive ? observed.runtime.ips : [];
  const { reason: _reason, message: _message, podIP: _podIP, podIPs: _podIPs, ...kept } = pod.status ?? {};
  return {
    ...kept,
    phase,
    ...(reason && { reason }),
    ...(message && { message }),
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    conditions: podConditions(observed, pod, views, { phase, initialized, startTime }),
    ...(observed.hostIPs[0] !== undefined && {
      hostIP: observed.hostIPs[0],
      hostIPs: observed.hostIPs.map((ip) => ({ ip })),
    }),
    ...(ips[0] !== undefined && { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime,
    // Of a pod that never came to run there is nothing to say.
    ...((!over || views.some((view) => view.run)) && { containerStatuses: statuses('main') }),
    ...(initContainerStatuses.length > 0 && { initContainerStatuses }),
    ...(ephemeralContainerStatuses.length > 0 && { ephemeralContainerStatuses }),
  };
}

interface Phase {
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  readonly reason?: string;
  readonly message?: string;
}

function phaseOf(
  observed: ObservedPod,
  pod: Pod,
  views: readonly ContainerView[],
  ending: Ending | undefined,
  initialized: boolean,
): Phase {
  // An end that is in the API already is never taken back, whoever wrote it and whatever still has to be stopped.
  if (isTerminal(pod)) {
    const { phase, reason = '', message = '' } = pod.status ?? {};
    return { phase: phase === 'Succeeded' ? 'Succeeded' : 'Failed', reason, message };
  }
  const ended = !views.some(running) && (observed.runtime === undefined || observed.sandboxStopped);
  const mains = views.filter((view) => view.kind === 'main');
  if (ending?.why === 'over' && ended) return ending;
  if (ending?.why === 'deleted' && ended && (pod.metadata.finalizers?.length || pod.spec.restartPolicy !== 'Always')) {
    // Nothing of it will ever run again, and whoever holds the object back wants to know how it ended.
    return { phase: mains.every((view) => exited(view)?.exitCode === 0) ? 'Succeeded' : 'Failed' };
  }
  const begun = pod.status?.phase === 'Running' || (initialized && mains.some((view) => view.run !== undefined));
  return { phase: begun ? 'Running' : 'Pending' };
}
