import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { hasIdentity, ordinalRange, parsePodName, revisionOf } from './identity.ts';
import { type PodState, readySinceMs, stateAt, stateOf } from './pod-state.ts';

/** A pod with a name of a set's, and what is known of it for any decision. */
export interface Member {
  readonly pod: Pod;
  /** The name of the set that its name speaks of. */
  readonly setName: string;
  readonly ordinal: number;
  readonly controllerUid: string | undefined;
  /** The revision it was made from; empty when its label is missing. */
  readonly revision: string;
  /** I5: its identity labels are as they were made. */
  readonly identified: boolean;
  /** O8: it has not begun to run. */
  readonly pending: boolean;
  /** Meaningful while it is Ready. */
  readonly readySinceMs: number;
  readonly state: PodState;
}

export interface Members {
  readonly all: readonly Member[];
  /** In range, by ordinal. */
  readonly inRange: ReadonlyMap<number, Member>;
  /** O4: out of range, the highest ordinal first. */
  readonly condemned: readonly Member[];
}

// Versions of pods are frozen and shared. Of a large set only one has changed between two decisions, so what is known
// of the others is kept: it makes the decision several times as fast.
const known = new WeakMap<Pod, Member | 'misnamed'>();

/** The pod as a member of the set its name speaks of, its state without `minReadySeconds`; undefined when of none. */
export function asMember(pod: Pod): Member | undefined {
  let member = known.get(pod);
  if (member === undefined) {
    member = examine(pod) ?? 'misnamed';
    known.set(pod, member);
  }
  return member === 'misnamed' ? undefined : member;
}

function examine(pod: Pod): Member | undefined {
  const parsed = parsePodName(pod.metadata.name);
  if (parsed === undefined) return undefined;
  return {
    pod,
    setName: parsed.set,
    ordinal: parsed.ordinal,
    controllerUid: controllerOf(pod)?.uid,
    revision: revisionOf(pod),
    identified: hasIdentity(pod, parsed.ordinal),
    pending: pod.status?.phase === 'Pending',
    readySinceMs: readySinceMs(pod),
    state: stateOf(pod),
  };
}

/** I1, O9, S3: sorts the set's pods by what their ordinals mean now. */
export function sortMembers(set: StatefulSet, pods: readonly Member[], nowMs: number): Members {
  const { start, end } = ordinalRange(set);
  const { minReadySeconds = 0 } = set.spec;
  const all = minReadySeconds === 0 ? pods : pods.map((member) => memberAt(member, minReadySeconds, nowMs));
  const inRange = new Map<number, Member>();
  const condemned: Member[] = [];
  for (const member of all) {
    const { ordinal } = member;
    if (ordinal >= start && ordinal < end) inRange.set(ordinal, member);
    else condemned.push(member);
  }
  condemned.sort((a, b) => b.ordinal - a.ordinal);
  return { all, inRange, condemned };
}

function memberAt(member: Member, minReadySeconds: number, nowMs: number): Member {
  const state = stateAt(member.state, member.readySinceMs, minReadySeconds, nowMs);
  return state === member.state ? member : { ...member, state };
}
