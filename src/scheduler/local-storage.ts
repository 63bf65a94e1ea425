import type { PersistentVolume, PersistentVolumeClaim } from '../api/generated/types.ts';
import { formatKey, keyOf } from '../api/meta.ts';
import { quantityValue } from '../api/quantity.ts';

interface Share {
  readonly node: string;
  readonly bytes: number;
}

/** How much of each node's disk its local volumes may take, those included that are still to be made. */
export class LocalStorage {
  /** By the name of the volume, or by the key of a claim whose volume is not there yet. */
  readonly #volumes = new Map<string, Share>();
  readonly #claims = new Map<string, Share>();
  readonly #taken = new Map<string, number>();

  /** In bytes. */
  takenOn(node: string): number {
    return this.#taken.get(node) ?? 0;
  }

  /** A volume was seen in a new version. */
  seen(volume: PersistentVolume): void {
    const { capacity, claimRef, local } = volume.spec;
    if (claimRef !== undefined)
      this.forget(formatKey({ namespace: claimRef.namespace ?? '', name: claimRef.name ?? '' }));
    const node = local === undefined ? undefined : nodeOf(volume);
    this.#put(
      this.#volumes,
      volume.metadata.name,
      node === undefined ? undefined : { node, bytes: quantityValue(capacity?.storage ?? '0') },
    );
  }

  gone(volume: PersistentVolume): void {
    this.#put(this.#volumes, volume.metadata.name, undefined);
  }

  /** The volume of a claim will be made on a node. */
  promise(claim: PersistentVolumeClaim, node: string): void {
    this.#put(this.#claims, formatKey(keyOf(claim)), { node, bytes: requestOf(claim) });
  }

  /** It will not be made, or it is there. */
  forget(claim: string): void {
    this.#put(this.#claims, claim, undefined);
  }

  #put(shares: Map<string, Share>, key: string, share: Share | undefined): void {
    const before = shares.get(key);
    if (before !== undefined) this.#add(before.node, -before.bytes);
    if (share === undefined) {
      shares.delete(key);
      return;
    }
    shares.set(key, share);
    this.#add(share.node, share.bytes);
  }

  #add(node: string, bytes: number): void {
    this.#taken.set(node, this.takenOn(node) + bytes);
  }
}

/** How many bytes a claim asks for. */
export function requestOf({ spec }: PersistentVolumeClaim): number {
  return quantityValue(spec.resources?.requests?.storage ?? '0');
}

/** The one node a volume can be used on. */
function nodeOf({ spec }: PersistentVolume): string | undefined {
  for (const { matchExpressions = [] } of spec.nodeAffinity?.required?.nodeSelectorTerms ?? []) {
    const hostname = matchExpressions.find(({ key }) => key === 'kubernetes.io/hostname');
    if (hostname !== undefined) return hostname.values?.[0];
  }
  return undefined;
}
