import { expect, test } from 'vitest';

import type { Pod } from './generated/types.ts';
import { actualPort, formatPorts, podPlace } from './pod-ports.ts';

const pod = (ports?: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'kv-0',
    namespace: 'default',
    uid: 'uid',
    resourceVersion: '1',
    creationTimestamp: '',
    ...(ports !== undefined && { annotations: { 'berth.dev/ports': ports } }),
  },
  spec: { containers: [] },
  status: { podIP: '127.0.0.1' },
});

test('a declared port is another one where pods share their address, and itself elsewhere', () => {
  const shared = pod(formatPorts({ 8080: 20_000, 80: 20_001 }));
  expect([8080, 80, 9090].map((port) => actualPort(shared, port))).toEqual([20_000, 20_001, 9090]);
  expect(actualPort(pod(), 8080)).toBe(8080);
});

test('people see the ports that others cannot guess', () => {
  expect(podPlace(pod())).toBe('127.0.0.1');
  expect(podPlace(pod('80=20001,8080=20000'))).toBe('127.0.0.1:20001,20000');
  expect(podPlace({ ...pod('80=20001'), status: {} })).toBeUndefined();
});

test('what somebody else wrote there is no port', () => {
  for (const text of ['', 'x', '80', '80=', '=1', '80=1x', '-80=1', '80:1']) expect(actualPort(pod(text), 80)).toBe(80);
});
