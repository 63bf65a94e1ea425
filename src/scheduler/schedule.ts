import type { PersistentVolumeClaim, Pod } from '../api/generated/types.ts';
import { hostPortsOf, podRequests } from '../api/pod-requests.ts';
import { nodeObstacles } from './node-filters.ts';
import type { Helper, Obstacle } from './obstacle.ts';
import { podFilters } from './pod-filters.ts';
import { bestNode } from './scores.ts';
import type { NodeView, Snapshot } from './snapshot.ts';
import { type VolumeLookup, volumeNeeds } from './volume-filters.ts';

export type Decision =
  | {
      readonly type: 'node';
      readonly nodeName: string;
      /** Claims that must get their volume on that node before the pod is bound. */
      readonly unboundClaims: readonly PersistentVolumeClaim[];
    }
  | {
      readonly type: 'unschedulable';
      /** As Kubernetes words it: `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.` */
      readonly message: string;
      /** What kinds of change are worth another try. */
      readonly helpedBy: ReadonlySet<Helper>;
    };

/**
 * Which node a pod goes to: of those that nothing keeps it off, the best. Depends on nothing but its arguments.
 *
 * @param snapshot The nodes, and the pods that are on them or will be.
 * @param volumes The claims, volumes and storage classes.
 */
export function schedule(pod: Pod, snapshot: Snapshot, volumes: VolumeLookup): Decision {
  const { nodes } = snapshot;
  if (nodes.length === 0) return unschedulable('no nodes available to schedule pods', ['node']);

  const needs = volumeNeeds(pod, volumes, (claim) => snapshot.isClaimInUse(claim));
  if (needs.type === 'blocked') {
    const { reason, helpedBy } = needs.obstacle;
    return unschedulable(`0/${nodes.length} nodes are available: ${reason}.`, [helpedBy]);
  }

  const requests = podRequests(pod);
  const hostPorts = hostPortsOf(pod);
  const filters = [...podFilters(pod, snapshot), needs.filter];
  const candidates: NodeView[] = [];
  const found: Obstacle[] = [];
  for (const view of nodes) {
    const obstacles = nodeObstacles(pod, requests, hostPorts, view);
    const obstacle = obstacles.length === 0 ? firstObstacle(filters, view) : undefined;
    if (obstacle !== undefined) found.push(obstacle);
    else if (obstacles.length === 0) candidates.push(view);
    found.push(...obstacles);
  }

  const [first, ...others] = candidates;
  if (first === undefined) {
    return unschedulable(
      describe(nodes.length, found),
      found.map(({ helpedBy }) => helpedBy),
    );
  }
  const best = bestNode(pod, requests, [first, ...others], snapshot);
  return { type: 'node', nodeName: best.node.metadata.name, unboundClaims: needs.unbound };
}

function firstObstacle(
  filters: readonly ((view: NodeView) => Obstacle | undefined)[],
  view: NodeView,
): Obstacle | undefined {
  for (const filter of filters) {
    const obstacle = filter(view);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}

function unschedulable(message: string, helpedBy: readonly Helper[]): Decision {
  return { type: 'unschedulable', message, helpedBy: new Set(helpedBy) };
}

function describe(nodeCount: number, obstacles: readonly Obstacle[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of obstacles) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${reasons.join(', ')}.`;
}
