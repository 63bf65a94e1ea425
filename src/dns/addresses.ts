import { isIPv4, isIPv6 } from 'node:net';

/** The 16-bit groups of an IPv6 address, or undefined when it is none. Zones (`%eth0`) are not addresses here. */
export function ipv6Groups(address: string): readonly number[] | undefined {
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const lastColon = address.lastIndexOf(':');
  const tail = address.slice(lastColon + 1);
  const text = tail.includes('.') ? `${address.slice(0, lastColon + 1)}${ipv4AsGroups(tail)}` : address;
  const [head = '', rest] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  if (rest === undefined) return groups(head);
  const before = groups(head);
  const after = groups(rest);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function ipv4AsGroups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** One spelling for each address, so that it can be a key: IPv6 in full, lower case. */
export function canonicalAddress(address: string): string {
  const groups = ipv6Groups(address);
  return groups === undefined ? address : groups.map((group) => group.toString(16)).join(':');
}

/** The address as one label: `10-244-0-7`, `2001-db8--1`. */
export function dashedAddress(address: string): string {
  return address.replaceAll('.', '-').replaceAll(':', '-');
}

/** The address that {@link dashedAddress} made a label of. */
export function addressOfLabel(label: string): string | undefined {
  const v4 = label.replaceAll('-', '.');
  if (isIPv4(v4)) return v4;
  const v6 = label.replaceAll('-', ':');
  return isIPv6(v6) ? v6 : undefined;
}

/** The address a name of a reverse zone stands for: `7.0.244.10.in-addr.arpa` is 10.244.0.7. */
export function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa')) {
    const address = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse().join('.');
    return isIPv4(address) ? address : undefined;
  }
  if (name.endsWith('.ip6.arpa')) {
    const nibbles = name.slice(0, -'.ip6.arpa'.length).split('.').reverse().join('');
    if (!/^[0-9a-f]{32}$/.test(nibbles)) return undefined;
    return canonicalAddress((nibbles.match(/.{4}/g) ?? []).join(':'));
  }
  return undefined;
}
