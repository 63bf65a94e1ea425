import type { Pod } from '../api/generated/types.ts';
import { type HostPort, hostPortsOf, podRequests } from '../api/pod-requests.ts';

interface Share {
  readonly pod: Pod;
  readonly requests: ReadonlyMap<string, number>;
  readonly ports: readonly HostPort[];
}

/** What the pods of a node take of it, kept up as they come and go. */
export class Allocation {
  readonly #shares = new Map<string, Share>();
  readonly #used = new Map<string, number>();

  get pods(): number {
    return this.#shares.size;
  }

  /** How much of a resource is taken (see `Resources` for the units). */
  used(resource: string): number {
    return this.#used.get(resource) ?? 0;
  }

  /** The pods that take ports of the node itself. */
  *portHolders(): Iterable<Share> {
    for (const share of this.#shares.values()) if (share.ports.length > 0) yield share;
  }

  add(pod: Pod): void {
    this.remove(pod.metadata.uid);
    const share = { pod, requests: podRequests(pod), ports: hostPortsOf(pod) };
    this.#shares.set(pod.metadata.uid, share);
    for (const [name, value] of share.requests) this.#used.set(name, this.used(name) + value);
  }

  remove(podUid: string): void {
    const share = this.#shares.get(podUid);
    if (share === undefined) return;
    this.#shares.delete(podUid);
    for (const [name, value] of share.requests) this.#used.set(name, this.used(name) - value);
  }
}
