import { Readable } from 'node:stream';

import { apiError } from '../../../api/errors.ts';
import type { ExecSession } from '../../../client/pod-streams.ts';
import type { Clock } from '../../../platform/clock.ts';
import { AddressPool, parseCidr } from '../process/address-pool.ts';
import {
  type ContainerConfig,
  type ContainerStatus,
  type IdentityLock,
  LockHeldError,
  type PodConfig,
  type PodIdentity,
  type PodListener,
  type PodStatus,
  type Runtime,
} from '../runtime.ts';

/** What one run of a container does. */
export interface SimulatedRun {
  /** It ends by itself after this long; for ever when absent. */
  readonly endsAfterMs?: number;
  /** Default 0. */
  readonly exitCode?: number;
  /** How long after its start its probes succeed (default 0). */
  readonly readyAfterMs?: number;
  /** How long it takes to end after its signal (default 0); past its grace period it is killed. */
  readonly stopsAfterMs?: number;
}

export interface SimulatedRuntimeOptions {
  readonly clock: Clock;
  /** Where pods get their addresses from (default `10.88.0.0/16`). */
  readonly podCIDR?: string;
  /** Identity locks are kept here: share it among the nodes of one machine. */
  readonly locks?: Map<string, PodIdentity>;
  /** How long the sandbox of a pod takes to start (default 0). */
  readonly sandboxMs?: number;
  /** What a container does; by default an init container ends at once with 0 and every other runs for ever. */
  readonly run?: (pod: PodIdentity, container: ContainerConfig) => SimulatedRun;
}

type Health = NonNullable<Extract<ContainerStatus, { readonly state: 'running' }>['health']>;

interface Container {
  status: ContainerStatus;
  readonly run: SimulatedRun;
  timers: { cancel(): void }[];
  /** Called when it ends. */
  ended: (() => void)[];
}

interface Pod {
  readonly config: PodConfig;
  alive: boolean;
  ips: readonly string[];
  startedAtMs: number;
  readonly containers: Map<string, Container>;
}

const HEALTHY: Health = { started: true, ready: true, live: true };

/**
 * Runs nothing: pods live in memory, take any image and become ready by themselves, after exactly the time they are
 * told. For tests, simulation and load. It outlives its agents, as real pods do: give it to the next one.
 *
 * @example
 * const runtime = simulatedRuntime({ clock });
 * runtime.crash(podUid, 'redis', 137);
 */
