import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import {
  ask,
  containerConfig,
  describeProcessRuntime,
  eventually,
  parentOf,
  processesWith,
  TestNode,
} from './contract.ts';

describe.skipIf(process.getuid?.() !== 0)('on Linux as root', () => {
  describeProcessRuntime('namespaces');

  describe('a pod of its own', () => {
    const node = new TestNode({ isolation: 'namespaces' });
    beforeAll(() => node.start());
    afterAll(() => node.clear());

    test('I3 N8 hostname, hosts and resolver configuration are the pod’s own', async () => {
      const hosts = fs.readFileSync('/etc/hosts', 'utf8');
      const output = await node.output(
        { command: ['sh', '-c', 'hostname; cat /etc/hostname /etc/hosts /etc/resolv.conf; echo mine >/etc/hosts'] },
        {
          name: 'redis-0',
          fullyQualifiedName: 'redis-0.redis.default.svc.cluster.local',
          hostAliases: [{ ip: '10.1.2.3', hostnames: ['old-name'] }],
        },
      );
      const address = (await node.runtime.status('uid-of-redis-0'))?.ips[0];
      expect(output).toMatch(/^redis-0\nredis-0\n/);
      expect(output).toContain(`${address}\tredis-0.redis.default.svc.cluster.local\tredis-0\n10.1.2.3\told-name\n`);
      expect(output).toContain('nameserver 10.96.0.10\nsearch default.svc.cluster.local\noptions ndots:5\n');
      expect(fs.readFileSync('/etc/hosts', 'utf8')).toBe(hosts);
    });

    test('P6 a part of a volume never leads out of it, though somebody puts a link in its place again and again', async () => {
      const [volume, outside] = ['parted', 'outside'].map((name) => path.join(node.directory, name));
      for (const [directory, word] of [
        [`${volume}/part`, 'inside'],
        [`${outside}`, 'outside'],
      ] as const) {
        fs.mkdirSync(directory, { recursive: true });
        fs.writeFileSync(path.join(directory, 'word'), word);
      }
      const swapper = spawn(process.execPath, ['-e', SWAP, `${volume}/part`, `${outside}`], { stdio: 'ignore' });
      const said: string[] = [];
      try {
        for (let round = 0; round < 20; round++) {
          const mounts = [{ hostPath: `${volume}/part`, volumePath: `${volume}`, mountPath: '/part', readOnly: false }];
          const output = node.output({ command: ['cat', '/part/word'], mounts });
          said.push(await output.catch((error: Error) => error.message));
        }
      } finally {
        swapper.kill('SIGKILL');
      }
      expect(said).toHaveLength(20);
      expect(said.filter((what) => what === 'outside')).toEqual([]);
    });

    test('pods reach each other and the machine, each from an address of its own', async () => {
      const [port, closeServer] = await listen(node.runtime.gateway);
      const server = await node.run({ command: [process.execPath, '-e', ECHO_ADDRESS] });
      const address = (await node.runtime.status(server))?.ips[0] ?? '';
      expect(node.runtime.podCidr.split('.').slice(0, 3)).toEqual(address.split('.').slice(0, 3));
      await eventually(() => ask(address, 8080)).toBe(node.runtime.gateway);
      const client = await node.run({
        command: [process.execPath, '-e', ASK, address, '8080', node.runtime.gateway, String(port)],
      });
      const own = (await node.runtime.status(client))?.ips[0];
      expect(await node.log(client, { follow: true })).toBe(`${own}\nthe machine\n`);
      closeServer();
    });

    test.skipIf(!hasPacketFilter())(
      'a pod reaches what is beyond the machine under the machine’s address',
      async () => {
        // Somebody who knows the machine, and has no way to its pods.
        const outside = `berth-outside-${process.pid}`;
        const link = `bo${process.pid}`;
        ip(`netns add ${outside}`);
        try {
          ip(`link add ${link} type veth peer name eth0 netns ${outside}`);
          ip(`address add 198.51.100.1/30 dev ${link}`);
          ip(`link set ${link} up`);
          fs.writeFileSync(`/proc/sys/net/ipv4/conf/${link}/forwarding`, '1');
          ip(`-n ${outside} address add 198.51.100.2/30 dev eth0`);
          ip(`-n ${outside} link set eth0 up`);
          const server = spawn('ip', ['netns', 'exec', outside, process.execPath, '-e', ECHO_ADDRESS]);
          try {
            await eventually(() => ask('198.51.100.2', 8080)).toBe('198.51.100.1');
            const script = 'net.connect(8080, "198.51.100.2").pipe(process.stdout)';
            expect(await node.output({ command: [process.execPath, '-e', script] })).toBe('198.51.100.1');
          } finally {
            server.kill('SIGKILL');
          }
        } finally {
          ip(`netns delete ${outside}`);
        }
      },
    );

    test('P7 a port that a program has at localhost can be connected to, and the connection ends with the pod', async () => {
      const connect = async (uid: string, port: number): Promise<Duplex | undefined> =>
        node.runtime.connectInside?.(uid, port);
      const upper = 's => s.on("data", (data) => s.write(String(data).toUpperCase()))';
      const command = [process.execPath, '-e', `net.createServer(${upper}).listen(8081, "127.0.0.1")`];
      const links = linksOf(node);
      const server = await node.run({ command });
      let connection: Duplex | undefined;
      await vi.waitFor(async () => {
        connection = await connect(server, 8081);
        expect(connection).toBeDefined();
      }, 60_000);
      expect(await connect(server, 8082)).toBeUndefined();
      connection?.write('hello');
      expect(String((await once(connection!, 'data'))[0])).toBe('HELLO');
      const closed = once(connection!, 'close');
      await node.runtime.stopPod(server);
      await closed;
      expect(linksOf(node)).toEqual(links);
    });

    test('a pod that cannot be set up is refused with what is wrong, and leaves nothing', async () => {
      const pod = node.pod({ sysctls: { 'net.core.no_such_thing': '1' } });
      await expect(node.runtime.startPod(pod)).rejects.toMatchObject({
        reason: 'CreateContainerError',
        message: expect.stringContaining('/proc/sys/net/core/no_such_thing cannot be set'),
      });
      expect(await node.runtime.status(pod.uid)).toMatchObject({ alive: false });
      await node.runtime.startPod({ ...pod, sysctls: { 'net.core.somaxconn': '77' } });
      await node.runtime.startContainer(pod.uid, containerConfig({ command: ['cat', '/proc/sys/net/core/somaxconn'] }));
      expect(await node.log(pod.uid, { follow: true })).toBe('77\n');
    });

    test('M2 a stopped pod leaves no link, no mount and no process behind', async () => {
      const links = linksOf(node);
      const uid = await node.run({ command: ['sleep', '4401'] });
      expect(linksOf(node).length).toBe(links.length + 1);
      await node.runtime.stopPod(uid);
      expect(linksOf(node)).toEqual(links);
      expect(node.shimsOf(uid)).toEqual([]);
      expect(processesWith('sleep 4401')).toEqual([]);
      expect(mountsOfAllProcesses()).not.toContain(`${node.directory}/pods/${uid}/`);
    });

    test('M2 kill -9 of what supervises a container ends the container before its end is told', async () => {
      const uid = await node.run({ command: ['sleep', '4402'] });
      await eventually(() => processesWith('sleep 4402').length).toBe(1);
      const [program] = processesWith('sleep 4402');
      // The program's parent is the first process of the container, and that one's is outside of it.
      process.kill(parentOf(parentOf(program!)), 'SIGKILL');
      await eventually(async () => (await node.runtime.status(uid))?.containers[0]?.state).toBe('exited');
      expect(processesWith('sleep 4402')).toEqual([]);
    });

    test('shareProcessNamespace: containers see each other’s processes, and each still ends as a whole', async () => {
      const { runtime } = node;
      const background = 'sleep 4411 & sleep 4412 & wait';
      const uid = await node.run({ command: ['sh', '-c', background] }, { shareProcessNamespace: true });
      const other = containerConfig({ name: 'other', command: ['sleep', '4413'] });
      await runtime.startContainer(uid, other);
      await eventually(() => processesWith('sleep 441').length).toBeGreaterThanOrEqual(3);
      const seen = await node.exec(uid, ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
      expect(seen.out).toContain('sleep 4411');
      expect(seen.out).toContain('sleep 4413');
      await runtime.stopContainer(uid, 'main', { signal: 'SIGKILL', graceMs: 1_000 });
      expect(processesWith('sleep 4411')).toEqual([]);
      expect(processesWith('sleep 4412')).toEqual([]);
      expect(processesWith('sleep 4413')).toHaveLength(1);
      expect((await node.container(uid))?.state).toBe('exited');
      // M2: the pod as a whole ends as ever.
      await runtime.stopPod(uid);
      expect(processesWith('sleep 4413')).toEqual([]);
    });

    test('hostIPC: the machine’s own queues, semaphores and shared memory', async () => {
      const script = 'readlink /proc/self/ns/ipc; stat -c %d /dev/shm';
      const command = ['sh', '-c', script];
      const machine = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
      expect(await node.output({ command }, { hostIPC: true })).toBe(machine);
      expect(await node.output({ command })).not.toContain(machine.split('\n')[0]);
    });

    test.each([
      ['hostPID', { hostPID: true }, 'seeing all processes of the machine (hostPID)'],
      ['hostUsers: false', { ownUsers: true }, 'a user namespace (hostUsers: false)'],
    ])('P9 %s is refused', async (_, asked, what) => {
      await expect(node.runtime.startPod(node.pod(asked))).rejects.toMatchObject({
        message: `${what} is not possible at isolation level "namespaces" of this node`,
      });
    });

    test('P9 what a mount asks beyond itself is refused', async () => {
      const pod = node.pod({});
      await node.runtime.startPod(pod);
      const mounts = [
        { hostPath: '/srv', mountPath: '/data', readOnly: false, beyond: 'mountPropagation Bidirectional' },
      ];
      await expect(
        node.runtime.startContainer(pod.uid, containerConfig({ command: ['true'], mounts })),
      ).rejects.toMatchObject({
        message: 'mountPropagation Bidirectional of /data is not possible with the process runtime',
      });
    });

    test('P8 what a container has written is counted', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'head -c 3000000 /dev/zero >/srv/x; sleep 4414'] });
      await eventually(async () => (await node.runtime.diskUse?.(uid))?.get('main')).toBeGreaterThanOrEqual(3_000_000);
    });

    test('what a container writes is in a layer of its own, gone with its next run', async () => {
      const script =
        'ls /tmp /run | wc -w; echo mine >/etc/berth-test; mkdir /srv/x; echo x >/tmp/x; cat /etc/berth-test';
      const uid = await node.run({ command: ['sh', '-c', script] });
      await node.exited(uid);
      expect(await node.log(uid)).toMatch(/^\d\nmine\n$/);
      expect(fs.existsSync('/etc/berth-test')).toBe(false);
      expect(fs.existsSync('/srv/x')).toBe(false);
      const { runtime } = node;
      await runtime.startContainer(uid, containerConfig({ attempt: 1, command: ['ls', '/etc/berth-test', '/tmp/x'] }));
      expect(await node.exited(uid)).toMatchObject({ attempt: 1, exitCode: 2 });
    });

    test('a container sees its own processes only, and nothing of Berth’s', async () => {
      fs.writeFileSync(path.join(node.directory, 'secret'), 'secret');
      const script = `ls /proc | grep -c '^[0-9]'; cat ${node.directory}/secret; ls ${node.directory}`;
      const output = await node.output({ command: ['sh', '-c', script] });
      expect(output).toMatch(/^[3-6]\n/);
      expect(output).not.toContain('pods');
    });

    test('Berth’s own directories are empty for a pod, wherever they are', async () => {
      const elsewhere = fs.mkdtempSync('/var/lib/berth-test-');
      fs.writeFileSync(path.join(elsewhere, 'kubeconfig'), 'secret');
      const other = new TestNode({ isolation: 'namespaces', hidden: [elsewhere] });
      try {
        await other.start();
        const script = `ls -A ${elsewhere}; echo x >${elsewhere}/x; cat /given/kubeconfig`;
        const mounts = [{ hostPath: elsewhere, mountPath: '/given', readOnly: true }];
        const output = await other.output({ command: ['sh', '-c', script], mounts });
        expect(output).toMatch(/^sh: .*Read-only file system\nsecret$/);
      } finally {
        await other.clear();
        fs.rmSync(elsewhere, { recursive: true });
      }
    });

    test('P9 user, groups, capabilities and read-only root are what was asked for', async () => {
      const status = [
        'sh',
        '-c',
        'id -u; id -g; id -G; grep -E "CapEff|CapBnd|NoNewPrivs" /proc/self/status; touch /etc/x',
      ];
      const plain = await node.output({ command: status });
      expect(plain).toContain('0\n0\n0\n');
      expect(plain).toMatch(/CapEff:\s00000000a80425fb/);
      const limited = await node.output({
        command: status,
        securityContext: {
          runAsUser: 1234,
          runAsGroup: 2345,
          supplementalGroups: [5],
          fsGroup: 6,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
        },
      });
      expect(limited).toContain('1234\n2345\n2345 5 6\n');
      expect(limited).toMatch(/CapEff:\s0000000000000000/);
      expect(limited).toMatch(/CapBnd:\s0000000000000400/);
      expect(limited).toMatch(/NoNewPrivs:\s1/);
      expect(limited).toContain('Read-only file system');
      await expect(node.run({ securityContext: { runAsNonRoot: true } })).rejects.toMatchObject({
        reason: 'CreateContainerConfigError',
      });
    });

    test('P9 a container cannot change the machine through /proc and /sys', async () => {
      const script = 'echo x >/proc/sys/kernel/core_pattern; echo 1 >/sys/class/net/lo/mtu; mount -t tmpfs tmpfs /mnt';
      const uid = await node.run({ command: ['sh', '-c', `${script}; exit 3`] });
      await node.exited(uid);
      const output = await node.log(uid);
      expect(output.match(/Read-only file system/g)).toHaveLength(2);
      expect(output).toContain('permission denied');
    });

    test('P8 a container that takes more memory than its limit is killed, and says so', async () => {
      const uid = await node.run({
        command: [process.execPath, '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1e6, 1));'],
        limits: { memoryBytes: 96 * 2 ** 20, cpuMillis: 900 },
      });
      expect(await node.exited(uid)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
      await node.restart();
      expect(await node.exited(uid)).toMatchObject({ reason: 'OOMKilled' });
    });

    test('P8 a container gets no more CPU than its limit', async () => {
      const script =
        'const end = Date.now() + 400; while (Date.now() < end); console.log(process.cpuUsage().user / 1000)';
      const used = Number(await node.output({ command: [process.execPath, '-e', script], limits: { cpuMillis: 200 } }));
      expect(used).toBeGreaterThan(10);
      expect(used).toBeLessThan(250);
    });

    test('a volume may lie below a symbolic link, within another volume, and be read-only', async () => {
      const [outer, inner] = ['outer', 'inner'].map((name) => path.join(node.directory, name));
      for (const directory of [outer!, inner!]) fs.mkdirSync(directory);
      fs.writeFileSync(path.join(inner!, 'file'), 'inside\n');
      const output = await node.output({
        // /var/run is a link to /run.
        command: [
          'sh',
          '-c',
          'cat /var/run/app/deep/file; touch /run/app/deep/x; touch /run/app/y; mount | grep -c deep',
        ],
        mounts: [
          { hostPath: inner!, mountPath: '/var/run/app/deep', readOnly: true },
          { hostPath: outer!, mountPath: '/var/run/app', readOnly: false },
        ],
      });
      expect(output).toContain('inside\n');
      expect(output).toContain('Read-only file system');
      expect(fs.readdirSync(outer!).sort()).toEqual(['deep', 'y']);
    });

    test('a link in a volume does not lead a mount out of the container', async () => {
      const volume = fs.mkdtempSync(path.join(node.directory, 'volume-'));
      const target = fs.mkdtempSync(path.join(node.directory, 'target-'));
      fs.symlinkSync(target, path.join(volume, 'link'));
      const uid = await node.run({
        command: ['true'],
        mounts: [
          { hostPath: volume, mountPath: '/data', readOnly: false },
          { hostPath: target, mountPath: '/data/link/made', readOnly: false },
        ],
      });
      await node.exited(uid);
      expect(fs.readdirSync(target)).toEqual([]);
    });
  });
});

