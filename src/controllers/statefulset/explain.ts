import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import type { Client } from '../../client/client.ts';
import { findMembers } from './adoption.ts';
import type { Claims } from './claims.ts';
import { ordinalOf, parsePodName } from './identity.ts';
import { sortMembers } from './members.ts';
import type { Observed } from './plan.ts';
import { podState } from './pod-state.ts';
import { planRevisions } from './revisions.ts';
import { updateStrategy } from './updating.ts';
import { type Waiting, waitForPod } from './waiting.ts';

/**
 * All that {@link plan} needs to know of a set, read from the API now: for whoever wants to know what the controller
 * would do, or what it waits for, without being it. Throws `ApiError` NotFound when there is no such set.
 *
 * @example
 * const { waiting } = plan(await observeSet(client, { namespace: 'default', name: 'redis' }, clock.now()));
 */
export async function observeSet(client: Client, key: ObjectKey, nowMs: number): Promise<Observed> {
  return observeAround(client, await client.get(StatefulSets, key), nowMs);
}

/** The same of a set as it would be, whether there is one of its name or not: an earlier one may have left something. */
export async function observeAround(client: Client, set: StatefulSet, nowMs: number): Promise<Observed> {
  const { uid, namespace } = set.metadata;
  const inNamespace = namespace === undefined ? {} : { namespace };
  const [pods, revisions, claims] = await Promise.all([
    client.list(Pods, inNamespace),
    client.list(ControllerRevisions, inNamespace),
    client.list(PersistentVolumeClaims, inNamespace),
  ]);
  return {
    set,
    pods: pods.items.filter((pod) => controllerOf(pod)?.uid === uid || ordinalOf(set, pod.metadata.name) !== undefined),
    revisions: revisions.items.filter((revision) => (controllerOf(revision)?.uid ?? uid) === uid),
    claims: new Map(claims.items.map((claim) => [claim.metadata.name, claim])),
    now: nowMs,
  };
}

/** Most pods that are named one by one. */
const MAX_NAMED = 3;

/** U1, U4: which pods the set's strategy keeps from an update until the user goes on; undefined when none. */
export function explainPause({ set, pods, revisions, now }: Observed): string | undefined {
  const membership = findMembers(set, pods, revisions);
  const { update } = planRevisions(set, membership.revisions);
  const strategy = updateStrategy(set);
  const kept = [...sortMembers(set, membership.pods, now).inRange.values()]
    .filter(({ revision, ordinal }) => {
      if (revision === update.name) return false;
      return strategy.type === 'OnDelete' || ordinal < strategy.firstOrdinal;
    })
    .sort((a, b) => a.ordinal - b.ordinal)
    .map(({ pod }) => pod.metadata.name);
  if (kept.length === 0) return undefined;
  const more = kept.length > MAX_NAMED ? ` and ${kept.length - MAX_NAMED} more` : '';
  const which = `${kept.slice(0, MAX_NAMED).join(', ')}${more}`;
  return strategy.type === 'OnDelete'
    ? `the update to revision ${update.name} reaches ${which} only when you delete them (OnDelete)`
    : `the update to revision ${update.name} is kept from ${which} (partition ${set.spec.updateStrategy?.rollingUpdate?.partition})`;
}

/** What is wrong with a pod, whoever it belongs to; undefined when it is available. */
export function explainPod(pod: Pod, claims: Claims, nowMs: number, minReadySeconds = 0): Waiting | undefined {
  const state = podState(pod, minReadySeconds, nowMs);
  if (state.healthy) return undefined;
  const ordinal = parsePodName(pod.metadata.name)?.ordinal ?? 0;
  return waitForPod(pod, ordinal, state, claims, `${pod.metadata.name} cannot be used`, nowMs);
}

/** The pods that use a claim: who holds it. */
export function podsUsing(claim: PersistentVolumeClaim, pods: Iterable<Pod>): readonly Pod[] {
  const { name, namespace } = claim.metadata;
  return Array.from(pods).filter(
    (pod) =>
      pod.metadata.namespace === namespace &&
      pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === name),
  );
}
