import type { Service } from '../../api/generated/types.ts';
import { Services } from '../../api/kinds.ts';
import type { Random } from '../../platform/random.ts';
import type { Entry, Store, StoreEvent } from '../../store/store.ts';
import { resourcePrefix } from '../keys.ts';
import { type AddressRange, formatAddress, parseAddress } from './address-range.ts';

/** Why an address or a port cannot be had, in Kubernetes' words. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
}

/** What a service that is being written has set aside; others cannot have it until it is released. */
export interface Hold {
  /** Sets this very address aside. Throws {@link AllocationError}. */
  address(address: string): void;
  /** Sets any free address aside. Throws {@link AllocationError}. */
  anyAddress(): string;
  /** Sets this very node port aside. Throws {@link AllocationError}. */
  port(port: number): void;
  anyPort(): number;
  /** To be called when the service is stored, or is not going to be. */
  release(): void;
}

const FIRST_PORT = 30_000;
const LAST_PORT = 32_767;

/**
 * Which cluster addresses and node ports are taken: what the stored services say, and what is set aside for those
 * being written. Nothing else is kept, so nothing can be lost.
 */
export class ServiceAddresses {
  readonly #store: Store;
  readonly #random: Random;
  readonly #range: AddressRange;
  /** Who has it in the store: address or port to the key of the service. */
  readonly #stored = new Map<string | number, string>();
  readonly #held = new Set<string | number>();
  #loading: Promise<void> | undefined;

  constructor(store: Store, random: Random, range: AddressRange) {
    this.#store = store;
    this.#random = random;
    this.#range = range;
  }

  /** The first of the range: the API's own. */
  get first(): string {
    return formatAddress(this.#range.first);
  }

  /** Resolves when what is stored is known. */
  ready(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** Begins to set things aside for the service at `key`. {@link ready} must have resolved. */
  hold(key: string): Hold {
    const own = new Set<string | number>();
    const take = (resource: string | number): void => {
      if (own.has(resource)) return;
      own.add(resource);
      this.#held.add(resource);
    };
    const isFree = (resource: string | number): boolean =>
      own.has(resource) || (!this.#held.has(resource) && (this.#stored.get(resource) ?? key) === key);
    return {
      address: (address) => {
        const value = parseAddress(address);
        if (value === undefined || value < this.#range.first || value > this.#range.last) {
          throw new AllocationError(
            `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.#range.text}`,
          );
        }
        if (!isFree(address))
          throw new AllocationError(`failed to allocate IP ${address}: provided IP is already allocated`);
        take(address);
      },
      anyAddress: () => {
        const { first, last } = this.#range;
        const address = this.#pick(first, last, formatAddress, isFree);
        if (address === undefined) throw new AllocationError('failed to allocate a serviceIP: range is full');
        take(address);
        return address;
      },
      port: (port) => {
        if (port < FIRST_PORT || port > LAST_PORT) {
          throw new AllocationError(
            `provided port is not in the valid range. The range of valid ports is ${FIRST_PORT}-${LAST_PORT}`,
          );
        }
        if (!isFree(port)) throw new AllocationError('provided port is already allocated');
        take(port);
      },
      anyPort: () => {
        const port = this.#pick(
          FIRST_PORT,
          LAST_PORT,
          (value) => value,
          (value) => !own.has(value) && isFree(value),
        );
        if (port === undefined) throw new AllocationError('failed to allocate a nodePort: range is full');
        take(port);
        return port;
      },
      release: () => {
        for (const resource of own) this.#held.delete(resource);
        own.clear();
      },
    };
  }

  /** A free one of the range. It begins to look anywhere in the upper part, so that asked-for low ones stay free. */
  #pick<T extends string | number>(
    first: number,
    last: number,
    resourceOf: (value: number) => T,
    isFree: (resource: T) => boolean,
  ): T | undefined {
    const size = last - first + 1;
    const reserved = Math.min(256, Math.floor(size / 16));
    const start = reserved + Math.floor(this.#random.next() * (size - reserved));
    for (let step = 0; step < size; step += 1) {
      const resource = resourceOf(first + ((start + step) % size));
      if (isFree(resource)) return resource;
    }
    return undefined;
  }

  async #load(): Promise<void> {
    const prefix = resourcePrefix(Services);
    const { entries, revision } = await this.#store.list(prefix);
    for (const entry of entries) this.#add(entry);
    this.#store.watch(prefix, revision, {
      events: (batch) => batch.forEach((event) => void this.#follow(event)),
      // What is known may grow old from here on: it is read again before it is used again.
      closed: () => this.#forget(),
    });
  }

  #follow({ type, entry, previous }: StoreEvent): void {
    if (previous !== undefined) this.#remove(previous);
    if (type === 'put') this.#add(entry);
  }

  #forget(): void {
    this.#stored.clear();
    this.#loading = undefined;
  }

  #add(entry: Entry): void {
    for (const resource of resourcesOf(entry)) this.#stored.set(resource, entry.key);
  }

  #remove(entry: Entry): void {
    for (const resource of resourcesOf(entry)) {
      if (this.#stored.get(resource) === entry.key) this.#stored.delete(resource);
    }
  }
}

function resourcesOf(entry: Entry): readonly (string | number)[] {
  const { spec } = entry.value as Service;
  const addresses = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const ports = (spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  return [...addresses.filter((address) => address !== '' && address !== 'None'), ...ports.filter((port) => port > 0)];
}
