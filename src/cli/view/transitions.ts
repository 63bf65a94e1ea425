import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { podPlace } from '../../api/pod-ports.ts';
import { detailOf, type MemberState, stateOf } from './members.ts';
import { waitingMessage } from './readiness.ts';

/** What one change of a pod is worth saying, in a line without time; undefined for nothing. */
export function podTransition(before: Pod | undefined, after: Pod | undefined): string | undefined {
  const name = (after ?? before)?.metadata.name ?? '';
  if (after === undefined) return `pod ${name} is gone`;
  if (before === undefined || before.metadata.uid !== after.metadata.uid) {
    return stateOf(after) === 'ready'
      ? `pod ${name} is ready at ${podPlace(after)} on ${after.spec.nodeName}, running since before`
      : `pod ${name} created`;
  }
  const from = stateOf(before);
  const to = stateOf(after);
  const restarts = restartsOf(after);
  if (restarts > restartsOf(before)) return `pod ${name} restarted (${restarts} times)${because(after)}`;
  if (from !== to) return describe(name, to, after);
  const detail = detailOf(after);
  return detail !== undefined && detail !== detailOf(before) && to !== 'ready' && to !== 'ending'
    ? `pod ${name}: ${detail}`
    : undefined;
}

function describe(name: string, state: MemberState, pod: Pod): string {
  switch (state) {
    case 'absent':
      return `pod ${name} is gone`;
    case 'pending':
      return `pod ${name} waits for a node${because(pod)}`;
    case 'starting':
      return `pod ${name} starts on ${pod.spec.nodeName}`;
    case 'ready':
      return `pod ${name} is ready at ${podPlace(pod)}`;
    case 'unready':
      return `pod ${name} is not ready${because(pod)}`;
    case 'ending':
      return `pod ${name} is ending`;
    case 'failed':
      return `pod ${name} ${pod.status?.phase === 'Succeeded' ? 'has ended' : 'failed'}${because(pod)}`;
  }
}

function because(pod: Pod): string {
  const detail = detailOf(pod);
  return detail === undefined ? '' : `: ${detail}`;
}

function restartsOf(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
}

export function claimTransition(
  before: PersistentVolumeClaim | undefined,
  after: PersistentVolumeClaim | undefined,
): string | undefined {
  const name = (after ?? before)?.metadata.name ?? '';
  if (after === undefined) return `claim ${name} is gone`;
  const phase = after.status?.phase;
  if (before === undefined)
    return phase === 'Bound' ? `claim ${name} keeps volume ${after.spec.volumeName}` : `claim ${name} created`;
  return phase === before.status?.phase
    ? undefined
    : phase === 'Bound'
      ? `claim ${name} bound to volume ${after.spec.volumeName}`
      : `claim ${name} is ${phase}`;
}

export function setTransition(before: StatefulSet | undefined, after: StatefulSet | undefined): string | undefined {
  const name = (after ?? before)?.metadata.name ?? '';
  if (after === undefined) return `statefulset ${name} is gone`;
  const wanted = after.spec.replicas ?? 1;
  if (before === undefined) return `statefulset ${name}: ${wanted === 1 ? '1 replica' : `${wanted} replicas`}`;
  if ((before.spec.replicas ?? 1) !== wanted)
    return `statefulset ${name}: scaled from ${before.spec.replicas ?? 1} to ${wanted}`;
  const waiting = waitingMessage(after);
  if (waiting !== waitingMessage(before) && waiting !== undefined) return `statefulset ${name} waits: ${waiting}`;
  if (before.status?.updateRevision !== after.status?.updateRevision && before.status?.updateRevision !== undefined) {
    return `statefulset ${name}: rolls to revision ${after.status?.updateRevision}`;
  }
  const ready = after.status?.readyReplicas ?? 0;
  if (ready !== (before.status?.readyReplicas ?? 0))
    return ready > wanted
      ? `statefulset ${name}: ${ready} ready, ${wanted} wanted`
      : `statefulset ${name}: ${ready} of ${wanted} ready`;
  return undefined;
}
