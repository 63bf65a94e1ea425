import type { Node, Pod } from '../api/generated/types.ts';
import type { LabelMatch, Labels } from '../api/labels.ts';
import { controllerOf } from '../api/owner-references.ts';
import { claimKeysOf } from '../api/pod-claims.ts';
import { type HostPort, hostPortsOf, podRequests, type Resources, resourceValues } from '../api/pod-requests.ts';

/** A pod on a node, with what is computed from it once. */
export interface PlacedPod {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly requests: Resources;
  readonly hostPorts: readonly HostPort[];
}

/** A node as the filters and scores see it. */
export interface NodeView {
  readonly node: Node;
  readonly labels: Labels;
  /** What it has to give. */
  readonly allocatable: Resources;
  /** What its pods have asked for. */
  readonly requested: Resources;
  /** The same, where a pod that asks for nothing counts as a small one: for scores only. */
  readonly estimated: { readonly cpuMillis: number; readonly memoryBytes: number };
  /** By uid. */
  readonly pods: ReadonlyMap<string, PlacedPod>;
  readonly hostPorts: readonly HostPort[];
  /** How many pods of each controller it has, by the controller's uid. */
  readonly podsByOwner: ReadonlyMap<string, number>;
}

/** The cluster at one moment, as {@link schedule} sees it. */
export interface Snapshot {
  /** Nodes in the order of their names. */
  readonly nodes: readonly NodeView[];
  node(name: string): NodeView | undefined;
  /** Placed pods whose labels match, in one of the namespaces that `inNamespace` accepts. */
  podsMatching(
    requiredLabels: Labels,
    matches: LabelMatch,
    inNamespace: ReadonlySet<string> | undefined,
  ): readonly PlacedPod[];
  /** Placed pods that may keep this one away, by required anti-affinity: those that speak of one of its labels. */
  podsAverseTo(pod: Pod): Iterable<PlacedPod>;
  /** Whether a placed pod uses this claim (`namespace/name`). */
  isClaimInUse(claim: string): boolean;
  namespaceLabels(namespace: string): Labels;
  readonly namespaces: Iterable<string>;
}

/** What a pod that asks for nothing is taken to need, so that such pods spread too. */
const ESTIMATED_CPU_MILLIS = 100;
const ESTIMATED_MEMORY_BYTES = 200 * 2 ** 20;

class NodeState implements NodeView {
  node: Node;
  labels: Labels = {};
  allocatable: Resources = new Map();
  readonly requested = new Map<string, number>();
  readonly estimated = { cpuMillis: 0, memoryBytes: 0 };
  readonly pods = new Map<string, PlacedPod>();
  hostPorts: readonly HostPort[] = [];
  readonly podsByOwner = new Map<string, number>();

  constructor(node: Node) {
    this.node = node;
    this.setNode(node);
  }

  setNode(node: Node): void {
    this.node = node;
    this.labels = node.metadata.labels ?? {};
    this.allocatable = resourceValues(node.status?.allocatable ?? node.status?.capacity);
  }

  add(placed: PlacedPod): void {
    this.pods.set(placed.pod.metadata.uid, placed);
    this.#count(placed, 1);
    if (placed.hostPorts.length > 0) this.hostPorts = [...this.hostPorts, ...placed.hostPorts];
  }

  remove(placed: PlacedPod): void {
    if (!this.pods.delete(placed.pod.metadata.uid)) return;
    this.#count(placed, -1);
    if (placed.hostPorts.length > 0) this.hostPorts = [...this.pods.values()].flatMap((other) => other.hostPorts);
  }

  #count({ pod, requests }: PlacedPod, by: 1 | -1): void {
    for (const [name, value] of requests) this.requested.set(name, (this.requested.get(name) ?? 0) + by * value);
    const estimated = estimate(requests);
    this.estimated.cpuMillis += by * estimated.cpuMillis;
    this.estimated.memoryBytes += by * estimated.memoryBytes;
    const owner = controllerOf(pod)?.uid;
    if (owner !== undefined) bump(this.podsByOwner, owner, by);
  }
}

/** What a pod is taken to use when nodes are compared. */
export function estimate(requests: Resources): { readonly cpuMillis: number; readonly memoryBytes: number } {
  return {
    cpuMillis: requests.get('cpu') ?? ESTIMATED_CPU_MILLIS,
    memoryBytes: requests.get('memory') ?? ESTIMATED_MEMORY_BYTES,
  };
}

/** The cluster, kept up to date object by object: every change costs as much as the object is large. */
export class ClusterSnapshot implements Snapshot {
  readonly #nodes = new Map<string, NodeState>();
  #sorted: readonly NodeState[] | undefined;
  /** Every placed pod by uid, also on a node that is not known (any more). */
  readonly #pods = new Map<string, PlacedPod>();
  readonly #podsByNode = new Map<string, Map<string, PlacedPod>>();
  /** Pods with required anti-affinity, by a label (`key=value`) that each of their terms asks for, or under `''`. */
  readonly #averse = new Map<string, Set<PlacedPod>>();
  /** How many placed pods use each claim. */
  readonly #podsByClaim = new Map<string, number>();
  /** Pods by `key=value`, for label keys that some selector has asked for: most keys never are. */
  readonly #podsByLabel = new Map<string, Set<PlacedPod>>();
  readonly #indexedKeys = new Set<string>();
  readonly #namespaces = new Map<string, Labels>();

  get nodes(): readonly NodeView[] {
    this.#sorted ??= [...this.#nodes.values()].sort((a, b) => compareNames(a.node.metadata.name, b.node.metadata.name));
    return this.#sorted;
  }

