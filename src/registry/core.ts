import type { KubernetesObject } from '../api/meta.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { Entry, Store } from '../store/store.ts';
import type { ServiceAddresses } from './allocation/service-addresses.ts';
import type { CustomKinds } from './custom-resources/custom-kinds.ts';
import type { KeyLocks } from './key-locks.ts';
import type { StoredObject } from './requests.ts';
import type { AnyObject } from './strategies/strategy.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** What everything in the registry works with. */
export interface RegistryCore {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** One writer at a time for each key of the store. */
  readonly locks: KeyLocks;
  /** The kinds that definitions make. */
  readonly custom: CustomKinds;
  /** Which addresses and node ports services have. */
  readonly addresses: ServiceAddresses;
  /** Without it there are no tokens of service accounts. */
  readonly tokens: TokenIssuer | undefined;
}

/** A version in the store as the registry shows it. */
export class StoredEntry<T extends KubernetesObject = KubernetesObject> implements StoredObject<T> {
  readonly #entry: Entry;

  constructor(entry: Entry) {
    this.#entry = entry;
  }

  get object(): T {
    return objectOf<T>(this.#entry);
  }

  json(): Buffer {
    return this.#entry.json();
  }
}

/** An object that is shown but not stored: the outcome of a dry run, a scale. */
export class UnstoredObject<T extends KubernetesObject = KubernetesObject> implements StoredObject<T> {
  readonly object: T;
  #json: Buffer | undefined;

  constructor(object: T) {
    this.object = object;
  }

  json(): Buffer {
    this.#json ??= Buffer.from(JSON.stringify(this.object));
    return this.#json;
  }
}

/** The object of a version. Only the registry writes below its keys, so what is there is what it put there. */
export function objectOf<T extends KubernetesObject = AnyObject>(entry: Entry): T {
  return entry.value as T;
}
