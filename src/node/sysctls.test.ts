import { describe, expect, test } from 'vitest';

import type { Pod, PodSpec } from '../api/generated/types.ts';
import { forbiddenSysctl } from './sysctls.ts';

const asking = (name: string, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [], ...spec, securityContext: { sysctls: [{ name, value: '1' }] } },
});

describe('P9 the kernel settings a pod asks for', () => {
  test.each(['net.core.somaxconn', 'net/ipv4/ip_unprivileged_port_start', 'kernel.shm_rmid_forced', 'kernel.sem'])(
    '%s is its own',
    (name) => expect(forbiddenSysctl(asking(name))).toBeUndefined(),
  );

  test.each(['vm.swappiness', 'kernel.core_pattern', 'kernel.semaphore', 'fs.file-max'])(
    "%s is the machine's, and the pod is refused",
    (name) =>
      expect(forbiddenSysctl(asking(name))).toEqual({
        reason: 'SysctlForbidden',
        message: `Pod was rejected: forbidden sysctl: "${name}" not allowlisted`,
      }),
  );

  test('what a pod shares with the machine it may not set', () => {
    expect(forbiddenSysctl(asking('net.core.somaxconn', { hostNetwork: true }))?.message).toContain('host net');
    expect(forbiddenSysctl(asking('kernel.msgmax', { hostIPC: true }))?.message).toContain('host ipc');
  });
});
