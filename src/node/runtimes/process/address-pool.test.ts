import { describe, expect, test } from 'vitest';

import { AddressPool, formatAddress, parseCidr } from './address-pool.ts';

describe('the addresses of a pod network', () => {
  test('none is given out twice, and an address that was given back comes last', () => {
    const pool = new AddressPool(parseCidr('10.244.7.0/29'));
    const all = Array.from({ length: 5 }, () => pool.allocate());
    expect(all).toEqual(['10.244.7.2', '10.244.7.3', '10.244.7.4', '10.244.7.5', '10.244.7.6']);
    expect(pool.allocate()).toBeUndefined();
    pool.release('10.244.7.4');
    pool.release('10.244.7.2');
    expect([pool.allocate(), pool.allocate(), pool.allocate()]).toEqual(['10.244.7.2', '10.244.7.4', undefined]);
  });

  test('what pods of an earlier server have is not given to others', () => {
    const pool = new AddressPool(parseCidr('10.244.7.0/24'));
    expect(pool.claim('10.244.7.2')).toBe(true);
    expect(pool.claim('10.244.7.2')).toBe(false);
    expect(pool.claim('10.244.8.2')).toBe(false);
    expect(pool.claim('10.244.7.255')).toBe(false);
    expect(pool.allocate()).toBe('10.244.7.3');
  });

  test('networks are written as usual', () => {
    expect(formatAddress(parseCidr('10.244.7.99/24').first)).toBe('10.244.7.0');
    for (const wrong of ['10.244.7.0', '10.244.7.256/24', '10.244.7.0/31', 'fd00::/64', '']) {
      expect(() => parseCidr(wrong), wrong).toThrow('not an IPv4 network');
    }
  });
});
