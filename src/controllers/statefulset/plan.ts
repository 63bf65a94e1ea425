import type { ControllerRevision, Pod, StatefulSet, StatefulSetStatus } from '../../api/generated/types.ts';
import type { Action } from './actions.ts';
import { findMembers } from './adoption.ts';
import type { Claims } from './claims.ts';
import { type Member, sortMembers } from './members.ts';
import { planRevisions, revisionsToForget } from './revisions.ts';
import { emptyRest, fillRange, type Scene, type Step } from './scaling.ts';
import { type Done, REPORT_WAITING_AFTER_MS, reportedWait, statusAfter } from './status.ts';
import { neverReadyToReplace, podsToUpdate, updateStrategy } from './updating.ts';
import {
  asRefused,
  asRemembered,
  type Refusal,
  type Remembered,
  type Waiting,
  waitForDeletedPod,
  waitForPod,
} from './waiting.ts';

/** All that a decision rests on. */
export interface Observed {
  readonly set: StatefulSet;
  /** Those the set controls, and those without a controller that its selector matches; in any order. */
  readonly revisions: readonly ControllerRevision[];
  /** Those the set controls, and all that have a name of its pods, whoever they belong to; in any order. */
  readonly pods: readonly Pod[];
  readonly claims: Claims;
  /** What the pass before waited for, where that is remembered better than the set's condition tells. */
  readonly before?: Remembered | undefined;
  /** Ms since the epoch. */
  readonly now: number;
}

export interface Plan {
  /** What to do in this pass, by phase (see `PHASES`) and within a phase in order. */
  readonly actions: readonly Action[];
  /**
   * The status once these actions have been done, and the API has refused another; undefined when it must not be
   * decided yet.
   */
  status(done: readonly Done[], refusal?: Refusal): StatefulSetStatus | undefined;
  /** What is waited for then. */
  waitingAfter(done: readonly Done[], refusal?: Refusal): Waiting | undefined;
  /** Why this pass does not do more; undefined when all is as it should be. */
  readonly waiting: Waiting | undefined;
  /** When the plan may be another one though nothing happens (ms since the epoch). */
  readonly recheckAtMs: number | undefined;
}

/**
 * Decides the next step of a set: a pure function of what was observed. The same function reconciles, explains,
 * previews and is simulated.
 */
export function plan(observed: Observed): Plan {
  const { set, claims, now: nowMs } = observed;
  const membership = findMembers(set, observed.pods, observed.revisions);
  if (membership.actions.length > 0) {
    // A1: who belongs to the set comes first; the rest is decided when the API has confirmed it.
    const undecided = () => undefined;
    const { actions } = membership;
    return { actions, status: undecided, waitingAfter: undecided, waiting: undefined, recheckAtMs: undefined };
  }
  const members = sortMembers(set, membership.pods, nowMs);
  const revisions = planRevisions(set, membership.revisions);
  const strategy = updateStrategy(set);
  const deleting = set.metadata.deletionTimestamp !== undefined;

  const stuck = deleting ? [] : neverReadyToReplace(members, strategy, revisions);
  const scene: Scene = {
    set,
    members,
    strangers: membership.strangers,
    claims,
    revisions,
    strategy,
    replaced: new Set(stuck),
    nowMs,
  };
  const steps = deleting ? [] : decideSteps(scene, stuck);
  const planned = steps.find((step) => step.waiting !== undefined)?.waiting;
  const waiting = asRemembered(planned, observed.before ?? reportedWait(set));
  const waitingAfter: Plan['waitingAfter'] = (done, refusal) => {
    const after = done.some(isAbout(planned)) ? planned : waiting;
    return refusal === undefined ? after : asRefused(after, refusal);
  };
  const forgotten = deleting
    ? []
    : revisionsToForget(set, membership.revisions, { ...revisions, members: members.all });
  return {
    actions: [
      ...(deleting ? [] : revisions.actions),
      ...steps.flatMap((step) => step.actions),
      ...forgotten.map((revision): Action => ({ type: 'deleteRevision', revision })),
    ],
    status: (done, refusal) =>
      statusAfter({ set, members, revisions, waiting: waitingAfter(done, refusal), nowMs }, done),
    waitingAfter,
    waiting,
    recheckAtMs: recheckAt(scene, waiting),
  };
}

/** Whether something has been done about the very pod that is waited for. */
function isAbout(waiting: Waiting | undefined): (done: Done) => boolean {
  return ({ action }) =>
    (action.type === 'createPod' || action.type === 'deletePod') && action.ordinal === waiting?.ordinal;
}

/** O7: scaling up, scaling down, updating, in this order; each only when the one before lets it. */
function decideSteps(scene: Scene, stuck: readonly Member[]): readonly Step[] {
  const steps: Step[] = [{ actions: stuck.map((member) => deletion(member, 'never-ready')), stop: false }];
  for (const decide of [fillRange, emptyRest, update]) {
    const step = decide(scene);
    steps.push(step);
    if (step.stop) break;
  }
  return steps;
}

/** U1, U2 */
function update(scene: Scene): Step {
  const { set, members, strategy, revisions, replaced, claims, nowMs } = scene;
  const { replace, waitsFor } = podsToUpdate(set, members, strategy, revisions.update, replaced);
  const first = replace[0];
  if (first !== undefined) {
    const { pod, ordinal } = first;
    const why = `it is updated to ${revisions.update.name}`;
    return {
      actions: replace.map((member) => deletion(member, 'update')),
      waiting: waitForDeletedPod(pod, ordinal, why, `${pod.metadata.name} is not created again`, nowMs),
      stop: false,
    };
  }
  if (waitsFor === undefined) return { actions: [], stop: false };
  const { pod, ordinal, state } = waitsFor;
  const waiting = waitForPod(pod, ordinal, state, claims, 'the update does not go on', nowMs);
  return { actions: [], waiting, stop: false };
}

function deletion({ ordinal, pod }: Member, reason: 'never-ready' | 'update'): Action {
  return { type: 'deletePod', ordinal, pod, reason };
}

/** S3, O10: the next moment at which time alone changes something. */
function recheckAt({ set, members, nowMs }: Scene, waiting: Waiting | undefined): number | undefined {
  const { minReadySeconds = 0 } = set.spec;
  let earliest: number | undefined;
  const consider = (timeMs: number | undefined): void => {
    if (timeMs !== undefined && timeMs > nowMs && (earliest === undefined || timeMs < earliest)) earliest = timeMs;
  };
  if (minReadySeconds > 0) for (const { state } of members.all) consider(state.availableAtMs);
  if (waiting !== undefined) consider(waiting.sinceMs + REPORT_WAITING_AFTER_MS);
  if (waiting?.reason === 'ContainerFailing') consider(waiting.settlesAtMs);
  return earliest;
}
