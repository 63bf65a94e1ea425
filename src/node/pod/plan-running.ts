import type { Pod } from '../../api/generated/types.ts';
import { type ContainerView, exited, failedProbe, isStarted, nextAttempt, running } from './container-view.ts';
import { act, type Decision, earlier, idle, isAhead } from './decision.ts';
import type { BackOffPolicy, Blocked, Explanation, ObservedPod, PodAction } from './observed.ts';
import { backOffMs, restarts, restartsAfterStart } from './restart-policy.ts';

/** Brings a pod that is to run one step nearer to running, and keeps it so. */
export function planRunning(observed: ObservedPod, views: readonly ContainerView[]): Decision {
  if (observed.api.type === 'gone') return idle();
  const { pod } = observed.api;
  if (!observed.runtime?.alive) return planSandbox(observed);
  const steps = new Steps(observed, pod);
  const initialized = isInitialized(views);
  for (const view of views) {
    if (view.kind === 'ephemeral') continue;
    if (view.kind === 'init' && initialized) continue;
    const starts = steps.take(view);
    if (view.kind === 'main' ? isHooked(view, starts) : !initialized && !isPassed(view)) {
      // P5: what comes after it waits for an init container to end, a sidecar to have started, a hook to be over.
      steps.hold(view);
      break;
    }
  }
  for (const view of views) if (view.kind === 'ephemeral') steps.take(view);
  return steps.decision();
}

function planSandbox(observed: ObservedPod): Decision {
  const { predecessor, blocked, sandboxNotBeforeMs, nowMs, backOff } = observed;
  const waiting = sandboxWait(observed);
  if (predecessor !== undefined) return idle(waiting);
  if (blocked && isAhead(blocked.retryAtMs, nowMs, longestMs(backOff))) return idle(waiting, blocked.retryAtMs);
  if (sandboxNotBeforeMs !== undefined && isAhead(sandboxNotBeforeMs, nowMs, longestMs(backOff)))
    return idle(waiting, sandboxNotBeforeMs);
  return act({ type: 'startSandbox' });
}

/** No retry waits longer, whatever it waits for. */
function longestMs({ maxMs }: BackOffPolicy): number {
  return Math.max(maxMs, LONGEST_RETRY_MS);
}

const LONGEST_RETRY_MS = 10_000;

/** Why the sandbox has not been started, or not again; undefined when nothing stands against it as far as is known. */
export function sandboxWait(observed: ObservedPod): Explanation | undefined {
  const { predecessor, blocked, sandboxNotBeforeMs, nowMs, backOff } = observed;
  if (predecessor !== undefined) {
    // M7: the name may be free in the API; here it is free when nothing of the one before is left.
    return { reason: 'PredecessorRunning', message: `waiting for what still runs of ${predecessor}` };
  }
  if (blocked) return blocked;
  if (sandboxNotBeforeMs === undefined || !isAhead(sandboxNotBeforeMs, nowMs, longestMs(backOff))) return undefined;
  return { reason: 'SandboxBackOff', message: 'the pod as a whole keeps ending' };
}

/** Initialization happens once in the life of a sandbox: it is over for good when an ordinary container has run. */
export function isInitialized(views: readonly ContainerView[]): boolean {
  if (views.some((view) => view.kind === 'main' && view.current && view.run !== undefined)) return true;
  return views.every((view) => (view.kind !== 'init' && view.kind !== 'sidecar') || isPassed(view));
}

function isPassed(view: ContainerView): boolean {
  return view.kind === 'sidecar' ? isStarted(view) : view.current && exited(view)?.exitCode === 0;
}

function isHooked({ memory, container }: ContainerView, starts: boolean): boolean {
  return memory.operation?.type === 'starting' || (starts && container.lifecycle?.postStart !== undefined);
}

class Steps {
  readonly #observed: ObservedPod;
  readonly #pod: Pod;
  readonly #actions: PodAction[] = [];
  #waiting: Explanation | undefined;
  #wakeAtMs: number | undefined;

  constructor(observed: ObservedPod, pod: Pod) {
    this.#observed = observed;
    this.#pod = pod;
  }

  /** Stops, starts or leaves one container; true when it starts it. */
  take(view: ContainerView): boolean {
    const { container, memory } = view;
    if (memory.operation?.type === 'stopping') {
      this.#wait('Restarting', `waiting for ${container.name} to end`);
      return false;
    }
    if (running(view)) {
      this.#tend(view);
      return false;
    }
    const waiting = waitingToStart(this.#observed, this.#pod, view);
    if (waiting) {
      this.#wait(waiting.reason, waiting.message, waiting.retryAtMs);
      return false;
    }
    if (!runsAgain(this.#pod, view)) return false;
    const previousExit = exited(view);
    this.#actions.push({
      type: 'startContainer',
      container,
      attempt: nextAttempt(view),
      restarts: restartsAfterStart(view, this.#observed.backOff),
      ...(previousExit && { previousExit }),
    });
    return true;
  }

  /** Something later waits for this one. */
  hold(view: ContainerView): void {
    this.#wait('ContainersNotInitialized', `waiting for container ${view.container.name}`);
  }

  decision(): Decision {
    return { actions: this.#actions, waiting: this.#waiting, wakeAtMs: this.#wakeAtMs };
  }

  #tend(view: ContainerView): void {
    const failed = failedProbe(view);
    if (failed === undefined) return;
    const { container } = view;
    const probe = failed === 'startup' ? container.startupProbe : container.livenessProbe;
    const { terminationGracePeriodSeconds = 30 } = this.#pod.spec;
    const graceMs = (probe?.terminationGracePeriodSeconds ?? terminationGracePeriodSeconds) * 1000;
    const message = `Container ${container.name} failed ${failed} probe, will be restarted`;
    const why = view.memory.probes.failure;
    this.#actions.push({
      type: 'stopContainer',
      container: container.name,
      ending: false,
      graceMs,
      message,
      ...(why !== undefined && { why }),
    });
  }

  #wait(reason: string, message: string, untilMs?: number): void {
    this.#waiting ??= { reason, message };
    this.#wakeAtMs = earlier(this.#wakeAtMs, untilMs);
  }
}

/** Whether a container that does not run is to run. */
export function runsAgain(pod: Pod, view: ContainerView): boolean {
  const exit = exited(view);
  return exit === undefined || (view.kind === 'init' && !view.current) || restarts(pod, view, exit);
}

/** Why a container that is to run is not started at this moment; undefined when nothing stands against it. */
export function waitingToStart(observed: ObservedPod, pod: Pod, view: ContainerView): Blocked | undefined {
  if (!runsAgain(pod, view)) return undefined;
  const { nowMs, backOff } = observed;
  const { blocked } = view.memory;
  if (blocked && isAhead(blocked.retryAtMs, nowMs, longestMs(backOff))) return blocked;
  // Who ends a pod is to blame for the exits, and nothing starts again.
  if (observed.nodeStops || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const waitMs = backOffMs(view, backOff);
  const retryAtMs = (exited(view)?.finishedAtMs ?? 0) + waitMs;
  if (!isAhead(retryAtMs, nowMs, waitMs)) return undefined;
  const { name, namespace, uid } = pod.metadata;
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${duration(waitMs / 1000)} restarting failed container=${view.container.name} pod=${name}_${namespace}(${uid})`,
    retryAtMs,
  };
}

/** `10s`, `2m40s`, `5m0s`: how Kubernetes writes a span in messages. */
function duration(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
