import type { PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import type { Client } from '../../client/client.ts';
import type { Claims } from './claims.ts';
import { ordinalOf, parsePodName } from './identity.ts';
import type { Observed } from './plan.ts';
import { podState } from './pod-state.ts';
import { type Waiting, waitForPod } from './waiting.ts';

/**
 * All that {@link plan} needs to know of a set, read from the API now: for whoever wants to know what the controller
 * would do, or what it waits for, without being it. Throws `ApiError` NotFound when there is no such set.
 *
 * @example
 * const { waiting } = plan(await observeSet(client, { namespace: 'default', name: 'redis' }, clock.now()));
 */
export async function observeSet(client: Client, key: ObjectKey, nowMs: number): Promise<Observed> {
  const inNamespace = key.namespace === undefined ? {} : { namespace: key.namespace };
  const [set, pods, revisions, claims] = await Promise.all([
    client.get(StatefulSets, key),
    client.list(Pods, inNamespace),
    client.list(ControllerRevisions, inNamespace),
    client.list(PersistentVolumeClaims, inNamespace),
  ]);
  const { uid } = set.metadata;
  return {
    set,
    pods: pods.items.filter((pod) => controllerOf(pod)?.uid === uid || ordinalOf(set, pod.metadata.name) !== undefined),
    revisions: revisions.items.filter((revision) => (controllerOf(revision)?.uid ?? uid) === uid),
    claims: new Map(claims.items.map((claim) => [claim.metadata.name, claim])),
    now: nowMs,
  };
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
