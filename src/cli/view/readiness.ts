import type { Deployment, Pod, ReplicaSet, StatefulSet } from '../../api/generated/types.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { detailOf, isReady, stateOf } from './members.ts';

/** Whether what was applied has become true; if not, what is missing. */
export type Readiness = { readonly ready: true } | { readonly ready: false; readonly why: string };

const READY: Readiness = { ready: true };

/**
 * Kinds without a readiness of their own are ready as soon as they exist. `pods` are those of the namespace: the status
 * of a set may be one that an earlier server has left.
 */
export function readinessOf(object: KubernetesObject, pods: Iterable<Pod>): Readiness {
  switch (object.kind) {
    case 'StatefulSet':
      return statefulSet(object as StatefulSet, pods);
    case 'Deployment':
    case 'ReplicaSet':
      return stateless(object as Deployment | ReplicaSet);
    case 'Pod': {
      const pod = object as Pod;
      return isReady(pod) || pod.status?.phase === 'Succeeded'
        ? READY
        : { ready: false, why: detailOf(pod) ?? `is ${pod.status?.phase ?? 'Pending'}` };
    }
    default:
      return READY;
  }
}

/** The condition in which the StatefulSet controller says what it waits for. */
export const WAITING_CONDITION = 'berth.dev/Waiting';

/** What the controller of a set waits for, in its own words. */
export function waitingMessage(set: StatefulSet): string | undefined {
  const condition = set.status?.conditions?.find(({ type }) => type === WAITING_CONDITION);
  return condition?.status === 'True' ? condition.message : undefined;
}

function statefulSet(set: StatefulSet, pods: Iterable<Pod>): Readiness {
  const { status } = set;
  const wanted = set.spec.replicas ?? 1;
  if ((status?.observedGeneration ?? 0) < (set.metadata.generation ?? 0))
    return { ready: false, why: 'the controller has not seen it yet' };
  const ready = status?.readyReplicas ?? 0;
  const waiting = waitingMessage(set);
  const because = waiting === undefined ? '' : `: ${waiting}`;
  if (ready < wanted) return { ready: false, why: `${ready} of ${wanted} members are ready${because}` };
  if ((status?.replicas ?? 0) > wanted)
    return { ready: false, why: `${(status?.replicas ?? 0) - wanted} members are still to go${because}` };
  const rolls = set.spec.updateStrategy?.type !== 'OnDelete';
  const toUpdate = wanted - (set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
  const updated = status?.updatedReplicas ?? 0;
  if (rolls && status?.currentRevision !== status?.updateRevision && updated < toUpdate) {
    return { ready: false, why: `${updated} of ${toUpdate} members are updated${because}` };
  }
  const members = readyMembers(set, pods);
  return members < wanted ? { ready: false, why: `${members} of ${wanted} members are ready` } : READY;
}

function readyMembers(set: StatefulSet, pods: Iterable<Pod>): number {
  let members = 0;
  for (const pod of pods) if (controllerOf(pod)?.uid === set.metadata.uid && stateOf(pod) === 'ready') members++;
  return members;
}

function stateless({ spec, status, metadata }: Deployment | ReplicaSet): Readiness {
  const wanted = spec.replicas ?? 1;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return { ready: false, why: 'the controller has not seen it yet' };
  const ready = status?.readyReplicas ?? 0;
  return ready >= wanted ? READY : { ready: false, why: `${ready} of ${wanted} replicas are ready` };
}
