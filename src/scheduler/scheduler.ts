import { ApiError, isNotFound } from '../api/errors.ts';
import type { Node, PersistentVolumeClaim, Pod } from '../api/generated/types.ts';
import { Namespaces, Nodes, PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../api/kinds.ts';
import { formatKey, keyOf } from '../api/meta.ts';
import { freeVolumeClass } from '../api/volume-matching.ts';
import type { Client } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import type { Change, Informer, InformerSet } from '../client/informer.ts';
import { type QueueStatistics, WorkQueue } from '../client/work-queue.ts';
import { type Clock, type Timer, timestamp } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { Binder } from './binder.ts';
import { LocalStorage } from './local-storage.ts';
import { type PendingPod, PendingPods } from './pending-pods.ts';
import { hasSameNeeds, schedulingFacts } from './relevant-changes.ts';
import { schedule } from './schedule.ts';
import { ClusterSnapshot } from './snapshot.ts';
import type { VolumeLookup } from './volume-filters.ts';

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  /** Pods that ask for another scheduler are left alone. Default `default-scheduler`. */
  readonly schedulerName?: string;
}

export interface Scheduler {
  /** Of the pods that were decided on. */
  readonly statistics: QueueStatistics;
  /** Resolves when no write is under way any more. */
  stop(): Promise<void>;
}

/** Pods decided on in one go before other work gets a turn. */
const PODS_PER_PASS = 256;
/** Bindings and annotations under way at once. */
const WRITES_AT_ONCE = 64;
/** How long the claims of a pod may take to be bound before another node is tried, as in Kubernetes. */
const CLAIM_TIMEOUT_MS = 600_000;
/** Pods that nothing has helped are tried again this often, in case an event did not say enough. */
const FLUSH_MS = 60_000;

/**
 * Starts the scheduler: it gives every pod without a node the best one, and says why when there is none.
 *
 * @example
 * const scheduler = startScheduler({ client, informers, clock, logger, events });
 * await scheduler.stop();
 */
export function startScheduler(options: SchedulerOptions): Scheduler {
  return new RunningScheduler(options);
}

class RunningScheduler implements Scheduler {
  readonly #options: SchedulerOptions;
  readonly #schedulerName: string;
  readonly #logger: Logger;
  readonly #snapshot = new ClusterSnapshot();
  readonly #pending: PendingPods;
  readonly #pods: Informer<Pod>;
  readonly #volumes: VolumeLookup;
  readonly #binder: Binder;
  readonly #storage = new LocalStorage();
  /** Does what was decided, by pod uid. */
  readonly #binding: WorkQueue;
  /** Tells why a pod waits, by pod uid. */
  readonly #teller: WorkQueue;
  readonly #unsubscribe: (() => void)[] = [];
  #flush: Timer | undefined;
  #pumping = false;
  #synced = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    const { informers, clock, logger, schedulerName = 'default-scheduler' } = options;
    this.#options = options;
    this.#schedulerName = schedulerName;
    this.#logger = logger.child({ component: 'scheduler' });
    this.#pending = new PendingPods(clock, () => this.#pump());
    const queue = { clock, concurrency: WRITES_AT_ONCE, onFailure: this.#onFailure };
    this.#binding = new WorkQueue({ ...queue, handle: (uid) => this.#carryOut(uid) });
    this.#teller = new WorkQueue({ ...queue, handle: (uid) => this.#tell(uid) });

    const pods = informers.get(Pods);
    const claims = informers.get(PersistentVolumeClaims);
    const volumes = informers.get(PersistentVolumes);
    const storageClasses = informers.get(StorageClasses);
    const nodes = informers.get(Nodes);
    const namespaces = informers.get(Namespaces);
    this.#pods = pods;
    this.#binder = new Binder(options.client, claims);
    const freeVolumes = volumes.index(freeVolumeClass);
    this.#volumes = {
      claim: (namespace, name) => claims.get({ namespace, name }),
      volume: (name) => volumes.get({ name }),
      storageClass: (name) => storageClasses.get({ name }),
      freeVolumes: (storageClass) => freeVolumes.get(storageClass),
      storageTaken: (node) => this.#storage.takenOn(node),
      selectedNode: (claim) => this.#binder.selectedNode(claim),
    };

