import type { Node, Pod } from '../api/generated/types.ts';
import { allowsNode } from '../api/node-selector.ts';
import { hostPortsOf, podRequests, portsClash, resourceValues } from '../api/pod-requests.ts';
import type { Explanation } from './pod/observed.ts';

/**
 * P10: why a node does not take a pod that was given to it, beside the ones it has; undefined when it does. The reasons
 * are the kubelet's.
 */
export function admitPod(pod: Pod, others: () => readonly Pod[], node: Node): Explanation | undefined {
  if (!allowsNode(pod, node)) {
    return {
      reason: 'NodeAffinity',
      message: `Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector`,
    };
  }
  return portConflict(pod, others) ?? shortage(pod, others, node);
}

function portConflict(pod: Pod, others: () => readonly Pod[]): Explanation | undefined {
  const wanted = hostPortsOf(pod);
  if (wanted.length === 0) return undefined;
  const clash = others().find((other) =>
    hostPortsOf(other).some((taken) => wanted.some((port) => portsClash(port, taken))),
  );
  if (clash === undefined) return undefined;
  const { namespace, name } = clash.metadata;
  return {
    reason: 'NodePorts',
    message: `Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports (taken by ${namespace}/${name})`,
  };
}

function shortage(pod: Pod, others: () => readonly Pod[], node: Node): Explanation | undefined {
  const wanted = podRequests(pod);
  const capacity = resourceValues(node.status?.allocatable);
  const present = others();
  const most = capacity.get('pods');
  if (most !== undefined && present.length + 1 > most) return outOf('pods', 1, present.length, most);
  if (wanted.size === 0) return undefined;
  const used = new Map<string, number>();
  for (const other of present)
    for (const [name, value] of podRequests(other)) used.set(name, (used.get(name) ?? 0) + value);
  for (const [name, value] of wanted) {
    const has = capacity.get(name) ?? 0;
    const taken = used.get(name) ?? 0;
    if (value > 0 && taken + value > has) return outOf(name, value, taken, has);
  }
  return undefined;
}

function outOf(resource: string, requested: number, used: number, capacity: number): Explanation {
  return {
    reason: `OutOf${resource}`,
    message: `Pod was rejected: Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}
