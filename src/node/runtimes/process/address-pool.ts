import { StartError } from '../runtime.ts';
import { NumberPool } from './number-pool.ts';
import type { PodPlaces } from './pod-network.ts';

/** An IPv4 network as numbers: `10.244.7.0/24`. */
export interface Cidr {
  readonly first: number;
  readonly bits: number;
}

export function parseCidr(text: string): Cidr {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text);
  const bytes = match?.slice(1, 5).map(Number);
  const bits = Number(match?.[5]);
  if (bytes?.every((byte) => byte <= 255) !== true || bits > 30) {
    throw new Error(`${JSON.stringify(text)} is not an IPv4 network such as 10.244.0.0/24`);
  }
  const address = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return { first: address - (address % 2 ** (32 - bits)), bits };
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** The addresses of a network that pods may have: all but the first two (the network, its gateway) and the last. */
export class AddressPool {
  readonly #numbers: NumberPool;

  constructor(cidr: Cidr) {
    this.#numbers = new NumberPool(cidr.first + 2, 2 ** (32 - cidr.bits) - 3);
  }

  /** Undefined when all are taken. */
  allocate(): string | undefined {
    const number = this.#numbers.allocate();
    return number === undefined ? undefined : formatAddress(number);
  }

  /** False when it is taken already, or of another network. */
  claim(address: string): boolean {
    return this.#numbers.claim(parseAddress(address));
  }

  release(address: string): void {
    this.#numbers.release(parseAddress(address));
  }
}

function parseAddress(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
}

export function isOf(cidr: string, address: string): boolean {
  const { first, bits } = parseCidr(cidr);
  const offset = parseAddress(address) - first;
  return offset >= 0 && offset < 2 ** (32 - bits);
}

/** Every pod has an address of the network, and all ports there. */
export function ownAddresses(cidr: string): PodPlaces {
  const pool = new AddressPool(parseCidr(cidr));
  return {
    async allocate() {
      const address = pool.allocate();
      if (address === undefined)
        throw new StartError('CreateContainerError', `no address is left in the node's pod network ${cidr}`);
      return { address };
    },
    claim: ({ address }) => pool.claim(address),
    release: ({ address }) => pool.release(address),
  };
}
