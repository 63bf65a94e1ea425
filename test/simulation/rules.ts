import type { PersistentVolumeClaim, Pod, StatefulSet, StatefulSetStatus } from '../../src/api/generated/types.ts';
import type { DeleteOptions } from '../../src/client/client.ts';
import type { EventNote } from '../../src/client/event-recorder.ts';
import type { Observed } from '../../src/controllers/statefulset/plan.ts';
import type { Waiting } from '../../src/controllers/statefulset/waiting.ts';
import type { Request } from './intercept.ts';

/** More than any script asks for. */
const HIGHEST_ORDINAL = 16;

const WAITING = 'berth.dev/Waiting';
const REVISION = 'controller-revision-hash';

/**
 * The rules of the StatefulSet, said a second time and in another way: not what is to be done, but what may never be.
 * Each request the controller sends is judged by what the controller had been told when it decided.
 */
export class Rules {
  readonly #observed: Observed;
  /** What the pass says it waits for, once it has done what it could. */
  waiting: Waiting | undefined;
  readonly #deleted = new Set<string>();
  #created = 0;

  constructor(observed: Observed) {
    // Claims are looked up in the cache when they are asked for; what counts is what it showed when it was decided.
    const claims = new Map<string, PersistentVolumeClaim>();
    for (const template of observed.set.spec.volumeClaimTemplates ?? []) {
      for (let ordinal = 0; ordinal < HIGHEST_ORDINAL; ordinal += 1) {
        const name = `${template.metadata?.name}-${observed.set.metadata.name}-${ordinal}`;
        const claim = observed.claims.get(name);
        if (claim !== undefined) claims.set(name, claim);
      }
    }
    this.#observed = { ...observed, claims };
  }

  /** What is wrong with a request of this pass; undefined when nothing is. */
  check({ verb, type, name = '', subresource, body }: Request): string | undefined {
    if (type.kind === 'Pod' && verb === 'create') return this.#create(body as Pod);
    if (type.kind === 'Pod' && verb === 'delete') return this.#delete(name, body as DeleteOptions);
    if (type.kind === 'PersistentVolumeClaim') return this.#claim(verb, name, body);
    if (type.kind === 'StatefulSet' && subresource === 'status') return this.#status(body as StatefulSet);
    return undefined;
  }

  /** O10: said when it changes, and not at every pass. */
  checkEvent({ reason, message }: EventNote): string | undefined {
    const before = this.#set.status?.conditions?.find(({ type }) => type === WAITING);
    const isRepeated = before?.status === 'True' && reason === `Waiting${before.reason}` && message === before.message;
    return isRepeated ? `O10: it says again that it waits: ${message}` : undefined;
  }

