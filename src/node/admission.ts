import type { Node, Pod } from '../api/generated/types.ts';
import { allowsNode } from '../api/node-selector.ts';
import { hostPortsOf, podRequests, portsClash, resourceValues } from '../api/pod-requests.ts';
import type { Allocation } from './allocation.ts';
import type { Explanation } from './pod/observed.ts';
import { forbiddenSysctl } from './sysctls.ts';

/**
 * P10: why a node does not take a pod that was given to it, beside what it has; undefined when it does. The reasons are
 * the kubelet's.
 */
export function admitPod(pod: Pod, taken: Allocation, node: Node): Explanation | undefined {
  if (pod.spec.os?.name === 'windows') {
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  if (!allowsNode(pod, node)) {
    return {
      reason: 'NodeAffinity',
      message: `Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector`,
    };
  }
  return portConflict(pod, taken) ?? shortage(pod, taken, node) ?? forbiddenSysctl(pod);
}

function portConflict(pod: Pod, taken: Allocation): Explanation | undefined {
  const wanted = hostPortsOf(pod);
  if (wanted.length === 0) return undefined;
  for (const holder of taken.portHolders()) {
    if (!holder.ports.some((held) => wanted.some((port) => portsClash(port, held)))) continue;
    const { namespace, name } = holder.pod.metadata;
    return {
      reason: 'NodePorts',
      message: `Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports (taken by ${namespace}/${name})`,
    };
  }
  return undefined;
}

function shortage(pod: Pod, taken: Allocation, node: Node): Explanation | undefined {
  const capacity = resourceValues(node.status?.allocatable);
  const most = capacity.get('pods');
  if (most !== undefined && taken.pods + 1 > most) return outOf('pods', 1, taken.pods, most);
  for (const [name, value] of podRequests(pod)) {
    const has = capacity.get(name) ?? 0;
    const used = taken.used(name);
    if (value > 0 && used + value > has + ROUNDING) return outOf(name, value, used, has);
  }
  return undefined;
}

/** Sums of fractions of processors are not exact. */
const ROUNDING = 1e-6;

function outOf(resource: string, requested: number, used: number, capacity: number): Explanation {
  return {
    reason: `OutOf${resource}`,
    message: `Pod was rejected: Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
  };
}
