import type { Pod } from '../api/generated/types.ts';
import { controllerOf } from '../api/owner-references.ts';
import type { NodeAgent } from '../node/agent.ts';

/** Pods that end one after the other: those of one set. Groups end at the same time. */
export type EndingOrder = readonly (readonly Pod[])[];

/**
 * In which order pods end when the whole cluster does: as in a scale-down to zero, the pods of one StatefulSet one at
 * a time from the highest ordinal, everything else at once.
 */
export function endingOrder(pods: readonly Pod[]): EndingOrder {
  const groups = new Map<string, Pod[]>();
  for (const pod of pods) {
    const owner = controllerOf(pod);
    const group = owner?.kind === 'StatefulSet' ? owner.uid : pod.metadata.uid;
    groups.set(group, [...(groups.get(group) ?? []), pod]);
  }
  return [...groups.values()].map((group) => group.sort((a, b) => ordinal(b) - ordinal(a)));
}

function ordinal(pod: Pod): number {
  return Number(/-(\d+)$/.exec(pod.metadata.name)?.[1] ?? 0);
}

/** Ends all pods of these nodes gracefully, in order, and tells of each. Their objects stay. */
export async function endPods(agents: readonly NodeAgent[], onEnded: (pod: Pod) => void): Promise<void> {
  await Promise.all(agents.map((agent) => agent.leave()));
  const home = new Map(agents.flatMap((agent) => agent.pods().map((pod) => [pod, agent] as const)));
  await Promise.all(
    endingOrder([...home.keys()]).map(async (group) => {
      for (const pod of group) {
        await home.get(pod)?.endPod(pod.metadata.uid);
        onEnded(pod);
      }
    }),
  );
}
