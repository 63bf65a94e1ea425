import type { Pod } from '../../api/generated/types.ts';
import type { Limitation } from '../runtimes/runtime.ts';
import type { ContainerView } from './container-view.ts';
import type { ObservedPod } from './observed.ts';
import { waitingToStart } from './plan-running.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodRecord } from './pod-record.ts';

/** Says, once for each exit, that a back-off follows it. */
export function tellBackOff(
  events: PodEvents,
  record: PodRecord,
  observed: ObservedPod,
  views: readonly ContainerView[],
): void {
  const { api } = record;
  if (api.type === 'gone') return;
  for (const view of views) {
    const { name } = view.container;
    if (view.run?.state !== 'exited' || record.told.get(name) === view.run.attempt) continue;
    if (waitingToStart(observed, api.pod, view)?.reason !== 'CrashLoopBackOff') continue;
    record.told.set(name, view.run.attempt);
    const { namespace, name: pod, uid } = api.pod.metadata;
    const message = `Back-off restarting failed container ${name} in pod ${pod}_${namespace}(${uid})`;
    events.warning(api.pod, 'BackOff', message, name);
  }
}

/** P8: what the runtime cannot give, of what a pod asks for and can run without. */
export function tellLimitations(events: PodEvents, limitations: readonly Limitation[], pod: Pod): void {
  for (const { reason, message } of limitations) {
    if (reason === 'NoResourceLimits' && hasLimits(pod)) events.warning(pod, reason, message);
  }
}

function hasLimits({ spec }: Pod): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].some(
    ({ resources }) => resources?.limits?.cpu ?? resources?.limits?.memory,
  );
}
