import type { ControllerRevision, Pod, StatefulSet } from '../../api/generated/types.ts';
import { matchSelector } from '../../api/labels.ts';
import { controllerOf } from '../../api/owner-references.ts';
import type { Action } from './actions.ts';
import { asMember, type Member } from './members.ts';

/** Whose the pods and revisions are that could be the set's. */
export interface Membership {
  readonly pods: readonly Member[];
  readonly revisions: readonly ControllerRevision[];
  /** A2: pods with the name of an ordinal of the set that are not the set's, by name. */
  readonly strangers: ReadonlyMap<string, Pod>;
  /** A1: what must be taken in or let go before anything else is decided. */
  readonly actions: readonly Action[];
}

/** A1, A2. `pods` and `revisions` are all that the set controls and all that its names or selector point to. */
export function findMembers(
  set: StatefulSet,
  pods: readonly Pod[],
  revisions: readonly ControllerRevision[],
): Membership {
  const { uid, name } = set.metadata;
  const matches = matchSelector(set.spec.selector);
  const deleting = set.metadata.deletionTimestamp !== undefined;
  const actions: Action[] = [];
  const members: Member[] = [];
  const strangers = new Map<string, Pod>();
  for (const pod of pods) {
    const member = asMember(pod);
    const own = member === undefined ? controllerOf(pod)?.uid === uid : member.controllerUid === uid;
    const belongs = member !== undefined && member.setName === name && matches(pod.metadata.labels);
    if (own) {
      if (belongs) members.push(member);
      else if (!deleting) actions.push({ type: 'releasePod', pod });
    } else if (belongs && member.controllerUid === undefined && !member.state.terminating && !deleting) {
      actions.push({ type: 'adoptPod', pod });
    } else {
      strangers.set(pod.metadata.name, pod);
    }
  }
  const history: ControllerRevision[] = [];
  for (const revision of revisions) {
    const controller = controllerOf(revision);
    if (controller?.uid === uid) history.push(revision);
    else if (controller === undefined && !deleting && matches(revision.metadata.labels)) {
      actions.push({ type: 'adoptRevision', revision });
    }
  }
  return { pods: members, revisions: history, strangers, actions };
}
