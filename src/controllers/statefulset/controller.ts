import { isConflict } from '../../api/errors.ts';
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import { formatKey, type KubernetesObject, keyOf } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Change, Informer, InformerSet } from '../../client/informer.ts';
import { type WriteCache, WriteTracker } from '../../client/write-tracker.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { type Controller, type ReconcileResult, runController } from '../controller.ts';
import type { Claims } from './claims.ts';
import { ExecutionError, Executor, RefusedError, RevisionCollisionError, type Writes } from './executor.ts';
import { parsePodName } from './identity.ts';
import { OwnChanges } from './own-changes.ts';
import { type Observed, type Plan, plan as planSet } from './plan.ts';
import { type Done, isStatusCurrent, onlyCountsDiffer, WAITING_CONDITION } from './status.ts';
import type { Remembered, Waiting } from './waiting.ts';

export interface StatefulSetControllerOptions {
  readonly client: Client;
  readonly informers: InformerSet;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many sets are worked on at once (default 64: a pass mostly waits for the store). */
  readonly concurrency?: number;
  /** From how many sets at work on the controller lets counts wait, see {@link COUNTS_LAG_MS} (default 8). */
  readonly busyFrom?: number;
  /** How the next step is decided; the simulation puts mutants in its place. */
  readonly plan?: (observed: Observed) => Plan;
}

/**
 * S4: how long a busy controller may keep changed numbers of a status to itself while the set goes on changing: pods
 * come first, and one write tells of several of them.
 */
const COUNTS_LAG_MS = 1000;

/** Starts the StatefulSet controller: the queue around {@link planSet} and {@link Executor}. */
export function startStatefulSetController(options: StatefulSetControllerOptions): Controller {
  const { informers, clock, logger, concurrency = 64, busyFrom = 8 } = options;
  const caches = openCaches(informers);
  const own = new OwnChanges();
  const isBusy = (): boolean => controller.statistics.depth + controller.statistics.running >= busyFrom;
  const reconciler = new Reconciler(options, caches, own, isBusy);
  const controller = runController({
    name: 'statefulset',
    clock,
    logger,
    concurrency,
    reconcile: async (key) => {
      try {
        return await reconciler.reconcile(key);
      } finally {
        if (own.end(key)) controller.enqueue(key);
      }
    },
    caches: [caches.sets, caches.pods, caches.claims, caches.revisions],
    follow: (queue) => wake(caches, own, (key) => queue.enqueue(key)),
  });
  return controller;
}

interface Caches {
  readonly sets: Informer<StatefulSet>;
  readonly pods: Informer<Pod>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly revisions: Informer<ControllerRevision>;
  /** By `namespace/set`, from the pod's name. */
  readonly podsByName: { get(value: string): readonly Pod[] };
  /** By uid of a set that controls a pod with a name of another form: it is to be released. */
  readonly misnamed: { get(value: string): readonly Pod[] };
  /** By uid of the controller; those without one by namespace. */
  readonly revisionsByOwner: { get(value: string): readonly ControllerRevision[] };
}

function openCaches(informers: InformerSet): Caches {
  const sets = informers.get(StatefulSets);
  const pods = informers.get(Pods);
  const claims = informers.get(PersistentVolumeClaims);
  const revisions = informers.get(ControllerRevisions);
  return {
    sets,
    pods,
    claims,
    revisions,
    podsByName: pods.index(setKeyFromName),
    misnamed: pods.index((pod) => {
      const controller = controllerOf(pod);
      if (controller?.kind !== StatefulSets.kind) return undefined;
      return parsePodName(pod.metadata.name)?.set === controller.name ? undefined : controller.uid;
    }),
    revisionsByOwner: revisions.index(
      (revision) => controllerOf(revision)?.uid ?? `orphans of ${revision.metadata.namespace}`,
    ),
  };
}

function setKeyFromName(pod: Pod): string | undefined {
  const parsed = parsePodName(pod.metadata.name);
  return parsed && `${pod.metadata.namespace}/${parsed.set}`;
}

