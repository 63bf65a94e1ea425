import { ageOf } from '../duration.ts';
import type { ContainerStatus, Pod } from '../generated/types.ts';
import { age, ageColumn, type Cell, NONE, nameColumn, shown, type TableLayout, wide } from './layout.ts';

export const podLayout = (): TableLayout<Pod> => ({
  columns: [
    nameColumn(),
    shown('Ready', 'The aggregate readiness state of this pod for accepting traffic.'),
    shown('Status', 'The aggregate status of the containers in this pod.'),
    shown(
      'Restarts',
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    ),
    ageColumn(),
    wide('IP', ['PodStatus', 'podIP']),
    wide('Node', ['PodSpec', 'nodeName']),
    wide('Nominated Node', ['PodStatus', 'nominatedNodeName']),
    wide('Readiness Gates', ['PodSpec', 'readinessGates']),
  ],
  cells(pod, nowMs): readonly Cell[] {
    const summary = summarize(pod);
    const { restarts, lastRestartMs } = summary;
    const ago = lastRestartMs === undefined ? undefined : ageOf(new Date(lastRestartMs).toISOString(), nowMs);
    return [
      pod.metadata.name,
      `${summary.ready}/${summary.total}`,
      summary.reason,
      restarts > 0 && ago !== undefined ? `${restarts} (${ago} ago)` : `${restarts}`,
      age(pod, nowMs),
      pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || NONE,
      pod.spec.nodeName || NONE,
      pod.status?.nominatedNodeName || NONE,
      readinessGates(pod),
    ];
  },
});

/** A pod in a few words: the STATUS of `kubectl get pods` and what goes with it. */
interface PodSummary {
  /** `Running`, `Init:0/1`, `CrashLoopBackOff`, `Terminating` ... */
  readonly reason: string;
  readonly ready: number;
  /** Containers that count: sidecars do, init containers that end do not. */
  readonly total: number;
  readonly restarts: number;
  readonly lastRestartMs?: number;
}

function summarize(pod: Pod): PodSummary {
  const status = pod.status ?? {};
  const gated = status.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated');
  const phase = gated ? 'SchedulingGated' : status.reason || status.phase || '';
  const sidecars = new Set(
    (pod.spec.initContainers ?? [])
      .filter((container) => container.restartPolicy === 'Always')
      .map((container) => container.name),
  );
  const init = summarizeInit(pod, sidecars);
  const total = pod.spec.containers.length + sidecars.size;
  const initialized = hasCondition(pod, 'Initialized');
  const summary =
    init.waiting !== undefined && !initialized
      ? { reason: init.waiting, ready: init.ready, ...init.all }
      : summarizeMain(pod, init, init.waiting ?? phase);
  return { ...summary, total, reason: afterDeletion(pod, summary.reason) };
}

interface Restarts {
  readonly restarts: number;
  readonly lastRestartMs?: number;
}

interface InitSummary {
  /** What the first init container that holds the pod back is doing. */
  readonly waiting?: string;
  readonly ready: number;
  readonly all: Restarts;
  readonly sidecars: Restarts;
}

const NO_RESTARTS: Restarts = { restarts: 0 };

function summarizeInit(pod: Pod, sidecars: ReadonlySet<string>): InitSummary {
  let all = NO_RESTARTS;
  let ofSidecars = NO_RESTARTS;
  let ready = 0;
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [index, container] of statuses.entries()) {
    const sidecar = sidecars.has(container.name);
    all = plus(all, container);
    if (sidecar) ofSidecars = plus(ofSidecars, container);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecar && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    const count = pod.spec.initContainers?.length ?? statuses.length;
    let held = `Init:${index}/${count}`;
    if (terminated !== undefined) held = `Init:${endOf(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') held = `Init:${waiting.reason}`;
    return { waiting: held, ready, all, sidecars: ofSidecars };
  }
  return { ready, all, sidecars: ofSidecars };
}

function summarizeMain(pod: Pod, init: InitSummary, phase: string): Omit<PodSummary, 'total'> {
  let restarts = init.sidecars;
  let { ready } = init;
  let reason = phase;
  let running = false;
  // The last container is looked at first: what the first one says is what is shown.
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    restarts = plus(restarts, container);
    const { waiting, terminated, running: runs } = container.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated !== undefined) reason = endOf(terminated);
    else if (container.ready && runs !== undefined) {
      running = true;
      ready++;
    }
  }
  if (reason === 'Completed' && running) reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  return { reason, ready, ...restarts };
}

function endOf(terminated: { readonly reason?: string; readonly signal?: number; readonly exitCode: number }): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function plus(sum: Restarts, container: ContainerStatus): Restarts {
  const ended = container.lastState?.terminated?.finishedAt;
  const endedMs = ended === undefined ? Number.NaN : Date.parse(ended);
  const restarts = sum.restarts + (container.restartCount ?? 0);
  const lastRestartMs = Number.isNaN(endedMs) ? sum.lastRestartMs : Math.max(sum.lastRestartMs ?? 0, endedMs);
  return { restarts, ...(lastRestartMs !== undefined && { lastRestartMs }) };
}

function afterDeletion(pod: Pod, reason: string): string {
  if (pod.metadata.deletionTimestamp === undefined) return reason;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return ended ? reason : 'Terminating';
}

function hasCondition(pod: Pod, type: string): boolean {
  return pod.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter((gate) => hasCondition(pod, gate.conditionType)).length}/${gates.length}`;
}
