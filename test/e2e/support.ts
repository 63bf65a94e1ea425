import { type ChildProcess, execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

import type { Pod, StatefulSet } from '../../src/api/generated/types.ts';
import { Pods, StatefulSets } from '../../src/api/kinds.ts';
import type { KubernetesObject } from '../../src/api/meta.ts';
import type { ResourceType } from '../../src/api/resource-type.ts';
import { connect } from '../../src/cli/connect.ts';
import { isReady } from '../../src/cli/view/members.ts';
import { waitingMessage } from '../../src/cli/view/readiness.ts';
import type { Client } from '../../src/client/client.ts';
import { httpClient } from '../../src/client/http-client.ts';
import { httpConnection } from '../../src/client/http-connection.ts';
import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import type { ServerStatus } from '../../src/cluster/data-directory.ts';

const root = path.join(import.meta.dirname, '..', '..');
export const example = (name: string): string => path.join(root, 'examples', name);
/** The built command. */
export const program = path.join(root, 'bin', 'berth.js');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long anything real may take on a slow machine. */
const PATIENCE_MS = 120_000;

/** Something that the built program can be run in. */
export interface World {
  /** The beginning of a command line: runs what follows there, as this user and with this environment. */
  enter(user: number, env: Readonly<Record<string, string>>): readonly [string, ...string[]];
}

/** A cluster of a test's own: a data directory, and the built program on it. */
export class TestBerth {
  readonly dataDir: string;
  readonly #server = new Set<ChildProcess>();
  readonly #user: number | undefined;
  readonly #world: World | undefined;

  /**
   * `user` is the id of another user to run as, which only root may choose; `parent` is where its directory is made, and
   * `world` where the program is run.
   */
  constructor(name: string, user?: number, parent = os.tmpdir(), world?: World) {
    this.dataDir = fs.mkdtempSync(path.join(parent, `berth-${name}-`));
    this.#user = user;
    this.#world = world;
    if (user !== undefined) fs.chownSync(this.dataDir, user, user);
  }

  get #identity(): { readonly uid?: number; readonly gid?: number; readonly env: Readonly<Record<string, string>> } {
    const env = { BERTH_DATA_DIR: this.dataDir };
    return this.#user === undefined
      ? { env }
      : { uid: this.#user, gid: this.#user, env: { ...env, HOME: this.dataDir } };
  }

  /** A command line of the program, and what it is run with. */
  command(...args: readonly string[]): {
    readonly command: readonly [string, ...string[]];
    readonly options: RunOptions;
  } {
    const { env, ...identity } = this.#identity;
    if (this.#world === undefined)
      return { command: [process.execPath, program, ...args], options: { ...identity, env } };
    const entered = this.#world.enter(this.#user ?? 0, { ...env, NO_COLOR: '1' });
    return { command: [...entered, 'node', program, ...args], options: { env: {} } };
  }

  /** Runs one command to its end. */
  run(...args: readonly string[]): Promise<Finished> {
    return this.fed('', ...args);
  }

  /** Runs one command to its end, with this as its standard input. */
  fed(input: string, ...args: readonly string[]): Promise<Finished> {
    const { command, options } = this.command(...args);
    return run(command, options, input);
  }

  /** Runs one command, which must succeed. */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`berth ${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Starts `berth up` on free ports and resolves when the API answers. */
  async up(...args: readonly string[]): Promise<Server> {
    const { command, options } = this.command('up', '--api-port', '0', '--dns-port', '0', ...args);
    const [first, ...rest] = command;
    const child = spawn(first, rest, {
      ...options,
      env: { ...process.env, NO_COLOR: '1', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#server.add(child);
    const server = new Server(child);
    await server.line(/^ {2}API /);
    return server;
  }

  kubectl(...args: readonly string[]): Promise<Finished> {
    return this.kubectlFed('', ...args);
  }

  kubectlFed(input: string, ...args: readonly string[]): Promise<Finished> {
    return run(['kubectl', ...args], { env: { KUBECONFIG: path.join(this.dataDir, 'kubeconfig') } }, input);
  }

  async status(): Promise<ServerStatus> {
    return JSON.parse(await this.ok('status', '-o', 'json')) as ServerStatus;
  }

  client(): Client {
    // Elsewhere processes may look otherwise, also the server.
    if (this.#world !== undefined)
      return httpClient(httpConnection(loadKubeconfig(path.join(this.dataDir, 'kubeconfig'))));
    return connect({ dataDir: this.dataDir }).client;
  }

  /** The process ids of this cluster's pod whose command line has this part. */
  processesOf(podName: string, commandPart: string): readonly number[] {
    return fs
      .readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
          // Another cluster on this machine may have pods of the same names: this one's have a mount of its data directory.
          const mounts = fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
          const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
          // The program itself, not a shell that has its text as an argument.
          return (
            command.some((word) => word.endsWith(commandPart)) &&
            environment.includes(`POD_NAME=${podName}`) &&
            mounts.includes(this.dataDir)
          );
        } catch {
          return false;
        }
      });
  }

  /** Ends everything, whatever state it is in, and removes the data. */
  async close(): Promise<void> {
    for (const child of this.#server) child.kill('SIGKILL');
    // Some tests never come to start anything.
    if (!fs.existsSync(path.join(this.dataDir, 'store', 'data.mdb')))
      return fs.rmSync(this.dataDir, { recursive: true, force: true });
    const { code, stdout, stderr } = await this.run('down', '--volumes', '--yes');
    if (code !== 0) throw new Error(`berth down --volumes ended with ${code}:\n${stdout}${stderr}`);
    // What a test has put beside it.
    fs.rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** A `berth up` under way. */
export class Server {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  #output = '';
  readonly #watchers = new Set<() => void>();

  constructor(child: ChildProcess) {
    this.child = child;
    const take = (chunk: Buffer): void => {
      this.#output += chunk.toString();
      for (const watcher of this.#watchers) watcher();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  }

  get output(): string {
    return this.#output;
  }

  /** Resolves with the first line that matches. */
  async line(pattern: RegExp): Promise<string> {
    return within(
      PATIENCE_MS,
      () => `no line ${pattern} in:\n${this.#output}`,
      (resolve, reject) => {
        const look = (): void => {
          const found = this.#output.split('\n').find((line) => pattern.test(line));
          if (found !== undefined) resolve(found);
        };
        this.#watchers.add(look);
        void this.ended.then((code) => reject(new Error(`berth up ended with ${code}:\n${this.#output}`)));
        look();
        return () => this.#watchers.delete(look);
      },
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

interface RunOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a program to its end. */
export function run(
  [program, ...args]: readonly [string, ...string[]],
  options: RunOptions,
  input = '',
): Promise<Finished> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1', ...options.env };
    const child = execFile(program, args, { ...options, env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : null) : 0, stdout, stderr });
    });
    child.stdin?.on('error', () => {}); // it need not read any of it
    child.stdin?.end(input);
  });
}

