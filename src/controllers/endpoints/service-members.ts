import type { Pod, Service } from '../../api/generated/types.ts';
import { formatKey, keyOf } from '../../api/meta.ts';

/** A service with a selector, and the pods it selects. */
interface Entry {
  readonly key: string;
  readonly namespace: string;
  readonly selector: readonly (readonly [string, string])[];
  /** By `namespace/name`. */
  readonly pods: Map<string, Pod>;
}

const NO_SERVICES: readonly string[] = [];
const NO_ENTRIES: readonly Entry[] = [];

/**
 * Which pods each service selects, kept up to date pod by pod: finding the services of a pod costs as much as it has
 * labels, however many services there are.
 */
export class ServiceMembers {
  readonly #entries = new Map<string, Entry>();
  /** For each namespace that has any: services by one of the labels they select by, as `key=value`. */
  readonly #byLabel = new Map<string, Map<string, Set<Entry>>>();
  readonly #servicesOfPod = new Map<string, readonly Entry[]>();

  /** The pods a service selects. */
  podsOf(service: string): Iterable<Pod> {
    return this.#entries.get(service)?.pods.values() ?? [];
  }

  /** How many pods a service selects. */
  count(service: string): number {
    return this.#entries.get(service)?.pods.size ?? 0;
  }

  /** A service was created or changed. `allPods` are looked through when it selects others than before. */
  setService(service: Service, allPods: () => Iterable<Pod>): void {
    const key = formatKey(keyOf(service));
    const selector = Object.entries(service.spec?.selector ?? {}).sort();
    const known = this.#entries.get(key);
    if (known !== undefined && JSON.stringify(known.selector) === JSON.stringify(selector)) return;
    this.removeService(key);
    const [first] = selector;
    if (first === undefined || service.spec?.type === 'ExternalName') return;
    const namespace = service.metadata.namespace ?? '';
    const entry: Entry = { key, namespace, selector, pods: new Map() };
    this.#entries.set(key, entry);
    const byLabel = this.#byLabel.get(namespace) ?? new Map<string, Set<Entry>>();
    this.#byLabel.set(namespace, byLabel);
    const label = first.join('=');
    const others = byLabel.get(label);
    if (others === undefined) byLabel.set(label, new Set([entry]));
    else others.add(entry);
    for (const pod of allPods()) {
      if (!selects(entry, pod)) continue;
      const podKey = formatKey(keyOf(pod));
      entry.pods.set(podKey, pod);
      this.#servicesOfPod.set(podKey, [...(this.#servicesOfPod.get(podKey) ?? []), entry]);
    }
  }

  removeService(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const [first] = entry.selector;
    const label = first?.join('=') ?? '';
    const byLabel = this.#byLabel.get(entry.namespace);
    const others = byLabel?.get(label);
    if (others?.delete(entry) && others.size === 0) byLabel?.delete(label);
    if (byLabel?.size === 0) this.#byLabel.delete(entry.namespace);
    for (const podKey of entry.pods.keys()) {
      const left = (this.#servicesOfPod.get(podKey) ?? []).filter((service) => service !== entry);
      if (left.length === 0) this.#servicesOfPod.delete(podKey);
      else this.#servicesOfPod.set(podKey, left);
    }
  }

  /** A pod was created or changed, or is gone (`isGone`): the services that select it, or did until now. */
  setPod(pod: Pod, isGone: boolean): readonly string[] {
    const key = formatKey(keyOf(pod));
    const before = this.#servicesOfPod.get(key);
    const now = isGone ? NO_ENTRIES : this.#servicesSelecting(pod);
    if (before === undefined && now.length === 0) return NO_SERVICES;
    if (before !== undefined && isSameList(before, now)) {
      for (const entry of now) entry.pods.set(key, pod);
      return now.map((entry) => entry.key);
    }
    for (const entry of before ?? []) entry.pods.delete(key);
    for (const entry of now) entry.pods.set(key, pod);
    if (now.length === 0) this.#servicesOfPod.delete(key);
    else this.#servicesOfPod.set(key, now);
    return [...new Set([...(before ?? []), ...now])].map((entry) => entry.key);
  }

  #servicesSelecting(pod: Pod): readonly Entry[] {
    const found: Entry[] = [];
    const { namespace = '', labels = {} } = pod.metadata;
    const byLabel = this.#byLabel.get(namespace);
    if (byLabel === undefined) return NO_ENTRIES;
    for (const [name, value] of Object.entries(labels)) {
      for (const entry of byLabel.get(`${name}=${value}`) ?? []) {
        if (selects(entry, pod)) found.push(entry);
      }
    }
    return found;
  }
}

function isSameList(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}

function selects({ namespace, selector }: Entry, { metadata }: Pod): boolean {
  return metadata.namespace === namespace && selector.every(([name, value]) => metadata.labels?.[name] === value);
}
