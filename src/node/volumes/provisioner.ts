import path from 'node:path';

import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types.ts';
import { PersistentVolumeClaims, PersistentVolumes, StorageClasses } from '../../api/kinds.ts';
import { formatKey, keyOf, parseKey } from '../../api/meta.ts';
import { findVolume, freeVolumeClass } from '../../api/volume-matching.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { Index, Informer, InformerSet } from '../../client/informer.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Disk } from './disk.ts';
import { isMadeHere, isOnNode, isToProvision, localVolume, volumeNameOf } from './local-volume.ts';

/** How soon a volume that a pod still uses is looked at again. */
const IN_USE_RETRY_MS = 1_000;

export interface ProvisionerOptions {
  readonly client: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly disk: Disk;
  readonly nodeName: string;
  /** Holds a directory for each volume. */
  readonly directory: string;
  /** Whether something that runs here may be using a claim's volume, whatever the API says. */
  readonly inUse: (claim: { readonly namespace: string; readonly name: string }) => boolean;
}

/**
 * Makes a directory and its volume object for each claim that the scheduler has given to this node, and removes both
 * when the claim is gone and the reclaim policy says `Delete` (C8). Nothing else ever removes a volume's data.
 */
export class Provisioner {
  readonly #options: ProvisionerOptions;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes;
  readonly #free: Index<PersistentVolume>;
  readonly #byClaim: Index<PersistentVolume>;
  readonly #queue: WorkQueue;
  /** Volumes whose objects somebody deleted before their data was removed, by name. */
  readonly #gone = new Map<string, PersistentVolume>();
  readonly #unsubscribe: readonly (() => void)[];

