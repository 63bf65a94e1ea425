import type { Node, Pod, Taint } from '../api/generated/types.ts';
import { allowsNode } from '../api/node-selector.ts';
import { type HostPort, portsClash, type Resources } from '../api/pod-requests.ts';
import {
  NOT_READY_TAINT,
  nodeReadiness,
  UNREACHABLE_TAINT,
  UNSCHEDULABLE_TAINT,
  untoleratedTaint,
} from '../api/taints.ts';
import type { Obstacle } from './obstacle.ts';
import type { NodeView } from './snapshot.ts';

/** What keeps a pod off a node, as far as the node alone says: in the order in which Kubernetes looks. */
export function nodeObstacles(
  pod: Pod,
  requests: Resources,
  hostPorts: readonly HostPort[],
  view: NodeView,
): readonly Obstacle[] {
  const obstacle = refusal(pod, view.node) ?? affinityObstacle(pod, view.node) ?? portObstacle(hostPorts, view);
  return obstacle === undefined ? resourceObstacles(requests, view) : [obstacle];
}

/** The taints of a node, with those its own state stands for: their controller may not have set them yet. */
export function effectiveTaints(node: Node): readonly Taint[] {
  const taints = node.spec.taints ?? [];
  const has = (key: string): boolean => taints.some((taint) => taint.key === key);
  const implied: Taint[] = [];
  if (node.spec.unschedulable && !has(UNSCHEDULABLE_TAINT)) {
    implied.push({ key: UNSCHEDULABLE_TAINT, effect: 'NoSchedule' });
  }
  if (nodeReadiness(node) !== 'True' && !has(NOT_READY_TAINT) && !has(UNREACHABLE_TAINT)) {
    implied.push({ key: NOT_READY_TAINT, effect: 'NoSchedule' });
  }
  return implied.length === 0 ? taints : [...implied, ...taints];
}

function refusal(pod: Pod, node: Node): Obstacle | undefined {
  const taint = untoleratedTaint(effectiveTaints(node), pod.spec.tolerations ?? [], ['NoSchedule', 'NoExecute']);
  if (taint === undefined) return undefined;
  if (taint.key === UNSCHEDULABLE_TAINT) return { helpedBy: 'node', reason: 'node(s) were unschedulable' };
  return { helpedBy: 'node', reason: `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}` };
}

function affinityObstacle(pod: Pod, node: Node): Obstacle | undefined {
  if (allowsNode(pod, node)) return undefined;
  return { helpedBy: 'node', reason: "node(s) didn't match Pod's node affinity/selector" };
}

function portObstacle(wanted: readonly HostPort[], view: NodeView): Obstacle | undefined {
  const clash = wanted.some((port) => view.hostPorts.some((taken) => portsClash(port, taken)));
  return clash ? { helpedBy: 'pod', reason: "node(s) didn't have free ports for the requested pod ports" } : undefined;
}

function resourceObstacles(requests: Resources, view: NodeView): readonly Obstacle[] {
  const obstacles: Obstacle[] = [];
  const podsAllowed = view.allocatable.get('pods');
  if (podsAllowed !== undefined && view.pods.size + 1 > podsAllowed) {
    obstacles.push({ helpedBy: 'pod', reason: 'Too many pods' });
  }
  for (const [name, requested] of requests) {
    if (requested === 0) continue;
    const free = (view.allocatable.get(name) ?? 0) - (view.requested.get(name) ?? 0);
    if (requested > free) obstacles.push({ helpedBy: 'pod', reason: `Insufficient ${name}` });
  }
  return obstacles;
}
