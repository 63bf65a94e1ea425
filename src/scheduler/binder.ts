import type { PersistentVolumeClaim, Pod } from '../api/generated/types.ts';
import { PersistentVolumeClaims, Pods } from '../api/kinds.ts';
import { formatKey, keyOf } from '../api/meta.ts';
import { SELECTED_NODE } from '../api/volume-names.ts';
import type { Client } from '../client/client.ts';
import type { Informer } from '../client/informer.ts';
import { isFullyBound } from './volume-filters.ts';

export type BindingStep =
  | { readonly type: 'bound' }
  /** Something has to happen to a claim first. */
  | { readonly type: 'waiting' }
  /** The pod cannot go to this node after all. */
  | { readonly type: 'impossible'; readonly why: string };

/** Takes pods to their nodes: first their claims that wait for a consumer, then the pod itself. */
export class Binder {
  readonly #client: Client;
  readonly #claims: Informer<PersistentVolumeClaim>;
  /** Nodes chosen for claims, until the claims say so themselves. */
  readonly #chosen = new Map<string, string>();

  constructor(client: Client, claims: Informer<PersistentVolumeClaim>) {
    this.#client = client;
    this.#claims = claims;
  }

  /** The node a claim gets its volume on, if that is decided. */
  selectedNode(claim: PersistentVolumeClaim): string | undefined {
    return claim.metadata.annotations?.[SELECTED_NODE] ?? this.#chosen.get(formatKey(keyOf(claim)));
  }

  choose(claim: PersistentVolumeClaim, nodeName: string): void {
    this.#chosen.set(formatKey(keyOf(claim)), nodeName);
  }

  /** A claim was seen in a new version. */
  seen(key: string, claim: PersistentVolumeClaim): void {
    if (claim.metadata.annotations?.[SELECTED_NODE] !== undefined) this.#chosen.delete(key);
  }

  /** The pod does not go where it was to go: its claims are free to go elsewhere. */
  forget(claims: readonly string[]): void {
    for (const key of claims) this.#chosen.delete(key);
  }

  /** Does what can be done now. Throws what the API throws. */
  async step(pod: Pod, claims: readonly string[], nodeName: string): Promise<BindingStep> {
    let isReady = true;
    for (const key of claims) {
      const claim = this.#claims.getByKey(key);
      if (claim === undefined) return { type: 'impossible', why: `claim ${key} is gone` };
      if (isFullyBound(claim)) {
        this.#chosen.delete(key);
        continue;
      }
      isReady = false;
      const selected = this.selectedNode(claim);
      // Whoever makes volumes there took the node's name away again.
      if (selected === undefined) return { type: 'impossible', why: `no volume can be made for ${key} on ${nodeName}` };
      if (selected !== nodeName) return { type: 'impossible', why: `claim ${key} gets its volume on ${selected}` };
      if (claim.metadata.annotations?.[SELECTED_NODE] === undefined) await this.#select(claim, nodeName);
    }
    if (!isReady) return { type: 'waiting' };
    await this.#bind(pod, nodeName);
    return { type: 'bound' };
  }

  async #select(claim: PersistentVolumeClaim, nodeName: string): Promise<void> {
    const annotations = { [SELECTED_NODE]: nodeName };
    const body = { metadata: { uid: claim.metadata.uid, annotations } };
    await this.#client.patch(PersistentVolumeClaims, keyOf(claim), { type: 'merge', body });
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    await this.#client.createSubresource(Pods, keyOf(pod), 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      // The uid: a pod made again under the same name in the meantime is another one.
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    });
  }
}
