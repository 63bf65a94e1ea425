import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import type { Action } from './actions.ts';
import { type Claims, claimNames, claimsForPod, correctedOwners, missingClaims } from './claims.ts';
import { hasIdentity, ordinalRange, podName } from './identity.ts';
import type { Member, Members } from './members.ts';
import type { Revisions } from './revisions.ts';
import { revisionForNewPod, type Strategy } from './updating.ts';
import { type Waiting, waitForClaim, waitForDeletedPod, waitForName, waitForNewPod, waitForPod } from './waiting.ts';

/** What a step sees: the set as observed, sorted. */
export interface Scene {
  readonly set: StatefulSet;
  readonly members: Members;
  readonly strangers: ReadonlyMap<string, Pod>;
  readonly claims: Claims;
  readonly revisions: Revisions;
  readonly strategy: Strategy;
  /** U7: pods in range that this pass deletes before it looks at anything else. */
  readonly replaced: ReadonlySet<Member>;
  readonly nowMs: number;
}

export interface Step {
  readonly actions: readonly Action[];
  /** The first thing that was in the way. */
  readonly waiting?: Waiting;
  /** Nothing that comes after may be done in this pass. */
  readonly stop: boolean;
}

/** Most pods that one pass makes: the next one goes on from there. */
const MAX_CREATIONS = 500;

export function isParallel(set: StatefulSet): boolean {
  return set.spec.podManagementPolicy === 'Parallel';
}

/** O1, O2, O3, O8, I5: what the ordinals in range need, lowest first. */
export function fillRange(scene: Scene): Step {
  const { set } = scene;
  const { start, end } = ordinalRange(set);
  const ordered = !isParallel(set);
  const actions: Action[] = [];
  let waiting: Waiting | undefined;
  let creations = 0;
  for (let ordinal = start; ordinal < end; ordinal += 1) {
    const step = fillOrdinal(scene, ordinal);
    for (const action of step.actions) {
      actions.push(action);
      if (action.type === 'createPod') creations += 1;
    }
    waiting ??= step.waiting;
    if (step.stop && ordered) return { actions, ...(waiting && { waiting }), stop: true };
    if (creations >= MAX_CREATIONS) return { actions, ...(waiting && { waiting }), stop: true };
  }
  return { actions, ...(waiting && { waiting }), stop: false };
}

/** `stop`: with `OrderedReady` no higher ordinal is looked at. */
function fillOrdinal(scene: Scene, ordinal: number): Step {
  const member = scene.members.inRange.get(ordinal);
  if (member === undefined) return makePod(scene, ordinal);
  const { set, claims, nowMs } = scene;
  const { pod, state } = member;

  if (scene.replaced.has(member)) {
    const why = 'it was never Ready, and its template has been changed';
    return {
      actions: [],
      waiting: waitForDeletedPod(pod, ordinal, why, `${pod.metadata.name} is not created again`, nowMs),
      stop: true,
    };
  }
  if (state.finished) {
    // O2, O3: made again once it is gone, not before.
    const wait = waitForPod(pod, ordinal, state, claims, `${pod.metadata.name} is not created again`, nowMs);
    const actions: Action[] = state.terminating ? [] : [{ type: 'deletePod', ordinal, pod, reason: 'finished' }];
    return { actions, waiting: wait, stop: true };
  }
  const actions: Action[] = [];
  if (pod.status?.phase === 'Pending' && !state.terminating) {
    const missing = missingClaims(set, ordinal, claims);
    if (missing.length > 0) actions.push({ type: 'createClaims', ordinal, claims: missing });
  }
  if (!state.terminating && !hasIdentity(pod, ordinal)) actions.push({ type: 'restoreIdentity', ordinal, pod });
  actions.push(...claimOwnerActions(scene, member, false));
  if (state.healthy) return { actions, stop: false };
  return { actions, waiting: waitForPod(pod, ordinal, state, claims, holdsBack(scene, ordinal), nowMs), stop: true };
}

/** O1, C1, C5 */
function makePod(scene: Scene, ordinal: number): Step {
  const { set, strangers, claims, revisions, strategy, nowMs } = scene;
  const name = podName(set, ordinal);
  const stranger = strangers.get(name);
  if (stranger !== undefined) return { actions: [], waiting: waitForName(stranger, ordinal, nowMs), stop: true };
  const claimed = claimsForPod(set, ordinal, claims);
  if (claimed.state !== 'usable') {
    return { actions: [], waiting: waitForClaim(claimed.state, claimed.claim, name, ordinal, nowMs), stop: true };
  }
  const revision = revisionForNewPod(strategy, revisions, ordinal);
  return {
    actions: [
      {
        type: 'createPod',
        ordinal,
        revision: revision.name,
        template: revision.template,
        claims: claimed.missing,
      },
    ],
    waiting: waitForNewPod(name, ordinal, holdsBack(scene, ordinal), nowMs),
    stop: true,
  };
}

/** What an unhealthy ordinal holds up, in words. */
function holdsBack({ set, members }: Scene, ordinal: number): string {
  const { end } = ordinalRange(set);
  const name = podName(set, ordinal);
  if (isParallel(set)) return `${set.metadata.name} is not complete`;
  if (ordinal + 1 < end && !members.inRange.has(ordinal + 1)) return `${podName(set, ordinal + 1)} is not created`;
  const next = members.condemned[0];
  if (next !== undefined) return `${next.pod.metadata.name} is not removed`;
  return ordinal + 1 < end ? `nothing after ${name} is created or updated` : `${set.metadata.name} is not complete`;
}

/** O4, O5, O6, C3: what the ordinals out of range need, highest first. */
export function emptyRest(scene: Scene): Step {
  const { set, members, claims, nowMs } = scene;
  const { condemned } = members;
  const ordered = !isParallel(set);
  const actions: Action[] = condemned.flatMap((member) => claimOwnerActions(scene, member, true));
  const lowestUnhealthy = condemned.findLast((member) => !member.state.healthy);
  let waiting: Waiting | undefined;
  for (const member of condemned) {
    const { ordinal, pod, state } = member;
    const name = pod.metadata.name;
    const next = condemned.find((other) => other.ordinal < ordinal);
    const holds =
      next === undefined ? `${set.metadata.name} is not scaled down` : `${next.pod.metadata.name} is not removed`;
    if (state.terminating) {
      waiting ??= waitForPod(pod, ordinal, state, claims, holds, nowMs);
      if (ordered) break;
    } else if (ordered && !state.healthy && member !== lowestUnhealthy) {
      // O5: the one to be waited for is the lowest of them, not the one whose turn it is.
      const first = lowestUnhealthy ?? member;
      waiting = waitForPod(first.pod, first.ordinal, first.state, claims, `${name} is not removed`, nowMs);
      break;
    } else {
      actions.push({ type: 'deletePod', ordinal, pod, reason: 'scale-down' });
      waiting ??= waitForDeletedPod(pod, ordinal, 'it is out of range', holds, nowMs);
      if (ordered) break;
    }
  }
  return { actions, ...(waiting && { waiting }), stop: ordered && condemned.length > 0 };
}

function claimOwnerActions({ set, claims }: Scene, member: Member, condemned: boolean): readonly Action[] {
  const { ordinal, pod } = member;
  const actions: Action[] = [];
  for (const name of claimNames(set, ordinal)) {
    const claim = claims.get(name);
    if (claim === undefined) continue;
    const owners = correctedOwners(set, pod, condemned, claim);
    if (owners !== undefined) actions.push({ type: 'setClaimOwners', ordinal, claim, owners });
  }
  return actions;
}
