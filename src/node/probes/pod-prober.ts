import type { Pod, Probe } from '../../api/generated/types.ts';
import type { Clock } from '../../platform/clock.ts';
import { type ContainerView, running } from '../pod/container-view.ts';
import type { ProbeResults } from '../pod/observed.ts';
import type { PodEvents } from '../pod/pod-events.ts';
import type { PodRecord } from '../pod/pod-record.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { ProbeOutcome } from './outcome.ts';
import type { ProbeKind, ProbeState } from './probe-state.ts';
import { ProbeWorker } from './probe-worker.ts';
import { runProbe } from './run-probe.ts';

/** A container that was started so lately need not explain yet why it is not ready, and nobody is told. */
const PATIENCE_MS = 1_000;
/** How often the reason of a failure is renewed in the status while the decision stays the same. */
const RENEW_MS = 60_000;

const TITLES: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  readiness: 'Readiness',
  liveness: 'Liveness',
};

export interface PodProberOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly events: PodEvents;
  /** A probe has decided something that the pod's status depends on. */
  readonly changed: (record: PodRecord) => void;
}

interface Followed {
  readonly attempt: number;
  readonly worker: ProbeWorker;
}

/** Probes the containers of the node's pods. */
export class PodProber {
  readonly #options: PodProberOptions;
  readonly #pods = new Map<string, Map<string, Followed>>();

  constructor(options: PodProberOptions) {
    this.#options = options;
  }

  /** From now on probes exactly the containers that run. */
  follow(record: PodRecord, views: readonly ContainerView[]): void {
    const { pod } = record;
    const before = this.#pods.get(record.uid);
    const now = new Map<string, Followed>();
    for (const view of pod ? views : []) {
      const run = running(view);
      // A runtime without processes says itself what probes would find, and who is on the way out is asked no more.
      if (!pod || !run || run.health || view.memory.operation) continue;
      for (const [kind, probe] of probesOf(view)) {
        const id = `${view.container.name}/${kind}`;
        const known = before?.get(id);
        now.set(id, known?.attempt === run.attempt ? known : this.#begin(record, pod, view, kind, probe, run));
      }
    }
    for (const [id, followed] of before ?? []) if (now.get(id) !== followed) followed.worker.stop();
    if (now.size > 0) this.#pods.set(record.uid, now);
    else this.#pods.delete(record.uid);
  }

  forget(podUid: string): void {
    for (const { worker } of this.#pods.get(podUid)?.values() ?? []) worker.stop();
    this.#pods.delete(podUid);
  }

  close(): void {
    for (const uid of [...this.#pods.keys()]) this.forget(uid);
  }

  #begin(
    record: PodRecord,
    pod: Pod,
    view: ContainerView,
    kind: ProbeKind,
    probe: Probe,
    { attempt, startedAtMs }: { readonly attempt: number; readonly startedAtMs: number },
  ): Followed {
    const { runtime, clock } = this.#options;
    const { container } = view;
    const worker = new ProbeWorker({
      kind,
      probe,
      clock,
      startedAtMs,
      decided: view.memory.probes[kind],
      run: (signal) => runProbe(runtime, record.uid, record.runtime, container, probe, signal),
      found: (outcome, before, after) =>
        this.#found(record, pod, container.name, kind, startedAtMs, outcome, before, after),
    });
    return { attempt, worker };
  }

  #found(
    record: PodRecord,
    pod: Pod,
    container: string,
    kind: ProbeKind,
    startedAtMs: number,
    outcome: ProbeOutcome,
    before: ProbeState,
    after: ProbeState,
  ): void {
    const { clock, events, changed } = this.#options;
    const text = `${TITLES[kind]} probe failed: ${outcome.output}`;
    const flipped = before.decided !== after.decided;
    const patient = clock.now() - startedAtMs < PATIENCE_MS && after.decided !== false;
    if (!outcome.success && !patient) events.warning(pod, 'Unhealthy', text, container);
    const known = record.containers.get(container)?.probes;
    const explains = !outcome.success && after.decided !== true && !patient && isDue(known, clock.now());
    if (!flipped && !explains) return;
    record.remember(container, (memory) => {
      const { failure, failureAtMs, ...results } = memory.probes;
      const said = explains || (flipped && after.decided === false) ? { failure: text, failureAtMs: clock.now() } : {};
      const kept =
        after.decided === true
          ? {}
          : { ...(failure !== undefined && { failure }), ...(failureAtMs !== undefined && { failureAtMs }) };
      return {
        ...memory,
        probes: { ...results, ...kept, ...said, ...(after.decided !== undefined && { [kind]: after.decided }) },
      };
    });
    changed(record);
  }
}

function isDue(known: ProbeResults | undefined, nowMs: number): boolean {
  return known?.failureAtMs === undefined || nowMs - known.failureAtMs >= RENEW_MS;
}

/** P2: until the startup probe has succeeded there is no other. */
function probesOf({ container, memory }: ContainerView): readonly (readonly [ProbeKind, Probe])[] {
  const { startupProbe, readinessProbe, livenessProbe } = container;
  if (startupProbe && memory.probes.startup !== true) return [['startup', startupProbe]];
  return [
    ...(readinessProbe ? [['readiness', readinessProbe] as const] : []),
    ...(livenessProbe ? [['liveness', livenessProbe] as const] : []),
  ];
}
