import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { systemClock } from '../../../platform/clock.ts';
import { silentLogger } from '../../../platform/logger.ts';
import { VirtualClock } from '../../../platform/virtual-clock.ts';
import { type ContainerConfig, type ContainerStatus, LockHeldError, type PodConfig, StartError } from '../runtime.ts';
import { writeLine } from './fifo.ts';
import { lockFile } from './identity-locks.ts';
import type { Isolation } from './isolation.ts';
import { podDirectory, podFiles, runFiles } from './pod-files.ts';
import { type ProcessRuntime, type ProcessRuntimeOptions, processRuntime } from './process-runtime.ts';

/** A node with real processes in a directory of its own. */
export class TestNode {
  readonly directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'berth-runtime-'));
  readonly #options: Partial<ProcessRuntimeOptions>;
  readonly #changed = new Set<() => void>();
  #pods = 0;
  runtime: ProcessRuntime;

  constructor(options: Partial<ProcessRuntimeOptions>) {
    this.#options = options;
    this.runtime = this.#create();
  }

  #create(): ProcessRuntime {
    return processRuntime({
      directory: this.directory,
      nodeName: 'node-0',
      clock: systemClock,
      logger: silentLogger,
      ...this.#options,
    });
  }

  async start(): Promise<void> {
    await this.runtime.start(() => {
      for (const callback of this.#changed) callback();
      this.#changed.clear();
    });
  }

  /** What another agent finds after this one was killed. */
  async restart(): Promise<void> {
    await this.runtime.close();
    this.runtime = this.#create();
    await this.start();
  }

  async clear(): Promise<void> {
    for (const { uid } of await this.runtime.list()) await this.runtime.removePod(uid);
    await this.runtime.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  pod(config: Partial<PodConfig> = {}): PodConfig {
    const name = config.name ?? `web-${this.#pods++}`;
    return {
      uid: `uid-of-${name}`,
      namespace: 'default',
      name,
      hostname: name,
      hostNetwork: false,
      ports: [],
      dns: { nameservers: ['10.96.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] },
      hostAliases: [],
      sysctls: {},
      locks: [],
      ...config,
    };
  }

  /** Starts a pod with one container; returns its uid. */
  async run(container: Partial<ContainerConfig>, pod: Partial<PodConfig> = {}): Promise<string> {
    const config = this.pod(pod);
    await this.runtime.startPod(config);
    await this.runtime.startContainer(config.uid, containerConfig(container));
    return config.uid;
  }

  /** The numbers of the processes that keep a pod. */
  shimsOf(uid: string): number[] {
    return processesWith(path.join(this.directory, 'pods', uid));
  }

  async container(uid: string, name = 'main'): Promise<ContainerStatus | undefined> {
    return (await this.runtime.status(uid))?.containers.find((container) => container.name === name);
  }

  async exited(uid: string, name = 'main'): Promise<Extract<ContainerStatus, { state: 'exited' }>> {
    for (;;) {
      const status = await this.container(uid, name);
      if (status?.state === 'exited') return status;
      await new Promise<void>((resolve) => this.#changed.add(resolve));
    }
  }

  async log(uid: string, options: Partial<Parameters<ProcessRuntime['logs']>[1]> = {}): Promise<string> {
    const defaults = { container: 'main', follow: false, previous: false, timestamps: false };
    return text(await this.runtime.logs(uid, { ...defaults, ...options }));
  }

  /** What the container says until it ends. */
  async output(container: Partial<ContainerConfig>, pod: Partial<PodConfig> = {}): Promise<string> {
    return this.log(await this.run(container, pod), { follow: true });
  }

  async exec(
    uid: string,
    command: readonly string[],
    input?: string,
  ): Promise<{ code: number; out: string; err: string }> {
    const session = await this.runtime.exec(uid, 'main', { command, stdin: input !== undefined, tty: false });
    session.stdin?.end(input);
    const [out, err] = await Promise.all([text(session.stdout), session.stderr ? text(session.stderr) : '']);
    return { code: await session.exited, out, err };
  }
}

export function containerConfig(config: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    name: 'main',
    kind: 'main',
    attempt: 0,
    image: 'busybox',
    command: ['sh', '-c', 'echo hello; exec sleep 1000'],
    args: [],
    env: {},
    mounts: [],
    stdin: false,
    tty: false,
    securityContext: {},
    limits: {},
    terminationMessagePath: '',
    ...config,
  };
}

/** What every level of isolation gives. */
export function describeProcessRuntime(isolation: Isolation): void {
  describe(`a node at the level "${isolation}"`, () => {
    const node = new TestNode({ isolation });
    beforeAll(() => node.start());
    afterAll(() => node.clear());

    test('P1 a container runs until it ends, and its exit code and times are told', async () => {
      const before = Date.now();
      const uid = await node.run({ command: ['sh', '-c', 'exit 7'] });
      const status = await node.exited(uid);
      expect(status).toMatchObject({ name: 'main', attempt: 0, exitCode: 7, reason: 'Error' });
      expect(status.startedAtMs).toBeGreaterThanOrEqual(before - 1);
      expect(status.finishedAtMs).toBeGreaterThanOrEqual(status.startedAtMs);
      expect(await node.runtime.status(uid)).toMatchObject({ alive: true });
    });

    test('P1 an end by a signal is 128 and the number of the signal', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'kill -9 $$'] });
      expect(await node.exited(uid)).toMatchObject({ exitCode: 137 });
      const done = await node.run({ command: ['true'] });
      expect(await node.exited(done)).toMatchObject({ exitCode: 0, reason: 'Completed' });
    });

    test('P6 arguments and variables come through byte for byte', async () => {
      const values = [
        '',
        ' ',
        '\n',
        'a\n\nb\n',
        `"'\`$HOME\\n$(id)*?`,
        '-n',
        '--',
        'ünïcødé 🛥',
        '\t\r\x01\x7f',
        'x'.repeat(10_000),
      ];
      const env = Object.fromEntries(values.map((value, index) => [`VALUE_${index}`, value]));
      const script = 'process.stdout.write(JSON.stringify([process.argv.slice(1), process.env]))';
      const output = await node.output({ command: [process.execPath, '-e', script, '--'], args: values, env });
      const [args, seen] = JSON.parse(output) as [string[], Record<string, string>];
      expect(args).toEqual(values);
      expect(seen).toMatchObject(env);
    });

    test('a program that is not there is refused, and may be tried again', async () => {
      const pod = node.pod();
      await node.runtime.startPod(pod);
      const attempt = (command: string[]): Promise<void> =>
        node.runtime.startContainer(pod.uid, containerConfig({ command }));
      await expect(attempt(['no-such-program'])).rejects.toMatchObject({
        reason: 'RunContainerError',
        message: 'exec: "no-such-program": executable file not found in $PATH',
      });
      await expect(attempt(['/no/such/program'])).rejects.toBeInstanceOf(StartError);
      expect(await node.container(pod.uid)).toBeUndefined();
      await attempt(['sleep', '1000']);
      expect(await node.container(pod.uid)).toMatchObject({ state: 'running', attempt: 0 });
    });

    test('an image without a known program is refused with what to do', async () => {
      const pod = node.pod();
      await node.runtime.startPod(pod);
      const start = node.runtime.startContainer(pod.uid, containerConfig({ command: [], image: 'example.com/shop:1' }));
      await expect(start).rejects.toMatchObject({
        reason: 'ErrImageNeverPull',
        message: expect.stringContaining('set `command`'),
      });
    });

    test('P4 the stop signal goes to the program, and what does not end is killed after the grace period', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'trap "exit 3" INT; echo up; while :; do sleep 0.05; done'] });
      await eventually(() => node.log(uid)).toContain('up');
      await node.runtime.stopContainer(uid, 'main', { signal: 'SIGINT', graceMs: 30_000 });
      expect(await node.container(uid)).toMatchObject({ state: 'exited', exitCode: 3 });

      const deaf = await node.run({ command: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.05; done'] });
      await eventually(() => node.log(deaf)).toContain('up');
      await node.runtime.stopContainer(deaf, 'main', { signal: 'SIGTERM', graceMs: 100 });
      expect(await node.container(deaf)).toMatchObject({ state: 'exited', exitCode: 137 });
    });

    test('P4 a shorter grace period ends a stop that is under way sooner', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.05; done'] });
      await eventually(() => node.log(uid)).toContain('up');
      const long = node.runtime.stopContainer(uid, 'main', { signal: 'SIGTERM', graceMs: 60_000 });
      await node.runtime.stopContainer(uid, 'main', { signal: 'SIGTERM', graceMs: 0 });
      await long;
      expect(await node.container(uid)).toMatchObject({ state: 'exited' });
    });

    test('a container ends with all its processes', async () => {
      const uid = await node.run({ command: ['sh', '-c', `sleep ${mark(4321)} & echo $!; exit 0`] });
      await node.exited(uid);
      expect(processesWith(`sleep ${mark(4321)}`)).toEqual([]);
    });

    test('M2 a stopped pod has no process left, and still tells how it was', async () => {
      const uid = await node.run({
        command: ['sh', '-c', `sleep ${mark(4322)} & trap "" TERM; while :; do sleep ${mark(4322)}; done`],
      });
      await node.runtime.stopPod(uid);
      expect(processesWith(`sleep ${mark(4322)}`)).toEqual([]);
      expect(await node.runtime.status(uid)).toMatchObject({ alive: false, containers: [{ exitCode: 137 }] });
      await node.runtime.removePod(uid);
      expect(await node.runtime.status(uid)).toBeUndefined();
      await node.runtime.stopPod(uid);
      await node.runtime.removePod(uid);
    });

    test('files that a power failure left empty cost one pod its past, and nobody else anything', async () => {
      const lost = node.pod();
      await node.runtime.startPod(lost);
      await node.runtime.stopPod(lost.uid);
      const ended = await node.run({ command: ['true'] });
      await node.exited(ended);
      await node.runtime.stopPod(ended);
      const files = (uid: string) => podFiles(podDirectory(node.directory, uid));
      fs.truncateSync(files(lost.uid).record);
      fs.truncateSync(runFiles(files(ended), 'main', 0).record);
      await node.restart();
      expect(await node.runtime.status(lost.uid)).toBeUndefined();
      expect(await node.container(ended)).toMatchObject({ state: 'exited', exitCode: 0 });
      expect(await node.runtime.startPod(lost)).toMatchObject({ alive: true });
    });

    test('M3 another agent finds what runs and what has ended, and starts nothing again', async () => {
      const running = await node.run({ command: ['sh', '-c', 'echo once; exec sleep 1000'] });
      const ended = await node.run({ command: ['sh', '-c', 'echo bye; exit 5'] });
      const before = await node.container(running);
      await node.exited(ended);
      await node.restart();
      expect(await node.container(running)).toEqual(before);
      expect(await node.container(ended)).toMatchObject({ state: 'exited', exitCode: 5 });
      await node.runtime.startContainer(running, containerConfig());
      await node.runtime.startContainer(ended, containerConfig());
      expect(await node.log(running)).toBe('once\n');
      expect(await node.log(ended)).toBe('bye\n');
      await node.runtime.stopContainer(running, 'main', { signal: 'SIGTERM', graceMs: 5000 });
      expect(await node.exited(running)).toMatchObject({ exitCode: 143 });
    });

    test('M3 a container that ended while no agent was there is found with its exit code', async () => {
      const uid = await node.run(goMount(node));
      await node.runtime.close();
      fs.writeFileSync(`${node.directory}/go.d/go`, 'go\n');
      await eventually(() => processesWith(`${node.directory}/go`)).toEqual([]);
      await node.restart();
      expect(await node.exited(uid)).toMatchObject({ exitCode: 9 });
    });

    test.runIf(process.platform === 'linux')(
      'M2 after a start of the machine, a process that has the number of a pod’s is left alone',
      async () => {
        const pod = node.pod();
        await node.runtime.startPod(pod);
        await node.runtime.stopPod(pod.uid);
        const other = spawn('sleep', [mark(4343)]);
        const files = podFiles(podDirectory(node.directory, pod.uid));
        fs.writeFileSync(files.sandbox, fs.readFileSync(`/proc/${other.pid}/stat`));
        const record = fs.readFileSync(files.record, 'utf8');
        fs.writeFileSync(files.record, JSON.stringify({ ...JSON.parse(record), boot: 'the one before' }));
        await node.restart();
        expect(await node.runtime.status(pod.uid)).toMatchObject({ alive: false });
        expect(processesWith(`sleep ${mark(4343)}`)).toEqual([other.pid]);
        other.kill();
      },
    );

    test('M3 a server on a copy of the directory leaves the pods alone that run where it was copied from', async () => {
      const uid = await node.run({});
      const copy = new TestNode({ isolation });
      spawnSync('cp', ['-R', `${node.directory}/.`, copy.directory]);
      try {
        await copy.start();
        expect(await copy.runtime.status(uid)).toMatchObject({ alive: false });
        expect(await copy.exited(uid)).toMatchObject({ exitCode: 137 });
        expect(copy.runtime.podCidr).not.toBe(node.runtime.podCidr);
        await copy.runtime.startPod(copy.pod({ uid, name: 'copied' }));
        await copy.runtime.startContainer(uid, containerConfig({ attempt: 1 }));
        await copy.runtime.removePod(uid);
        expect(await node.container(uid)).toMatchObject({ state: 'running', attempt: 0 });
        expect((await node.exec(uid, ['echo', 'here'])).out).toBe('here\n');
      } finally {
        await copy.clear();
      }
    });

    test('M2 M3 kill -9 of what waits for a container ends its pod', async () => {
      const uid = await node.run({ command: ['sleep', mark(4341)] });
      const shims = node.shimsOf(uid);
      const parents = shims.map(parentOf);
      for (const pid of shims) if (!parents.includes(pid)) process.kill(pid, 'SIGKILL');
      expect(await node.exited(uid)).toMatchObject({ exitCode: 137 });
      expect(processesWith(`sleep ${mark(4341)}`)).toEqual([]);
      expect(node.shimsOf(uid)).toEqual([]);
      await node.runtime.removePod(uid);
    });

    test('M2 a pod whose shims were stopped is told of, and can be ended all the same', async () => {
      const clock = new VirtualClock(Date.now());
      const own = new TestNode({ isolation, clock });
      try {
        await own.start();
        const uid = await own.run({ command: ['sleep', mark(4342)] });
        for (const pid of own.shimsOf(uid)) process.kill(pid, 'SIGSTOP');
        const sidecar = own.runtime.startContainer(uid, containerConfig({ name: 'sidecar' }));
        const refused = expect(sidecar).rejects.toThrow('the sandbox of the pod has not answered for 60 s');
        await clock.advance(60_000);
        await refused;
        const ended = own.runtime.stopContainer(uid, 'main', { signal: 'SIGTERM', graceMs: 1000 });
        await clock.advance(11_000);
        await ended;
        expect(await own.container(uid)).toMatchObject({ state: 'exited' });
        await own.runtime.stopPod(uid);
        expect(processesWith(`sleep ${mark(4342)}`)).toEqual([]);
      } finally {
        await own.clear();
      }
    });

    test('M5 a second pod with the same identity is refused while a process of the first lives', async () => {
      const lock = { id: `volume-of-${node.directory}`, description: 'claim default/data-db-0' };
      const uid = await node.run({}, { name: 'db-0', locks: [lock] });
      const second = node.pod({
        name: 'db-0-again',
        locks: [{ id: `free-of-${node.directory}`, description: 'free' }, lock],
      });
      const refused = node.runtime.startPod(second);
      await expect(refused).rejects.toBeInstanceOf(LockHeldError);
      await expect(refused).rejects.toMatchObject({
        lock,
        holder: expect.stringContaining('default/db-0 (uid uid-of-db-0)'),
      });
      expect(await node.runtime.status(second.uid)).toMatchObject({ alive: false });
      await node.runtime.stopPod(uid);
      await node.runtime.startPod(second);
      expect(await node.runtime.status(second.uid)).toMatchObject({ alive: true });
    });

    test.runIf(process.platform === 'linux')(
      'M5 a lock that is free again is waited for until its last holder is gone',
      async () => {
        const lock = { id: `dying-${node.directory}`, description: 'claim default/data-dying-0' };
        const dying = spawn('sleep', [mark(4344)]);
        fs.writeFileSync(lockFile(lock).file, `{}\n${fs.readFileSync(`/proc/${dying.pid}/stat`, 'utf8')}`);
        const starting = node.runtime.startPod(node.pod({ locks: [lock] }));
        const soon = new Promise<string>((resolve) => setTimeout(() => resolve('waits'), 500));
        expect(await Promise.race([starting, soon])).toBe('waits');
        dying.kill();
        expect(await starting).toMatchObject({ alive: true });
      },
    );

    test.runIf(process.platform === 'linux')('M5 no program of a pod can let go of its lock', async () => {
      const lock = { id: `kept-${node.directory}`, description: 'claim default/data-kept-0' };
      const script = 'cd /proc/self/fd; for one in *; do flock -u "$one"; done 2>/dev/null; echo tried';
      const uid = await node.run({ command: ['sh', '-c', `${script}; exec sleep 1000`] }, { locks: [lock] });
      await eventually(() => node.log(uid)).toContain('tried');
      expect(spawnSync('flock', ['-n', lockFile(lock).file, 'true']).status).toBe(1);
    });

    test.runIf(process.platform === 'linux')('a program has nothing open of what the server has', async () => {
      const own = new TestNode({ isolation });
      const store = open({ path: path.join(own.directory, 'store.mdb') });
      try {
        await own.start();
        const list = ['sh', '-c', 'readlink /proc/$$/fd/*; exec sleep 1000'];
        const uid = await own.run({ command: list });
        await eventually(() => own.log(uid)).toContain('/log');
        const session = await own.exec(uid, ['sh', '-c', 'readlink /proc/$$/fd/*']);
        expect(session.out).not.toBe('');
        expect((await own.log(uid)) + session.out).not.toContain('store.mdb');
      } finally {
        await store.close();
        await own.clear();
      }
    });

    test('an address that was given back is nobody else’s to give back again', async () => {
      const small = new TestNode({
        isolation,
        podCidr: isolation === 'namespaces' ? '10.254.255.0/30' : '127.191.255.0/30',
      });
      try {
        await small.start();
        const [first, second] = [small.pod(), small.pod()];
        await small.runtime.startPod(first);
        await expect(small.runtime.startPod(second)).rejects.toThrow('no address is left');
        await small.runtime.stopPod(first.uid);
        await small.runtime.startPod(second);
        await small.runtime.stopPod(first.uid);
        await small.runtime.removePod(first.uid);
        await expect(small.runtime.startPod(small.pod())).rejects.toThrow('no address is left');
        // One that has ended gives its address back before it is started again.
        killAll(small.shimsOf(second.uid));
        await eventually(() => small.runtime.status(second.uid)).toMatchObject({ alive: false });
        expect(await small.runtime.startPod(second)).toMatchObject({ alive: true });
      } finally {
        await small.clear();
      }
    });

    test('M5 a pod that is started again waits for its lock as a new one does', async () => {
      const lock = { id: `again-${node.directory}`, description: 'claim default/data-again-0' };
      const [first, second] = [node.pod({ locks: [lock] }), node.pod({ locks: [lock] })];
      await node.runtime.startPod(first);
      await node.runtime.stopPod(first.uid);
      await node.runtime.startPod(second);
      await expect(node.runtime.startPod(first)).rejects.toBeInstanceOf(LockHeldError);
      expect(await node.runtime.status(first.uid)).toMatchObject({ alive: false });
    });

    test('M2 a pod can be stopped while it is being started again', async () => {
      const pod = node.pod();
      await node.runtime.startPod(pod);
      await node.runtime.stopPod(pod.uid);
      const starting = node.runtime.startPod(pod).catch(() => {});
      while (!(await node.runtime.status(pod.uid))?.alive) await new Promise((resolve) => setImmediate(resolve));
      await node.runtime.stopPod(pod.uid);
      expect(await node.runtime.status(pod.uid)).toMatchObject({ alive: false });
      await starting;
    });

    test('M3 a pod that lives keeps its files, though nobody can tell any more which it is', async () => {
      const own = new TestNode({ isolation });
      await own.start();
      const uid = await own.run({});
      const { record, directory } = podFiles(podDirectory(own.directory, uid));
      const text = fs.readFileSync(record);
      fs.truncateSync(record);
      await own.restart();
      expect(await own.runtime.status(uid)).toBeUndefined();
      expect(fs.existsSync(directory)).toBe(true);
      fs.writeFileSync(record, text);
      await own.restart();
      expect(await own.container(uid)).toMatchObject({ state: 'running' });
      await own.clear();
    });

    test('M3 a run that is asked for twice is begun once', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'echo begun; exec sleep 1000'] });
      await eventually(() => node.log(uid)).toBe('begun\n');
      // As an agent does that was killed before it heard of the first.
      expect(writeLine(podFiles(podDirectory(node.directory, uid)).control, 'start main 0')).toBe(true);
      // Commands are done one after the other.
      await node.runtime.startContainer(uid, containerConfig({ name: 'after' }));
      expect(await node.log(uid)).toBe('begun\n');
      await node.runtime.stopContainer(uid, 'main', { signal: 'SIGTERM', graceMs: 5000 });
      expect(await node.exited(uid)).toMatchObject({ attempt: 0, exitCode: 143 });
    });

    test('a pod whose sandbox was killed is started again, with its earlier containers still known', async () => {
      const pod = node.pod();
      await node.runtime.startPod(pod);
      await node.runtime.startContainer(pod.uid, containerConfig({ command: ['sleep', mark(4323)] }));
      const first = await node.runtime.status(pod.uid);
      killAll(node.shimsOf(pod.uid));
      expect(await node.exited(pod.uid)).toMatchObject({ exitCode: 137, attempt: 0 });
      expect(processesWith(`sleep ${mark(4323)}`)).toEqual([]);
      const again = await node.runtime.startPod(pod);
      expect(again).toMatchObject({ alive: true, containers: [{ state: 'exited', attempt: 0 }] });
      expect(again.startedAtMs).toBeGreaterThan(first?.startedAtMs ?? 0);
      await node.runtime.startContainer(pod.uid, containerConfig({ attempt: 1 }));
      expect(await node.container(pod.uid)).toMatchObject({ state: 'running', attempt: 1 });
    });

    test.runIf(process.platform === 'linux')(
      'M2 a pod is stopped though its sandbox was stopped before it said its number',
      async () => {
        const pod = node.pod();
        await node.runtime.startPod(pod);
        await node.runtime.stopPod(pod.uid);
        const files = podFiles(podDirectory(node.directory, pod.uid));
        fs.rmSync(files.sandbox);
        fs.rmSync(files.ready);
        const events = fs.openSync(files.events, fs.constants.O_RDWR);
        const stdio = ['ignore', 'ignore', 'ignore', 'ignore', events] as const;
        const stopped = spawn('sh', ['-c', 'kill -STOP $$; true'], { stdio: [...stdio], detached: true });
        const ended = once(stopped, 'exit');
        fs.closeSync(events);
        await node.restart();
        expect(await node.runtime.status(pod.uid)).toMatchObject({ alive: true });
        await node.runtime.stopPod(pod.uid);
        expect(await node.runtime.status(pod.uid)).toMatchObject({ alive: false });
        await ended;
        await node.runtime.removePod(pod.uid);
      },
    );

    test.runIf(process.platform === 'linux')(
      'M2 a pod has not ended as long as its processes cannot be looked at, too many files being open',
      async () => {
        const uid = await node.run({ command: ['sleep', mark(4325)] });
        const read = fs.readFileSync;
        const looks: unknown[] = [];
        const blocked = vi.spyOn(fs, 'readFileSync').mockImplementation((...args: Parameters<typeof read>) => {
          const [file] = args;
          if (!String(file).startsWith('/proc/')) return read(...args);
          looks.push(file);
          throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
        });
        try {
          await expect(node.runtime.stopPod(uid)).rejects.toThrow('EMFILE');
          const before = looks.length;
          killAll(processesWith(podDirectory(node.directory, uid), read));
          await eventually(() => looks.length).toBeGreaterThan(before + 3);
          expect(await node.runtime.status(uid)).toMatchObject({ alive: true });
        } finally {
          blocked.mockRestore();
        }
        await eventually(() => node.runtime.status(uid)).toMatchObject({ alive: false });
        expect(processesWith(`sleep ${mark(4325)}`)).toEqual([]);
      },
    );

    test('P7 logs: the last lines, the run before, times, and what is written from now on', async () => {
      const uid = await node.run({ command: ['sh', '-c', 'seq 1 20000; printf unfinished; exit 1'] });
      await node.exited(uid);
      expect(await node.log(uid, { tailLines: 3 })).toBe('19999\n20000\nunfinished');
      expect(await node.log(uid, { tailLines: 0 })).toBe('');
      expect((await node.log(uid)).length).toBe(108_904);
      expect(await node.log(uid, { limitBytes: 10 })).toBe('1\n2\n3\n4\n5\n');
      const stamped = await node.log(uid, { timestamps: true, tailLines: 2 });
      expect(stamped).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 20000\n\d{4}-.*Z unfinished$/);
      expect(await node.log(uid, { sinceMs: Date.now() + 60_000 })).toBe('');
      expect(await node.log(uid, { sinceMs: Date.now() - 60_000, tailLines: 1 })).toBe('unfinished');
      await expect(node.log(uid, { previous: true })).rejects.toMatchObject({ code: 400 });

      await node.runtime.startContainer(
        uid,
        containerConfig({ attempt: 1, command: ['sh', '-c', 'echo one; sleep 0.2; echo two'] }),
      );
      expect(await node.log(uid, { follow: true })).toBe('one\ntwo\n');
      expect(await node.log(uid, { previous: true, tailLines: 1 })).toBe('unfinished');
    });

    test('P7 exec runs beside the container, with its environment and directory', async () => {
      const uid = await node.run({ env: { COLOUR: 'blue "green"' }, workingDir: '/usr', command: ['sleep', '1000'] });
      expect(await node.exec(uid, ['sh', '-c', 'pwd; echo "$COLOUR"; echo no >&2; exit 4'])).toEqual({
        code: 4,
        out: '/usr\nblue "green"\n',
        err: 'no\n',
      });
      expect(await node.exec(uid, ['cat'], 'through\0and\nback')).toMatchObject({ code: 0, out: 'through\0and\nback' });
      expect(await node.exec(uid, ['sh', '-c', 'kill -9 $$'])).toMatchObject({ code: 137 });
      await expect(node.exec('nobody', ['true'])).rejects.toMatchObject({ code: 400 });
    });

    test('P7 a session ends when its caller goes, even at once', async () => {
      const uid = await node.run({});
      const session = await node.runtime.exec(uid, 'main', {
        command: ['sleep', mark(4324)],
        stdin: false,
        tty: false,
      });
      session.kill();
      expect(await session.exited).toBe(137);
      await eventually(() => processesWith(`sleep ${mark(4324)}`)).toEqual([]);
    });

    test('P7 exec in a terminal: a terminal in the container, its size, its end', async () => {
      const uid = await node.run({ env: { WORD: "it's $HOME" } });
      const command = [
        'sh',
        '-c',
        'tty; test -t 0 && test -t 2 && echo terminal; read line; stty size; echo "$WORD"; exit 6',
      ];
      const session = await node.runtime.exec(uid, 'main', { command, stdin: true, tty: true });
      session.resize(123, 45);
      let output = '';
      session.stdout.setEncoding('utf8').on('data', (data) => (output += data));
      await eventually(() => output).toContain('terminal');
      await eventually(() => sizesOfTerminals('read line; stty size; echo "$WORD"')).toContain('45 123');
      session.stdin?.write('\r');
      expect(await session.exited).toBe(6);
      expect(output).toMatch(/^\/dev\/(pts\/)?\d+\r\nterminal\r\n/);
      expect(output).toContain("45 123\r\nit's $HOME\r\n");
      expect(session.stderr).toBeUndefined();
    });

    test('P7 attach: the input of a container and what it says from then on', async () => {
      const uid = await node.run({
        stdin: true,
        command: ['sh', '-c', 'echo before; read line; echo "got $line"; exit 2'],
      });
      await eventually(() => node.log(uid)).toBe('before\n');
      const session = await node.runtime.attach(uid, 'main', { stdin: true, tty: false });
      session.stdin?.write('a word\n');
      expect(await text(session.stdout)).toBe('got a word\n');
      expect(await session.exited).toBe(2);
    });

    test('P7 with stdinOnce the input ends with that of the first client, and not before one came', async () => {
      const uid = await node.run({ stdin: true, stdinOnce: true, command: ['cat'] });
      const looker = await node.runtime.attach(uid, 'main', { stdin: false, tty: false });
      looker.kill();
      const session = await node.runtime.attach(uid, 'main', { stdin: true, tty: false });
      session.stdin?.end('one\ntwo\n');
      expect(await text(session.stdout)).toBe('one\ntwo\n');
      expect(await session.exited).toBe(0);
    });

    test('P7 with stdinOnce nobody has to come, and whoever comes late has no input', async () => {
      const idle = await node.run({ stdin: true, stdinOnce: true, command: ['sh', '-c', 'exit 4'] });
      expect(await node.exited(idle)).toMatchObject({ exitCode: 4 });
      const uid = await node.run({
        stdin: true,
        stdinOnce: true,
        command: ['sh', '-c', 'while read line; do echo "got $line"; done; echo over; exec sleep 1000'],
      });
      const first = await node.runtime.attach(uid, 'main', { stdin: true, tty: false });
      first.stdin?.write('a word\n');
      await eventually(() => node.log(uid)).toBe('got a word\n');
      first.kill(); // as when a client is cut off
      await eventually(() => node.log(uid)).toBe('got a word\nover\n');
      const second = await node.runtime.attach(uid, 'main', { stdin: true, tty: false });
      expect(second.stdin).toBeUndefined();
      second.kill();
    });

    test('P7 a container without an input reads its end', async () => {
      expect(await node.output({ command: ['sh', '-c', 'cat; echo over'] })).toBe('over\n');
    });

    test('P7 a container may have a terminal itself', async () => {
      const uid = await node.run({
        stdin: true,
        tty: true,
        command: ['sh', '-c', 'test -t 1 && echo ready; read line; stty size; echo "$line"; exit 8'],
      });
      await eventually(() => node.log(uid)).toBe('ready\r\n');
      const session = await node.runtime.attach(uid, 'main', { stdin: true, tty: true });
      session.resize(90, 30);
      await eventually(() => sizesOfTerminals('read line; stty size; echo "$line"')).toContain('30 90');
      session.stdin?.write('typed\r');
      expect(await text(session.stdout)).toContain('30 90\r\ntyped\r\n');
      expect(await session.exited).toBe(8);
    });

    test('the last words of a container are told, and only from a file', async () => {
      const file = path.join(node.directory, 'last-words');
      fs.writeFileSync(file, '');
      const words = {
        command: ['sh', '-c', 'printf "%05000d" 7 >/dev/last; exit 1'],
        terminationMessagePath: file,
        mounts: [{ hostPath: file, mountPath: '/dev/last', readOnly: false }],
      };
      const status = await node.exited(await node.run(words));
      expect(status.message).toBe(`${'0'.repeat(4095)}7`);
      fs.rmSync(file);
      fs.symlinkSync('/etc/passwd', file);
      const linked = await node.exited(await node.run({ command: ['true'], terminationMessagePath: file }));
      expect(linked.message).toBeUndefined();
    });

    test('P9 what the runtime has not got is refused', async () => {
      const profile = { type: 'Localhost', localhostProfile: 'mine.json' } as const;
      await expect(node.run({ securityContext: { seccompProfile: profile } })).rejects.toMatchObject({
        reason: 'CreateContainerConfigError',
      });
    });

    test('P6 volumes are at their mount paths', async () => {
      const volume = fs.mkdtempSync(path.join(node.directory, 'volume-'));
      fs.writeFileSync(path.join(volume, 'before'), 'here\n');
      const file = path.join(node.directory, 'one.conf');
      fs.writeFileSync(file, 'setting\n');
      const output = await node.output({
        command: ['sh', '-c', 'cat /data/deep/before /etc/one.conf; echo after >/data/deep/after; cat "$FILE"'],
        env: { FILE: '/etc/one.conf' },
        mounts: [
          { hostPath: volume, mountPath: '/data/deep', readOnly: false },
          { hostPath: file, mountPath: '/etc/one.conf', readOnly: true },
        ],
      });
      expect(output).toBe('here\nsetting\nsetting\n');
      expect(fs.readFileSync(path.join(volume, 'after'), 'utf8')).toBe('after\n');
      expect(fs.existsSync('/data/deep')).toBe(false);
      expect(fs.existsSync('/etc/one.conf')).toBe(false);
    });
  });
}

