import { describe, expect, test } from 'vitest';

import { checkSysctls } from './security.ts';

describe('P9 sysctls', () => {
  const check = (name: string, value = '1', hostNetwork = false) =>
    checkSysctls({ sysctls: { [name]: value }, hostNetwork });

  test.each([
    'net.ipv4.ip_unprivileged_port_start',
    'net/core/somaxconn',
    'kernel.shm_rmid_forced',
    'fs.mqueue.msg_max',
  ])("%s is the pod's own", (name) => expect(() => check(name)).not.toThrow());

  test.each(['kernel.core_pattern', 'kernel/core_pattern', 'vm.overcommit_memory', 'fs.file-max', 'kernel.panic'])(
    "%s would be the whole machine's, and is refused",
    (name) => expect(() => check(name)).toThrow(`forbidden sysctl: "${name}"`),
  );

  test("of the network are the machine's when the pod is in the network of the machine", () => {
    expect(() => check('net.core.somaxconn', '1', true)).toThrow('forbidden sysctl');
    expect(() => check('kernel.sem', '1', true)).not.toThrow();
  });

  test('a value of several lines would be read as a file and its content', () => {
    expect(() => check('net.core.somaxconn', '1\n/etc/passwd\n')).toThrow('has several lines');
  });
});
