import type { Pod } from '../../api/generated/types.ts';
import { referencesOf } from '../../api/pod-references.ts';

/** Which pods refer to an object. */
export class ReferenceIndex {
  readonly #pods = new Map<string, Set<string>>();
  readonly #keys = new Map<string, ReadonlySet<string>>();

  add(pod: Pod): void {
    const { uid } = pod.metadata;
    this.remove(uid);
    const keys = referencesOf(pod);
    this.#keys.set(uid, keys);
    for (const key of keys) {
      const pods = this.#pods.get(key);
      if (pods) pods.add(uid);
      else this.#pods.set(key, new Set([uid]));
    }
  }

  remove(podUid: string): void {
    for (const key of this.#keys.get(podUid) ?? []) {
      const pods = this.#pods.get(key);
      pods?.delete(podUid);
      if (pods?.size === 0) this.#pods.delete(key);
    }
    this.#keys.delete(podUid);
  }

  /** The uids of the pods that refer to the object. */
  podsOf(key: string): Iterable<string> {
    return this.#pods.get(key) ?? [];
  }
}
