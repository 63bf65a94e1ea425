import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ContainerConfig } from '../runtime.ts';
import { ask, containerConfig, describeProcessRuntime, eventually, TestNode } from './contract.ts';

// The tests of a file are a process of their own. As root it becomes another user, for good.
const NOBODY = 65_534;
if (process.getuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

describe.skipIf(process.platform !== 'linux')('on Linux without root', () => {
  describeProcessRuntime('user');

  describe('a pod in a namespace of the user’s own', () => {
    let setHosts: (linesFor: (namespace: string) => string) => void = () => {};
    const node = new TestNode({
      isolation: 'user',
      dnsServer: () => '127.0.0.1:10053',
      followHosts(update) {
        setHosts = update;
        return () => {};
      },
    });
    beforeAll(() => node.start());
    afterAll(() => node.clear());

    test('I3 it has its own hostname and hosts, and the machine’s files read-only', async () => {
      const script =
        'hostname; grep "$(hostname)" /etc/hosts; echo $BERTH_DNS_SERVER; touch /usr/x /etc/x; touch /tmp/x && ls /tmp';
      const output = await node.output({ command: ['sh', '-c', script] }, { name: 'kv-0' });
      const address = (await node.runtime.status('uid-of-kv-0'))?.ips[0];
      expect(address).toMatch(/^127\.\d+\.\d+\.\d+$/);
      expect(output).toContain(`kv-0\n${address}\tkv-0\n127.0.0.1:10053\n`);
      expect(output.match(/(Read-only file system|Permission denied)/g)).toHaveLength(2);
      expect(output.endsWith('\nx\n')).toBe(true);
    });

    test('N7 names of the cluster are in the hosts file, also of pods that run', async () => {
      setHosts((namespace) => `127.64.9.9\tredis-0.redis.${namespace}\n`);
      const find = ['getent', 'hosts', 'redis-0.redis.default'];
      const uid = await node.run({ command: ['sleep', '1000'] });
      expect((await node.exec(uid, find)).out).toContain('127.64.9.9');
      setHosts(() => '127.64.9.10\tredis-0.redis.default\n');
      expect((await node.exec(uid, find)).out).toContain('127.64.9.10');
      setHosts(() => '');
      expect((await node.exec(uid, find)).code).toBe(2);
      expect((await node.exec(uid, ['sh', '-c', 'getent hosts $(hostname)'])).code).toBe(0);
    });

    test('pods reach each other at their addresses', async () => {
      const script = `
        const own = process.env.ADDRESS;
        require('net').createServer((socket) => socket.end(own)).listen(8080, own);`;
      const pods = [node.pod(), node.pod()];
      const answers = pods.map(async (pod) => {
        const address = (await node.runtime.startPod(pod)).ips[0] ?? '';
        const command = [process.execPath, '-e', script];
        await node.runtime.startContainer(pod.uid, containerConfig({ command, env: { ADDRESS: address } }));
        await eventually(() => ask(address, 8080)).toBe(address);
        return address;
      });
      expect(new Set(await Promise.all(answers)).size).toBe(2);
    });

    test('P9 a program may see another user’s number, and never has more rights', async () => {
      const output = await node.output({
        command: ['sh', '-c', 'id -u; id -g; grep CapEff /proc/self/status'],
        securityContext: { runAsUser: 999, runAsGroup: 998, fsGroup: 998, runAsNonRoot: true },
      });
      expect(output).toMatch(/^999\n998\nCapEff:\s0+\n/);
    });

    test.each<[string, Partial<ContainerConfig>]>([
      ['privileged', { securityContext: { privileged: true } }],
      ['capabilities', { securityContext: { capabilities: { add: ['NET_ADMIN'] } } }],
      ['supplemental groups', { securityContext: { supplementalGroups: [5] } }],
    ])('P9 what it has not got is refused: %s', async (_, config) => {
      await expect(node.run(config)).rejects.toMatchObject({ reason: 'CreateContainerConfigError' });
    });

    test('P9 sysctls are refused', async () => {
      const pod = node.pod({ sysctls: { 'net.core.somaxconn': '77' } });
      await expect(node.runtime.startPod(pod)).rejects.toMatchObject({ reason: 'CreateContainerConfigError' });
    });

    test('what it cannot do is told', () => {
      const reasons = node.runtime.limitations.map(({ reason }) => reason);
      expect(reasons).toEqual(
        expect.arrayContaining(['NoNetworkNamespace', 'NoResolver', 'NoResourceLimits', 'OneUser']),
      );
    });
  });
});
