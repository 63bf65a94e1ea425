import type {
  ContainerStatus as ApiContainerStatus,
  ContainerState,
  ContainerStateTerminated,
  ContainerStateWaiting,
  Pod,
} from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';
import { type ContainerView, exited, isReady, isStarted, running } from './container-view.ts';
import type { Exit, ObservedPod } from './observed.ts';
import { runsAgain, sandboxWait, waitingToStart } from './plan-running.ts';

/** What the API is told about one container (P1). */
export function containerStatus(
  observed: ObservedPod,
  pod: Pod,
  view: ContainerView,
  phase: { readonly initialized: boolean; readonly over: boolean },
): ApiContainerStatus {
  const { container, run, reported } = view;
  const containerId = (attempt: number): string =>
    `${observed.runtimeName}://${pod.metadata.uid}/${container.name}/${attempt}`;
  const terminated = (exit: Exit): ContainerStateTerminated => ({
    exitCode: exit.exitCode,
    reason: exit.reason,
    ...(exit.message !== undefined && { message: exit.message }),
    startedAt: timestamp(exit.startedAtMs),
    finishedAt: timestamp(exit.finishedAtMs),
    containerID: containerId(exit.attempt),
  });
  const exit = exited(view);
  const present = running(view);
  const waits = exit === undefined || (!phase.over && waitsForRestart(observed, pod, view));
  const state: ContainerState = present
    ? { running: { startedAt: timestamp(present.startedAtMs) } }
    : waits
      ? { waiting: waiting(observed, pod, view, phase.initialized) }
      : { terminated: terminated(exit) };
  const last = waits && exit ? terminated(exit) : before(view, run?.attempt, terminated);
  return {
    name: container.name,
    state,
    lastState: last ? { terminated: last } : {},
    ready: isReady(view),
    restartCount: run?.attempt ?? reported?.restartCount ?? 0,
    started: view.kind === 'init' ? present !== undefined : isStarted(view),
    image: container.image ?? '',
    imageID: run ? (container.image ?? '') : '',
    ...(run && { containerID: containerId(run.attempt) }),
  };
}

function waitsForRestart(observed: ObservedPod, pod: Pod, view: ContainerView): boolean {
  if (!view.current || waitingToStart(observed, pod, view) !== undefined) return true;
  // It ended with its sandbox, and is started again with the next one.
  return !observed.runtime?.alive && sandboxWait(observed) !== undefined && runsAgain(pod, view);
}

function waiting(observed: ObservedPod, pod: Pod, view: ContainerView, initialized: boolean): ContainerStateWaiting {
  const alive = observed.runtime?.alive === true;
  const blocked = alive ? waitingToStart(observed, pod, view) : undefined;
  if (blocked) return { reason: blocked.reason, message: blocked.message };
  const reason = !initialized || view.kind === 'init' ? 'PodInitializing' : 'ContainerCreating';
  const message = alive ? undefined : sandboxWait(observed)?.message;
  return { reason, ...(message !== undefined && { message }) };
}

/** How the run before the newest one ended: as remembered, else as the API was told. */
function before(
  view: ContainerView,
  attempt: number | undefined,
  terminated: (exit: Exit) => ContainerStateTerminated,
): ContainerStateTerminated | undefined {
  const { memory, reported } = view;
  if (memory.previousExit && memory.previousExit.attempt !== attempt) return terminated(memory.previousExit);
  if (attempt !== undefined && reported?.restartCount !== attempt && reported?.state?.terminated) {
    return reported.state.terminated;
  }
  return reported?.lastState?.terminated;
}
