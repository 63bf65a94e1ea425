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

/**
 * The addresses of a network that pods may have: all but the first two (the network, its gateway) and the last. An
 * address that was given back is the last to be given out again, so that whoever still remembers it meets nobody.
 */
export class AddressPool {
  readonly #first: number;
  readonly #count: number;
  readonly #used = new Set<number>();
  #next = 0;

  constructor(cidr: Cidr) {
    this.#first = cidr.first + 2;
    this.#count = 2 ** (32 - cidr.bits) - 3;
  }

  /** Undefined when all are taken. */
  allocate(): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const offset = (this.#next + tried) % this.#count;
      if (this.#used.has(offset)) continue;
      this.#used.add(offset);
      this.#next = (offset + 1) % this.#count;
      return formatAddress(this.#first + offset);
    }
    return undefined;
  }

  /** False when it is taken already, or of another network. */
  claim(address: string): boolean {
    const offset = this.#offset(address);
    if (offset < 0 || offset >= this.#count || this.#used.has(offset)) return false;
    this.#used.add(offset);
    this.#next = Math.max(this.#next, (offset + 1) % this.#count);
    return true;
  }

  release(address: string): void {
    this.#used.delete(this.#offset(address));
  }

  #offset(address: string): number {
    return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) - this.#first;
  }
}
