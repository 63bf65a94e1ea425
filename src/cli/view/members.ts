import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { podPlace } from '../../api/pod-ports.ts';

/** How far one member of a set is, as a person sees it. */
export type MemberState = 'absent' | 'pending' | 'starting' | 'ready' | 'unready' | 'ending' | 'failed';

/** One ordinal of a set: its pod, and where its data is. */
export interface Member {
  readonly name: string;
  readonly state: MemberState;
  /** What is behind the state, when there is more to say: `CrashLoopBackOff`, `readiness probe failed: ...`. */
  readonly detail?: string;
  readonly node?: string;
  /** Its address, with its ports where others have the same. */
  readonly place?: string;
  readonly restarts: number;
  readonly volumes: readonly { readonly claim: string; readonly volume?: string }[];
}

/** Nobody looks at more members that are not there yet, and `replicas` may be any number. */
const MOST_ABSENT = 1000;

/**
 * The members of a set, by ordinal: those that should be there (of those that are not, the first thousand), and those
 * that still are. `pods` and `claims` are those of the set's namespace.
 */
export function membersOf(
  set: StatefulSet,
  pods: readonly Pod[],
  claims: readonly PersistentVolumeClaim[],
): readonly Member[] {
  const start = set.spec.ordinals?.start ?? 0;
  const end = start + (set.spec.replicas ?? 1);
  const ordinals = new Map<number, Pod | undefined>();
  for (const pod of pods) {
    const ordinal = ordinalOf(pod, set);
    if (ordinal !== undefined) ordinals.set(ordinal, pod);
  }
  for (let ordinal = start, absent = 0; ordinal < end && absent < MOST_ABSENT; ordinal++) {
    if (ordinals.has(ordinal)) continue;
    ordinals.set(ordinal, undefined);
    absent++;
  }
  const volumeOf = new Map(claims.map((claim) => [claim.metadata.name, claim.spec.volumeName]));
  return [...ordinals]
    .sort(([a], [b]) => a - b)
    .map(([ordinal, pod]) => {
      const name = `${set.metadata.name}-${ordinal}`;
      const volumes = (set.spec.volumeClaimTemplates ?? []).map((template) => {
        const claim = `${template.metadata?.name}-${name}`;
        const volume = volumeOf.get(claim);
        return volume ? { claim, volume } : { claim };
      });
      if (pod === undefined) return { name, state: 'absent', restarts: 0, volumes };
      const detail = detailOf(pod);
      const place = podPlace(pod);
      return {
        name,
        state: stateOf(pod),
        restarts: (pod.status?.containerStatuses ?? []).reduce((sum, status) => sum + status.restartCount, 0),
        volumes,
        ...(detail !== undefined && { detail }),
        ...(pod.spec.nodeName && { node: pod.spec.nodeName }),
        ...(place !== undefined && { place }),
      };
    });
}

/** The ordinal of a pod that belongs to the set; undefined for any other. */
function ordinalOf(pod: Pod, set: StatefulSet): number | undefined {
  if (!pod.metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === set.metadata.uid))
    return undefined;
  const match = /-(\d+)$/.exec(pod.metadata.name);
  return match ? Number(match[1]) : undefined;
}

/** Whether the pod's `Ready` condition holds. */
export function isReady(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false
  );
}

/** How far a pod is. */
export function stateOf(pod: Pod): MemberState {
  if (pod.metadata.deletionTimestamp !== undefined) return 'ending';
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return 'failed';
  if (isReady(pod)) return 'ready';
  if (pod.spec.nodeName === undefined || pod.spec.nodeName === '') return 'pending';
  return wasReady(pod) ? 'unready' : 'starting';
}

/** A pod that has not been Ready since its containers started is still starting. */
function wasReady({ status }: Pod): boolean {
  const lost = Date.parse(status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');
  return (status?.containerStatuses ?? []).some(
    ({ restartCount, state }) =>
      restartCount > 0 || (state?.running?.startedAt !== undefined && lost > Date.parse(state.running.startedAt)),
  );
}

/** The conditions whose message tells why a pod is not where it should be. */
const TELLING: ReadonlySet<string> = new Set(['PodScheduled', 'ContainersReady', 'Ready']);
/** Only says again that it is not ready. */
const NOTHING_NEW = /^containers with unready status: \[[^\]]*\]$/;

/** Why a pod is not where it should be, in a few words, as far as its status tells. */
export function detailOf(pod: Pod): string | undefined {
  const { status } = pod;
  if (status?.reason) return [status.reason, status.message].filter(Boolean).join(': ');
  for (const container of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
    const waiting = container.state?.waiting;
    if (waiting?.reason && waiting.reason !== 'ContainerCreating' && waiting.reason !== 'PodInitializing') {
      return [waiting.reason, waiting.message].filter(Boolean).join(': ');
    }
    const terminated = container.state?.terminated;
    if (terminated && terminated.exitCode !== 0)
      return `${terminated.reason ?? 'Error'}: exit code ${terminated.exitCode}`;
  }
  const unmet = status?.conditions?.find(
    ({ type, status: holds, message }) =>
      holds === 'False' && message && TELLING.has(type) && !NOTHING_NEW.test(message),
  );
  return unmet?.message;
}
