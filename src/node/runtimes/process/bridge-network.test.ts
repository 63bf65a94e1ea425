import { expect, test } from 'vitest';

import { choosePodCidr } from './bridge-network.ts';

const HEADER = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n';
const route = (destination: string, mask: string): string =>
  `eth0\t${destination}\t00000000\t0001\t0\t0\t0\t${mask}\t0\t0\t0\n`;

test('a network is chosen that the machine has no route into', () => {
  const first = choosePodCidr('/a', HEADER);
  expect(first).toMatch(/^10\.2(4[4-9]|5[0-4])\.\d+\.0\/24$/);
  expect(choosePodCidr('/a', HEADER)).toBe(first);
  const [, second = '', third = ''] = first.split('.');
  // Little-endian, as the kernel writes it: 10.second.third.0
  const hex = [0, Number(third), Number(second), 10].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const next = choosePodCidr('/a', HEADER + route(hex, '00FFFFFF'));
  expect(next).not.toBe(first);
  // The default route is a route to everywhere, and in nobody's way.
  expect(choosePodCidr('/a', HEADER + route('00000000', '00000000'))).toBe(first);
});

test('when everything is in use it says so', () => {
  expect(() => choosePodCidr('/a', HEADER + route('0000000A', '000000FF'))).toThrow('10.244.0.0/24');
});
