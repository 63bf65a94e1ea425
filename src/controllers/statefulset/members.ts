import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import { ordinalOf, ordinalRange } from './identity.ts';
import { type PodState, podState } from './pod-state.ts';

/** A pod of the set, with what its ordinal and its state mean. */
export interface Member {
  readonly ordinal: number;
  readonly pod: Pod;
  readonly state: PodState;
}

export interface Members {
  readonly all: readonly Member[];
  /** In range, by ordinal. */
  readonly inRange: ReadonlyMap<number, Member>;
  /** O4: out of range, the highest ordinal first. */
  readonly condemned: readonly Member[];
}

/** I1, O9: sorts the set's pods by what their ordinals mean now. */
export function sortMembers(set: StatefulSet, pods: readonly Pod[], nowMs: number): Members {
  const { start, end } = ordinalRange(set);
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  const all: Member[] = [];
  const inRange = new Map<number, Member>();
  const condemned: Member[] = [];
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod.metadata.name);
    if (ordinal === undefined) continue;
    const member = { ordinal, pod, state: podState(pod, minReadySeconds, nowMs) };
    all.push(member);
    if (ordinal >= start && ordinal < end) inRange.set(ordinal, member);
    else condemned.push(member);
  }
  condemned.sort((a, b) => b.ordinal - a.ordinal);
  return { all, inRange, condemned };
}
