import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Container, Pod } from '../../api/generated/types.ts';
import { Pods } from '../../api/kinds.ts';
import { keyOf } from '../../api/meta.ts';
import type { Client } from '../../client/client.ts';
import type { Clock } from '../../platform/clock.ts';
import { LockHeldError, type Runtime, StartError } from '../runtimes/runtime.ts';
import { tellLimitations } from './announcements.ts';
import type { ContainerStopper } from './container-stopper.ts';
import type { LifecycleHooks } from './lifecycle-hooks.ts';
import type { BackOffPolicy, PodAction } from './observed.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodRecord } from './pod-record.ts';
import { NotReadyError, type PodResources } from './pod-resources.ts';
import { delayMs } from './restart-policy.ts';

/** How soon something that was missing or taken is looked for again, when nothing says that it has changed. */
const MISSING_RETRY: BackOffPolicy = { initialMs: 1_000, maxMs: 10_000, resetAfterMs: Number.POSITIVE_INFINITY };
const LOCK_RETRY: BackOffPolicy = { initialMs: 250, maxMs: 5_000, resetAfterMs: Number.POSITIVE_INFINITY };

export interface PodExecutorOptions {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly events: PodEvents;
  readonly resources: PodResources;
  readonly hooks: LifecycleHooks;
  readonly stopper: ContainerStopper;
  readonly backOff: BackOffPolicy;
  /** Something that was going on in the background is over. */
  readonly changed: (record: PodRecord) => void;
  /** What a pod held (its name, its locks) is free. */
  readonly freed: (record: PodRecord) => void;
}

/** Does what a plan says, one action at a time; long ones go on in the background and report by `changed`. */
export class PodExecutor {
  readonly #options: PodExecutorOptions;

  constructor(options: PodExecutorOptions) {
    this.#options = options;
  }

  async execute(record: PodRecord, action: PodAction): Promise<void> {
    switch (action.type) {
      case 'startSandbox':
        return this.#startSandbox(record);
      case 'startContainer':
        return this.#startContainer(record, action);
      case 'stopContainer':
        if (action.ending) record.endingSinceMs ??= this.#options.clock.now();
        return this.#options.stopper.stop(record, action);
      case 'stopSandbox':
        return this.#stopSandbox(record);
      case 'confirm':
        return this.#confirm(record);
      case 'forget':
        return this.#forget(record);
    }
  }

  async #startSandbox(record: PodRecord): Promise<void> {
    const { runtime, resources, clock, backOff } = this.#options;
    const { pod } = record;
    if (pod === undefined) return;
    const diedByItself = record.runtime !== undefined && !record.sandboxStopped;
    try {
      record.runtime = await runtime.startPod(await resources.prepare(pod));
    } catch (error) {
      return this.#cannotStart(record, pod, error);
    }
    tellLimitations(this.#options.events, runtime.limitations, pod);
    record.sandboxStopped = false;
    record.blocked = undefined;
    record.failures = 0;
    record.endingSinceMs = undefined;
    if (diedByItself) {
      this.#options.events.normal(pod, 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
      const nowMs = clock.now();
      const longLived =
        record.sandboxNotBeforeMs !== undefined && nowMs - record.sandboxNotBeforeMs >= backOff.resetAfterMs;
      record.sandboxRestarts = longLived ? 1 : record.sandboxRestarts + 1;
      record.sandboxNotBeforeMs = nowMs + delayMs(record.sandboxRestarts, backOff);
    }
  }

  #cannotStart(record: PodRecord, pod: Pod, error: unknown): void {
    const { clock, events } = this.#options;
    const { reason, retry } = failureOf(error);
    const message = error instanceof Error ? error.message : String(error);
    record.failures += 1;
    const retryAtMs = clock.now() + delayMs(record.failures, retry);
    if (record.blocked?.message !== message) events.warning(pod, reason, message);
    record.blocked = { reason, message, retryAtMs };
  }

  async #startContainer(record: PodRecord, action: Extract<PodAction, { type: 'startContainer' }>): Promise<void> {
    const { runtime, resources, events } = this.#options;
    const { container, attempt, restarts, previousExit } = action;
    const { pod } = record;
    if (pod === undefined || record.runtime === undefined) return;
    const hook = container.lifecycle?.postStart;
    try {
      await runtime.startContainer(record.uid, await resources.container(pod, container, attempt, record.runtime));
    } catch (error) {
      return this.#cannotStartContainer(record, pod, container, error);
    }
    record.remember(container.name, () => ({
      restarts,
      probes: {},
      ...(previousExit && { previousExit }),
      ...(hook && { operation: { type: 'starting' } }),
    }));
    record.runtime = await runtime.status(record.uid);
    events.normal(pod, 'Started', `Started container ${container.name}`, container.name);
    if (hook) void this.#runPostStart(record, pod, container);
  }

  #cannotStartContainer(record: PodRecord, pod: Pod, container: Container, error: unknown): void {
    const { clock, events, backOff } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    const missing = error instanceof NotReadyError;
    const reason =
      error instanceof StartError ? error.reason : missing ? 'CreateContainerConfigError' : 'CreateContainerError';
    const before = record.containers.get(container.name)?.blocked;
    const failures = (before?.failures ?? 0) + 1;
    const retryAtMs = clock.now() + delayMs(failures, missing ? MISSING_RETRY : backOff);
    if (before?.message !== message) events.warning(pod, 'Failed', `Error: ${message}`, container.name);
    record.remember(container.name, (memory) => ({ ...memory, blocked: { reason, message, retryAtMs, failures } }));
  }

  /** P5: until the hook is over the container is not started, and when it fails the container ends. */
  async #runPostStart(record: PodRecord, pod: Pod, container: Container): Promise<void> {
    const { hooks, events, changed, stopper } = this.#options;
    const failure = await hooks.postStart(record, pod, container);
    record.remember(container.name, ({ operation, ...memory }) =>
      operation?.type === 'stopping' ? { ...memory, operation } : memory,
    );
    if (failure !== undefined) {
      events.warning(pod, 'FailedPostStartHook', failure, container.name);
      const graceMs = (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000;
      const message = `Container ${container.name} failed its postStart hook`;
      stopper.stop(record, { container: container.name, graceMs, message, why: failure });
    }
    changed(record);
  }

  async #stopSandbox(record: PodRecord): Promise<void> {
    await this.#options.runtime.stopPod(record.uid);
    record.runtime = await this.#options.runtime.status(record.uid);
    record.sandboxStopped = true;
    this.#options.freed(record);
  }

  /** M1: by uid, so that a pod that has since been made with this name is not meant. */
  async #confirm(record: PodRecord): Promise<void> {
    if (record.pod === undefined) return;
    try {
      await this.#options.client.delete(Pods, keyOf(record.pod), {
        gracePeriodSeconds: 0,
        preconditions: { uid: record.uid },
      });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    record.confirmed = true;
  }

  async #forget(record: PodRecord): Promise<void> {
    const { runtime, resources, freed } = this.#options;
    if (record.runtime) await runtime.removePod(record.uid);
    await resources.release(record.uid);
    record.runtime = undefined;
    record.forgotten = true;
    freed(record);
  }
}

function failureOf(error: unknown): { readonly reason: string; readonly retry: BackOffPolicy } {
  // M5: somebody else is this pod; it may start when they are gone.
  if (error instanceof LockHeldError) return { reason: 'VolumeInUse', retry: LOCK_RETRY };
  if (error instanceof NotReadyError) return { reason: error.reason, retry: MISSING_RETRY };
  return { reason: 'FailedCreatePodSandBox', retry: MISSING_RETRY };
}
