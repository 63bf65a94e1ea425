import { expect, test } from 'vitest';

import { localAddress, localUrl, namesOf } from './api-address.ts';

test('a server that listens everywhere is reached from its machine at the loopback address', () => {
  expect(localAddress('0.0.0.0')).toBe('127.0.0.1');
  expect(localAddress('::')).toBe('127.0.0.1');
  expect(localAddress('192.0.2.7')).toBe('192.0.2.7');
  expect(localUrl('fd00::1', 6443)).toBe('https://[fd00::1]:6443');
});

test('its certificate is for what it listens on, and for no loopback address when that is everywhere', () => {
  expect(namesOf('192.0.2.7')).toEqual(['192.0.2.7']);
  expect(namesOf('0.0.0.0').length).toBeGreaterThan(0);
  expect(namesOf('0.0.0.0')).not.toContain('127.0.0.1');
});
