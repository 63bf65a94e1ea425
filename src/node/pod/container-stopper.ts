import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { LifecycleHooks } from './lifecycle-hooks.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodRecord } from './pod-record.ts';

/** What a container gets to end by itself after its `preStop` hook has used up the grace period, as in Kubernetes. */
const AFTER_HOOK_MS = 2_000;
/** How long until a container that the runtime could not stop is stopped again. */
const FAILED_STOP_RETRY_MS = 1_000;

export interface StopRequest {
  readonly container: string;
  readonly graceMs: number;
  readonly message: string;
  /** What is wrong with it: said of its end, if it says nothing itself. */
  readonly why?: string;
}

/** P4: ends containers in the background: hook, signal, grace, kill. */
export class ContainerStopper {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: PodEvents;
  readonly #hooks: LifecycleHooks;
  readonly #changed: (record: PodRecord) => void;
  /** Hooks under way, by pod and container. */
  readonly #hooksRunning = new Map<string, AbortController>();

  constructor(options: {
    readonly runtime: Runtime;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly events: PodEvents;
    readonly hooks: LifecycleHooks;
    readonly changed: (record: PodRecord) => void;
  }) {
    this.#runtime = options.runtime;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#events = options.events;
    this.#hooks = options.hooks;
    this.#changed = options.changed;
  }

  /** Begins to stop a container, or makes a stop under way end sooner. */
  stop(record: PodRecord, request: StopRequest): void {
    const { container, graceMs } = request;
    const underWay = record.containers.get(container)?.operation?.type === 'stopping';
    const deadlineMs = this.#clock.now() + graceMs;
    record.remember(container, (memory) => ({ ...memory, operation: { type: 'stopping', deadlineMs } }));
    if (!underWay) {
      if (request.why !== undefined) record.noteStop(container, request.why);
      if (record.pod) this.#events.normal(record.pod, 'Killing', request.message, container);
      void this.#run(record, container, deadlineMs);
      return;
    }
    const hook = this.#hooksRunning.get(id(record, container));
    // The hook's own end leads on to the signal; without one the signal has been sent, and only the kill comes sooner.
    if (hook) hook.abort(new Error('the grace period has been shortened'));
    else void this.#signal(record, container, graceMs);
  }

  async #run(record: PodRecord, container: string, deadlineMs: number): Promise<void> {
    const hooked = await this.#preStop(record, container, deadlineMs);
    const wantedMs = this.#deadline(record, container, deadlineMs) - this.#clock.now();
    await this.#signal(record, container, Math.max(wantedMs, hooked ? AFTER_HOOK_MS : 0));
  }

  async #preStop(record: PodRecord, container: string, deadlineMs: number): Promise<boolean> {
    const { pod } = record;
    const spec = pod && specOf(pod.spec, container);
    if (!pod || !spec?.lifecycle?.preStop) return false;
    const abort = new AbortController();
    const timer = this.#clock.after(deadlineMs - this.#clock.now(), () =>
      abort.abort(new Error('it did not end within the grace period')),
    );
    this.#hooksRunning.set(id(record, container), abort);
    const failure = await this.#hooks.preStop(record, pod, spec, abort.signal);
    timer.cancel();
    this.#hooksRunning.delete(id(record, container));
    if (failure !== undefined) this.#events.warning(pod, 'FailedPreStopHook', failure, container);
    return true;
  }

  async #signal(record: PodRecord, container: string, graceMs: number): Promise<void> {
    const signal = (record.pod && specOf(record.pod.spec, container)?.lifecycle?.stopSignal) ?? 'SIGTERM';
    try {
      await this.#runtime.stopContainer(record.uid, container, { signal, graceMs });
    } catch (error) {
      this.#logger.warn('cannot stop a container', { pod: record.name, container, error: String(error) });
      this.#clock.after(FAILED_STOP_RETRY_MS, () => this.#done(record, container));
      return;
    }
    this.#done(record, container);
  }

  #done(record: PodRecord, container: string): void {
    record.remember(container, ({ operation: _over, ...memory }) => memory);
    record.stale = true;
    this.#changed(record);
  }

  /** The present deadline: it may have been brought forward while the hook ran. */
  #deadline(record: PodRecord, container: string, otherwiseMs: number): number {
    const operation = record.containers.get(container)?.operation;
    return operation?.type === 'stopping' ? operation.deadlineMs : otherwiseMs;
  }
}

function id(record: PodRecord, container: string): string {
  return `${record.uid}/${container}`;
}

function specOf(
  spec: NonNullable<PodRecord['pod']>['spec'],
  name: string,
): NonNullable<PodRecord['pod']>['spec']['containers'][number] | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].find((container) => container.name === name);
}
