import type { Node, Pod } from '../api/generated/types.ts';
import { nodeReadiness } from '../api/taints.ts';

/** All of a node that a decision depends on: a heartbeat changes none of it. */
export function schedulingFacts(node: Node): string {
  const { labels } = node.metadata;
  const { taints, unschedulable } = node.spec;
  const { allocatable, capacity } = node.status ?? {};
  return JSON.stringify([labels, taints, unschedulable, allocatable, capacity, nodeReadiness(node)]);
}

/** Whether a pod asks for the same, and is as much or as little on its way out. */
export function hasSameNeeds(a: Pod, b: Pod): boolean {
  if ((a.metadata.deletionTimestamp === undefined) !== (b.metadata.deletionTimestamp === undefined)) return false;
  const isSame = (one: object | undefined, other: object | undefined): boolean =>
    one === other || JSON.stringify(one) === JSON.stringify(other);
  const { generation } = a.metadata;
  const isSameSpec = generation !== undefined && generation === b.metadata.generation;
  return isSame(a.metadata.labels, b.metadata.labels) && (isSameSpec || isSame(a.spec, b.spec));
}
