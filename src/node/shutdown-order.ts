import type { Pod } from '../api/generated/types.ts';
import { controllerOf } from '../api/owner-references.ts';

const ORDINAL = /-(\d+)$/;

/**
 * How pods are ended when their node is: sequences that may run side by side. The pods of one StatefulSet are one
 * sequence, highest ordinal first, as in a scale-down; every other pod is on its own.
 */
export function shutdownOrder(pods: readonly Pod[]): readonly (readonly Pod[])[] {
  const sets = new Map<string, Pod[]>();
  const others: Pod[][] = [];
  for (const pod of pods) {
    const controller = controllerOf(pod);
    if (controller?.kind !== 'StatefulSet') {
      others.push([pod]);
      continue;
    }
    const members = sets.get(controller.uid);
    if (members) members.push(pod);
    else sets.set(controller.uid, [pod]);
  }
  for (const members of sets.values()) members.sort((a, b) => ordinalOf(b) - ordinalOf(a));
  return [...sets.values(), ...others];
}

function ordinalOf(pod: Pod): number {
  return Number(ORDINAL.exec(pod.metadata.name)?.[1] ?? -1);
}
