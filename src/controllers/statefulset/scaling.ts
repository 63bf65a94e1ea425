import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import type { Action } from './actions.ts';
import { type Claims, claimsForPod, correctedOwners, missingClaims } from './claims.ts';
import { claimName, ordinalRange, podName } from './identity.ts';
import type { Member, Members } from './members.ts';
import type { Revisions } from './revisions.ts';
import { nextToUpdate, revisionForNewPod, type Strategy } from './updating.ts';
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

function isParallel(set: StatefulSet): boolean {
  return set.spec.podManagementPolicy === 'Parallel';
}

/** What is in the way of an ordinal's next one; asked for only of the first that is. */
type Wait = () => Waiting;

/** O1, O2, O3, O8, I5: what the ordinals in range need, lowest first. */
export function fillRange(scene: Scene): Step {
  const { start, end } = ordinalRange(scene.set);
  const ordered = !isParallel(scene.set);
  const actions: Action[] = [];
  let first: Wait | undefined;
  let creations = 0;
  let stop = false;
  for (let ordinal = start; ordinal < end && !stop; ordinal += 1) {
    const before = actions.length;
    const wait = fillOrdinal(scene, ordinal, actions);
    if (actions[before]?.type === 'createPod') creations += 1;
    first ??= wait;
    stop = (ordered && wait !== undefined) || creations >= MAX_CREATIONS;
  }
  const waiting = first?.();
  return { actions, ...(waiting && { waiting }), stop };
}

function fillOrdinal(scene: Scene, ordinal: number, actions: Action[]): Wait | undefined {
  const member = scene.members.inRange.get(ordinal);
  if (member === undefined) return makePod(scene, ordinal, actions);
  const { set, claims, nowMs } = scene;
  const { pod, state } = member;

  if (scene.replaced.has(member)) {
    const why = 'it was never Ready, and its template has been changed';
    const holds = `${pod.metadata.name} is not created again`;
    return () => waitForDeletedPod(pod, ordinal, why, holds, nowMs);
  }
  if (state.finished) {
    // O2, O3: made again once it is gone, not before.
    const holds = `${pod.metadata.name} is not created again`;
    if (!state.terminating) actions.push({ type: 'deletePod', ordinal, pod, reason: 'finished' });
    return () => waitForPod(pod, ordinal, state, claims, holds, nowMs);
  }
  const claimless = correctClaims(actions, scene, member, false);
  if (claimless && member.pending && !state.terminating) {
    actions.push({ type: 'createClaims', ordinal, claims: missingClaims(set, ordinal, claims) });
  }
  if (!state.terminating && !member.identified) actions.push({ type: 'restoreIdentity', ordinal, pod });
  if (state.healthy) return undefined;
  return () => waitForPod(pod, ordinal, state, claims, holdsBack(scene, ordinal), nowMs);
}

/** O1, C1, C5 */
function makePod(scene: Scene, ordinal: number, actions: Action[]): Wait {
  const { set, strangers, claims, revisions, strategy, nowMs } = scene;
  const name = podName(set, ordinal);
  const stranger = strangers.get(name);
  if (stranger !== undefined) return () => waitForName(stranger, ordinal, nowMs);
  const claimed = claimsForPod(set, ordinal, claims);
  if (claimed.state !== 'usable') {
    const { state, claim } = claimed;
    return () => waitForClaim(state, claim, name, ordinal, nowMs);
  }
  const { name: revision, template } = revisionForNewPod(strategy, revisions, ordinal);
  actions.push({ type: 'createPod', ordinal, revision, template, claims: claimed.missing });
  return () => waitForNewPod(name, ordinal, holdsBack(scene, ordinal), nowMs);
}

/** What an unhealthy ordinal holds up, in words. */
function holdsBack({ set, members, strategy, revisions }: Scene, ordinal: number): string {
  const { end } = ordinalRange(set);
  const name = podName(set, ordinal);
  if (isParallel(set)) return `${set.metadata.name} is not complete`;
  if (ordinal + 1 < end && !members.inRange.has(ordinal + 1)) return `${podName(set, ordinal + 1)} is not created`;
  const next = members.condemned[0];
  if (next !== undefined) return `${next.pod.metadata.name} is not removed`;
  const outdated = nextToUpdate(set, members, strategy, revisions.update, ordinal);
  if (outdated !== undefined) return `${outdated.pod.metadata.name} is not updated`;
  return ordinal + 1 < end ? `nothing after ${name} is created or updated` : `${set.metadata.name} is not complete`;
}

/** O4, O5, O6, C3: what the ordinals out of range need, highest first. */
export function emptyRest(scene: Scene): Step {
  const { set, members, claims, nowMs } = scene;
  const { condemned } = members;
  const ordered = !isParallel(set);
  const actions: Action[] = [];
  for (const member of condemned) correctClaims(actions, scene, member, true);
  let waiting: Waiting | undefined;
  for (const member of ordered ? nextToGo(condemned) : condemned) {
    const { ordinal, pod, state } = member;
    const holds = holdsBackRemoval(scene, ordinal);
    if (state.terminating) {
      waiting ??= waitForPod(pod, ordinal, state, claims, holds, nowMs);
    } else {
      actions.push({ type: 'deletePod', ordinal, pod, reason: 'scale-down' });
      waiting ??= waitForDeletedPod(pod, ordinal, 'it is out of range', holds, nowMs);
    }
  }
  return { actions, ...(waiting && { waiting }), stop: ordered && condemned.length > 0 };
}

/**
 * O5: the one pod whose turn it is: the one that is ending, else the highest, or instead of an unhealthy one the lowest
 * that is unhealthy. (In Kubernetes two unhealthy pods out of range wait for each other for ever.)
 */
function nextToGo(condemned: readonly Member[]): readonly Member[] {
  const ending = condemned.find((member) => member.state.terminating);
  const highest = condemned[0];
  const lowestUnhealthy = condemned.findLast((member) => !member.state.healthy);
  const next = ending ?? (highest?.state.healthy ? highest : lowestUnhealthy);
  return next === undefined ? [] : [next];
}

function holdsBackRemoval({ set, members }: Scene, ordinal: number): string {
  const next = members.condemned.find((member) => member.ordinal !== ordinal && !member.state.terminating);
  return next === undefined ? `${set.metadata.name} is not scaled down` : `${next.pod.metadata.name} is not removed`;
}

/** C3: adds what makes the owners of a member's claims right; true when one of its claims does not exist. */
function correctClaims(actions: Action[], { set, claims }: Scene, member: Member, condemned: boolean): boolean {
  const { ordinal, pod } = member;
  let isMissing = false;
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const claim = claims.get(claimName(set, template.metadata?.name ?? '', ordinal));
    const owners = claim && correctedOwners(set, pod, condemned, claim);
    if (claim === undefined) isMissing = true;
    else if (owners !== undefined) actions.push({ type: 'setClaimOwners', ordinal, claim, owners });
  }
  return isMissing;
}
