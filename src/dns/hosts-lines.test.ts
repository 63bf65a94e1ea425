import { expect, test } from 'vitest';

import type { EndpointSlice, Service } from '../api/generated/types.ts';
import { hostsLines } from './hosts-lines.ts';

const service = (name: string, clusterIP: string, namespace = 'default'): Service =>
  ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP, ports: [{ name: 'main', port: 80 }] },
  }) as unknown as Service;

const slice = (of: string, port: number, endpoints: object[], namespace = 'default'): EndpointSlice =>
  ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${of}-1`, namespace, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    ports: [{ name: 'main', port }],
    endpoints,
  }) as unknown as EndpointSlice;

test('N1 N2 ready members are in the hosts file, short in their own namespace', () => {
  const lines = hostsLines(
    'cluster.local',
    [
      service('redis', 'None'),
      service('web', '10.96.0.7'),
      service('other', '10.96.0.8'),
      service('own', '127.96.0.9'),
    ],
    [
      slice('redis', 6379, [
        { addresses: ['127.64.0.2'], hostname: 'redis-0', conditions: { ready: true } },
        { addresses: ['127.64.0.3'], hostname: 'redis-1', conditions: { ready: false } },
      ]),
      slice('web', 80, [{ addresses: ['127.64.0.4'] }]),
      // It listens on another port than its service: its address would be a wrong answer.
      slice('other', 8080, [{ addresses: ['127.64.0.5'] }]),
      slice('own', 8080, [{ addresses: ['127.64.0.7'] }]),
      slice('unknown', 80, [{ addresses: ['127.64.0.6'] }]),
    ],
  );
  expect(lines('shop')).toBe(
    '127.64.0.2\tredis-0.redis.default.svc.cluster.local redis-0.redis.default.svc redis-0.redis.default ' +
      'redis.default.svc.cluster.local redis.default.svc redis.default\n' +
      '127.64.0.4\tweb.default.svc.cluster.local web.default.svc web.default\n' +
      '127.96.0.9\town.default.svc.cluster.local own.default.svc own.default\n',
  );
  expect(lines('default')).toBe(
    '127.64.0.2\tredis-0.redis.default.svc.cluster.local redis-0.redis.default.svc redis-0.redis.default redis-0.redis ' +
      'redis.default.svc.cluster.local redis.default.svc redis.default redis\n' +
      '127.64.0.4\tweb.default.svc.cluster.local web.default.svc web.default web\n' +
      '127.96.0.9\town.default.svc.cluster.local own.default.svc own.default own\n',
  );
});
