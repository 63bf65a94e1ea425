import { isIP } from 'node:net';

/** An address of the network, as a number. */
export class NetworkAddress {
  readonly family: 4 | 6;
  readonly value: bigint;

  constructor(family: 4 | 6, value: bigint) {
    this.family = family;
    this.value = value;
  }

  /** Throws for a text that is none. Zones, and IPv4 addresses written as IPv6 ones, are none, as in Kubernetes. */
  static parse(text: string): NetworkAddress {
    const family = isIP(text);
    if (family === 4) return new NetworkAddress(4, number(text.split('.').map(Number), 8n));
    if (family !== 6 || text.includes('%')) throw new Error(`IP Address ${JSON.stringify(text)} parse error`);
    const value = number(groupsOf(compressed(text)), 16n);
    if (value >> 32n === 0xffffn) throw new Error('IPv4-mapped IPv6 address is not allowed');
    return new NetworkAddress(6, value);
  }

  get bits(): number {
    return this.family === 4 ? 32 : 128;
  }

  /** In its shortest form (RFC 5952). */
  toString(): string {
    if (this.family === 4) return parts(this.value, 4, 8n).join('.');
    const groups = parts(this.value, 8, 16n).map((group) => group.toString(16));
    return compressed(groups.join(':'));
  }

  isWithin({ address, length }: NetworkRange): boolean {
    const rest = BigInt(address.bits - length);
    return this.family === address.family && this.value >> rest === address.value >> rest;
  }
}

/** All addresses that begin with the first `length` bits of `address`. */
export class NetworkRange {
  readonly address: NetworkAddress;
  readonly length: number;

  constructor(address: NetworkAddress, length: number) {
    this.address = address;
    this.length = length;
  }

  /** Throws for a text that is none. */
  static parse(text: string): NetworkRange {
    const [, base = '', bits = ''] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
    if (bits === '') throw new Error(`CIDR ${JSON.stringify(text)} parse error`);
    const address = NetworkAddress.parse(base);
    if (Number(bits) > address.bits) throw new Error(`CIDR ${JSON.stringify(text)}: prefix length out of range`);
    return new NetworkRange(address, Number(bits));
  }

  /** The same range, written with its first address. */
  masked(): NetworkRange {
    const rest = BigInt(this.address.bits - this.length);
    return new NetworkRange(new NetworkAddress(this.address.family, (this.address.value >> rest) << rest), this.length);
  }

  toString(): string {
    return `${this.address}/${this.length}`;
  }
}

/** What a URL makes of an IPv6 address is its shortest form. */
const compressed = (text: string): string => new URL(`http://[${text}]`).hostname.slice(1, -1);

function groupsOf(short: string): readonly number[] {
  const [head = '', tail] = short.split('::');
  const read = (list: string): number[] =>
    list === '' ? [] : list.split(':').map((group) => Number.parseInt(group, 16));
  const before = read(head);
  const after = read(tail ?? '');
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

const number = (each: readonly number[], bits: bigint): bigint =>
  each.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);

function parts(value: bigint, count: number, bits: bigint): readonly number[] {
  const mask = (1n << bits) - 1n;
  return Array.from({ length: count }, (_, index) => Number((value >> (BigInt(count - 1 - index) * bits)) & mask));
}