/** Which keys an event may concern. To name one too many costs one look; to miss one costs a set that stands still. */
function wake(caches: Caches, own: OwnChanges, enqueue: (key: string) => void): readonly (() => void)[] {
  const { sets, pods, claims, revisions } = caches;
  return [
    sets.subscribe((changes) => {
      for (const change of changes) {
        const { object } = change;
        const key = formatKey(keyOf(object));
        const mayBeOwn = change.type === 'updated' && onlyCountsDiffer(change.previous.status, object.status);
        if (!mayBeOwn || own.isForeign(key, object)) enqueue(key);
      }
    }),
    pods.subscribe((changes) => {
      for (const change of changes) {
        const { object } = change;
        const named = setKeyFromName(object);
        const keys = new Set([named !== undefined && sets.getByKey(named) && named, controllerKey(object)]);
        if (change.type === 'updated') keys.add(controllerKey(change.previous));
        for (const key of keys) if (key && (change.type !== 'added' || own.isForeign(key, object))) enqueue(key);
      }
    }),
    claims.subscribe((changes) => {
      for (const change of changes) {
        if (isAboutToGo(change)) for (const key of setsOfClaim(change.object, sets)) enqueue(key);
      }
    }),
    revisions.subscribe((changes) => {
      for (const { object } of changes) {
        const key = controllerKey(object);
        if (key !== undefined) enqueue(key);
      }
    }),
  ];
}

/** The set that an object says it belongs to. */
function controllerKey(object: KubernetesObject): string | undefined {
  const controller = controllerOf(object);
  return controller?.kind === StatefulSets.kind ? `${object.metadata.namespace}/${controller.name}` : undefined;
}

/** C5, O8: of claims only their end, and whose they are, decides anything. */
function isAboutToGo(change: Change<KubernetesObject>): boolean {
  if (change.type !== 'updated') return change.type === 'deleted';
  const { object, previous } = change;
  return (
    object.metadata.deletionTimestamp !== previous.metadata.deletionTimestamp ||
    object.metadata.ownerReferences !== previous.metadata.ownerReferences
  );
}

/** The sets a claim's name may speak of: `a-b-c-0` is `b-c`'s or `c`'s. */
function setsOfClaim(claim: KubernetesObject, sets: Informer<StatefulSet>): readonly string[] {
  const parsed = parsePodName(claim.metadata.name);
  if (parsed === undefined) return [];
  const keys: string[] = [];
  for (let dash = parsed.set.indexOf('-'); dash >= 0; dash = parsed.set.indexOf('-', dash + 1)) {
    const key = `${claim.metadata.namespace}/${parsed.set.slice(dash + 1)}`;
    if (sets.getByKey(key) !== undefined) keys.push(key);
  }
  return keys;
}

/** Waits that do not end by themselves, as far as anyone can tell. */
const ALARMING: ReadonlySet<string> = new Set<Waiting['reason']>([
  'ContainerFailing',
  'PodNotReady',
  'PodBlocked',
  'NodeLost',
  'ClaimStale',
  'NameTaken',
  'PodRefused',
]);

class Reconciler {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #events: EventRecorder;
  readonly #caches: Caches;
  readonly #executor: Executor;
  readonly #tracker: WriteTracker;
  readonly #own: OwnChanges;
  readonly #isBusy: () => boolean;
  readonly #plan: (observed: Observed) => Plan;
  /** By when numbers that have changed are to be written. */
  readonly #countsDueMs = new Map<string, number>();
  /** Waits that no object tells since when; from before a restart the sets' conditions tell them. */
  readonly #before = new Map<string, Remembered>();

