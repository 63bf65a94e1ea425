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
import { type Observed, type Plan, plan as planSet } from './plan.ts';
import { type Done, isStatusCurrent, WAITING_CONDITION } from './status.ts';
import type { Remembered, Waiting } from './waiting.ts';

export interface StatefulSetControllerOptions {
  readonly client: Client;
  readonly informers: InformerSet;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How many sets are worked on at once (default 64: a pass mostly waits for the store). */
  readonly concurrency?: number;
  /** How the next step is decided; the simulation puts mutants in its place. */
  readonly plan?: (observed: Observed) => Plan;
}

/** Starts the StatefulSet controller: the queue around {@link planSet} and {@link Executor}. */
export function startStatefulSetController(options: StatefulSetControllerOptions): Controller {
  const { informers, clock, logger, concurrency = 64 } = options;
  const caches = openCaches(informers);
  const reconciler = new Reconciler(options, caches);
  return runController({
    name: 'statefulset',
    clock,
    logger,
    concurrency,
    reconcile: (key) => reconciler.reconcile(key),
    caches: [caches.sets, caches.pods, caches.claims, caches.revisions],
    follow: (queue) => wake(caches, (key) => queue.enqueue(key)),
  });
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
function wake(caches: Caches, enqueue: (key: string) => void): readonly (() => void)[] {
  const { sets, pods, claims, revisions } = caches;
  const enqueueController = (object: KubernetesObject): void => {
    const controller = controllerOf(object);
    if (controller?.kind === StatefulSets.kind) enqueue(`${object.metadata.namespace}/${controller.name}`);
  };
  return [
    sets.subscribe((changes) => {
      for (const { object } of changes) enqueue(formatKey(keyOf(object)));
    }),
    pods.subscribe((changes) => {
      for (const change of changes) {
        const { object } = change;
        const key = setKeyFromName(object);
        if (key !== undefined && sets.getByKey(key) !== undefined) enqueue(key);
        enqueueController(object);
        if (change.type === 'updated') enqueueController(change.previous);
      }
    }),
    claims.subscribe((changes) => {
      for (const change of changes) {
        if (isAboutToGo(change)) for (const key of setsOfClaim(change.object, sets)) enqueue(key);
      }
    }),
    revisions.subscribe((changes) => {
      for (const { object } of changes) enqueueController(object);
    }),
  ];
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
  readonly #plan: (observed: Observed) => Plan;
  /** Waits that no object tells since when; from before a restart the sets' conditions tell them. */
  readonly #before = new Map<string, Remembered>();

  constructor(options: StatefulSetControllerOptions, caches: Caches) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#events = options.events;
    this.#caches = caches;
    this.#executor = new Executor(options);
    this.#tracker = new WriteTracker({ clock: options.clock });
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
      return {};
    }

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
    await this.#writeStatus(set, plan.status(done, refusal), failure, writes);
    if (failure !== undefined && !(failure instanceof RevisionCollisionError)) throw failure;
    return plan.recheckAtMs === undefined ? {} : { requeueAfterMs: Math.max(0, plan.recheckAtMs - this.#clock.now()) };
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
      },
      removed: (type, object, uid) => {
        const cache = caches.get(type);
        if (cache !== undefined) this.#tracker.removed(key, cache, object, uid);
      },
    };
  }
}