function within<T>(
  ms: number,
  failure: () => string,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let stop: () => void = () => {};
    const timer = setTimeout(() => {
      stop();
      reject(new Error(`after ${ms / 1000} s: ${failure()}`));
    }, ms);
    const settle =
      <V>(then: (value: V) => void) =>
      (value: V): void => {
        clearTimeout(timer);
        queueMicrotask(() => stop());
        then(value);
      };
    stop = start(settle(resolve), settle(reject));
  });
}

/** Resolves with everything of a kind as soon as it is as wanted: lists, then follows a watch; nothing is polled. */
export async function until<T extends KubernetesObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: (objects: readonly T[]) => boolean,
  what: string,
): Promise<readonly T[]> {
  const { items, metadata } = await client.list(type, { namespace: 'default' });
  const objects = new Map(items.map((object) => [object.metadata.name, object]));
  const all = (): readonly T[] => [...objects.values()];
  if (wanted(all())) return all();
  return within<readonly T[]>(
    PATIENCE_MS,
    () => `${what}; there is ${JSON.stringify(all(), null, 1).slice(0, 4000)}`,
    (resolve, reject) => {
      const watch = client.watch(
        type,
        { namespace: 'default', resourceVersion: metadata.resourceVersion },
        {
          events: (batch) => {
            for (const event of batch) {
              if (event.type === 'BOOKMARK') continue;
              if (event.type === 'DELETED') objects.delete(event.object.metadata.name);
              else objects.set(event.object.metadata.name, event.object);
              if (wanted(all())) return resolve(all());
            }
          },
          closed: (error) => reject(error ?? new Error('the watch ended')),
        },
      );
      return () => watch.stop();
    },
  );
}

