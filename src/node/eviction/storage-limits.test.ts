import { describe, expect, test } from 'vitest';

import type { Pod, PodSpec } from '../../api/generated/types.ts';
import { hasStorageLimit, overLimit } from './storage-limits.ts';

const MEBIBYTE = 2 ** 20;

const podWith = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [{ name: 'main' }], ...spec },
});
const container = (name: string, limit: string) => ({ name, resources: { limits: { 'ephemeral-storage': limit } } });
const use = (containers: Record<string, number>, volumes: Record<string, number> = {}) => ({
  containers: new Map(Object.entries(containers)),
  volumes: new Map(Object.entries(volumes)),
});

describe('P8 a pod that writes too much is evicted', () => {
  test('by its empty directory', () => {
    const pod = podWith({ volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Mi' } }] });
    expect(hasStorageLimit(pod)).toBe(true);
    expect(overLimit(pod, use({}, { scratch: MEBIBYTE }))).toBeUndefined();
    expect(overLimit(pod, use({}, { scratch: MEBIBYTE + 1 }))).toEqual({
      reason: 'Evicted',
      message: 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ',
    });
  });

  test('by what one of its containers writes', () => {
    const pod = podWith({ containers: [container('main', '2Mi'), { name: 'other' }] });
    expect(overLimit(pod, use({ main: 2 * MEBIBYTE, other: 9 * MEBIBYTE }))).toBeUndefined();
    expect(overLimit(pod, use({ main: 3 * MEBIBYTE }))?.message).toBe(
      'Container main exceeded its local ephemeral storage limit "2Mi". ',
    );
  });

  test('by all of it together, when all its containers have a limit', () => {
    const pod = podWith({
      containers: [container('main', '2Mi'), container('other', '2Mi')],
      volumes: [{ name: 'scratch', emptyDir: {} }],
    });
    const together = use({ main: MEBIBYTE, other: MEBIBYTE }, { scratch: 3 * MEBIBYTE });
    expect(overLimit(pod, together)?.message).toContain('exceeds the total limit of containers 4194304');
  });

  test('and one without a limit is not even looked at', () => {
    expect(hasStorageLimit(podWith({ volumes: [{ name: 'scratch', emptyDir: {} }] }))).toBe(false);
    const inMemory = { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } };
    expect(hasStorageLimit(podWith({ volumes: [inMemory] }))).toBe(false);
  });
});