/** Puts a link to a directory in the place of another, and that one back, without end. */
const SWAP = `
  const { renameSync, symlinkSync, unlinkSync } = require('fs');
  const [part, outside] = process.argv.slice(1);
  for (;;) {
    renameSync(part, part + '.away');
    symlinkSync(outside, part);
    for (let pause = Math.random() * 3e6; pause > 0; pause--);
    unlinkSync(part);
    renameSync(part + '.away', part);
    for (let pause = Math.random() * 3e6; pause > 0; pause--);
  }`;

const ECHO_ADDRESS = 'net.createServer((s) => s.end(s.remoteAddress.replace("::ffff:", ""))).listen(8080)';
const ASK = `
  const [a, b, c, d] = process.argv.slice(1);
  const ask = (host, port) => new Promise((done) => net.connect(port, host).on('data', (text) => done(console.log(String(text)))));
  ask(a, b).then(() => ask(c, d)).then(() => process.exit());`;

function listen(address: string): Promise<[port: number, close: () => void]> {
  const server = net.createServer((socket) => socket.end('the machine'));
  return new Promise((resolve) =>
    server.listen(0, address, () => resolve([(server.address() as net.AddressInfo).port, () => server.close()])),
  );
}

function ip(args: string): void {
  execFileSync('ip', args.split(' '));
}

function hasPacketFilter(): boolean {
  return ['/usr/sbin/nft', '/sbin/nft', '/usr/sbin/iptables'].some((file) => fs.existsSync(file));
}

/** The machine's ends of the links of a node's pods. */
function linksOf(node: TestNode): string[] {
  const name = fs.readdirSync('/run/berth/bridges').find((bridge) => {
    return fs.readFileSync(`/run/berth/bridges/${bridge}`, 'utf8') === node.directory;
  });
  return fs.readdirSync(`/sys/class/net/${name}/brif`);
}

function mountsOfAllProcesses(): string {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
      } catch {
        return '';
      }
    })
    .join('');
}
