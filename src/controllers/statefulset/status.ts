import type { Pod, StatefulSet, StatefulSetCondition, StatefulSetStatus } from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';
import type { Action } from './actions.ts';
import type { Members } from './members.ts';
import type { Revisions } from './revisions.ts';
import type { Remembered, Waiting } from './waiting.ts';

/** Says on the set why the controller waits; false when it does not, or not for long. */
export const WAITING_CONDITION = 'berth.dev/Waiting';

/**
 * A wait becomes a condition and an event when it has lasted this long. Times of the API are whole seconds, so less
 * would report what has only just begun; and pods that start quickly shall cost no write for it.
 */
export const REPORT_WAITING_AFTER_MS = 2000;

/** An action that has been done. A deleted pod may be gone at once or be ending. */
export interface Done {
  readonly action: Action;
  readonly gone: boolean;
}

export interface StatusInput {
  readonly set: StatefulSet;
  readonly members: Members;
  readonly revisions: Revisions;
  readonly waiting: Waiting | undefined;
  readonly nowMs: number;
}

/**
 * S1, S2: the status after `done`, given what was observed before it. Every number is of what is known to be there:
 * an action counts when the API has confirmed it.
 *
 * Terminating pods count as replicas and, while they are, as ready and available; not as current or updated.
 */
export function statusAfter(input: StatusInput, done: readonly Done[]): StatefulSetStatus {
  const { set, members, revisions } = input;
  const { current, update } = revisions;
  const ending = new Set<Pod>();
  const gone = new Set<Pod>();
  const count = { replicas: 0, ready: 0, available: 0, current: 0, updated: 0 };
  const countRevision = (name: string): void => {
    if (name === current.name) count.current += 1;
    if (name === update.name) count.updated += 1;
  };
  for (const { action, gone: isGone } of done) {
    if (action.type === 'deletePod') (isGone ? gone : ending).add(action.pod);
    else if (action.type === 'createPod') {
      count.replicas += 1;
      countRevision(action.revision);
    }
  }
  for (const { pod, state, revision } of members.all) {
    if (gone.has(pod)) continue;
    count.replicas += 1;
    if (state.ready) count.ready += 1;
    if (state.available) count.available += 1;
    if (!state.terminating && !ending.has(pod)) countRevision(revision);
  }

  const replicas = set.spec.replicas ?? 1;
  // S2: only when every pod is at the update revision and Ready does the current revision follow.
  const complete =
    set.spec.updateStrategy?.type !== 'OnDelete' &&
    count.updated === replicas &&
    count.ready === replicas &&
    count.replicas === replicas &&
    // With another first ordinal as many pods may be left out of range as are missing in it.
    members.inRange.size === replicas;
  const numbers = {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: count.replicas,
    readyReplicas: count.ready,
    availableReplicas: count.available,
    currentReplicas: complete ? count.updated : count.current,
    updatedReplicas: count.updated,
    currentRevision: complete ? update.name : current.name,
    updateRevision: update.name,
    collisionCount: set.status?.collisionCount ?? 0,
  };
  const conditions = conditionsAfter(input, sameNumbers(numbers, set.status));
  return { ...numbers, ...(conditions && { conditions }) };
}

/** S4: whether writing `status` would change anything. */
export function isStatusCurrent(set: StatefulSet, status: StatefulSetStatus): boolean {
  return sameNumbers(status, set.status) && status.conditions === set.status?.conditions;
}

/** Whether two statuses of a set differ in nothing but how many pods there are of a kind: no plan rests on that. */
export function onlyCountsDiffer(a: StatefulSetStatus | undefined, b: StatefulSetStatus | undefined): boolean {
  return a !== undefined && b !== undefined && FACTS.every((name) => a[name] === b[name]);
}

const FACTS = ['observedGeneration', 'currentRevision', 'updateRevision', 'collisionCount', 'conditions'] as const;

const NUMBERS = [
  'observedGeneration',
  'replicas',
  'readyReplicas',
  'availableReplicas',
  'currentReplicas',
  'updatedReplicas',
  'currentRevision',
  'updateRevision',
  'collisionCount',
] as const satisfies readonly (keyof StatefulSetStatus)[];

function sameNumbers(status: StatefulSetStatus, before: StatefulSetStatus | undefined): boolean {
  // The API leaves zeros out of some of them.
  return before !== undefined && NUMBERS.every((name) => (status[name] ?? 0) === (before[name] ?? 0));
}

/**
 * O10: the conditions with the one about waiting brought up to date; the very same list when nothing changes.
 *
 * While nothing else is to be written only a wait that has lasted is worth a write. Along with other changes an
 * existing condition is corrected for nothing.
 */
function conditionsAfter(input: StatusInput, quiet: boolean): readonly StatefulSetCondition[] | undefined {
  const { set, waiting, nowMs } = input;
  const conditions = set.status?.conditions;
  const before = conditions?.find((condition) => condition.type === WAITING_CONDITION);
  const lasting = isLasting(waiting, nowMs) ? waiting : undefined;
  if (lasting === undefined && before === undefined) return conditions;
  // A wait that is not the reported one and is still young: the old report stands until something else is written.
  if (lasting === undefined && waiting !== undefined && quiet) return conditions;

  const status = lasting === undefined ? 'False' : 'True';
  const reason = lasting?.reason ?? (waiting === undefined ? 'Settled' : 'Progressing');
  const message = lasting === undefined ? '' : describe(lasting);
  if (before?.status === status && before.reason === reason && (before.message ?? '') === message) return conditions;
  // Since when it has waited for this, and not only since when it has waited: that is what a reader asks.
  const condition: StatefulSetCondition = {
    type: WAITING_CONDITION,
    status,
    reason,
    message,
    lastTransitionTime: timestamp(lasting?.sinceMs ?? nowMs),
  };
  return [...(conditions ?? []).filter((other) => other !== before), condition];
}

function isLasting(waiting: Waiting | undefined, nowMs: number): waiting is Waiting {
  return waiting !== undefined && nowMs - waiting.sinceMs >= REPORT_WAITING_AFTER_MS;
}

const UNTIL_THEN = '; until then ';

/** A wait as a sentence. */
function describe(waiting: Waiting): string {
  return `${waiting.message}${UNTIL_THEN}${waiting.holdsBack}`;
}

/** The wait that stands on the set; undefined when none does. */
export function reportedWait(set: StatefulSet): Remembered | undefined {
  const condition = set.status?.conditions?.find(({ type, status }) => type === WAITING_CONDITION && status === 'True');
  if (condition?.lastTransitionTime === undefined) return undefined;
  const { reason = '', message = '', lastTransitionTime } = condition;
  const end = message.lastIndexOf(UNTIL_THEN);
  return { reason, message: message.slice(0, Math.max(end, 0)), sinceMs: Date.parse(lastTransitionTime) };
}
