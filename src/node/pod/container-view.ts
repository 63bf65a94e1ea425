import type { ContainerStatus as ApiContainerStatus, Container, Pod } from '../../api/generated/types.ts';
import type { ContainerConfig, ContainerStatus } from '../runtimes/runtime.ts';
import { type ContainerMemory, type Exit, noMemory, type ObservedPod, type ProbeResults } from './observed.ts';

/** `sidecar`: an init container with `restartPolicy: Always` (P5). */
export type ContainerKind = ContainerConfig['kind'];

export type Run = Extract<ContainerStatus, { readonly state: 'running' }> | ({ readonly state: 'exited' } & Exit);

/** One container of a pod: what is wanted of it and what is known of it. */
export interface ContainerView {
  readonly container: Container;
  readonly kind: ContainerKind;
  /** Its newest run in any sandbox. */
  readonly run: Run | undefined;
  /** The newest run belongs to the present sandbox. */
  readonly current: boolean;
  readonly memory: ContainerMemory;
  /** What the API was last told. */
  readonly reported: ApiContainerStatus | undefined;
}

/** The exit Kubernetes reports for a container whose end nobody saw. */
const LOST_EXIT_CODE = 137;

/** The containers of a pod: init containers in order, then the others in order. */
export function viewContainers(observed: ObservedPod): readonly ContainerView[] {
  const { api, runtime } = observed;
  const runs = new Map(runtime?.containers.map((run) => [run.name, run]));
  if (api.pod === undefined) {
    // Nothing but the runtime knows the pod: its containers are all that can be said.
    return [...runs.values()].map((run) => ({
      container: { name: run.name },
      kind: 'main',
      run: settled(run, runtime?.alive === true, observed.nowMs),
      current: true,
      memory: observed.containers.get(run.name) ?? noMemory,
      reported: undefined,
    }));
  }
  const { spec, status } = api.pod;
  const view = (container: Container, kind: ContainerKind, reports: readonly ApiContainerStatus[] = []) => {
    const reported = reports.find((report) => report.name === container.name);
    const known = runs.get(container.name);
    const run = known ? settled(known, runtime?.alive === true, observed.nowMs) : remembered(reported, observed.nowMs);
    return {
      container,
      kind,
      run,
      current: known !== undefined && known.startedAtMs >= (runtime?.startedAtMs ?? 0),
      memory: observed.containers.get(container.name) ?? noMemory,
      reported,
    };
  };
  return [
    ...(spec.initContainers ?? []).map((container) =>
      view(container, container.restartPolicy === 'Always' ? 'sidecar' : 'init', status?.initContainerStatuses),
    ),
    ...spec.containers.map((container) => view(container, 'main', status?.containerStatuses)),
    ...(spec.ephemeralContainers ?? []).map((container) =>
      view(container, 'ephemeral', status?.ephemeralContainerStatuses),
    ),
  ];
}

/** A run as it counts: in a sandbox that is dead nothing runs, whatever was last seen. */
function settled(run: ContainerStatus, sandboxAlive: boolean, nowMs: number): Run {
  return run.state === 'running' && !sandboxAlive ? lost(run.attempt, run.startedAtMs, nowMs) : run;
}

function lost(attempt: number, startedAtMs: number, nowMs: number): Run {
  return {
    state: 'exited',
    attempt,
    startedAtMs,
    finishedAtMs: nowMs,
    exitCode: LOST_EXIT_CODE,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be found when its state was looked for: it ended while nobody was watching.',
  };
}

/** The last run as the API was told of it, for when the runtime knows nothing of it any more. */
function remembered(reported: ApiContainerStatus | undefined, nowMs: number): Run | undefined {
  if (!reported?.containerID) return undefined;
  const { state, restartCount } = reported;
  if (state?.running) return lost(restartCount, parseTime(state.running.startedAt) ?? nowMs, nowMs);
  const terminated = state?.terminated ?? reported.lastState?.terminated;
  if (!terminated) return undefined;
  const finishedAtMs = parseTime(terminated.finishedAt) ?? nowMs;
  return {
    state: 'exited',
    attempt: restartCount,
    startedAtMs: parseTime(terminated.startedAt) ?? finishedAtMs,
    finishedAtMs,
    exitCode: terminated.exitCode,
    reason: terminated.reason ?? (terminated.exitCode === 0 ? 'Completed' : 'Error'),
    ...(terminated.message !== undefined && { message: terminated.message }),
  };
}

function parseTime(text: string | undefined): number | undefined {
  const timeMs = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** The run that is running now. */
export function running(view: ContainerView): Extract<Run, { readonly state: 'running' }> | undefined {
  return view.current && view.run?.state === 'running' ? view.run : undefined;
}

/** How the newest run ended, whatever sandbox it was in. */
export function exited(view: ContainerView): Exit | undefined {
  return view.run?.state === 'exited' ? view.run : undefined;
}

/** The number of the next run: 0 for the first one ever. */
export function nextAttempt(view: ContainerView): number {
  return view.run === undefined ? 0 : view.run.attempt + 1;
}

/** What the probes say of the present run; a runtime without processes says it itself. */
export function probeResults(view: ContainerView): ProbeResults {
  const health = running(view)?.health;
  return health
    ? { startup: health.started, readiness: health.ready, ...(!health.live && { liveness: false }) }
    : view.memory.probes;
}

/** It runs, its `postStart` hook is over and its startup probe has succeeded. */
export function isStarted(view: ContainerView): boolean {
  if (!running(view) || view.memory.operation?.type === 'starting') return false;
  return view.container.startupProbe === undefined || probeResults(view).startup === true;
}

export function isReady(view: ContainerView): boolean {
  if (view.kind === 'init') return view.current && exited(view)?.exitCode === 0;
  if (!isStarted(view) || view.memory.operation?.type === 'stopping') return false;
  const { readiness } = probeResults(view);
  return view.container.readinessProbe === undefined ? readiness !== false : readiness === true;
}

/** The probe that condemns the present run. */
export function failedProbe(view: ContainerView): 'startup' | 'liveness' | undefined {
  if (!running(view)) return undefined;
  const { startup, liveness } = probeResults(view);
  if (view.container.startupProbe && startup === false && !running(view)?.health) return 'startup';
  return liveness === false ? 'liveness' : undefined;
}

/** The pod has come to an end that it never comes back from. */
export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
}