/** Resolves when the set has exactly `replicas` members, all of them ready and of the newest template. */
export async function untilSettled(client: Client, name: string, replicas: number): Promise<readonly StatefulSet[]> {
  // The status of the set alone may still be that of before.
  await until(
    client,
    Pods,
    (pods) => {
      const members = pods.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.name === name));
      return members.length === replicas && members.every((pod) => isReady(pod) && !pod.metadata.deletionTimestamp);
    },
    `${replicas} ready pods of ${name}`,
  );
  return until(
    client,
    StatefulSets,
    (sets) =>
      sets.some(
        ({ metadata, status }) =>
          metadata.name === name &&
          status?.observedGeneration === metadata.generation &&
          (status?.replicas ?? 0) === replicas &&
          (status?.readyReplicas ?? 0) === replicas &&
          status?.currentRevision === status?.updateRevision,
      ),
    `${name} has ${replicas} ready members`,
  );
}

/** Resolves when the set says that it waits, in words that match. */
export async function untilWaiting(client: Client, name: string, message: RegExp): Promise<string> {
  const sets = await until(
    client,
    StatefulSets,
    (all) => all.some((set) => set.metadata.name === name && message.test(waitingMessage(set) ?? '')),
    `${name} waits: ${message}`,
  );
  return waitingMessage(sets.find((set) => set.metadata.name === name)!) ?? '';
}

/** Resolves with the pod of that name when it is ready and not the one with the given uid. */
export async function untilReplaced(client: Client, name: string, oldUid: string): Promise<Pod> {
  const pods = await until(
    client,
    Pods,
    (all) => all.some((pod) => pod.metadata.name === name && pod.metadata.uid !== oldUid && isReady(pod)),
    `${name} replaced and ready`,
  );
  return pods.find((pod) => pod.metadata.name === name)!;
}

/** Records what happens to the pods from now on, one word for each step: `+kv-0`, `ready kv-0`, `ending kv-2`, `-kv-2`. */
export async function recordPods(client: Client): Promise<{ readonly steps: readonly string[]; stop(): void }> {
  const steps: string[] = [];
  const known = new Map<string, Pod>();
  const { items, metadata } = await client.list(Pods, { namespace: 'default' });
  for (const pod of items) known.set(pod.metadata.name, pod);
  const note = (pod: Pod): void => {
    const before = known.get(pod.metadata.name);
    const { name } = pod.metadata;
    if (before === undefined) steps.push(`+${name}`);
    if (pod.metadata.deletionTimestamp !== undefined && before?.metadata.deletionTimestamp === undefined)
      steps.push(`ending ${name}`);
    else if (isReady(pod) && !(before && isReady(before))) steps.push(`ready ${name}`);
    else if (before && isReady(before) && !isReady(pod) && pod.metadata.deletionTimestamp === undefined)
      steps.push(`unready ${name}`);
    known.set(name, pod);
  };
  const watch = client.watch(
    Pods,
    { namespace: 'default', resourceVersion: metadata.resourceVersion },
    {
      events: (batch) => {
        for (const event of batch) {
          if (event.type === 'BOOKMARK') continue;
          if (event.type === 'DELETED') {
            known.delete(event.object.metadata.name);
            steps.push(`-${event.object.metadata.name}`);
          } else note(event.object);
        }
      },
      closed: () => {},
    },
  );
  return { steps, stop: () => watch.stop() };
}

/** One HTTP exchange with a member of the kv example, at an address or `address:port`. */
export function kv(
  address: string,
  method: 'GET' | 'PUT',
  url: string,
  body?: string,
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const [host, port = '8080'] = address.split(':');
    const request = http.request({ host, port, method, path: url, timeout: 5000 }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({
        status: response.statusCode ?? 0,
        body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${address}`)));
    request.on('error', reject);
    request.end(body);
  });
}
