import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ContainerConfig } from '../runtime.ts';
import { containerConfig, describeProcessRuntime, eventually, processesWith, TestNode } from './contract.ts';
import { isHeld } from './fifo.ts';
import { podDirectory, podFiles, sandboxProcess } from './pod-files.ts';

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

    // What a program might do about what it has open, on purpose or because daemons do.
    const unlock = 'open(my $file, ">&=", $_) and flock($file, 8) for 3 .. 255;';
    const close = 'POSIX::close($_) for 3 .. 255;';
    const daemonize = 'if (fork) { wait; exit } POSIX::setsid; exit if fork;';
    test.runIf(process.platform === 'linux').each<[string, string, 'nothing' | 'sandbox' | 'shims']>([
      ['unlocks all it has open', unlock, 'nothing'],
      ['closes all it has open', close, 'nothing'],
      ['closes all, as a daemon', daemonize + close, 'nothing'],
      ['closes all, when its sandbox is killed', close, 'sandbox'],
      ['is a daemon, when its shims are killed', daemonize, 'shims'],
      ['closes all, as a daemon, when its shims are killed', daemonize + close, 'shims'],
    ])('M5 the identity of a pod is held until its program has ended, which %s', async (what, deed, killed) => {
      const lock = { id: `${what}-${node.directory}`, description: 'claim default/data-db-0' };
      const sleep = `exec { "sleep" } "sleep", "4504${process.pid}"`;
      const script = `$| = 1; ${deed} print "done\\n"; ${sleep}`;
      const command = ['perl', '-MPOSIX', '-e', script];
      const uid = await node.run({ command }, { name: `held-${what.replaceAll(/\W+/g, '-')}`, locks: [lock] });
      await eventually(() => node.log(uid)).toBe('done\n');
      await eventually(() => processesWith(`sleep 4504${process.pid}`)).toHaveLength(1);
      const other = new TestNode({ isolation: 'processes' });
      await other.start();
      await node.runtime.close();
      const shims = killed === 'nothing' ? [] : killed === 'shims' ? node.shimsOf(uid) : [sandboxOf(node, uid)];
      for (const pid of shims) process.kill(pid, 'SIGKILL');
      const pod = other.pod({ name: 'attacked-0', locks: [lock] });
      // What was killed may be seen for a moment longer.
      const holder = expect.stringMatching(killed === 'nothing' ? /^pod default\/held-/ : /pod default\/held-/);
      await expect(other.runtime.startPod(pod)).rejects.toMatchObject({ lock, holder });
      await node.restart();
      await node.runtime.stopPod(uid);
      expect(processesWith(`sleep 4504${process.pid}`)).toEqual([]);
      expect(await other.runtime.startPod(pod)).toMatchObject({ alive: true });
      await other.clear();
    });

    test.runIf(process.platform === 'linux')(
      'M2 a process that left all it could be known by ends with the pod all the same',
      async () => {
        const sleep = `4505${process.pid}`;
        const script = `${daemonize}${close} exec "env", "-i", "sleep", "${sleep}"`;
        const uid = await node.run({ command: ['perl', '-MPOSIX', '-e', script] });
        await eventually(() => processesWith(`sleep ${sleep}`)).toHaveLength(1);
        await node.restart();
        await node.runtime.stopPod(uid);
        expect(processesWith(`sleep ${sleep}`)).toEqual([]);
      },
    );

    test.runIf(process.platform === 'linux' && fs.existsSync(`/proc/self/task/${process.pid}/children`))(
      'M2 so does one that goes on to another process all the time',
      async () => {
        const held = path.join(node.directory, 'held');
        const next = 'exit if fork; POSIX::setsid; select undef, undef, undef, 0.002;';
        const chain = `${close} open my $held, "+>", "${held}"; while (time < $end) { ${next} }`;
        const script = `my $end = time + 30; POSIX::mkfifo("${held}", 0600); if (fork) { sleep 1000 } ${chain}`;
        const uid = await node.run({ command: ['env', '-i', 'perl', '-MPOSIX', '-e', script] });
        await eventually(() => isHeld(held)).toBe(true);
        await node.runtime.stopPod(uid);
        expect(isHeld(held)).toBe(false);
      },
    );

    test.runIf(process.platform === 'linux')('M3 a pod goes on when many of its orphans end at a time', async () => {
      const orphan = 'if (!fork) { exit if fork; select undef, undef, undef, rand 0.003; exit } wait';
      const uid = await node.run({
        command: ['sh', '-c', `perl -e '$| = 1; for (1 .. 1000) { ${orphan} } print "done\n"'; exec sleep 1000`],
      });
      await eventually(() => node.log(uid)).toBe('done\n');
      // Once this one runs, it has looked at all that ended before.
      await node.runtime.startContainer(uid, containerConfig({ name: 'second', command: ['sleep', '1000'] }));
      expect(await node.runtime.status(uid)).toMatchObject({ alive: true });
      await node.runtime.stopPod(uid);
    });

    test.runIf(process.platform === 'linux')(
      'M5 such a process holds the identity of its pod when nobody is left to know it',
      async () => {
        const sleep = `4506${process.pid}`;
        const lock = { id: `unknown-${node.directory}`, description: 'claim default/data-unknown-0' };
        const script = `${daemonize} POSIX::close(10); exec "env", "-i", "sleep", "${sleep}"`;
        const uid = await node.run({ command: ['perl', '-MPOSIX', '-e', script] }, { name: 'unknown', locks: [lock] });
        await eventually(() => processesWith(`sleep ${sleep}`)).toHaveLength(1);
        await node.runtime.close();
        for (const pid of node.shimsOf(uid)) process.kill(pid, 'SIGKILL');
        await node.restart();
        const [pid = 0] = processesWith(`sleep ${sleep}`);
        const pod = node.pod({ name: 'known', locks: [lock] });
        await expect(node.runtime.startPod(pod)).rejects.toMatchObject({
          holder: expect.stringContaining(`process ${pid} (sleep)`),
        });
        process.kill(pid);
        await eventually(() => processesWith(`sleep ${sleep}`)).toEqual([]);
        expect(await node.runtime.startPod(pod)).toMatchObject({ alive: true });
      },
    );

    const canMount = process.platform === 'linux' && process.getuid?.() === 0;
    test.runIf(process.platform === 'linux').each(canMount ? ['moved', 'mounted elsewhere'] : ['moved'])(
      'M2 what is left of a pod is known when its directory was %s',
      async (how) => {
        const before = new TestNode({ isolation: 'processes' });
        await before.start();
        const sleep = `4507${process.pid}`;
        const uid = await before.run({
          command: ['sh', '-c', `(env -i setsid sleep ${sleep} &); exec sleep ${sleep}`],
        });
        await eventually(() => processesWith(`sleep ${sleep}`).length).toBe(2);
        await before.runtime.close();
        for (const pid of before.shimsOf(uid)) process.kill(pid, 'SIGKILL');
        const directory = `${before.directory}-${how.replace(' ', '-')}`;
        if (how === 'moved') fs.renameSync(before.directory, directory);
        else {
          fs.mkdirSync(directory);
          execFileSync('mount', ['--bind', before.directory, directory]);
        }
        const after = new TestNode({ isolation: 'processes', directory });
        try {
          await after.start();
          expect(processesWith(`sleep ${sleep}`)).toEqual([]);
        } finally {
          await after.clear();
          if (how !== 'moved') execFileSync('umount', ['-l', directory]);
          for (const one of [before.directory, directory]) fs.rmSync(one, { recursive: true, force: true });
        }
      },
    );

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

function sandboxOf(node: TestNode, uid: string): number {
  return sandboxProcess(podFiles(podDirectory(node.directory, uid)))!.pid;
}