  constructor(options: ProvisionerOptions) {
    this.#options = options;
    const { informers, clock, logger, nodeName } = options;
    this.#claims = informers.get(PersistentVolumeClaims);
    this.#volumes = informers.get(PersistentVolumes);
    this.#classes = informers.get(StorageClasses);
    this.#free = this.#volumes.index(freeVolumeClass);
    this.#byClaim = this.#volumes.index(claimUidOf);
    this.#queue = new WorkQueue({
      clock,
      concurrency: 16,
      initialBackoffMs: 50,
      maxBackoffMs: 30_000,
      handle: (key) => this.#reconcile(key),
      onFailure: (key, error, failures) =>
        logger.warn('a volume could not be brought forward', { key, error: String(error), failures }),
    });
    this.#unsubscribe = [
      this.#claims.subscribe((changes) => {
        for (const { type, object } of changes) if (type !== 'deleted') this.#enqueueClaim(object);
      }),
      this.#classes.subscribe(() => {
        for (const claim of this.#claims.list()) this.#enqueueClaim(claim);
      }),
      this.#volumes.subscribe((changes) => {
        for (const { type, object } of changes) {
          const { name } = object.metadata;
          // Its last word counts: somebody who makes it again, with another policy perhaps, wants the data.
          this.#gone.delete(name);
          if (!isReleased(object) || !isMadeHere(object, nodeName)) continue;
          if (type === 'deleted' && object.spec.persistentVolumeReclaimPolicy === 'Delete')
            this.#gone.set(name, object);
          this.#queue.add(`volume ${name}`);
        }
      }),
    ];
  }

  async close(): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await this.#queue.close();
  }

  #enqueueClaim(claim: PersistentVolumeClaim): void {
    if (isToProvision(claim, this.#classOf(claim), this.#options.nodeName)) {
      this.#queue.add(`claim ${formatKey(keyOf(claim))}`);
    }
  }

  async #reconcile(key: string): Promise<void> {
    const [kind, name = ''] = key.split(' ', 2);
    if (kind === 'claim') await this.#provision(name);
    else await this.#reclaim(name, key);
  }

  async #provision(key: string): Promise<void> {
    const { client, disk, directory, nodeName, recorder } = this.#options;
    const claim = this.#claims.getByKey(key);
    const storageClass = claim && this.#classOf(claim);
    if (!claim || !storageClass || !isToProvision(claim, storageClass, nodeName)) return;
    const name = volumeNameOf(claim);
    await this.#volumes.synced;
    if (this.#volumes.get({ name })) return;
    const fail = (message: string) =>
      recorder.record({ about: claim, type: 'Warning', reason: 'ProvisioningFailed', message });
    const beyond = unsupported(claim);
    if (beyond !== undefined) return fail(`${beyond} not supported by berth.dev/local`);
    if (await this.#giveFree(claim)) return;
    if (claim.spec.selector) return fail('a selector of volumes is not supported by berth.dev/local');
    const dataPath = path.join(directory, name);
    try {
      // The directory first: a volume object without one would be a promise that nobody keeps.
      await disk.makeDirectory(dataPath);
      await client.create(PersistentVolumes, localVolume(claim, storageClass, nodeName, dataPath));
    } catch (error) {
      if (isAlreadyExists(error)) return;
      fail(`cannot make ${dataPath}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
    recorder.record({
      about: claim,
      type: 'Normal',
      reason: 'ProvisioningSucceeded',
      message: `Successfully provisioned volume ${name}`,
    });
  }

  /** A volume of this node that somebody has kept and offers again comes before a new one. True when the claim has one. */
  async #giveFree(claim: PersistentVolumeClaim): Promise<boolean> {
    const { client, nodeName } = this.#options;
    const { name, namespace, uid } = claim.metadata;
    if (this.#byClaim.get(uid).length > 0) return true;
    const here = this.#free.get(claim.spec.storageClassName ?? '').filter((volume) => isOnNode(volume, nodeName));
    const found = findVolume(claim, here, { type: 'anywhere' });
    if (found === undefined) return false;
    const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid };
    // Only this version: two claims may want the same one.
    const { resourceVersion } = found.metadata;
    const body = { metadata: { resourceVersion }, spec: { claimRef } };
    await client.patch(PersistentVolumes, keyOf(found), { type: 'merge', body });
    return true;
  }

  async #reclaim(name: string, key: string): Promise<void> {
    const { client, disk, nodeName, recorder, inUse } = this.#options;
    // C8: the policy holds in whatever order claim and volume are deleted.
    const volume = this.#volumes.get({ name }) ?? this.#gone.get(name);
    const claim = volume?.spec.claimRef;
    const dataPath = volume?.spec.local?.path;
    if (!volume || !claim || dataPath === undefined || !isReleased(volume) || !isMadeHere(volume, nodeName)) return;
    const { namespace = 'default', name: claimName = '' } = claim;
    if (volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return;
    // C8: only after the claim is gone, whatever the phase says; and what still runs keeps its ground (M2).
    if (await this.#claimExists(namespace, claimName, claim.uid)) return;
    if (inUse({ namespace, name: claimName })) return this.#queue.after(key, IN_USE_RETRY_MS);
    if (!this.#isOurs(dataPath, name)) {
      this.#gone.delete(name);
      const message = `${dataPath} is not a directory this node made: it is left alone`;
      return recorder.record({ about: volume, type: 'Warning', reason: 'VolumeFailedDelete', message });
    }
    await disk.remove(dataPath);
    this.#gone.delete(name);
    try {
      await client.delete(PersistentVolumes, { name }, { preconditions: { uid: volume.metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #claimExists(namespace: string, name: string, uid: string | undefined): Promise<boolean> {
    // One that has the name now, and may be none of this node's business, is another.
    const known = this.#claims.get({ namespace, name });
    if (known !== undefined && known.metadata.uid !== uid) return false;
    try {
      return (
        (await this.#options.client.get(PersistentVolumeClaims, parseKey(`${namespace}/${name}`))).metadata.uid === uid
      );
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** A volume object can be edited; only what is where this provisioner puts things is removed. */
  #isOurs(dataPath: string, name: string): boolean {
    return path.resolve(dataPath) === path.resolve(this.#options.directory, name) && path.basename(name) === name;
  }

  #classOf(claim: PersistentVolumeClaim) {
    const name = claim.spec.storageClassName;
    return name === undefined ? undefined : this.#classes.get({ name });
  }
}

function claimUidOf({ spec }: PersistentVolume): string | undefined {
  return spec.claimRef?.uid;
}

/** What a claim asks of its volume that a directory of this node is not: an empty one in its place would be a lie. */
function unsupported({ spec }: PersistentVolumeClaim): string | undefined {
  if (spec.volumeMode === 'Block') return 'block volumes are';
  if (spec.dataSource ?? spec.dataSourceRef) return 'volumes that begin with the data of others (dataSource) are';
  return spec.volumeAttributesClassName && 'a class of attributes (volumeAttributesClassName) is';
}

function isReleased(volume: PersistentVolume): boolean {
  return volume.status?.phase === 'Released';
}
