import { isDeepStrictEqual } from 'node:util';

import type { Pod } from '../../api/generated/types.ts';
import type { Client } from '../../client/client.ts';
import type { Change } from '../../client/informer.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Allocation } from '../allocation.ts';
import { PodProber } from '../probes/pod-prober.ts';
import type { Runtime, PodStatus as RuntimePod } from '../runtimes/runtime.ts';
import { tellBackOff } from './announcements.ts';
import { ContainerStopper } from './container-stopper.ts';
import { isTerminal, viewContainers } from './container-view.ts';
import { exitMessages } from './exit-messages.ts';
import { FileRefresher } from './file-refresher.ts';
import { LifecycleHooks } from './lifecycle-hooks.ts';
import type { ApiView, BackOffPolicy, Explanation, PodPlan } from './observed.ts';
import { planPod } from './plan-pod.ts';
import type { PodEvents } from './pod-events.ts';
import { PodExecutor } from './pod-executor.ts';
import { type NodeView, PodRecord } from './pod-record.ts';
import { PodRecords } from './pod-records.ts';
import type { PodResources } from './pod-resources.ts';
import { statusDueMs } from './status-timing.ts';
import { writeStatus } from './status-writer.ts';

/** More steps without a rest than any pod needs; past it, something is wrong and the queue's back-off takes over. */
const MAX_STEPS = 200;

export interface PodManagerOptions {
  readonly client: Client;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: PodEvents;
  readonly resources: PodResources;
  readonly backOff: BackOffPolicy;
  readonly hostIPs: readonly string[];
  /** P10: why the node does not take a pod that is new to it, beside the ones it has. */
  readonly admit: (pod: Pod, taken: Allocation) => Explanation | undefined;
  /** Says in the API that this node is there; rejects when it cannot. */
  readonly sayThere: () => Promise<void>;
  /** How many pods are worked on at once (default 64). */
  readonly concurrency?: number;
}

/** All pods of the node: one record for each, worked on by one pass at a time. */
export class PodManager {
  readonly #options: PodManagerOptions;
  readonly #records = new PodRecords();
  readonly #executor: PodExecutor;
  readonly #prober: PodProber;
  readonly #files: FileRefresher;
  readonly #queue: WorkQueue;
  /** What changed while the list that `begin` gets was made. */
  readonly #changedEarly = new Set<string>();
  #begun = false;
  readonly #waiters = new Set<{ readonly record: PodRecord; readonly resolve: () => void }>();
  readonly #nodeStops = new Set<string>();
  /** Pods that the API takes for ready and that ended while no agent was there: told when the API knows better. */
  readonly #endedUnseen = new Map<string, () => void>();
  readonly #waitingForOthers = new Set<string>();

