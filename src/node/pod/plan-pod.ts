import type { Pod, PodStatus } from '../../api/generated/types.ts';
import { type ContainerView, exited, isTerminal, viewContainers } from './container-view.ts';
import { type Ending, earlier } from './decision.ts';
import type { ObservedPod, PodPlan } from './observed.ts';
import { planEnding } from './plan-ending.ts';
import { planRunning } from './plan-running.ts';
import { podStatus } from './pod-status.ts';
import { restarts } from './restart-policy.ts';

/**
 * What to do next with a pod, what to tell the API, and why nothing more is done: a function of what was observed and
 * nothing else. Called again after every change, it leads the pod to where it belongs from wherever it is.
 */
export function planPod(observed: ObservedPod): PodPlan {
  const views = viewContainers(observed);
  const ending = endingOf(observed, views);
  const decision = ending ? planEnding(observed, views, ending) : planRunning(observed, views);
  const { api } = observed;
  let status: PodStatus | undefined;
  return {
    actions: decision.actions,
    waiting: decision.waiting,
    wakeAtMs: ending || api.type === 'gone' ? decision.wakeAtMs : earlier(decision.wakeAtMs, deadlineMs(api.pod)),
    // Most plans only lead to the next step, and nobody asks for the status on the way.
    get status() {
      if (api.type === 'bound') status ??= podStatus(observed, api.pod, views, ending);
      return status;
    },
  };
}

/** Why the pod must not run, or not run any longer; undefined when it is to run. */
function endingOf(observed: ObservedPod, views: readonly ContainerView[]): Ending | undefined {
  const { api } = observed;
  if (api.type === 'gone') return { why: 'gone' };
  const { pod } = api;
  if (pod.metadata.deletionTimestamp !== undefined) return { why: 'deleted' };
  if (isTerminal(pod)) {
    const { phase, reason = '', message = '' } = pod.status ?? {};
    return { why: 'over', phase: phase === 'Succeeded' ? 'Succeeded' : 'Failed', reason, message };
  }
  if (observed.nodeStops) return { why: 'nodeStops' };
  if (observed.refused) return { why: 'over', phase: 'Failed', ...observed.refused };
  return pastDeadline(pod, observed.nowMs) ?? finished(pod, views);
}

function deadlineMs(pod: Pod): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  const startTime = pod.status?.startTime;
  if (activeDeadlineSeconds === undefined || startTime === undefined) return undefined;
  return Date.parse(startTime) + activeDeadlineSeconds * 1000;
}

function pastDeadline(pod: Pod, nowMs: number): Ending | undefined {
  const untilMs = deadlineMs(pod);
  if (untilMs === undefined || nowMs < untilMs) return undefined;
  return {
    why: 'over',
    phase: 'Failed',
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  };
}

/** The pod has come to its own end: an init container failed for good, or no container will run again. */
function finished(pod: Pod, views: readonly ContainerView[]): Ending | undefined {
  const forGood = (view: ContainerView): boolean => {
    const exit = exited(view);
    return exit !== undefined && !restarts(pod, view, exit);
  };
  const failedInit = views.some((view) => view.kind === 'init' && exited(view)?.exitCode !== 0 && forGood(view));
  const mains = views.filter((view) => view.kind === 'main');
  if (!failedInit && !mains.every(forGood)) return undefined;
  const succeeded = !failedInit && mains.every((view) => exited(view)?.exitCode === 0);
  return { why: 'over', phase: succeeded ? 'Succeeded' : 'Failed', reason: '', message: '' };
}
