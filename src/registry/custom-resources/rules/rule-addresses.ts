import type { Environment } from '@marcbachmann/cel-js';

import { NetworkAddress, NetworkRange } from './network-address.ts';
import { succeeds } from './succeeds.ts';

/** What is called by the name of the function that makes it: `ip.isCanonical(text)`. */
class AddressNames {}

const ranges = (...texts: readonly string[]): readonly NetworkRange[] => texts.map((text) => NetworkRange.parse(text));

const isIn = (all: readonly NetworkRange[], address: NetworkAddress): boolean =>
  all.some((range) => address.isWithin(range));

function isLinkLocalMulticast({ family, value }: NetworkAddress): boolean {
  // The scope of an IPv6 multicast address is in its fourth group of four bits.
  return family === 4 ? value >> 8n === 0xe00000n : value >> 120n === 0xffn && ((value >> 112n) & 0xfn) === 2n;
}

/** Addresses and ranges of the network: `cidr('10.0.0.0/8').containsIP(self.address)`. */
export function withAddresses(environment: Environment): Environment {
  const unspecified = ranges('0.0.0.0/32', '::/128');
  const loopback = ranges('127.0.0.0/8', '::1/128');
  const linkLocal = ranges('169.254.0.0/16', 'fe80::/10');
  const multicast = ranges('224.0.0.0/4', 'ff00::/8');
  const broadcast = ranges('255.255.255.255/32');
  const holds = (range: NetworkRange, other: NetworkRange): boolean =>
    other.length >= range.length && other.address.isWithin(range);
  return environment
    .registerType('IP', NetworkAddress)
    .registerType('CIDR', NetworkRange)
    .registerType('AddressNames', AddressNames)
    .registerConstant('ip', 'AddressNames', new AddressNames())
    .registerFunction('isIP(string): bool', (text: string) => succeeds(() => NetworkAddress.parse(text)))
    .registerFunction('ip(string): IP', (text: string) => NetworkAddress.parse(text))
    .registerFunction(
      'AddressNames.isCanonical(string): bool',
      (_: AddressNames, text: string) => NetworkAddress.parse(text).toString() === text,
    )
    .registerFunction('string(IP): string', String)
    .registerOperator('IP == IP', (a: NetworkAddress, b: NetworkAddress) => String(a) === String(b))
    .registerFunction('IP.family(): int', ({ family }: NetworkAddress) => BigInt(family))
    .registerFunction('IP.isUnspecified(): bool', (address: NetworkAddress) => isIn(unspecified, address))
    .registerFunction('IP.isLoopback(): bool', (address: NetworkAddress) => isIn(loopback, address))
    .registerFunction('IP.isLinkLocalUnicast(): bool', (address: NetworkAddress) => isIn(linkLocal, address))
    .registerFunction('IP.isLinkLocalMulticast(): bool', isLinkLocalMulticast)
    .registerFunction(
      'IP.isGlobalUnicast(): bool',
      (address: NetworkAddress) =>
        !isIn([...unspecified, ...loopback, ...linkLocal, ...multicast, ...broadcast], address),
    )
    .registerFunction('isCIDR(string): bool', (text: string) => succeeds(() => NetworkRange.parse(text)))
    .registerFunction('cidr(string): CIDR', (text: string) => NetworkRange.parse(text))
    .registerFunction('string(CIDR): string', String)
    .registerOperator('CIDR == CIDR', (a: NetworkRange, b: NetworkRange) => String(a) === String(b))
    .registerFunction('CIDR.containsIP(string): bool', (range: NetworkRange, text: string) =>
      NetworkAddress.parse(text).isWithin(range),
    )
    .registerFunction('CIDR.containsIP(IP): bool', (range: NetworkRange, address: NetworkAddress) =>
      address.isWithin(range),
    )
    .registerFunction('CIDR.containsCIDR(string): bool', (range: NetworkRange, text: string) =>
      holds(range, NetworkRange.parse(text)),
    )
    .registerFunction('CIDR.containsCIDR(CIDR): bool', holds)
    .registerFunction('CIDR.ip(): IP', ({ address }: NetworkRange) => address)
    .registerFunction('CIDR.masked(): CIDR', (range: NetworkRange) => range.masked())
    .registerFunction('CIDR.prefixLength(): int', ({ length }: NetworkRange) => BigInt(length));
}