    this.#unsubscribe.push(
      namespaces.subscribe((changes) => {
        for (const { type, object } of changes) {
          if (type === 'deleted') this.#snapshot.removeNamespace(object.metadata.name);
          else this.#snapshot.setNamespace(object.metadata.name, object.metadata.labels);
        }
      }),
      nodes.subscribe((changes) => {
        for (const change of changes) this.#nodeChanged(change);
      }),
      claims.subscribe((changes) => {
        for (const { type, object } of changes) {
          if (type === 'deleted') this.#storage.forget(formatKey(keyOf(object)));
          this.#claimChanged(object);
        }
      }),
      volumes.subscribe((changes) => {
        for (const { type, object } of changes) {
          if (type === 'deleted') this.#storage.gone(object);
          else this.#storage.seen(object);
        }
        if (changes.some(({ type }) => type !== 'updated')) this.#pending.wake('volume');
      }),
      storageClasses.subscribe(() => this.#pending.wake('volume')),
      pods.subscribe((changes) => {
        for (const change of changes) this.#podChanged(change);
      }),
    );
    const needed = [pods, claims, volumes, storageClasses, nodes, namespaces];
    void Promise.all(needed.map((informer) => informer.synced)).then(() => {
      this.#synced = true;
      this.#pump();
    });
  }

  get statistics(): QueueStatistics {
    return this.#binding;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#flush?.cancel();
    this.#pending.clear();
    await Promise.all([this.#binding.close(), this.#teller.close()]);
  }

  readonly #onFailure = (uid: string, error: unknown, failures: number): void => {
    const level = failures < 5 ? 'debug' : 'warn';
    this.#logger[level]('a write of the scheduler failed, trying again', { uid, failures, error: String(error) });
  };

  #nodeChanged(change: Change<Node>): void {
    const { type, object: node } = change;
    if (type === 'deleted') {
      this.#snapshot.removeNode(node.metadata.name);
      return;
    }
    if (type === 'updated' && schedulingFacts(change.previous) === schedulingFacts(node)) return;
    this.#snapshot.setNode(node);
    this.#pending.wake('node');
    this.#pending.wake('pod');
  }

  #claimChanged(claim: PersistentVolumeClaim): void {
    const key = formatKey(keyOf(claim));
    this.#binder.seen(key, claim);
    for (const pending of this.#pending.usersOf(key)) {
      if (pending.state.type === 'placed') this.#binding.add(pending.pod.metadata.uid);
      else if (pending.state.type === 'unschedulable') this.#pending.retry(pending);
    }
  }

  #podChanged(change: Change<Pod>): void {
    const pod = change.object;
    const { uid } = pod.metadata;
    const pending = this.#pending.get(uid);
    const isOver = change.type === 'deleted' || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    if (isOver) {
      if (pending !== undefined) this.#forget(pending);
      if (this.#snapshot.placeOf(uid) === undefined) return;
      this.#snapshot.remove(uid);
      this.#pending.wake('pod');
      return;
    }
    if (pod.spec.nodeName) {
      if (pending !== undefined) this.#pending.remove(pending);
      const isKnown = this.#snapshot.placeOf(uid) === pod.spec.nodeName;
      if (isKnown && change.type === 'updated' && hasSameNeeds(change.previous, pod)) return;
      this.#snapshot.place(pod, pod.spec.nodeName);
      this.#pending.wakeSeekers();
      return;
    }
    if (pending !== undefined) {
      const changed = change.type === 'updated' && !hasSameNeeds(change.previous, pod);
      pending.pod = pod;
      if (!this.#isOurs(pod)) this.#forget(pending);
      else if (changed && pending.state.type === 'unschedulable') this.#pending.retry(pending);
    } else if (this.#isOurs(pod)) this.#pending.add(pod);
  }

  #isOurs({ spec, metadata }: Pod): boolean {
    return (
      (spec.schedulerName ?? 'default-scheduler') === this.#schedulerName &&
      metadata.deletionTimestamp === undefined &&
      !spec.schedulingGates?.length
    );
  }

  #forget(pending: PendingPod): void {
    this.#unplace(pending);
    this.#pending.remove(pending);
  }

  /** In a microtask, so that all that one batch of events brings is decided together. */
  #pump(): void {
    if (this.#pumping || !this.#synced || this.#stopped) return;
    this.#pumping = true;
    queueMicrotask(() => this.#pass());
  }

  #pass(): void {
    this.#pumping = false;
    if (this.#stopped) return;
    for (const pending of this.#pending.take(PODS_PER_PASS)) this.#attempt(pending);
    if (this.#pending.hasQueued) {
      this.#pumping = true;
      this.#options.clock.after(0, () => this.#pass());
    }
    if (this.#pending.hasUnschedulable && this.#flush === undefined) {
      this.#flush = this.#options.clock.after(FLUSH_MS, () => {
        this.#flush = undefined;
        this.#pending.wakeAll();
      });
    }
  }

  #attempt(pending: PendingPod): void {
    const { pod } = pending;
    pending.attempts++;
    const decision = schedule(pod, this.#snapshot, this.#volumes);
    if (decision.type === 'unschedulable') {
      this.#pending.setState(pending, { type: 'unschedulable', helpedBy: decision.helpedBy });
      if (pending.toldMessage === decision.message) return;
      pending.toldMessage = decision.message;
      this.#teller.add(pod.metadata.uid);
      return;
    }
    const { nodeName } = decision;
    for (const claim of decision.unboundClaims) {
      this.#binder.choose(claim, nodeName);
      this.#storage.promise(claim, nodeName);
    }
    this.#snapshot.place(pod, nodeName);
    this.#pending.wakeSeekers();
    const untilMs = this.#options.clock.now() + CLAIM_TIMEOUT_MS;
    this.#pending.setState(pending, { type: 'placed', nodeName, untilMs });
    this.#binding.add(pod.metadata.uid);
  }

  /** The next step of a pod whose node is chosen: its claims, then the binding. */
  async #carryOut(uid: string): Promise<void> {
    const pending = this.#pending.get(uid);
    if (pending?.state.type !== 'placed') return;
    const { nodeName, untilMs } = pending.state;
    try {
      const step = await this.#binder.step(pending.pod, pending.claims, nodeName);
      // The cache may have shown the outcome already.
      if (this.#pending.get(uid) !== pending) return;
      if (step.type === 'bound') this.#pending.setState(pending, { type: 'bound' });
      else if (step.type === 'impossible') this.#giveUp(pending, step.why);
      else if (untilMs <= this.#options.clock.now()) this.#giveUp(pending, 'its claims were not bound in time');
      else this.#binding.after(uid, untilMs - this.#options.clock.now());
    } catch (error) {
      // The API may be busy or away: the same again. Anything it refuses is decided anew.
      if (!(error instanceof ApiError) || error.code >= 500 || error.code === 429) throw error;
      if (this.#pending.get(uid) !== pending) return;
      if (isNotFound(error) && this.#pods.get(keyOf(pending.pod)) === undefined) this.#forget(pending);
      else this.#giveUp(pending, error.message);
    }
  }

  #giveUp(pending: PendingPod, why: string): void {
    this.#logger.debug('the chosen node is given up', { pod: formatKey(keyOf(pending.pod)), why });
    this.#unplace(pending);
    pending.attempts++;
    this.#pending.retry(pending);
  }

  #unplace(pending: PendingPod): void {
    if (pending.state.type !== 'placed') return;
    this.#snapshot.remove(pending.pod.metadata.uid);
    this.#binder.forget(pending.claims);
    for (const claim of pending.claims) this.#storage.forget(claim);
    this.#pending.setState(pending, { type: 'unschedulable', helpedBy: new Set(['node', 'pod', 'volume']) });
  }

  /** Says on the pod, and in an event, why it has no node; only when that is news. */
  async #tell(uid: string): Promise<void> {
    const pending = this.#pending.get(uid);
    const message = pending?.toldMessage;
    if (pending === undefined || pending.state.type !== 'unschedulable' || message === undefined) return;
    const { pod } = pending;
    const before = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return;
    const { client, clock, events } = this.#options;
    events.record({ about: pod, type: 'Warning', reason: 'FailedScheduling', message });
    const lastTransitionTime = before?.status === 'False' ? before.lastTransitionTime : timestamp(clock.now());
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
    // Only this version: in a newer one the pod may have a node.
    const { resourceVersion } = pod.metadata;
    const body = { metadata: { uid, resourceVersion }, status: { conditions: [condition] } };
    try {
      await client.patch(Pods, keyOf(pod), { type: 'strategic', body }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