export class SimulatedRuntime implements Runtime {
  readonly name = 'simulated';
  readonly simulated = true;
  readonly limitations = [
    {
      reason: 'Simulated',
      message: 'Pods are simulated: there are no processes, and nothing listens on their addresses',
    },
  ];
  readonly #options: SimulatedRuntimeOptions;
  readonly #clock: Clock;
  readonly #addresses: AddressPool;
  readonly #locks: Map<string, PodIdentity>;
  readonly #pods = new Map<string, Pod>();
  readonly #holds = new Map<string, { readonly released: Promise<void> }>();
  #listener: PodListener = () => {};

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#addresses = new AddressPool(parseCidr(options.podCIDR ?? '10.88.0.0/16'));
    this.#locks = options.locks ?? new Map();
  }

  async start(listener: PodListener): Promise<void> {
    this.#listener = listener;
  }

  async list(): Promise<readonly PodStatus[]> {
    return Array.from(this.#pods.values(), statusOf);
  }

  async status(podUid: string): Promise<PodStatus | undefined> {
    const pod = this.#pods.get(podUid);
    return pod && statusOf(pod);
  }

  async startPod(config: PodConfig): Promise<PodStatus> {
    const known = this.#pods.get(config.uid);
    if (known?.alive) return statusOf(known);
    this.#lock(config);
    if (this.#options.sandboxMs) await this.#wait(this.#options.sandboxMs);
    const pod: Pod = known ?? { config, alive: false, ips: [], startedAtMs: 0, containers: new Map() };
    pod.alive = true;
    pod.ips = this.#allocate();
    pod.startedAtMs = this.#clock.now();
    this.#pods.set(config.uid, pod);
    return statusOf(pod);
  }

  async startContainer(podUid: string, config: ContainerConfig): Promise<void> {
    const pod = this.#alive(podUid);
    const { name, attempt } = config;
    const known = pod.containers.get(name);
    if (known?.status.state === 'running' && known.status.attempt === attempt) return;
    const run = this.#options.run?.(pod.config, config) ?? (config.kind === 'init' ? { endsAfterMs: 0 } : {});
    const { endsAfterMs, readyAfterMs = 0, exitCode = 0 } = run;
    const health = { ...HEALTHY, started: readyAfterMs === 0, ready: readyAfterMs === 0 };
    const startedAtMs = this.#clock.now();
    const container: Container = {
      status: { state: 'running', name, attempt, startedAtMs, health },
      run,
      timers: [],
      ended: [],
    };
    pod.containers.set(name, container);
    if (endsAfterMs === 0) return this.#end(pod, container, exitCode);
    if (endsAfterMs !== undefined) this.#later(container, endsAfterMs, () => this.#end(pod, container, exitCode));
    if (readyAfterMs > 0) this.#later(container, readyAfterMs, () => this.setHealth(podUid, name, HEALTHY));
  }

  async stopContainer(
    podUid: string,
    name: string,
    { graceMs }: { readonly signal: string; readonly graceMs: number },
  ): Promise<void> {
    await this.#holds.get(podUid)?.released;
    const pod = this.#pods.get(podUid);
    const container = pod?.containers.get(name);
    if (!pod || container?.status.state !== 'running') return;
    const { stopsAfterMs = 0 } = container.run;
    const killed = stopsAfterMs > graceMs;
    await new Promise<void>((resolve) => {
      container.ended.push(resolve);
      const end = (): void => this.#end(pod, container, killed ? 137 : 143);
      const delayMs = Math.min(stopsAfterMs, graceMs);
      if (delayMs === 0) end();
      else this.#later(container, delayMs, end);
    });
  }

  async stopPod(podUid: string): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (!pod) return;
    await this.#holds.get(podUid)?.released;
    this.#endPod(pod);
  }

  async removePod(podUid: string): Promise<void> {
    await this.stopPod(podUid);
    this.#pods.delete(podUid);
  }

  async exec(): Promise<ExecSession> {
    throw notSimulated('run a command in');
  }

  async attach(): Promise<ExecSession> {
    throw notSimulated('attach to');
  }

  async logs(podUid: string): Promise<Readable> {
    if (!this.#pods.has(podUid)) throw apiError('NotFound', 'the pod is not on this node');
    return Readable.from(['simulated: no process, so no output\n']);
  }

  async close(): Promise<void> {
    this.#listener = () => {};
  }

  /** Ends a running container by itself. */
  crash(podUid: string, name: string, exitCode = 1): void {
    const pod = this.#pods.get(podUid);
    const container = pod?.containers.get(name);
    if (pod && container?.status.state === 'running') this.#end(pod, container, exitCode);
  }

  /** Ends a pod with all its containers by itself, as `kill -9` of its first process does. */
  kill(podUid: string): void {
    const pod = this.#pods.get(podUid);
    if (!pod?.alive) return;
    this.#endPod(pod);
    this.#listener(podUid);
  }

  /** From now on nothing can stop the pod's containers or the pod, until the returned function is called. */
  hold(podUid: string): () => void {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#holds.set(podUid, { released });
    return () => {
      this.#holds.delete(podUid);
      release();
    };
  }

  /** The machine loses its power and comes back: nothing runs any more, what is on disk is still there. */
  reboot(): void {
    for (const uid of this.#pods.keys()) this.kill(uid);
  }

  /** Sets what the probes of a running container find. */
  setHealth(podUid: string, name: string, health: Partial<Health>): void {
    const container = this.#pods.get(podUid)?.containers.get(name);
    if (container?.status.state !== 'running') return;
    container.status = { ...container.status, health: { ...HEALTHY, ...container.status.health, ...health } };
    this.#listener(podUid);
  }

  #end(pod: Pod, container: Container, exitCode: number): void {
    const { status } = container;
    if (status.state !== 'running') return;
    for (const timer of container.timers) timer.cancel();
    container.timers = [];
    const { name, attempt, startedAtMs } = status;
    container.status = {
      state: 'exited',
      name,
      attempt,
      startedAtMs,
      finishedAtMs: this.#clock.now(),
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
    };
    for (const ended of container.ended.splice(0)) ended();
    this.#listener(pod.config.uid);
  }

  #endPod(pod: Pod): void {
    for (const container of pod.containers.values()) this.#end(pod, container, 137);
    for (const ip of pod.ips) this.#addresses.release(ip);
    pod.alive = false;
    pod.ips = [];
    for (const { id } of pod.config.locks) if (this.#locks.get(id)?.uid === pod.config.uid) this.#locks.delete(id);
  }

  #lock(config: PodConfig): void {
    const holderOf = (lock: IdentityLock): PodIdentity | undefined => {
      const holder = this.#locks.get(lock.id);
      return holder?.uid === config.uid ? undefined : holder;
    };
    for (const lock of config.locks) {
      const holder = holderOf(lock);
      if (holder) throw new LockHeldError(lock, `pod ${holder.namespace}/${holder.name} with uid ${holder.uid}`);
    }
    const { uid, namespace, name } = config;
    for (const { id } of config.locks) this.#locks.set(id, { uid, namespace, name });
  }

  #allocate(): readonly string[] {
    const address = this.#addresses.allocate();
    if (address === undefined) throw new Error('all addresses of the pod range are in use');
    return [address];
  }

  #alive(podUid: string): Pod {
    const pod = this.#pods.get(podUid);
    if (!pod?.alive) throw new Error(`pod ${podUid} does not run`);
    return pod;
  }

  #later(container: Container, delayMs: number, callback: () => void): void {
    container.timers.push(this.#clock.after(delayMs, callback));
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(delayMs, resolve);
    });
  }
}

export function simulatedRuntime(options: SimulatedRuntimeOptions): SimulatedRuntime {
  return new SimulatedRuntime(options);
}

function statusOf(pod: Pod): PodStatus {
  const { uid, namespace, name } = pod.config;
  return {
    uid,
    namespace,
    name,
    alive: pod.alive,
    ips: pod.ips,
    startedAtMs: pod.startedAtMs,
    containers: Array.from(pod.containers.values(), ({ status }) => status),
  };
}

function notSimulated(what: string): Error {
  return apiError('BadRequest', `simulated: no process to ${what}`);
}
