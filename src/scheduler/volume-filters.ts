import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../api/generated/types.ts';
import { matchesNodeSelector } from '../api/node-selector.ts';
import { claimNamesOf, mayUseClaim } from '../api/pod-claims.ts';
import { requestOf } from './local-storage.ts';
import type { Obstacle } from './obstacle.ts';
import type { NodeView } from './snapshot.ts';

/** Set on a claim that waits for its consumer: the node whose agent is to make the volume. */
export const SELECTED_NODE_ANNOTATION = 'volume.kubernetes.io/selected-node';
const BIND_COMPLETED_ANNOTATION = 'pv.kubernetes.io/bind-completed';
/** Makes volumes on the disk of a node. */
const LOCAL_PROVISIONER = 'berth.dev/local';
/** Volumes of such a class are made by hand. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/** What the scheduler must know of volumes. */
export interface VolumeLookup {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  storageClass(name: string): StorageClass | undefined;
  /** Volumes of a class that nobody has claimed yet. */
  freeVolumes(storageClass: string): readonly PersistentVolume[];
  /** How many bytes of a node's disk its local volumes take, or will take. */
  storageTaken(node: string): number;
  /** The node a claim that is not bound yet gets its volume on, if that is decided. */
  selectedNode(claim: PersistentVolumeClaim): string | undefined;
}

export type VolumeNeeds =
  | { readonly type: 'blocked'; readonly obstacle: Obstacle }
  | {
      readonly type: 'possible';
      /** Claims that get their volume where the pod goes. */
      readonly unbound: readonly PersistentVolumeClaim[];
      readonly filter: (view: NodeView) => Obstacle | undefined;
    };

/** Whether claim and volume are bound to each other for good. */
export function isFullyBound(claim: PersistentVolumeClaim): boolean {
  return Boolean(claim.spec.volumeName) && claim.metadata.annotations?.[BIND_COMPLETED_ANNOTATION] !== undefined;
}

/** What the claims of a pod ask of its node. */
export function volumeNeeds(pod: Pod, volumes: VolumeLookup, isClaimInUse: (claim: string) => boolean): VolumeNeeds {
  const { namespace = '' } = pod.metadata;
  const unbound: PersistentVolumeClaim[] = [];
  const filters: ((view: NodeView) => Obstacle | undefined)[] = [];
  for (const name of claimNamesOf(pod)) {
    const claim = volumes.claim(namespace, name);
    if (claim === undefined) return blocked(`persistentvolumeclaim "${name}" not found`);
    if (claim.metadata.deletionTimestamp !== undefined)
      return blocked(`persistentvolumeclaim "${name}" is being deleted`);
    if (!mayUseClaim(pod, claim))
      return blocked(`PVC ${namespace}/${name} was not created for the pod (pod is not owner)`);
    const { volumeName = '' } = claim.spec;
    if (claim.status?.phase === 'Lost') {
      return blocked(`persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`);
    }
    if (claim.spec.accessModes?.includes('ReadWriteOncePod') && isClaimInUse(`${namespace}/${name}`)) {
      return blocked(
        'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
        'pod',
      );
    }
    if (isFullyBound(claim)) {
      const volume = volumes.volume(volumeName);
      if (volume === undefined) return blocked(`persistentvolume "${volumeName}" not found`);
      filters.push((view) => affinityConflict(volume, view));
      continue;
    }
    const className = claim.spec.storageClassName;
    const storageClass = className ? volumes.storageClass(className) : undefined;
    if (className && storageClass === undefined && volumeName === '') {
      // A class without an object is how volumes made by hand are told apart; a slip of the pen looks the same.
      return blocked(
        `pod has unbound immediate PersistentVolumeClaims: ${name} waits for a volume of class "${className}", which nothing makes volumes of`,
      );
    }
    if (storageClass?.volumeBindingMode !== 'WaitForFirstConsumer' || volumeName !== '') {
      return blocked('pod has unbound immediate PersistentVolumeClaims');
    }
    unbound.push(claim);
    filters.push((view) => provisioningObstacle(claim, storageClass, view, volumes));
  }
  return {
    type: 'possible',
    unbound,
    filter: (view) => {
      for (const filter of filters) {
        const obstacle = filter(view);
        if (obstacle !== undefined) return obstacle;
      }
      return undefined;
    },
  };
}

function blocked(reason: string, helpedBy: Obstacle['helpedBy'] = 'volume'): VolumeNeeds {
  return { type: 'blocked', obstacle: { helpedBy, reason } };
}

function affinityConflict(volume: PersistentVolume, { node }: NodeView): Obstacle | undefined {
  const required = volume.spec.nodeAffinity?.required;
  if (required === undefined || matchesNodeSelector(required, node)) return undefined;
  return { helpedBy: 'node', reason: 'node(s) had volume node affinity conflict' };
}

function provisioningObstacle(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  view: NodeView,
  volumes: VolumeLookup,
): Obstacle | undefined {
  const selected = volumes.selectedNode(claim);
  const notHere: Obstacle = { helpedBy: 'volume', reason: "node(s) didn't find available persistent volumes to bind" };
  if (selected !== undefined) return selected === view.node.metadata.name ? undefined : notHere;
  if (storageClass.provisioner === NO_PROVISIONER) {
    const found = volumes
      .freeVolumes(storageClass.metadata.name)
      .some((volume) => affinityConflict(volume, view) === undefined);
    return found ? undefined : notHere;
  }
  const disk = view.allocatable.get('ephemeral-storage');
  const { name } = view.node.metadata;
  if (
    storageClass.provisioner === LOCAL_PROVISIONER &&
    disk !== undefined &&
    volumes.storageTaken(name) + requestOf(claim) > disk
  ) {
    return { helpedBy: 'volume', reason: 'node(s) did not have enough free storage' };
  }
  const { allowedTopologies = [] } = storageClass;
  const isAllowed =
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(view.labels[key] ?? '')),
    );
  return isAllowed ? undefined : { helpedBy: 'node', reason: notHere.reason };
}
