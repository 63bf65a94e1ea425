import { expect, test } from 'vitest';

import type { EndpointSlice, Pod, Service } from '../api/generated/types.ts';
import { dnsSuggestion } from './dns-suggestion.ts';

const meta = (name: string, namespace = 'default') => ({
  name,
  namespace,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
});
const service = (name: string, namespace?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name, namespace),
  spec: {},
});
const slice = (name: string, hostnames: readonly string[], namespace?: string): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { ...meta(`${name}-1`, namespace), labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints: hostnames.map((hostname) => ({ addresses: ['10.0.0.1'], hostname })),
});
const pod = (name: string, subdomain: string | undefined, ready: boolean): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta(name),
  spec: { containers: [], ...(subdomain !== undefined && { subdomain }) },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

const named = {
  pods: [pod('kv-2', 'kv', false), pod('web', undefined, true), pod('db-0', 'db', true)],
  services: [service('kubernetes'), service('kv'), service('redis', 'other')],
  slices: [slice('kv', ['kv-0', 'kv-1']), slice('redis', ['redis-0'], 'other')],
};

test.each([
  ['kv-0', 'did you mean kv-0.kv?'],
  ['KV-0', 'did you mean kv-0.kv?'],
  ['kv.kv-0', 'did you mean kv?'],
  ['kv-0.kv.other', 'did you mean kv-0.kv?'],
  ['redis-0.redis', 'did you mean redis-0.redis.other?'],
  ['redis', 'did you mean redis.other?'],
  ['kv-9.kv', 'there are: kv, kv-0.kv, kv-1.kv'],
  ['kv-2.kv', 'pod kv-2 has its name kv-2.kv when it is ready: berth why pod/kv-2'],
  ['kv-2', 'pod kv-2 has its name kv-2.kv when it is ready: berth why pod/kv-2'],
  ['web', 'pod web has no name: its spec has no subdomain, the name of a headless service'],
  ['db-0', 'pod db-0 has no name: no headless service db selects it'],
  ['nobody', 'there are: kubernetes, kv, kv-0.kv, kv-1.kv, redis-0.redis.other, redis.other'],
])('%s: %s', (asked, hint) => {
  expect(dnsSuggestion(asked, 'default', named)).toBe(hint);
});

test('a long list is cut', () => {
  const services = Array.from({ length: 12 }, (_, index) => service(`s${index + 10}`));
  expect(dnsSuggestion('x', 'default', { pods: [], services, slices: [] })).toMatch(
    /^there are: s10, .*, s17 and 4 more$/,
  );
});
