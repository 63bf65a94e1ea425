/** A range of IPv4 addresses, without the first (the network) and the last (everybody). */
export interface AddressRange {
  /** As it was given: `10.96.0.0/16`. */
  readonly text: string;
  readonly first: number;
  readonly last: number;
}

/** Reads `10.96.0.0/16`; throws for something else, or for a range of fewer than four addresses. */
export function parseRange(text: string): AddressRange {
  const [address = '', prefix = ''] = text.split('/');
  const base = parseAddress(address);
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (base === undefined || !(bits >= 1 && bits <= 30)) throw new Error(`${text} is not a range of IPv4 addresses`);
  const size = 2 ** (32 - bits);
  const network = base - (base % size);
  return { text, first: network + 1, last: network + size - 2 };
}

/** An IPv4 address as a number, or undefined. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
