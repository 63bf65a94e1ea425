import type { Pod, PodCondition } from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';
import { type ContainerView, isReady, isStarted, probeResults } from './container-view.ts';
import type { ObservedPod } from './observed.ts';

/** A condition as it is now, without its times. */
interface Verdict {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

interface Situation {
  readonly phase: string;
  readonly initialized: boolean;
  readonly startTime: string;
}

/** The conditions a node answers for, each with the time of its last change; those of others are left as they are. */
export function podConditions(
  observed: ObservedPod,
  pod: Pod,
  views: readonly ContainerView[],
  situation: Situation,
): readonly PodCondition[] {
  const containersReady = containersReadyVerdict(views, situation);
  const verdicts: readonly Verdict[] = [
    { type: 'PodReadyToStartContainers', status: observed.runtime?.alive ? 'True' : 'False' },
    initializedVerdict(views, situation),
    readyVerdict(pod, containersReady),
    containersReady,
    ...(hasCondition(pod, 'PodScheduled') ? [] : [{ type: 'PodScheduled', status: 'True' } as const]),
  ];
  const own = new Set(verdicts.map(({ type }) => type));
  const others = (pod.status?.conditions ?? []).filter(({ type }) => !own.has(type));
  return [...verdicts.map((verdict) => stamped(verdict, pod, observed.nowMs, situation.startTime)), ...others];
}

/**
 * U7: a condition that was False from the first status on carries the pod's start time until it turns True, so that
 * whoever reads it can tell that it never was.
 */
function stamped(verdict: Verdict, pod: Pod, nowMs: number, startTime: string): PodCondition {
  const before = pod.status?.conditions?.find(({ type }) => type === verdict.type);
  const since = before?.status === verdict.status ? before.lastTransitionTime : undefined;
  const first = before === undefined && verdict.status === 'False' ? startTime : timestamp(nowMs);
  return {
    ...verdict,
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    lastTransitionTime: since ?? first,
  };
}

function initializedVerdict(views: readonly ContainerView[], { initialized, phase }: Situation): Verdict {
  const type = 'Initialized';
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' };
  if (initialized) return { type, status: 'True' };
  const missing = views.filter((view) =>
    view.kind === 'sidecar' ? !isStarted(view) : view.kind === 'init' && !isReady(view),
  );
  return {
    type,
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: ${names(missing)}`,
  };
}

function containersReadyVerdict(views: readonly ContainerView[], { phase }: Situation): Verdict {
  const type = 'ContainersReady';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const unready = views.filter((view) => (view.kind === 'main' || view.kind === 'sidecar') && !isReady(view));
  if (unready.length === 0) return { type, status: 'True' };
  const failure = unready.map((view) => probeResults(view).failure).find((text) => text !== undefined);
  const message = `containers with unready status: ${names(unready)}${failure === undefined ? '' : `: ${failure}`}`;
  return { type, status: 'False', reason: 'ContainersNotReady', message };
}

function readyVerdict(pod: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status === 'False') return { ...containersReady, type: 'Ready' };
  const closed = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (gate?.status === 'True') return [];
    return gate
      ? [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`]
      : [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
  });
  return closed.length === 0
    ? { type: 'Ready', status: 'True' }
    : { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: closed.join(', ') };
}

function names(views: readonly ContainerView[]): string {
  return `[${views.map(({ container }) => container.name).join(' ')}]`;
}

function hasCondition(pod: Pod, type: string): boolean {
  return pod.status?.conditions?.some((condition) => condition.type === type) ?? false;
}
