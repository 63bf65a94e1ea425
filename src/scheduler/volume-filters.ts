import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../api/generated/types.ts';
import { matchesNodeSelector } from '../api/node-selector.ts';
import { claimNamesOf, mayUseClaim } from '../api/pod-claims.ts';
import { findVolume } from '../api/volume-matching.ts';
import { BIND_COMPLETED, classOf, LOCAL_PROVISIONER } from '../api/volume-names.ts';
import { requestOf } from './local-storage.ts';
import type { Obstacle } from './obstacle.ts';
import type { NodeView } from './snapshot.ts';

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

/** A claim that gets its volume where its pod goes. */
interface UnboundClaim {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
}

const NO_VOLUME: Obstacle = {
  helpedBy: 'volume',
  reason: "node(s) didn't find available persistent volumes to bind",
};

/** Whether claim and volume are bound to each other for good. */
export function isFullyBound(claim: PersistentVolumeClaim): boolean {
  return Boolean(claim.spec.volumeName) && claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
}

/** What the claims of a pod ask of its node. */
export function volumeNeeds(pod: Pod, volumes: VolumeLookup, isClaimInUse: (claim: string) => boolean): VolumeNeeds {
  const { namespace = '' } = pod.metadata;
  const unbound: UnboundClaim[] = [];
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
    const className = classOf(claim);
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
    unbound.push({ claim, storageClass });
  }
  if (unbound.length > 0) filters.push((view) => placeObstacle(unbound, view, volumes));
  return {
    type: 'possible',
    unbound: unbound.map(({ claim }) => claim),
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

/** What keeps the claims of one pod from getting their volumes on a node: there must be room for all of them. */
function placeObstacle(unbound: readonly UnboundClaim[], view: NodeView, volumes: VolumeLookup): Obstacle | undefined {
  const { name } = view.node.metadata;
  const promised = new Set<PersistentVolume>();
  let takenBytes = volumes.storageTaken(name);
  for (const { claim, storageClass } of unbound) {
    const selected = volumes.selectedNode(claim);
    // What is promised to it there is counted already.
    if (selected === name) continue;
    if (selected !== undefined) return NO_VOLUME;
    if (storageClass.provisioner === NO_PROVISIONER) {
      const free = volumes.freeVolumes(storageClass.metadata.name).filter((volume) => !promised.has(volume));
      const found = findVolume(claim, free, { type: 'node', node: view.node });
      if (found === undefined) return NO_VOLUME;
      promised.add(found);
      continue;
    }
    if (!isAllowed(storageClass, view)) return { ...NO_VOLUME, helpedBy: 'node' };
    if (storageClass.provisioner !== LOCAL_PROVISIONER) continue;
    takenBytes += requestOf(claim);
    const disk = view.allocatable.get('ephemeral-storage');
    if (disk !== undefined && takenBytes > disk) {
      return { helpedBy: 'volume', reason: 'node(s) did not have enough free storage' };
    }
  }
  return undefined;
}

function isAllowed({ allowedTopologies = [] }: StorageClass, { labels }: NodeView): boolean {
  return (
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? '')),
    )
  );
}
