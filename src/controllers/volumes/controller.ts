import { isNotFound } from '../../api/errors.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { Nodes, PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../../api/kinds.ts';
import { formatKey, keyOf } from '../../api/meta.ts';
import { claimKeysOf, holdsClaims } from '../../api/pod-claims.ts';
import { nodeReadiness } from '../../api/taints.ts';
import {
  BOUND_BY_CONTROLLER,
  CLAIM_PROTECTION,
  classOf,
  SELECTED_NODE,
  VOLUME_PROTECTION,
} from '../../api/volume-names.ts';
import type { Index, Informer } from '../../client/informer.ts';
import { type Controller, type ControllerQueue, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import { isDefaultClass } from './default-storage-class.ts';
import { LiveUse } from './live-use.ts';
import {
  boundAnnotations,
  boundStatus,
  type ClaimPlan,
  isSameStatus,
  type ObservedClaim,
  planClaim,
} from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

/**
 * Starts the volume controller: it binds claims and volumes to each other, keeps what is in use, releases what is not,
 * and grows what may grow. Directories are made and removed by the agents of the nodes.
 */
export function startVolumeController(parts: ControllerParts): Controller {
  return new VolumeController(parts).start();
}

const CLAIM = 'claim ';
const VOLUME = 'volume ';

class VolumeController {
  readonly #parts: ControllerParts;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #volumesByClass: Index<PersistentVolume>;
  readonly #volumesByClaim: Index<PersistentVolume>;
  readonly #openClaimsByClass: Index<PersistentVolumeClaim>;
  readonly #podsByClaim: Index<Pod>;
  readonly #liveUse: LiveUse;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#claims = parts.informers.get(PersistentVolumeClaims);
    this.#volumes = parts.informers.get(PersistentVolumes);
    this.#volumesByClass = this.#volumes.index(freeVolumeClass);
    this.#volumesByClaim = this.#volumes.index(claimKeyOf);
    this.#openClaimsByClass = this.#claims.index(openClaimClass);
    this.#podsByClaim = parts.informers.get(Pods).index(claimKeysOf);
    this.#liveUse = new LiveUse(parts.client);
  }

  start(): Controller {
    const { informers, clock, logger } = this.#parts;
    return runController({
      name: 'volumes',
      clock,
      logger,
      concurrency: 64,
      reconcile: async (key) => {
        if (key.startsWith(CLAIM)) await this.#reconcileClaim(key.slice(CLAIM.length));
        else await this.#reconcileVolume(key.slice(VOLUME.length));
      },
      caches: [this.#claims, this.#volumes, informers.get(Pods), informers.get(Nodes), informers.get(StorageClasses)],
      follow: (queue) => this.#follow(queue),
    });
  }

  /** Tells of every key that a change may concern. */
  #follow(queue: ControllerQueue): readonly (() => void)[] {
    const { informers } = this.#parts;
    const [pods, nodes, classes] = [informers.get(Pods), informers.get(Nodes), informers.get(StorageClasses)];
    const claimNeedsWork = (claim: string): void => queue.enqueue(`${CLAIM}${claim}`);
    const openClaimsNeedWork = (storageClass: string): void => {
      for (const claim of this.#openClaimsByClass.get(storageClass)) claimNeedsWork(formatKey(keyOf(claim)));
    };
    return [
      this.#claims.subscribe((changes) => {
        for (const { object } of changes) {
          const key = formatKey(keyOf(object));
          claimNeedsWork(key);
          const volumes = new Set(this.#volumesByClaim.get(key).map(({ metadata }) => metadata.name));
          if (object.spec.volumeName) volumes.add(object.spec.volumeName);
          for (const name of volumes) queue.enqueue(`${VOLUME}${name}`);
        }
      }),
      this.#volumes.subscribe((changes) => {
        for (const { object } of changes) {
          queue.enqueue(`${VOLUME}${object.metadata.name}`);
          const claim = claimKeyOf(object);
          if (claim !== undefined) claimNeedsWork(claim);
          else openClaimsNeedWork(classOf(object) ?? '');
        }
      }),
      pods.subscribe((changes) => {
        for (const { type, object } of changes) {
          const isOver = type === 'updated' && object.metadata.deletionTimestamp !== undefined && !holdsClaims(object);
          if (type !== 'deleted' && !isOver) continue;
          for (const claim of claimKeysOf(object)) {
            if (this.#claims.getByKey(claim)?.metadata.deletionTimestamp !== undefined) claimNeedsWork(claim);
          }
        }
      }),
      classes.subscribe((changes) => {
        for (const { object } of changes) {
          openClaimsNeedWork(object.metadata.name);
          if (isDefaultClass(object)) openClaimsNeedWork(NO_CLASS);
        }
      }),
      nodes.subscribe((changes) => {
        if (changes.every(({ type }) => type === 'updated')) return;
        for (const { metadata } of classes.list()) openClaimsNeedWork(metadata.name);
      }),
    ];
  }

  async #reconcileClaim(key: string): Promise<void> {
    const claim = this.#claims.getByKey(key);
    if (claim === undefined) return;
    await this.#carryOut(claim, planClaim(this.#observe(key, claim)));
  }

  #observe(key: string, claim: PersistentVolumeClaim): ObservedClaim {
    const { informers } = this.#parts;
    const classes = informers.get(StorageClasses);
    const nodes = informers.get(Nodes);
    const className = classOf(claim);
    return {
      claim,
      volume: claim.spec.volumeName ? this.#volumes.get({ name: claim.spec.volumeName }) : undefined,
      candidates: () => [...this.#volumesByClaim.get(key), ...this.#volumesByClass.get(className ?? '')],
      storageClass: className ? classes.get({ name: className }) : undefined,
      defaultClass: [...classes.list()].find(isDefaultClass)?.metadata.name,
      node: (name) => nodes.get({ name }),
      anyNode: () => {
        const ready = [...nodes.list()].filter((node) => nodeReadiness(node) === 'True' && !node.spec.unschedulable);
        return ready.map(({ metadata }) => metadata.name).sort()[0];
      },
      isUsed: () => this.#podsByClaim.get(key).some(holdsClaims),
    };
  }

  async #carryOut(claim: PersistentVolumeClaim, plan: ClaimPlan): Promise<void> {
    const { client, events } = this.#parts;
    const { uid, name, namespace = '' } = claim.metadata;
    switch (plan.type) {
      case 'nothing':
        return;
      case 'let-go':
        // C7: the cache may not show the newest pod yet.
        if (await this.#liveUse.isUsed(namespace, name)) return;
        await this.#patchClaim(claim, {
          metadata: { finalizers: (claim.metadata.finalizers ?? []).filter((each) => each !== CLAIM_PROTECTION) },
        });
        return;
      case 'set-class':
        await this.#patchClaim(claim, { spec: { storageClassName: plan.storageClassName } });
        return;
      case 'select-node':
        await this.#patchClaim(claim, { metadata: { annotations: { [SELECTED_NODE]: plan.nodeName ?? null } } });
        return;
      case 'bind':
        await this.#bind(claim, plan.volume);
        return;
      case 'grow':
        await client.patch(PersistentVolumes, keyOf(plan.volume), {
          type: 'merge',
          body: { metadata: { uid: plan.volume.metadata.uid }, spec: { capacity: { storage: plan.storage } } },
        });
        await client.patch(
          PersistentVolumeClaims,
          keyOf(claim),
          { type: 'merge', body: { metadata: { uid }, status: plan.status } },
          { subresource: 'status' },
        );
        events.record({
          about: claim,
          type: 'Normal',
          reason: 'VolumeResizeSuccessful',
          message: `the volume has grown to ${plan.storage}`,
        });
        return;
      case 'set-status':
        if (plan.note) events.record({ about: claim, ...plan.note });
        if (isSameStatus(claim, plan.status)) return;
        await client.update(PersistentVolumeClaims, { ...claim, status: plan.status }, { subresource: 'status' });
    }
  }

  /** Every step is taken only when it is needed, so that a bind that was cut short is finished by the next pass. */
  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const { client } = this.#parts;
    const { uid, name, namespace } = claim.metadata;
    const isPerson = volume.spec.claimRef !== undefined;
    let held = volume;
    if (volume.spec.claimRef?.uid !== uid) {
      held = await client.update(PersistentVolumes, {
        ...volume,
        metadata: isPerson
          ? volume.metadata
          : { ...volume.metadata, annotations: { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' } },
        spec: {
          ...volume.spec,
          claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...(namespace && { namespace }), name, uid },
        },
      });
    }
    const annotations = boundAnnotations(claim);
    const isMarked = Object.keys(annotations).every((key) => claim.metadata.annotations?.[key] !== undefined);
    const bound =
      claim.spec.volumeName === volume.metadata.name && isMarked
        ? claim
        : await this.#patchClaim(claim, { metadata: { annotations }, spec: { volumeName: volume.metadata.name } });
    const status = boundStatus(bound, held);
    if (!isSameStatus(bound, status)) {
      await client.update(PersistentVolumeClaims, { ...bound, status }, { subresource: 'status' });
    }
  }

  #patchClaim(
    claim: PersistentVolumeClaim,
    body: { readonly metadata?: object; readonly spec?: object },
  ): Promise<PersistentVolumeClaim> {
    const { uid, resourceVersion } = claim.metadata;
    return this.#parts.client.patch(PersistentVolumeClaims, keyOf(claim), {
      type: 'merge',
      body: { ...body, metadata: { uid, resourceVersion, ...body.metadata } },
    });
  }

  #setPhase(volume: PersistentVolume, phase: string): Promise<PersistentVolume> {
    return this.#parts.client.update(
      PersistentVolumes,
      { ...volume, status: { ...volume.status, phase } },
      { subresource: 'status' },
    );
  }

  async #reconcileVolume(name: string): Promise<void> {
    const volume = this.#volumes.get({ name });
    if (volume === undefined) return;
    const { client, events } = this.#parts;
    const claimKey = claimKeyOf(volume);
    const named = claimKey === undefined ? undefined : this.#claims.getByKey(claimKey);
    const plan = planVolume({ volume, claim: isMeant(named, volume) ? named : undefined });
    switch (plan.type) {
      case 'nothing':
        return;
      case 'let-go':
        await client.update(PersistentVolumes, {
          ...volume,
          metadata: {
            ...volume.metadata,
            finalizers: (volume.metadata.finalizers ?? []).filter((each) => each !== VOLUME_PROTECTION),
          },
        });
        return;
      case 'unbind': {
        const { claimRef: _free, ...spec } = volume.spec;
        await client.update(PersistentVolumes, { ...volume, spec });
        return;
      }
      case 'set-phase':
        await this.#setPhase(volume, plan.phase);
        return;
      case 'release':
        if (await this.#hasClaim(volume)) return;
        await this.#setPhase(volume, plan.phase);
        if (plan.note) events.record({ about: volume, ...plan.note });
    }
  }

  /** C8: whether the claim of a volume lives, asked of the API itself: data is removed on the strength of this. */
  async #hasClaim({ metadata, spec }: PersistentVolume): Promise<boolean> {
    const { namespace, name = '', uid } = spec.claimRef ?? {};
    try {
      const claim = await this.#parts.client.get(PersistentVolumeClaims, { ...(namespace && { namespace }), name });
      const hasAnother = Boolean(claim.spec.volumeName) && claim.spec.volumeName !== metadata.name;
      return claim.metadata.uid === uid && !hasAnother;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}

/** In the index of open claims: those that leave the class open. */
const NO_CLASS = '(default)';

function freeVolumeClass(volume: PersistentVolume): string | undefined {
  return volume.spec.claimRef === undefined ? (classOf(volume) ?? '') : undefined;
}

function claimKeyOf({ spec: { claimRef } }: PersistentVolume): string | undefined {
  return claimRef?.name === undefined ? undefined : `${claimRef.namespace ?? ''}/${claimRef.name}`;
}

function openClaimClass(claim: PersistentVolumeClaim): string | undefined {
  return claim.spec.volumeName ? undefined : (classOf(claim) ?? NO_CLASS);
}

/** Whether a claim of the right name is the very claim a volume is reserved for. */
function isMeant(claim: PersistentVolumeClaim | undefined, { spec }: PersistentVolume): boolean {
  return claim !== undefined && (!spec.claimRef?.uid || spec.claimRef.uid === claim.metadata.uid);
}
