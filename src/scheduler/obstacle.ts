/** What kind of change can remove an obstacle: of a node, of another pod (or again of a node), of a volume or claim. */
export type Helper = 'node' | 'pod' | 'volume';

/** Something that keeps a pod off a node. */
export interface Obstacle {
  /** As Kubernetes words it, without the number of nodes. */
  readonly reason: string;
  readonly helpedBy: Helper;
}
