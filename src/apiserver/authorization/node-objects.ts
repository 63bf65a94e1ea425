import { isNotFound } from '../../api/errors.ts';
import type { PersistentVolume, Pod } from '../../api/generated/types.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods } from '../../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../../api/meta.ts';
import { type ReferencedKind, referenceKey, referencesOf } from '../../api/pod-references.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { SELECTED_NODE } from '../../api/volume-names.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Registry, RequestContext } from '../../registry/requests.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';
import { Mirror } from './mirror.ts';

const CONTEXT: RequestContext = { user: { name: 'system:apiserver', groups: [MASTERS_GROUP] } };
const HOSTNAME_LABEL = 'kubernetes.io/hostname';

/** Which objects are a node's business: its pods, and what they refer to. Nothing is kept before a node asks. */
export class NodeObjects {
  readonly #registry: Registry;
  readonly #pods: Mirror<Pod>;
  readonly #volumes: Mirror<PersistentVolume>;
  /** For each node how many of its pods refer to an object. */
  readonly #references = new Map<string, Map<string, number>>();

  constructor(registry: Registry, logger: Logger) {
    this.#registry = registry;
    this.#pods = new Mirror(registry, Pods, logger, (pod, old) => this.#podChanged(pod, old));
    this.#volumes = new Mirror(registry, PersistentVolumes, logger);
  }

  /** Whether a pod of the node refers to the object. */
  async refers(node: string, kind: ReferencedKind, namespace: string, name: string): Promise<boolean> {
    await this.#pods.read();
    return this.#references.get(node)?.has(referenceKey(kind, namespace, name)) ?? false;
  }

  /** Whether a pod is on the node. What does not exist is nobody's secret: true, so that the node learns of it. */
  async hasPod(node: string, key: ObjectKey): Promise<boolean> {
    const pod = await this.#find(Pods, key);
    return pod === undefined || pod.spec.nodeName === node;
  }

  async hasAccount(node: string, namespace: string, name: string): Promise<boolean> {
    await this.#pods.read();
    for (const { metadata, spec } of this.#pods.values()) {
      if (spec.nodeName === node && metadata.namespace === namespace && spec.serviceAccountName === name) return true;
    }
    return false;
  }

  /** Whether a claim is of a pod of the node, or waits for a volume of the node, or had one. */
  async hasClaim(node: string, namespace: string, name: string): Promise<boolean> {
    const claim = await this.#find(PersistentVolumeClaims, { namespace, name });
    if (claim === undefined || claim.metadata.annotations?.[SELECTED_NODE] === node) return true;
    if (await this.refers(node, 'PersistentVolumeClaim', namespace, name)) return true;
    await this.#volumes.read();
    for (const volume of this.#volumes.values()) {
      const { claimRef } = volume.spec;
      if (claimRef?.name === name && claimRef.namespace === namespace && isPinnedTo(volume, node)) return true;
    }
    return false;
  }

  /** Whether a volume is on the node, or of a claim of one of its pods. */
  async hasVolume(node: string, name: string): Promise<boolean> {
    const volume = await this.#find(PersistentVolumes, { name });
    if (volume === undefined || isPinnedTo(volume, node)) return true;
    const { namespace = '', name: claim = '' } = volume.spec.claimRef ?? {};
    return this.refers(node, 'PersistentVolumeClaim', namespace, claim);
  }

  close(): void {
    this.#pods.close();
    this.#volumes.close();
  }

  async #find<T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> {
    try {
      return (await this.#registry.get(type, key, CONTEXT)).object;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #podChanged(pod: Pod | undefined, old: Pod | undefined): void {
    // What a pod refers to does not change, and on which node it is only once.
    if (pod?.spec.nodeName === old?.spec.nodeName && pod?.metadata.uid === old?.metadata.uid) return;
    this.#count(old, -1);
    this.#count(pod, 1);
  }

  #count(pod: Pod | undefined, by: 1 | -1): void {
    const node = pod?.spec.nodeName;
    if (pod === undefined || node === undefined) return;
    const counts = this.#references.get(node) ?? new Map<string, number>();
    this.#references.set(node, counts);
    for (const key of referencesOf(pod)) {
      const count = (counts.get(key) ?? 0) + by;
      if (count > 0) counts.set(key, count);
      else counts.delete(key);
    }
    if (counts.size === 0) this.#references.delete(node);
  }
}

/** Whether a volume can be used on this node only. */
export function isPinnedTo({ spec }: PersistentVolume, node: string): boolean {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return (
    terms.length > 0 &&
    terms.every((term) =>
      term.matchExpressions?.some(
        ({ key, operator, values }) =>
          key === HOSTNAME_LABEL && operator === 'In' && values?.length === 1 && values[0] === node,
      ),
    )
  );
}