/** The number of a process' parent. */
export function parentOf(pid: number): number {
  return Number(spawnSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }).stdout);
}

function goMount(node: TestNode): Pick<ContainerConfig, 'mounts' | 'command'> {
  const directory = path.join(node.directory, 'go.d');
  fs.mkdirSync(directory);
  const script = 'while ! [ -e /go.d/go ]; do sleep 0.02; done; exit 9';
  return {
    command: ['sh', '-c', script, `${node.directory}/go`],
    mounts: [{ hostPath: directory, mountPath: '/go.d', readOnly: false }],
  };
}

/** A number of seconds that only this file's tests sleep for, by which their processes are known. */
function mark(number: number): string {
  return `${number}${process.pid}`;
}

/** As `expect.poll`, with the patience that real processes on a busy machine need. */
export function eventually<T>(get: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(get, { timeout: 15_000, interval: 20 });
}

/** What a server on `host` says, or why there is no answer. */
export function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, host);
    socket.on('data', (data) => resolve(String(data)));
    socket.on('error', (error) => resolve(error.message));
  });
}

/** Of the processes whose command line contains `text`: the sizes of their terminals. */
function sizesOfTerminals(text: string): string[] {
  return processesWith(text).map((pid) => {
    const result = spawnSync('sh', ['-c', 'stty size <"$0"', `/proc/${pid}/fd/0`], { encoding: 'utf8' });
    return result.stdout.trim();
  });
}

/** All at once; one may end with another. */
function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** The numbers of the living processes whose command line contains `text`. */
export function processesWith(text: string, read = fs.readFileSync): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return read(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}