  get #set(): StatefulSet {
    return this.#observed.set;
  }

  #create(pod: Pod): string | undefined {
    const { name } = pod.metadata;
    const { start, end } = range(this.#set);
    const ordinal = ordinalIn(this.#set, name);
    if (this.#set.metadata.deletionTimestamp) return `O7: pod ${name} is made for a set that is being deleted`;
    if (ordinal === undefined || ordinal < start || ordinal >= end) return `O4: pod ${name} is made out of range`;
    if (this.#pod(name)) return `O3: pod ${name} is made while there is one`;
    this.#created += 1;
    if (!isParallel(this.#set)) {
      if (this.#created > 1) return `O1: pod ${name} is made in one pass with another`;
      for (let lower = start; lower < ordinal; lower += 1) {
        const before = this.#pod(`${this.#set.metadata.name}-${lower}`);
        if (!before || !this.#healthy(before)) return `O1: pod ${name} is made while ordinal ${lower} is not healthy`;
      }
    }
    const image = pod.spec.containers[0]?.image;
    const label = pod.metadata.labels?.[REVISION];
    if (this.#shouldBeNew(ordinal) && image !== imageOf(this.#set)) {
      return `U3: pod ${name} is made from ${image} and not from the set's template`;
    }
    if (!this.#shouldBeNew(ordinal) && label !== this.#currentRevision() && image !== imageOf(this.#set)) {
      return `U3: pod ${name} below the partition is made from ${image}, which is not the current revision`;
    }
    for (const template of this.#set.spec.volumeClaimTemplates ?? []) {
      const claim = this.#observed.claims.get(`${template.metadata?.name}-${name}`);
      if (claim?.metadata.deletionTimestamp) return `C5: pod ${name} is made while its claim is being deleted`;
    }
    return undefined;
  }

  #delete(name: string, options: DeleteOptions): string | undefined {
    const pod = this.#pod(name);
    if (!pod) return `pod ${name} is deleted that the controller does not know`;
    if (options.gracePeriodSeconds !== undefined) return `M1: pod ${name} is not left its own grace period`;
    if (options.preconditions?.uid !== pod.metadata.uid) return `pod ${name} is deleted without its uid`;
    if (pod.metadata.deletionTimestamp) return `pod ${name} is deleted twice`;
    if (this.#set.metadata.deletionTimestamp) return `O7: pod ${name} is deleted by a set that is being deleted`;
    const ordinal = ordinalIn(this.#set, name) ?? -1;
    const { start, end } = range(this.#set);
    if (ordinal >= start && ordinal < end) {
      const ended = ['Failed', 'Succeeded'].includes(pod.status?.phase ?? '');
      return ended ? undefined : this.#replace(pod, ordinal);
    }
    return this.#remove(pod, ordinal);
  }

  /** O4, O5, O7: a pod out of range. */
  #remove(pod: Pod, ordinal: number): string | undefined {
    const { name } = pod.metadata;
    for (const claim of this.#claimsOf(name)) {
      const wanted = this.#set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete';
      const owned = claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) ?? false;
      if (owned && !wanted) return `C2: pod ${name} takes claim ${claim.metadata.name} with it`;
    }
    if (isParallel(this.#set)) return undefined;
    const { start, end } = range(this.#set);
    if (this.#deleted.size > 0) return `O5: pod ${name} is removed in one pass with ${[...this.#deleted]}`;
    this.#deleted.add(name);
    for (let inRange = start; inRange < end; inRange += 1) {
      const other = this.#pod(`${this.#set.metadata.name}-${inRange}`);
      if (!other || !this.#healthy(other)) return `O5: pod ${name} is removed while ordinal ${inRange} is not healthy`;
    }
    const condemned = this.#own().filter((other) => isOut(ordinalIn(this.#set, other.metadata.name), start, end));
    const ending = condemned.find((other) => other.metadata.deletionTimestamp);
    if (ending) return `O5: pod ${name} is removed while ${ending.metadata.name} is ending`;
    const unhealthy = condemned.filter((other) => !this.#healthy(other));
    const ordinals = (pods: readonly Pod[]): readonly number[] =>
      pods.map((other) => ordinalIn(this.#set, other.metadata.name) ?? -1);
    const isLowestUnhealthy = ordinal === Math.min(...ordinals(unhealthy));
    if (!this.#healthy(pod)) return isLowestUnhealthy ? undefined : `O5: pod ${name} is removed and not a lower one`;
    if (ordinal !== Math.max(...ordinals(condemned))) return `O4: pod ${name} is removed before a higher one`;
    return undefined;
  }

  /** U1, U2, U4, U7: a pod in range that has not ended. */
  #replace(pod: Pod, ordinal: number): string | undefined {
    const { name } = pod.metadata;
    const { start, end } = range(this.#set);
    const { type, rollingUpdate } = this.#set.spec.updateStrategy ?? {};
    if (type === 'OnDelete') return `U4: pod ${name} is replaced though the strategy is OnDelete`;
    const wasNeverReady = !isReady(pod) && neverReady(pod);
    // A pod whose label somebody took off is at no revision, whatever it was made from.
    const isUpToDate = !this.#isOutdated(pod) && this.#revisionIsRight(pod);
    if (ordinal < start + (rollingUpdate?.partition ?? 0)) {
      const isStray = !isUpToDate && !this.#isCurrent(pod);
      return wasNeverReady && isStray ? undefined : `U1: pod ${name} below the partition is replaced`;
    }
    if (isUpToDate) return `pod ${name} is replaced though it is up to date`;
    if (wasNeverReady) return undefined;
    if (isParallel(this.#set) && !this.#healthy(pod)) return undefined;
    this.#deleted.add(name);
    let down = 0;
    const own = new Map(this.#own().map((each) => [each.metadata.name, each]));
    for (let inRange = start; inRange < end; inRange += 1) {
      const other = own.get(`${this.#set.metadata.name}-${inRange}`);
      const healthy = other && this.#healthy(other) && !this.#deleted.has(other.metadata.name);
      if (!healthy) down += 1;
      if (!isParallel(this.#set) && (!other || !this.#healthy(other))) {
        return `U1: pod ${name} is replaced while ordinal ${inRange} is not healthy`;
      }
      if (inRange > ordinal && other && this.#isOutdated(other) && this.#healthy(other) && healthy) {
        return `U1: pod ${name} is replaced before ${other.metadata.name}`;
      }
    }
    const most = maxUnavailable(this.#set);
    if (down > most) return `U2: replacing pod ${name} takes ${down} down, more than ${most}`;
    const condemned = this.#own().filter((other) => isOut(ordinalIn(this.#set, other.metadata.name), start, end));
    if (!isParallel(this.#set) && condemned.length > 0) return `O7: pod ${name} is replaced before the set is scaled`;
    return undefined;
  }

  #claim(verb: Request['verb'], name: string, body: unknown): string | undefined {
    if (verb === 'delete' || verb === 'deleteCollection') return `C2: claim ${name} is deleted`;
    if (verb !== 'update') return undefined;
    const before = this.#observed.claims.get(name);
    const after = body as PersistentVolumeClaim;
    if (JSON.stringify(before?.spec) !== JSON.stringify(after.spec)) return `claim ${name} is changed`;
    const { whenDeleted = 'Retain', whenScaled = 'Retain' } = this.#set.spec.persistentVolumeClaimRetentionPolicy ?? {};
    const { start, end } = range(this.#set);
    for (const { kind, uid } of after.metadata.ownerReferences ?? []) {
      if (before?.metadata.ownerReferences?.some((owner) => owner.uid === uid)) continue;
      if (kind === 'StatefulSet' && whenDeleted === 'Retain') return `C2: claim ${name} is given to the set`;
      const condemned = isOut(Number(name.slice(name.lastIndexOf('-') + 1)), start, end);
      if (kind === 'Pod' && (whenScaled === 'Retain' || !condemned)) return `C2: claim ${name} is given to a pod`;
    }
    return undefined;
  }

  /** S1, S2, S4: never ahead of what the controller has been told and has had confirmed. */
  #status({ status, metadata }: StatefulSet): string | undefined {
    if (metadata.resourceVersion !== this.#set.metadata.resourceVersion) return 'S4: the status is for another version';
    const after: Partial<StatefulSetStatus> = status ?? {};
    const pods = this.#own();
    const ready = pods.filter(isReady).length;
    const available = pods.filter((pod) => isReady(pod) && this.#available(pod)).length;
    if ((after.observedGeneration ?? 0) > (metadata.generation ?? 0)) return 'S1: the observed generation is ahead';
    if ((after.replicas ?? 0) > pods.length + this.#created) return 'S1: more replicas than there are';
    if ((after.readyReplicas ?? 0) > ready) return `S1: ${after.readyReplicas} Ready, and there are ${ready}`;
    if ((after.availableReplicas ?? 0) > available) return 'S1: more available than there are';
    const silent = this.#silence(after);
    if (silent !== undefined) return silent;
    const { currentRevision, updateRevision } = after;
    const moved = currentRevision !== this.#set.status?.currentRevision && this.#set.status?.currentRevision;
    if (moved && currentRevision === updateRevision) {
      const { start, end } = range(this.#set);
      const known = this.#isKnown(moved);
      for (let ordinal = start; known && ordinal < end; ordinal += 1) {
        const pod = this.#pod(`${this.#set.metadata.name}-${ordinal}`);
        if (!pod || !isReady(pod)) return `S2: the update is called complete while ordinal ${ordinal} is not Ready`;
        if (pod.metadata.labels?.[REVISION] !== updateRevision) {
          return `S2: the update is called complete while ordinal ${ordinal} is outdated`;
        }
      }
    }
    const { currentReplicas = 0, updatedReplicas = 0 } = after;
    // R2: with a collision only the count is new.
    if ((after.collisionCount ?? 0) === (this.#set.status?.collisionCount ?? 0)) {
      if (currentReplicas > this.#staysAt(after.currentRevision))
        return 'S1: more at the current revision than there are';
      if (updatedReplicas > this.#staysAt(after.updateRevision)) return 'S1: more updated than there are';
    }
    return undefined;
  }

  /** At most so many are at the revision and not ending, those made in this pass included. */
  #staysAt(revision: string | undefined): number {
    const staying = this.#own().filter(
      ({ metadata }) => metadata.labels?.[REVISION] === revision && !metadata.deletionTimestamp,
    );
    return staying.length + this.#created;
  }

  /** O10: a status that is written says why the set waits, if it has waited for a while, and else that it does not. */
  #silence({ conditions, collisionCount = 0 }: Partial<StatefulSetStatus>): string | undefined {
    // R2: only the count is new, the rest is as it was.
    if (collisionCount !== (this.#set.status?.collisionCount ?? 0)) return undefined;
    const said = conditions?.find(({ type }) => type === WAITING);
    const { waiting } = this;
    if (waiting === undefined) return said?.status === 'True' ? 'O10: it says that it waits, and does not' : undefined;
    if (this.#observed.now - waiting.sinceMs < 2000) return undefined;
    const isSaid = said?.status === 'True' && said.reason === waiting.reason;
    return isSaid ? undefined : `O10: it does not say why it waits: ${waiting.message}`;
  }

  #pod(name: string): Pod | undefined {
    return this.#observed.pods.find((pod) => pod.metadata.name === name);
  }

  #own(): readonly Pod[] {
    const { uid } = this.#set.metadata;
    return this.#observed.pods.filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === uid));
  }

  #claimsOf(podName: string): readonly PersistentVolumeClaim[] {
    return (this.#set.spec.volumeClaimTemplates ?? []).flatMap(
      (template) => this.#observed.claims.get(`${template.metadata?.name}-${podName}`) ?? [],
    );
  }

  #healthy(pod: Pod): boolean {
    return isReady(pod) && !pod.metadata.deletionTimestamp && this.#available(pod);
  }

  #available(pod: Pod): boolean {
    const { minReadySeconds = 0 } = this.#set.spec;
    const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
    return Date.parse(ready?.lastTransitionTime ?? '') + minReadySeconds * 1000 <= this.#observed.now;
  }

  #shouldBeNew(ordinal: number): boolean {
    const { type, rollingUpdate } = this.#set.spec.updateStrategy ?? {};
    return type === 'OnDelete' || ordinal >= range(this.#set).start + (rollingUpdate?.partition ?? 0);
  }

  #currentRevision(): string | undefined {
    return this.#set.status?.currentRevision;
  }

  /** A revision that somebody deleted is nobody's. */
  #isCurrent(pod: Pod): boolean {
    const current = this.#currentRevision();
    return current !== undefined && this.#isKnown(current) && pod.metadata.labels?.[REVISION] === current;
  }

  #isKnown(revision: string): boolean {
    return this.#observed.revisions.some(
      ({ metadata }) => metadata.name === revision && metadata.ownerReferences?.[0]?.uid === this.#set.metadata.uid,
    );
  }

  #isOutdated(pod: Pod): boolean {
    return pod.spec.containers[0]?.image !== imageOf(this.#set);
  }

  /** The label says a revision that holds the set's template. */
  #revisionIsRight(pod: Pod): boolean {
    const label = pod.metadata.labels?.[REVISION];
    const revision = this.#observed.revisions.find(({ metadata }) => metadata.name === label);
    return revision !== undefined && JSON.stringify(revision.data).includes(`"${imageOf(this.#set)}"`);
  }
}

function range(set: StatefulSet): { readonly start: number; readonly end: number } {
  const start = set.spec.ordinals?.start ?? 0;
  return { start, end: start + (set.spec.replicas ?? 1) };
}

function ordinalIn(set: StatefulSet, name: string): number | undefined {
  const match = /^(.+)-(\d+)$/.exec(name);
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined;
}

function isOut(ordinal: number | undefined, start: number, end: number): boolean {
  return ordinal !== undefined && (ordinal < start || ordinal >= end);
}

function isParallel(set: StatefulSet): boolean {
  return set.spec.podManagementPolicy === 'Parallel';
}

function imageOf(set: StatefulSet): string | undefined {
  return set.spec.template.spec.containers[0]?.image;
}

function maxUnavailable(set: StatefulSet): number {
  const most = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  if (typeof most === 'number') return most;
  return Math.max(1, Math.floor((Number.parseInt(most, 10) / 100) * (set.spec.replicas ?? 1)));
}

export function isReady(pod: Pod): boolean {
  if (pod.status?.phase !== 'Running') return false;
  return pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** U7, as the pod's status tells it. */
function neverReady(pod: Pod): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  if (!ready || pod.status?.phase === 'Pending') return true;
  const since = Date.parse(ready.lastTransitionTime ?? '');
  return since - Date.parse(pod.status?.startTime ?? pod.metadata.creationTimestamp) <= 1000;
}