  constructor(options: StatefulSetControllerOptions, caches: Caches, own: OwnChanges, isBusy: () => boolean) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#events = options.events;
    this.#caches = caches;
    this.#executor = new Executor(options);
    this.#tracker = new WriteTracker({ clock: options.clock });
    this.#own = own;
    this.#isBusy = isBusy;
    this.#plan = options.plan ?? planSet;
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { sets } = this.#caches;
    if (!(await this.#tracker.caughtUp(key))) {
      this.#logger.warn('the cache does not show what was written; going on with what it shows', { key });
    }
    const set = sets.getByKey(key);
    if (set === undefined) {
      this.#before.delete(key);
      this.#countsDueMs.delete(key);
      this.#own.forget(key);
      return {};
    }

    this.#own.begin(key);
    const plan = this.#plan(this.#observe(key, set));
    const writes = this.#writesOf(key);
    let done: readonly Done[] = [];
    let failure: unknown;
    try {
      done = await this.#executor.execute(set, plan.actions, writes);
    } catch (error) {
      if (!(error instanceof ExecutionError)) throw error;
      done = error.done;
      failure = error.cause;
    }
    const refusal = failure instanceof RefusedError ? failure.refusal : undefined;
    const waiting = plan.waitingAfter(done, refusal);
    if (waiting?.undated) this.#before.set(key, waiting);
    else this.#before.delete(key);
    // When to look again was decided for another wait than the one that has begun.
    if (waiting !== plan.waiting) this.#own.disown(key);
    const status = plan.status(done, refusal);
    const mayWait = waiting !== undefined && failure === undefined;
    const dueMs = mayWait ? this.#countsDue(key, set, status) : undefined;
    if (dueMs === undefined) {
      this.#countsDueMs.delete(key);
      await this.#writeStatus(set, status, failure, writes);
    }
    if (failure !== undefined && !(failure instanceof RevisionCollisionError)) throw failure;
    const nextMs = Math.min(plan.recheckAtMs ?? Number.POSITIVE_INFINITY, dueMs ?? Number.POSITIVE_INFINITY);
    return nextMs === Number.POSITIVE_INFINITY ? {} : { requeueAfterMs: Math.max(0, nextMs - this.#clock.now()) };
  }

  /** By when the status has to be written, if that may wait: see {@link COUNTS_LAG_MS}. */
  #countsDue(key: string, set: StatefulSet, status: StatefulSet['status']): number | undefined {
    if (!this.#isBusy() || !onlyCountsDiffer(set.status, status)) return undefined;
    const nowMs = this.#clock.now();
    const dueMs = this.#countsDueMs.get(key) ?? nowMs + COUNTS_LAG_MS;
    if (dueMs <= nowMs) return undefined;
    this.#countsDueMs.set(key, dueMs);
    return dueMs;
  }

  #observe(key: string, set: StatefulSet): Observed {
    const { podsByName, misnamed, revisionsByOwner, claims } = this.#caches;
    const { uid, namespace } = set.metadata;
    const prefix = `${namespace}/`;
    const lookup: Claims = { get: (name) => claims.getByKey(prefix + name) };
    return {
      set,
      pods: [...podsByName.get(key), ...misnamed.get(uid)],
      revisions: [...revisionsByOwner.get(uid), ...revisionsByOwner.get(`orphans of ${namespace}`)],
      claims: lookup,
      before: this.#before.get(key),
      now: this.#clock.now(),
    };
  }

  async #writeStatus(
    set: StatefulSet,
    planned: StatefulSet['status'],
    failure: unknown,
    writes: Writes,
  ): Promise<void> {
    if (planned === undefined) return;
    let status = planned;
    if (failure instanceof RevisionCollisionError) {
      // R2: with another count the next pass picks another name. Nothing else is known for certain without a revision.
      status = { ...(set.status ?? { replicas: 0 }), collisionCount: (set.status?.collisionCount ?? 0) + 1 };
    } else if (isStatusCurrent(set, status)) return;
    try {
      await this.#executor.writeStatus(set, status, writes);
    } catch (error) {
      // Somebody changed the set meanwhile; the event of that change brings us back.
      if (isConflict(error)) return;
      throw error;
    }
    this.#reportWaiting(set, status);
  }

  /** O10: an event when what is waited for changes, and not at every pass. */
  #reportWaiting(set: StatefulSet, status: NonNullable<StatefulSet['status']>): void {
    const before = set.status?.conditions?.find((condition) => condition.type === WAITING_CONDITION);
    const after = status.conditions?.find((condition) => condition.type === WAITING_CONDITION);
    if (after?.status !== 'True' || after === before) return;
    const type = ALARMING.has(after.reason ?? '') ? 'Warning' : 'Normal';
    this.#events.record({ about: set, type, reason: `Waiting${after.reason}`, message: after.message ?? '' });
  }

  #writesOf(key: string): Writes {
    const { sets, pods, claims, revisions } = this.#caches;
    const caches = new Map<ResourceType, WriteCache>([
      [StatefulSets, sets],
      [Pods, pods],
      [PersistentVolumeClaims, claims],
      [ControllerRevisions, revisions],
    ]);
    return {
      wrote: (type, object) => {
        const cache = caches.get(type);
        if (cache !== undefined) this.#tracker.wrote(key, cache, object);
        this.#own.wrote(key, object);
      },
      removed: (type, object, uid) => {
        const cache = caches.get(type);
        if (cache !== undefined) this.#tracker.removed(key, cache, object, uid);
      },
    };
  }
}
