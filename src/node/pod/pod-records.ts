import type { Pod } from '../../api/generated/types.ts';
import { claimNamesOf } from '../../api/pod-claims.ts';
import { Allocation } from '../allocation.ts';
import { ReferenceIndex } from '../config/pod-references.ts';
import type { PodRecord } from './pod-record.ts';

/** The records of all pods of a node, found by what is asked for. */
export class PodRecords {
  readonly #byUid = new Map<string, PodRecord>();
  /** M7: more than one when the one before has not yet ended. */
  readonly #byName = new Map<string, Set<PodRecord>>();
  readonly #references = new ReferenceIndex();
  /** What the pods that the node has admitted take of it. */
  readonly allocation = new Allocation();

  get(uid: string): PodRecord | undefined {
    return this.#byUid.get(uid);
  }

  uids(): Iterable<string> {
    return this.#byUid.keys();
  }

  add(record: PodRecord): void {
    this.#byUid.set(record.uid, record);
    if (record.pod) this.#references.add(record.pod);
    const same = this.#byName.get(nameOf(record));
    if (same) same.add(record);
    else this.#byName.set(nameOf(record), new Set([record]));
  }

  remove(record: PodRecord): void {
    this.#byUid.delete(record.uid);
    this.#references.remove(record.uid);
    this.allocation.remove(record.uid);
    const same = this.#byName.get(nameOf(record));
    same?.delete(record);
    if (same?.size === 0) this.#byName.delete(nameOf(record));
  }

  /** The pods the API knows to be here. */
  pods(): readonly Pod[] {
    return Array.from(this.#byUid.values()).flatMap(({ api }) => (api.type === 'bound' ? [api.pod] : []));
  }

  /** The records of the pods that refer to an object (see `referenceKey`). */
  referringTo(key: string): readonly PodRecord[] {
    return Array.from(this.#references.podsOf(key)).flatMap((uid) => this.#byUid.get(uid) ?? []);
  }

  /** M7: another pod of the same name of which something still runs, as it is called in messages. */
  predecessorOf(record: PodRecord): string | undefined {
    for (const other of this.#byName.get(nameOf(record)) ?? []) {
      if (other !== record && other.occupies) return `${other.namespace}/${other.name} with uid ${other.uid}`;
    }
    return undefined;
  }

  /** Whether something that runs here may have the claim's volume; a pod that only the runtime knows may have any. */
  usesClaim({ namespace, name }: { readonly namespace: string; readonly name: string }): boolean {
    for (const record of this.#byUid.values()) {
      if (!record.occupies) continue;
      if (record.pod === undefined) return true;
      if (record.namespace === namespace && claimNamesOf(record.pod).includes(name)) return true;
    }
    return false;
  }
}

function nameOf(record: PodRecord): string {
  return `${record.namespace}/${record.name}`;
}
