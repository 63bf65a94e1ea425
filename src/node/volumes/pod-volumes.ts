import path from 'node:path';

import type { Container, Node, Pod, Volume, VolumeMount } from '../../api/generated/types.ts';
import type { PodFacts } from '../config/downward-api.ts';
import { expand } from '../config/expansion.ts';
import type { References } from '../config/references.ts';
import { NotReadyError } from '../pod/pod-resources.ts';
import type { IdentityLock, Mount } from '../runtimes/runtime.ts';
import { StartError } from '../runtimes/runtime.ts';
import { claimVolume } from './claim-volume.ts';
import type { Disk } from './disk.ts';
import { projectedFiles } from './projections.ts';

/** Where a pod's volumes are on this machine. */
interface Prepared {
  readonly paths: ReadonlyMap<string, { readonly path: string; readonly readOnly: boolean }>;
  readonly locks: readonly IdentityLock[];
}

export interface PodVolumesOptions {
  /** Holds a directory for each pod. */
  readonly directory: string;
  readonly disk: Disk;
  readonly references: References;
  readonly node: () => Pick<Node, 'metadata'>;
}

/**
 * P6: the volumes of the node's pods. Volumes of a pod's own live and end with it; what a claim stands for is only
 * looked up here and never removed.
 */
export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #prepared = new Map<string, Prepared>();

  constructor(options: PodVolumesOptions) {
    this.#options = options;
  }

  /** Makes the pod's volumes ready; what is there already stays. Throws {@link NotReadyError}. */
  async prepare(pod: Pod, facts: PodFacts): Promise<readonly IdentityLock[]> {
    return this.#prepare(pod, facts, false);
  }

  async #prepare(pod: Pod, facts: PodFacts, isInUse: boolean): Promise<readonly IdentityLock[]> {
    const paths = new Map<string, { readonly path: string; readonly readOnly: boolean }>();
    const locks = new Map<string, IdentityLock>();
    for (const volume of pod.spec.volumes ?? []) {
      try {
        const made = await this.#make(pod, volume, facts, isInUse);
        paths.set(volume.name, made);
        if (made.lock) locks.set(made.lock.id, made.lock);
      } catch (error) {
        throw asMountFailure(volume.name, error);
      }
    }
    const prepared = { paths, locks: [...locks.values()] };
    this.#prepared.set(pod.metadata.uid, prepared);
    return prepared.locks;
  }

  /** Where the container's mounts come from. Throws {@link StartError}. */
  async mounts(
    pod: Pod,
    container: Container,
    env: Readonly<Record<string, string>>,
    facts: PodFacts,
  ): Promise<readonly Mount[]> {
    // After a restart of the agent the pod runs and its volumes are there: only where is not known.
    if (!this.#prepared.has(pod.metadata.uid)) await this.#prepare(pod, facts, true);
    const paths = this.#prepared.get(pod.metadata.uid)?.paths;
    const mounts: Mount[] = [];
    for (const mount of container.volumeMounts ?? []) {
      const { name, mountPath, subPath, subPathExpr, readOnly = false } = mount;
      const volume = paths?.get(name);
      if (!volume) throw new StartError('CreateContainerConfigError', `there is no volume named ${name}`);
      const inside = subPathExpr === undefined ? subPath : expand(subPathExpr, (variable) => env[variable]);
      const hostPath = inside ? await this.#options.disk.subPath(volume.path, inside) : volume.path;
      const beyond = asksBeyond(mount);
      mounts.push({
        hostPath,
        ...(inside && { volumePath: volume.path }),
        mountPath,
        readOnly: readOnly || volume.readOnly,
        ...(beyond && { beyond }),
      });
    }
    return mounts;
  }

  /** How many bytes the pod has written to its empty directories on the disk. */
  async diskUse(pod: Pod): Promise<ReadonlyMap<string, number>> {
    const names = (pod.spec.volumes ?? []).flatMap(({ name, emptyDir }) =>
      emptyDir && emptyDir.medium !== 'Memory' ? [name] : [],
    );
    const sizes = await this.#options.disk.sizes(names.map((name) => this.#own(pod.metadata.uid, name)));
    return new Map(names.map((name, index) => [name, sizes[index] ?? 0]));
  }

  /** Writes anew what the API's objects fill, of a pod that runs. */
  async refresh(pod: Pod, facts: PodFacts): Promise<void> {
    for (const volume of pod.spec.volumes ?? []) {
      const files = await projectedFiles(pod, volume, this.#options.references, facts);
      if (files) await this.#options.disk.writeFiles(this.#own(pod.metadata.uid, volume.name), files, groupOf(pod));
    }
  }

  /** A file of the pod's own, outside its volumes. */
  async ownFile(podUid: string, name: string): Promise<string> {
    const file = path.join(this.#options.directory, podUid, 'files', name);
    await this.#options.disk.makeFile(file);
    return file;
  }

  /** Removes the volumes that are the pod's own. */
  async release(podUid: string): Promise<void> {
    this.#prepared.delete(podUid);
    await this.#options.disk.remove(path.join(this.#options.directory, podUid));
  }

  /** Removes what an agent that was killed left of pods that nobody knows any more. */
  async sweep(isKnown: (podUid: string) => boolean): Promise<void> {
    for (const podUid of await this.#options.disk.names(this.#options.directory)) {
      if (!isKnown(podUid)) await this.release(podUid);
    }
  }

  async #make(
    pod: Pod,
    volume: Volume,
    facts: PodFacts,
    isInUse: boolean,
  ): Promise<{ readonly path: string; readonly readOnly: boolean; readonly lock?: IdentityLock }> {
    const { references, node, disk } = this.#options;
    const own = this.#own(pod.metadata.uid, volume.name);
    const files = await projectedFiles(pod, volume, references, facts);
    if (files) {
      await disk.writeFiles(own, files, groupOf(pod));
      return { path: own, readOnly: true };
    }
    if (volume.hostPath) return { path: await disk.hostPath(volume.hostPath), readOnly: false };
    if (volume.emptyDir) {
      const { medium, sizeLimit } = volume.emptyDir;
      if (medium === 'Memory') await disk.makeMemoryDirectory(own, sizeLimit);
      else await disk.makeDirectory(own);
      await this.#give(pod, own);
      return { path: own, readOnly: false };
    }
    const claimName =
      volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral && `${pod.metadata.name}-${volume.name}`);
    if (claimName === undefined) {
      const kind = Object.keys(volume).find((key) => key !== 'name');
      throw new NotReadyError('FailedMount', `volumes of type ${kind} are not supported by this node`);
    }
    const { path: data, hostPath, lock } = await claimVolume(pod, claimName, references, node(), isInUse);
    // C2: a directory that is missing is lost data, and an empty one in its place would hide it.
    if (!hostPath?.type && !(await disk.isDirectory(data)))
      throw new NotReadyError('FailedMount', `path ${data} does not exist`);
    if (hostPath) await disk.hostPath(hostPath);
    await this.#give(pod, data);
    return { path: data, readOnly: volume.persistentVolumeClaim?.readOnly ?? false, ...(lock && { lock }) };
  }

  async #give(pod: Pod, directory: string): Promise<void> {
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    if (fsGroup !== undefined) await this.#options.disk.giveToGroup(directory, fsGroup, fsGroupChangePolicy);
  }

  #own(podUid: string, volume: string): string {
    return path.join(this.#options.directory, podUid, 'volumes', volume);
  }
}

/** What no runtime of this node does with a mount. */
function asksBeyond({ mountPropagation = 'None', recursiveReadOnly }: VolumeMount): string | undefined {
  if (mountPropagation !== 'None') return `mountPropagation ${mountPropagation}`;
  return recursiveReadOnly === 'Enabled' ? 'recursiveReadOnly Enabled' : undefined;
}

function groupOf(pod: Pod): { readonly gid: number } | undefined {
  const gid = pod.spec.securityContext?.fsGroup;
  return gid === undefined || process.getuid?.() !== 0 ? undefined : { gid };
}

function asMountFailure(volume: string, error: unknown): NotReadyError {
  const message = error instanceof Error ? error.message : String(error);
  return new NotReadyError('FailedMount', `MountVolume.SetUp failed for volume "${volume}" : ${message}`);
}
