import type { StatefulSet } from '../../api/generated/types.ts';
import { ordinalRange } from './identity.ts';
import type { Member, Members } from './members.ts';
import { wasEverReady } from './pod-state.ts';
import type { Revision, Revisions } from './revisions.ts';

/** How the set's pods are brought to the update revision. */
export type Strategy =
  /** U4 */
  | { readonly type: 'OnDelete' }
  /** U1, U2. `firstOrdinal`: the lowest one that is updated; `maxUnavailable`: 1 or more. */
  | { readonly type: 'RollingUpdate'; readonly firstOrdinal: number; readonly maxUnavailable: number };

export function updateStrategy(set: StatefulSet): Strategy {
  if (set.spec.updateStrategy?.type === 'OnDelete') return { type: 'OnDelete' };
  const { partition = 0, maxUnavailable } = set.spec.updateStrategy?.rollingUpdate ?? {};
  return {
    type: 'RollingUpdate',
    // As in Kubernetes the partition counts from the first ordinal.
    firstOrdinal: ordinalRange(set).start + partition,
    maxUnavailable: scaledMaxUnavailable(maxUnavailable, set.spec.replicas ?? 1),
  };
}

/** U2: a percentage is of all replicas and rounded down; at least one is always allowed. */
function scaledMaxUnavailable(value: number | string | undefined, replicas: number): number {
  if (value === undefined) return 1;
  if (typeof value === 'number') return Math.max(1, value);
  const percent = Number.parseInt(value, 10);
  return Number.isNaN(percent) ? 1 : Math.max(1, Math.floor((percent * replicas) / 100));
}

/** U3, U4: the revision a new pod of `ordinal` is made from. */
export function revisionForNewPod(strategy: Strategy, revisions: Revisions, ordinal: number): Revision {
  switch (strategy.type) {
    case 'OnDelete':
      return revisions.update;
    case 'RollingUpdate':
      return ordinal < strategy.firstOrdinal ? revisions.current : revisions.update;
  }
}

function isOutdated(member: Member, update: Revision): boolean {
  return member.revision !== update.name;
}

/**
 * U7: the pods in range of an outdated revision that have never been Ready. Waiting for one of them would be waiting
 * for what has just been corrected. Below the partition neither what the set was nor what it becomes is outdated.
 */
export function neverReadyToReplace(members: Members, strategy: Strategy, revisions: Revisions): readonly Member[] {
  if (strategy.type === 'OnDelete') return [];
  const { current, update } = revisions;
  return members.all.filter(
    (member) =>
      !member.state.ready &&
      !member.state.terminating &&
      !member.state.finished &&
      members.inRange.get(member.ordinal) === member &&
      isOutdated(member, update) &&
      (member.ordinal >= strategy.firstOrdinal || isOutdated(member, current)) &&
      !wasEverReady(member.pod),
  );
}

/** U1: the pod in range that the strategy updates next, `ordinal` left out; undefined when there is none. */
export function nextToUpdate(
  set: StatefulSet,
  members: Members,
  strategy: Strategy,
  update: Revision,
  ordinal: number,
): Member | undefined {
  if (strategy.type === 'OnDelete') return undefined;
  for (let next = ordinalRange(set).end - 1; next >= strategy.firstOrdinal; next -= 1) {
    const member = members.inRange.get(next);
    if (next !== ordinal && member !== undefined && isOutdated(member, update)) return member;
  }
  return undefined;
}

export interface Replacements {
  readonly replace: readonly Member[];
  /** An update is under way, and this pod must be healthy before it goes on. */
  readonly waitsFor?: Member;
}

/** U1, U2: the pods to replace now, given that scaling has been seen to. Pods in `gone` are being deleted already. */
export function podsToUpdate(
  set: StatefulSet,
  members: Members,
  strategy: Strategy,
  update: Revision,
  gone: ReadonlySet<Member>,
): Replacements {
  if (strategy.type === 'OnDelete') return { replace: [] };
  const { start, end } = ordinalRange(set);
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  const outdated: Member[] = [];
  let unavailable = 0;
  let unhealthy: Member | undefined;
  for (let ordinal = end - 1; ordinal >= start; ordinal -= 1) {
    const member = members.inRange.get(ordinal);
    if (member === undefined || gone.has(member) || !member.state.healthy) {
      unavailable += 1;
      if (member !== undefined) unhealthy ??= member;
    }
    if (
      member !== undefined &&
      !gone.has(member) &&
      ordinal >= strategy.firstOrdinal &&
      !member.state.terminating &&
      isOutdated(member, update)
    ) {
      outdated.push(member);
    }
  }
  if (outdated.length === 0) return { replace: [] };

  // What is down already costs nothing to replace, and replacing it may be what brings it up. `OrderedReady` never
  // comes here with one of them.
  const down = parallel ? outdated.filter((member) => !member.state.available) : [];
  const up = parallel ? outdated.filter((member) => member.state.available) : outdated;
  const replace = [...down, ...up.slice(0, Math.max(0, strategy.maxUnavailable - unavailable))];
  return replace.length === 0 && unhealthy !== undefined ? { replace, waitsFor: unhealthy } : { replace };
}