  constructor(options: PodManagerOptions) {
    const { client, runtime, clock, logger, events, resources, backOff } = options;
    this.#options = options;
    const hooks = new LifecycleHooks({ runtime, clock });
    const changed = (record: PodRecord): void => this.#queue.add(record.uid);
    const stopper = new ContainerStopper({ runtime, clock, logger, events, hooks, changed });
    this.#prober = new PodProber({ runtime, clock, events, changed });
    this.#files = new FileRefresher({ resources, events, clock });
    const freed = (): void => this.#wakeWaiting();
    this.#executor = new PodExecutor({
      client,
      runtime,
      clock,
      events,
      resources,
      hooks,
      stopper,
      backOff,
      changed,
      freed,
    });
    this.#queue = new WorkQueue({
      clock,
      concurrency: options.concurrency ?? 64,
      initialBackoffMs: 50,
      maxBackoffMs: 10_000,
      handle: (uid) => this.#reconcile(uid),
      onFailure: (uid, error, failures, retryInMs) => {
        const record = this.#records.get(uid);
        logger.warn('a pod could not be brought forward', {
          pod: record?.name,
          error: String(error),
          failures,
          retryInMs,
        });
      },
    });
  }

  /**
   * M3: what really runs, before anything is decided. `pods` is what the API says is to run here. Resolves when none of
   * them counts as ready that has ended meanwhile (N1).
   */
  async begin(found: readonly RuntimePod[], pods: Iterable<Pod>): Promise<void> {
    for (const pod of pods) this.#add(identityOf(pod), { type: 'bound', pod });
    for (const runtime of found) {
      const record = this.#records.get(runtime.uid) ?? this.#add(runtime, { type: 'gone' });
      record.adopt(runtime);
      // Nobody has kept its files up to date, and nobody knows how old its token is.
      record.filesStale = true;
      if (record.pod) this.#records.allocation.add(record.pod);
      record.stale = this.#changedEarly.has(runtime.uid);
    }
    this.#begun = true;
    this.#changedEarly.clear();
    const seen = [...this.#records.uids()].flatMap((uid) => {
      const record = this.#records.get(uid);
      if (this.#options.runtime.simulated || !saysReady(record?.pod) || record?.runtime?.alive) return [];
      return [new Promise<void>((resolve) => this.#endedUnseen.set(uid, resolve))];
    });
    for (const uid of this.#records.uids()) this.#queue.add(uid);
    await Promise.all(seen);
  }

  /** The API's pods of this node have changed. */
  podsChanged(changes: readonly Change<Pod>[]): void {
    for (const change of changes) {
      const { type, object } = change;
      const { uid } = object.metadata;
      const record = this.#records.get(uid);
      if (type === 'deleted') {
        record?.seen(object);
        record?.gone();
      } else if (record) {
        record.seen(object);
        // What the downward API shows of the pod itself.
        if (change.type === 'updated' && !isDeepStrictEqual(shownMeta(object), shownMeta(change.previous)))
          record.filesStale = true;
      } else this.#add(identityOf(object), { type: 'bound', pod: object });
      this.#queue.add(uid);
    }
  }

  /** The runtime says that something of the pod has changed by itself. */
  runtimeChanged(uid: string): void {
    const record = this.#records.get(uid);
    if (record) {
      record.stale = true;
      this.#queue.add(uid);
    } else if (!this.#begun) this.#changedEarly.add(uid);
  }

  /** An object that pods refer to has changed: those that wait for it try again, those that run see its new content. */
  referenceChanged(key: string): void {
    for (const record of this.#records.referringTo(key)) {
      record.filesStale ||= !key.startsWith('PersistentVolumeClaim');
      record.tryAgain(this.#now());
      this.#queue.add(record.uid);
    }
  }

  record(uid: string): PodRecord | undefined {
    return this.#records.get(uid);
  }

  /** The pods the API knows to be here. */
  pods(): readonly Pod[] {
    return this.#records.pods();
  }

  /** Whether something that runs here may have the claim's volume; a pod that only the runtime knows may have any. */
  usesClaim(claim: { readonly namespace: string; readonly name: string }): boolean {
    return this.#records.usesClaim(claim);
  }

  /** Ends a pod for good: it has gone past what this node gives it. */
  evict(uid: string, why: Explanation): void {
    const record = this.#records.get(uid);
    if (record?.pod === undefined || record.refused !== undefined) return;
    record.refused = why;
    this.#options.events.warning(record.pod, why.reason, why.message);
    this.#queue.add(uid);
  }

  /** Ends a pod because the node stops, leaving its object. Resolves when nothing of it runs. */
  async endForShutdown(uid: string): Promise<void> {
    const record = this.#records.get(uid);
    if (record === undefined) return;
    this.#nodeStops.add(uid);
    await new Promise<void>((resolve) => {
      this.#waiters.add({ record, resolve });
      this.#queue.add(uid);
    });
  }

  async close(): Promise<void> {
    this.#prober.close();
    await this.#queue.close();
  }

  async #reconcile(uid: string): Promise<void> {
    const record = this.#records.get(uid);
    if (record === undefined) return;
    await this.#sayEnded(record);
    this.#admit(record);
    await this.#files.refresh(record);
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      await this.#refresh(record);
      const plan = planPod(this.#observe(record));
      if (plan.actions.length === 0) return this.#rest(record, plan);
      for (const action of plan.actions) {
        if (action.type === 'confirm' && tellsEnd(record.pod)) await this.#writeStatus(record, plan);
        await this.#executor.execute(record, action);
      }
      if (record.forgotten) return this.#remove(record);
    }
    throw new Error(`the pod does not come to rest after ${MAX_STEPS} steps`);
  }

  /** N1: before it is started again, nobody is to take it for ready. */
  async #sayEnded(record: PodRecord): Promise<void> {
    const said = this.#endedUnseen.get(record.uid);
    if (said === undefined) return;
    this.#endedUnseen.delete(record.uid);
    try {
      await this.#refresh(record);
      await this.#writeStatus(record, planPod(this.#observe(record)));
    } finally {
      said();
    }
  }

  /** Nothing more is to be done now: tell the API how things are, and see to it that someone looks again. */
  async #rest(record: PodRecord, plan: PodPlan): Promise<void> {
    const observed = this.#observe(record);
    const { clock } = this.#options;
    const views = viewContainers(observed);
    this.#prober.follow(record, views);
    tellBackOff(this.#options.events, record, observed, views);
    const blocked = plan.waiting !== undefined && record.runtime?.alive !== true;
    if (blocked) this.#waitingForOthers.add(record.uid);
    else this.#waitingForOthers.delete(record.uid);
    const filesDueMs = this.#files.dueMs(record);
    if (filesDueMs !== undefined) this.#queue.after(record.uid, filesDueMs - clock.now());
    if (plan.wakeAtMs !== undefined) this.#queue.after(record.uid, plan.wakeAtMs - clock.now());
    const dueMs = statusDueMs(observed);
    try {
      if (dueMs > clock.now()) this.#queue.after(record.uid, dueMs - clock.now());
      else await this.#writeStatus(record, plan);
    } finally {
      // Whoever waits for the end of the processes need not wait for an API that does not answer.
      if (!record.occupies) this.#tellWaiters(record);
    }
  }

  async #writeStatus(record: PodRecord, plan: PodPlan): Promise<void> {
    const { api } = record;
    if (api.type === 'gone') return;
    // M6: it was marked because nobody had heard of the node. As long as the node counts as lost, so do its pods.
    if (isMarkedLost(api.pod)) await this.#options.sayThere();
    const statusOf = (pod: Pod) =>
      pod === api.pod ? plan.status : planPod({ ...this.#observe(record), api: { type: 'bound', pod } }).status;
    const newest = await writeStatus(this.#options.client, api.pod, statusOf, record.runtime?.ports);
    // The informer will tell that it is gone.
    if (newest === undefined) return;
    const news = !isDeepStrictEqual(newest.metadata.deletionTimestamp, api.pod.metadata.deletionTimestamp);
    record.seen(newest);
    if (news) this.#queue.add(record.uid);
  }

  async #refresh(record: PodRecord): Promise<void> {
    if (!record.stale) return;
    record.stale = false;
    const { runtime } = this.#options;
    try {
      record.runtime = await runtime.status(record.uid);
      if (record.pod && record.runtime) {
        record.addMessages(await exitMessages(runtime, record.pod, record.runtime, record.messages));
      }
    } catch (error) {
      record.stale = true;
      throw error;
    }
  }

  /** P10: once, when the pod is new to the node; what runs already was taken before. */
  #admit(record: PodRecord): void {
    const { api } = record;
    if (api.type === 'gone' || isTerminal(api.pod)) {
      this.#records.allocation.remove(record.uid);
      return;
    }
    if (record.admitted) return;
    record.admitted = true;
    if (api.pod.metadata.deletionTimestamp !== undefined) return;
    const refused = this.#options.admit(api.pod, this.#records.allocation);
    if (refused === undefined) {
      this.#records.allocation.add(api.pod);
    } else {
      record.refused = refused;
      this.#options.events.warning(api.pod, refused.reason, refused.message);
    }
  }

  #observe(record: PodRecord) {
    const { runtime, hostIPs, backOff } = this.#options;
    const node: NodeView = { runtimeName: runtime.name, hostIPs, backOff, nodeStops: this.#nodeStops.has(record.uid) };
    return record.observe(node, this.#records.predecessorOf(record), this.#now());
  }

  #add(identity: Pick<RuntimePod, 'uid' | 'namespace' | 'name'>, api: ApiView): PodRecord {
    const record = new PodRecord(identity, api, { hostIPs: this.#options.hostIPs, nowMs: this.#now() });
    this.#records.add(record);
    return record;
  }

  #remove(record: PodRecord): void {
    this.#records.remove(record);
    this.#waitingForOthers.delete(record.uid);
    this.#nodeStops.delete(record.uid);
    this.#prober.forget(record.uid);
    this.#tellWaiters(record);
  }

  #wakeWaiting(): void {
    for (const uid of this.#waitingForOthers) {
      const record = this.#records.get(uid);
      record?.tryAgain(this.#now());
      this.#queue.add(uid);
    }
  }

  #tellWaiters(record: PodRecord): void {
    for (const waiter of this.#waiters) {
      if (waiter.record !== record) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #now(): number {
    return this.#options.clock.now();
  }
}

function identityOf(pod: Pod): { readonly uid: string; readonly namespace: string; readonly name: string } {
  const { uid, namespace = 'default', name } = pod.metadata;
  return { uid, namespace, name };
}

/** Whether somebody may want to know how a pod ended before its object goes: otherwise it is a write for nobody. */
function tellsEnd(pod: Pod | undefined): boolean {
  return pod !== undefined && (Boolean(pod.metadata.finalizers?.length) || pod.spec.restartPolicy !== 'Always');
}

function saysReady(pod: Pod | undefined): boolean {
  return pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function isMarkedLost(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, reason }) => type === 'Ready' && reason === 'NodeNotReady') ?? false;
}

function shownMeta({ metadata }: Pod): unknown {
  return [metadata.labels, metadata.annotations];
}
