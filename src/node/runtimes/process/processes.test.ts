import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ContainerConfig } from '../runtime.ts';
import { describeProcessRuntime, eventually, processesWith, TestNode } from './contract.ts';

describe('everywhere', () => {
  describeProcessRuntime('processes');

  describe('a pod that is plain processes', () => {
    const node = new TestNode({ isolation: 'processes', dnsServer: () => '127.0.0.1:10053' });
    beforeAll(() => node.start());
    afterAll(() => node.clear());

    test('paths of volumes are replaced by where the volumes are', async () => {
      const volume = fs.mkdtempSync(path.join(node.directory, 'volume-'));
      fs.mkdirSync(path.join(volume, 'sub'));
      const output = await node.output({
        command: ['sh', '-c', 'pwd; echo "$1 $DIR $BERTH_DNS_SERVER"; echo x >/data/file', 'sh', '--dir=/data/sub'],
        env: { DIR: '/data' },
        workingDir: '/data/sub',
        mounts: [{ hostPath: volume, mountPath: '/data', readOnly: false }],
      });
      expect(output).toBe(`${volume}/sub\n--dir=${volume}/sub ${volume} 127.0.0.1:10053\n`);
      expect(fs.readFileSync(path.join(volume, 'file'), 'utf8')).toBe('x\n');
    });

    test('M2 a process that left its group and session ends with the pod all the same', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'setsid sleep 4501 & exec sleep 4501'] });
      await eventually(() => processesWith('sleep 4501').length).toBe(2);
      await node.runtime.stopPod(uid);
      expect(processesWith('sleep 4501')).toEqual([]);
    });

    test.runIf(process.platform === 'linux')(
      'M2 so does one that has left its environment too, started by its program or by exec',
      async () => {
        const leave = '(env -i setsid sleep 4503 &)';
        const uid = await node.run({ command: ['sh', '-c', `${leave}; exec sleep 1000`] });
        await node.exec(uid, ['sh', '-c', `${leave} >/dev/null 2>&1`]);
        await eventually(() => processesWith('sleep 4503').length).toBe(2);
        await node.runtime.stopPod(uid);
        expect(processesWith('sleep 4503')).toEqual([]);
      },
    );

    test('M5 the identity is held as long as any process of the pod lives, though its shims are killed', async () => {
      const lock = { id: `stray-${node.directory}`, description: 'claim default/data-db-0' };
      const uid = await node.run({ command: ['sleep', '4502'] }, { name: 'stray-0', locks: [lock] });
      // Another server, which knows nothing of this one's pods.
      const other = new TestNode({ isolation: 'processes' });
      await other.start();
      await node.runtime.close();
      for (const pid of node.shimsOf(uid)) process.kill(pid, 'SIGKILL');
      const pod = other.pod({ name: 'stray-0', locks: [lock] });
      await expect(other.runtime.startPod(pod)).rejects.toMatchObject({ lock });
      expect(processesWith('sleep 4502')).toHaveLength(1);
      // The agent that comes back ends what is left of a pod that has lost its shims.
      await node.restart();
      expect(processesWith('sleep 4502')).toEqual([]);
      expect(await node.exited(uid)).toMatchObject({ exitCode: 137 });
      await other.runtime.startPod(pod);
      await other.clear();
    });

    test.each<[string, Partial<ContainerConfig>]>([
      ['a privileged container', { securityContext: { privileged: true } }],
      ['a read-only root', { securityContext: { readOnlyRootFilesystem: true } }],
    ])('P9 %s is refused', async (_, config) => {
      await expect(node.run(config)).rejects.toMatchObject({ reason: 'CreateContainerConfigError' });
    });

    test('P9 names of its own are refused', async () => {
      const pod = node.pod({ hostAliases: [{ ip: '10.1.2.3', hostnames: ['old-name'] }] });
      await expect(node.runtime.startPod(pod)).rejects.toThrow('hostAliases');
    });

    test('what it cannot do is told', () => {
      const reasons = node.runtime.limitations.map(({ reason }) => reason);
      expect(reasons).toEqual(expect.arrayContaining(['NoNamespaces', 'NoMounts', 'NoResolver']));
    });
  });
});
