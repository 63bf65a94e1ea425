import { describe, expect, test } from 'vitest';

import { isOwnAddress, parseResolvConf } from './forwarder.ts';

describe('the upstream resolvers', () => {
  test('N8 are those of the machine, as its resolv.conf has them', () => {
    const text = `# made by hand
nameserver 192.0.2.1
  nameserver   2001:db8::53
nameserver not-an-address
search example.org
options ndots:1`;
    expect(parseResolvConf(text)).toEqual([
      { address: '192.0.2.1', port: 53 },
      { address: '2001:db8::53', port: 53 },
    ]);
  });

  test('N8 are never this server itself, however its address is written', () => {
    const own = [
      { address: '127.0.0.1', port: 53 },
      { address: '0.0.0.0', port: 5353 },
      { address: '::1', port: 53 },
    ];
    const local = ['127.0.0.1', '192.0.2.9'];
    const isOwn = (address: string, port: number): boolean => isOwnAddress({ address, port }, own, local);
    expect(isOwn('127.0.0.1', 53)).toBe(true);
    expect(isOwn('0:0:0:0:0:0:0:1', 53)).toBe(true);
    expect(isOwn('192.0.2.9', 5353)).toBe(true);
    expect(isOwn('127.0.0.53', 53)).toBe(false);
    expect(isOwn('192.0.2.9', 53)).toBe(false);
    expect(isOwn('192.0.2.10', 5353)).toBe(false);
  });
});
