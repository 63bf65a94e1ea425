/** IPv4 addresses of a range, handed out in turn so that a freed one is not used again at once. */
export class AddressPool {
  readonly #first: number;
  readonly #size: number;
  readonly #taken = new Set<number>();
  #next = 0;

  /** @param cidr such as `10.88.0.0/16`; the first address (the node's) and the last are never handed out */
  constructor(cidr: string) {
    const [base = '', bits = '32'] = cidr.split('/');
    const size = 2 ** (32 - Number(bits));
    const start = base.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
    this.#first = start + 2;
    this.#size = Math.max(0, size - 3);
  }

  take(): string {
    if (this.#taken.size >= this.#size) throw new Error(`all ${this.#size} addresses of the pod range are in use`);
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % this.#size;
    const offset = this.#next;
    this.#taken.add(offset);
    this.#next = (offset + 1) % this.#size;
    return format(this.#first + offset);
  }

  free(address: string): void {
    const value = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
    this.#taken.delete(value - this.#first);
  }
}

function format(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
