import { expect, test } from 'vitest';

import type { Container, Pod } from '../../api/generated/types.ts';
import { tellLimitations } from './announcements.ts';
import { PodEvents } from './pod-events.ts';

const LIMITATION = { reason: 'NoResourceLimits', message: 'limits are not enforced' };

function told(container: Partial<Container>): readonly string[] {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: [{ name: 'main', ...container }] },
  };
  const messages: string[] = [];
  const events = new PodEvents({
    record: ({ type, reason, message }) => void messages.push(`${type} ${reason}: ${message}`),
  });
  tellLimitations(events, [LIMITATION, { reason: 'NoResolver', message: 'no resolver' }], pod);
  return messages;
}

test('P8 a pod with limits is told when they are not enforced, and no other', () => {
  const warning = ['Warning NoResourceLimits: limits are not enforced'];
  expect(told({ resources: { limits: { memory: '64Mi' } } })).toEqual(warning);
  expect(told({ resources: { limits: { cpu: '500m' } } })).toEqual(warning);
  expect(told({ resources: { requests: { cpu: '1' } } })).toEqual([]);
  expect(told({})).toEqual([]);
});