  node(name: string): NodeView | undefined {
    return this.#nodes.get(name);
  }

  *podsAverseTo({ metadata }: Pod): Iterable<PlacedPod> {
    if (this.#averse.size === 0) return;
    yield* this.#averse.get('') ?? [];
    for (const [key, value] of Object.entries(metadata.labels ?? {})) yield* this.#averse.get(`${key}=${value}`) ?? [];
  }

  get namespaces(): Iterable<string> {
    return this.#namespaces.keys();
  }

  namespaceLabels(namespace: string): Labels {
    return this.#namespaces.get(namespace) ?? {};
  }

  isClaimInUse(claim: string): boolean {
    return this.#podsByClaim.has(claim);
  }

  /** The node a pod is placed on. */
  placeOf(uid: string): string | undefined {
    return this.#pods.get(uid)?.nodeName;
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    this.#namespaces.set(name, labels ?? {});
  }

  removeNamespace(name: string): void {
    this.#namespaces.delete(name);
  }

  setNode(node: Node): void {
    const { name } = node.metadata;
    const known = this.#nodes.get(name);
    if (known !== undefined) {
      known.setNode(node);
      return;
    }
    const state = new NodeState(node);
    for (const placed of this.#podsByNode.get(name)?.values() ?? []) state.add(placed);
    this.#nodes.set(name, state);
    this.#sorted = undefined;
  }

  removeNode(name: string): void {
    if (this.#nodes.delete(name)) this.#sorted = undefined;
  }

  /** Counts a pod on a node, whether it is bound there or only meant to be. Replaces what was known of it. */
  place(pod: Pod, nodeName: string): void {
    this.remove(pod.metadata.uid);
    const placed: PlacedPod = { pod, nodeName, requests: podRequests(pod), hostPorts: hostPortsOf(pod) };
    const { uid } = pod.metadata;
    this.#pods.set(uid, placed);
    const onNode = this.#podsByNode.get(nodeName);
    if (onNode === undefined) this.#podsByNode.set(nodeName, new Map([[uid, placed]]));
    else onNode.set(uid, placed);
    this.#nodes.get(nodeName)?.add(placed);
    for (const label of aversionsOf(pod)) {
      const averse = this.#averse.get(label);
      if (averse === undefined) this.#averse.set(label, new Set([placed]));
      else averse.add(placed);
    }
    for (const claim of claimKeysOf(pod)) bump(this.#podsByClaim, claim, 1);
    for (const key of this.#indexedKeys) this.#indexLabel(placed, key);
  }

  remove(uid: string): void {
    const placed = this.#pods.get(uid);
    if (placed === undefined) return;
    this.#pods.delete(uid);
    const onNode = this.#podsByNode.get(placed.nodeName);
    if (onNode?.delete(uid) && onNode.size === 0) this.#podsByNode.delete(placed.nodeName);
    this.#nodes.get(placed.nodeName)?.remove(placed);
    for (const label of aversionsOf(placed.pod)) {
      const averse = this.#averse.get(label);
      if (averse?.delete(placed) && averse.size === 0) this.#averse.delete(label);
    }
    for (const claim of claimKeysOf(placed.pod)) bump(this.#podsByClaim, claim, -1);
    for (const key of this.#indexedKeys) {
      const label = `${key}=${placed.pod.metadata.labels?.[key]}`;
      const pods = this.#podsByLabel.get(label);
      if (pods?.delete(placed) && pods.size === 0) this.#podsByLabel.delete(label);
    }
  }

  podsMatching(
    requiredLabels: Labels,
    matches: LabelMatch,
    inNamespace: ReadonlySet<string> | undefined,
  ): readonly PlacedPod[] {
    const found: PlacedPod[] = [];
    for (const placed of this.#candidates(requiredLabels)) {
      const { namespace = '', labels } = placed.pod.metadata;
      if ((inNamespace === undefined || inNamespace.has(namespace)) && matches(labels)) found.push(placed);
    }
    return found;
  }

  /** All pods that have the rarest of the labels, or all pods. */
  #candidates(requiredLabels: Labels): Iterable<PlacedPod> {
    let fewest: ReadonlySet<PlacedPod> | undefined;
    for (const [key, value] of Object.entries(requiredLabels)) {
      if (!this.#indexedKeys.has(key)) {
        this.#indexedKeys.add(key);
        for (const placed of this.#pods.values()) this.#indexLabel(placed, key);
      }
      const pods = this.#podsByLabel.get(`${key}=${value}`);
      if (pods === undefined) return [];
      if (fewest === undefined || pods.size < fewest.size) fewest = pods;
    }
    return fewest ?? this.#pods.values();
  }

  #indexLabel(placed: PlacedPod, key: string): void {
    const value = placed.pod.metadata.labels?.[key];
    if (value === undefined) return;
    const pods = this.#podsByLabel.get(`${key}=${value}`);
    if (pods === undefined) this.#podsByLabel.set(`${key}=${value}`, new Set([placed]));
    else pods.add(placed);
  }
}

/** For each term one label that whoever it speaks of has; empty when there is none to be found by. */
function aversionsOf({ spec }: Pod): readonly string[] {
  const terms = spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.map(({ labelSelector }) => {
    const [first] = Object.entries(labelSelector?.matchLabels ?? {});
    return first === undefined ? '' : `${first[0]}=${first[1]}`;
  });
}

function bump(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** `node-2` before `node-10`. */
function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true }) || (a < b ? -1 : 1);
}
