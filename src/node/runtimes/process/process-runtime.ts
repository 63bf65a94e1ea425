import fs from 'node:fs';
import path from 'node:path';
import type { Duplex, Readable } from 'node:stream';

import type { ExecSession, LogOptions } from '../../../client/pod-streams.ts';
import type { Clock, Timer } from '../../../platform/clock.ts';
import type { Logger } from '../../../platform/logger.ts';
import { diskUse } from '../../disk-use.ts';
import {
  type ContainerConfig,
  type Limitation,
  type PodConfig,
  type PodListener,
  type PodStatus,
  type Runtime,
  StartError,
} from '../runtime.ts';
import { attemptsOf, readRun } from './container-run.ts';
import { FifoPool, isHeld } from './fifo.ts';
import { namesIn } from './files.ts';
import { lockFile, lockHeld } from './identity-locks.ts';
import { connectInside } from './inside-connection.ts';
import { type DetectedIsolation, detectIsolation, type Isolation } from './isolation.ts';
import type { Level } from './level.ts';
import { checkNoneLeft } from './lock-leftovers.ts';
import { NamespaceLevel } from './namespace-level.ts';
import { openNetwork } from './open-network.ts';
import { Pod } from './pod.ts';
import { type PodFiles, type PodRecord, podDirectory, podFiles, readPodRecord, runFiles } from './pod-files.ts';
import type { PodNetwork } from './pod-network.ts';
import { attachTo, execIn, logsOf, runningContainer } from './pod-sessions.ts';
import { rewriteHosts, writePod } from './pod-writer.ts';
import { signalProcess } from './process-identity.ts';
import { ProcessLevel } from './process-level.ts';
import { installScripts } from './script-files.ts';
import { checkProfiles } from './security.ts';
import { signalOf } from './signals.ts';
import { startError } from './start-errors.ts';
import { lookForStrayDescriptors } from './start-program.ts';

export interface ProcessRuntimeOptions {
  /** Where everything of the node's pods is kept; absolute, made when missing. */
  readonly directory: string;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How much of the machine a pod has of its own; the most that the machine allows when `auto` or absent. */
  readonly isolation?: 'auto' | Isolation;
  /** The network of the pods, a /24 or larger; a free one is chosen, and kept, when absent. */
  readonly podCidr?: string;
  /**
   * Pods without a network of their own all have 127.0.0.1, and ports that the node gives them, also where they could
   * have addresses of their own.
   */
  readonly sharedAddress?: boolean;
  /** Directories of the host that no container may see; the node's own when absent. */
  readonly hidden?: readonly string[];
  /**
   * Where the cluster's names are served (`127.0.0.1:10053`), for pods that cannot have a resolver configuration of
   * their own; they find it in $BERTH_DNS_SERVER.
   */
  readonly dnsServer?: () => string | undefined;
  /**
   * For pods that can have a hosts file of their own, but no resolver configuration: begins to tell which lines belong
   * into it, by namespace, and returns what ends that. Pods that run see a change at once.
   */
  readonly followHosts?: (update: (linesFor: (namespace: string) => string) => void) => () => void;
}

/** A {@link Runtime} whose containers are processes of this machine. What it says of itself is known once it started. */
export interface ProcessRuntime extends Runtime {
  readonly isolation: Isolation;
  /** The network of its pods. */
  readonly podCidr: string;
  /** The machine's address that pods reach it at. */
  readonly gateway: string;
}

export function processRuntime(options: ProcessRuntimeOptions): ProcessRuntime {
  return new Processes(options);
}

/** What is known once the runtime is started. */
interface Started {
  /** The level of new pods; those of an earlier server may be at another. */
  readonly level: Level;
  readonly levels: (isolation: Isolation) => Level;
  readonly network: PodNetwork;
  readonly limitations: readonly Limitation[];
}

class Processes implements ProcessRuntime {
  readonly name = 'process';
  readonly #options: ProcessRuntimeOptions;
  readonly #fifos: FifoPool;
  readonly #pods = new Map<string, Pod>();
  /** The pods that have a place of the network, by uid. */
  readonly #placed = new Set<string>();
  readonly #starting = new Map<string, Promise<PodStatus>>();
  #listener: PodListener = () => {};
  #hostsFor: (namespace: string) => string = () => '';
  #unfollowHosts: () => void = () => {};
  #hostsTimer: Timer | undefined;
  #started: Started | undefined;

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#fifos = new FifoPool(path.join(options.directory, 'fifos'));
  }

  get isolation(): Isolation {
    return this.#known.level.isolation;
  }

  get podCidr(): string {
    return this.#known.network.cidr;
  }

  get gateway(): string {
    return this.#known.network.gateway;
  }

  get limitations(): readonly Limitation[] {
    return this.#known.limitations;
  }

  async start(listener: PodListener): Promise<void> {
    const { directory, isolation = 'auto', podCidr, sharedAddress = false } = this.#options;
    const { hidden = [directory], logger } = this.#options;
    this.#listener = listener;
    lookForStrayDescriptors();
    fs.mkdirSync(path.join(directory, 'pods'), { recursive: true, mode: 0o700 });
    const scripts = installScripts(directory);
    const [detected] = await Promise.all([detectIsolation(isolation, scripts, directory), this.#fifos.fill()]);
    const levels = (level: Isolation): Level =>
      level === 'processes'
        ? new ProcessLevel(directory, scripts)
        : new NamespaceLevel({ isolation: level, directory, scripts, hidden });
    const level = levels(detected.isolation);
    const { network, limitations } = await openNetwork({
      directory,
      isolation: level.isolation,
      podCidr,
      sharedAddress,
    });
    this.#started = {
      level,
      levels,
      network,
      limitations: [...reduced(detected), ...level.limitations, ...limitations],
    };
    logger.info('the process runtime is ready', { isolation: level.isolation, podCidr: network.cidr });
    await this.#findPods();
    if (level.isolation === 'user') {
      this.#unfollowHosts = this.#options.followHosts?.((linesFor) => this.#setHosts(linesFor)) ?? (() => {});
    }
  }

  async list(): Promise<readonly PodStatus[]> {
    return [...this.#pods.values()].map((pod) => pod.status());
  }

  async status(podUid: string): Promise<PodStatus | undefined> {
    return this.#pods.get(podUid)?.status();
  }

  startPod(config: PodConfig): Promise<PodStatus> {
    let starting = this.#starting.get(config.uid);
    if (starting === undefined) {
      starting = this.#startPod(config).finally(() => this.#starting.delete(config.uid));
      this.#starting.set(config.uid, starting);
    }
    return starting;
  }

  async #startPod(config: PodConfig): Promise<PodStatus> {
    const { level, network } = this.#known;
    const there = this.#pods.get(config.uid);
    if (there?.sandbox !== undefined) {
      // Begun by an agent that was killed meanwhile, perhaps: then it is about to be ready, or to fail.
      const ready = await this.#soon(there.sandbox.whenReady());
      if (ready !== 'late' && there.alive) return there.status();
    }
    if (there !== undefined) {
      await this.stopPod(config.uid);
      there.checkSettled();
    }
    level.checkPod(config);
    const locks = config.locks.map(lockFile);
    for (const lock of locks) checkNoneLeft(lock, this.#options.directory);

    const place = config.hostNetwork ? undefined : await network.places.allocate(config.ports);
    const files = podFiles(podDirectory(this.#options.directory, config.uid));
    const mark = level.newMark(config.uid);
    const record: PodRecord = {
      pod: config,
      isolation: level.isolation,
      ...place,
      ...(mark !== undefined && { mark }),
    };
    try {
      const linkFiles = place === undefined ? {} : await network.connect(config.uid, place.address);
      await writePod(files, { record, locks, linkFiles, owner: this.#options.directory, fifos: this.#fifos });
    } catch (error) {
      if (place !== undefined) network.places.release(place);
      throw error;
    }
    if (level.isolation === 'user') rewriteHosts(files, record, this.#hostsFor);
    const pod = this.#pod(files, record);
    this.#pods.set(config.uid, pod);
    if (place !== undefined) this.#placed.add(config.uid);

    const start = pod.start({ locks, command: level.sandboxCommand(files, config) });
    const result = await this.#soon(start);
    if (result !== 'late' && result.outcome === 'ready') return pod.status();
    await this.stopPod(config.uid);
    if (result !== 'late' && result.outcome === 'locked') throw lockHeld(result.held);
    const complaint = result === 'late' ? `it ${NO_ANSWER}` : result.complaint;
    throw new StartError('CreateContainerError', `the sandbox of the pod cannot be started: ${complaint}`);
  }

  async startContainer(podUid: string, container: ContainerConfig): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod?.sandbox === undefined) throw sandboxEnded();
    const files = runFiles(pod.files, container.name, container.attempt);
    const before = readRun(files, container.name, container.attempt);
    if (before.state === 'running' || before.state === 'exited') return;
    checkProfiles(container);
    if (before.state !== 'begun') {
      // Nothing looks at these files before the sandbox is told to, and what an attempt that failed left is of no use.
      fs.rmSync(files.directory, { recursive: true, force: true });
      fs.mkdirSync(files.directory, { recursive: true, mode: 0o700 });
      if (container.stdin) await this.#fifos.take(files.stdin, ...(container.stdinOnce ? [files.input] : []));
      pod.level.prepareRun(pod.files, podUid, files, this.#withDnsServer(pod, container));
      fs.writeFileSync(files.record, JSON.stringify(container), { mode: 0o600 });
    }
    if (!pod.sandbox.startContainer(container.name, container.attempt)) throw sandboxEnded();
    const run = await this.#soon(pod.begun(container.name, container.attempt));
    this.#dropOldRuns(pod, container);
    if (run === 'late') throw new StartError('RunContainerError', `the sandbox of the pod ${NO_ANSWER}`);
    if (run === undefined) throw sandboxEnded();
    if (run.state === 'failed') throw startError(container, run.step, run.complaint);
  }

  async stopContainer(
    podUid: string,
    name: string,
    options: { readonly signal: string; readonly graceMs: number },
  ): Promise<void> {
    const pod = this.#pods.get(podUid);
    const run = pod?.newest(name);
    if (pod === undefined || run?.state !== 'running') return;
    const { program } = run.processes;
    signalProcess(program, signalOf(options.signal));
    const { clock } = this.#options;
    const kill = clock.after(options.graceMs, () => signalProcess(program, 'SIGKILL'));
    // What waits for the program may be stopped, or stuck itself: then nobody tells its end, but for that of the pod.
    const giveUp = clock.after(options.graceMs + KILL_PATIENCE_MS, () => pod.killFirst());
    await pod.exited(name);
    kill.cancel();
    giveUp.cancel();
  }

  async stopPod(podUid: string): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return;
    await pod.kill();
    await pod.close();
    if (pod.place === undefined) return;
    const { network } = this.#known;
    await network.disconnect(podUid, pod.place.address);
    if (this.#placed.delete(podUid)) network.places.release(pod.place);
  }

  async diskUse(podUid: string): Promise<ReadonlyMap<string, number>> {
    const pod = this.#pods.get(podUid);
    const names = pod === undefined ? [] : namesIn(pod.files.containers);
    const sizes = await diskUse(names.map((name) => path.join(pod?.files.containers ?? '', name)));
    return new Map(names.map((name, index) => [name, sizes[index] ?? 0]));
  }

  async removePod(podUid: string): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return;
    await this.stopPod(podUid);
    const trash = `${pod.files.directory}.removed`;
    fs.renameSync(pod.files.directory, trash);
    this.#pods.delete(podUid);
    await fs.promises.rm(trash, { recursive: true, force: true });
  }

  async exec(
    podUid: string,
    container: string,
    options: { readonly command: readonly string[]; readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession> {
    const running = runningContainer(this.#pods.get(podUid), container);
    const config = this.#withDnsServer(running.pod, running.config);
    return execIn({ ...running, config }, options, this.#options.logger);
  }

  async attach(
    podUid: string,
    container: string,
    options: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession> {
    return attachTo(runningContainer(this.#pods.get(podUid), container), options, this.#options.logger);
  }

  connectInside(podUid: string, port: number): Promise<Duplex | undefined> {
    return connectInside(this.#pods.get(podUid), port);
  }

  async logs(podUid: string, options: LogOptions): Promise<Readable> {
    return logsOf(this.#pods.get(podUid), options);
  }

  async close(): Promise<void> {
    this.#unfollowHosts();
    this.#hostsTimer?.cancel();
    const alive = [...this.#pods.values()].some((pod) => pod.alive);
    for (const pod of this.#pods.values()) pod.release();
    if (!alive) await this.#started?.network.remove();
  }

  /** A sandbox may be stopped (SIGSTOP), or wait for what cannot be killed: nobody is to wait with it for ever. */
  async #soon<T>(result: Promise<T>): Promise<T | 'late'> {
    let timer: Timer | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = this.#options.clock.after(START_PATIENCE_MS, () => resolve('late'));
    });
    try {
      return await Promise.race([result, late]);
    } finally {
      timer?.cancel();
    }
  }

  #setHosts(linesFor: (namespace: string) => string): void {
    this.#hostsFor = linesFor;
    this.#hostsTimer?.cancel();
    let complaint: unknown;
    for (const pod of this.#pods.values()) {
      try {
        if (pod.alive && pod.level.isolation === 'user') rewriteHosts(pod.files, pod.record, linesFor);
      } catch (error) {
        complaint = error;
      }
    }
    if (complaint === undefined) return;
    const { clock, logger } = this.#options;
    logger.warn('hosts files of pods cannot be written', { error: String(complaint) });
    this.#hostsTimer = clock.after(HOSTS_RETRY_MS, () => this.#setHosts(linesFor));
  }

  get #known(): Started {
    if (this.#started === undefined) throw new Error('the process runtime is not started');
    return this.#started;
  }

  #pod(files: PodFiles, record: PodRecord): Pod {
    const { level, levels } = this.#known;
    const { uid } = record.pod;
    return new Pod(files, record, {
      level: record.isolation === level.isolation ? level : levels(record.isolation),
      clock: this.#options.clock,
      logger: this.#options.logger,
      onChange: () => this.#listener(uid),
    });
  }

  #withDnsServer(pod: Pod, container: ContainerConfig): ContainerConfig {
    const server = pod.level.isolation === 'namespaces' ? undefined : this.#options.dnsServer?.();
    return server === undefined ? container : { ...container, env: { BERTH_DNS_SERVER: server, ...container.env } };
  }

  /** Everything there is of pods, whoever began it. */
  async #findPods(): Promise<void> {
    const directory = path.join(this.#options.directory, 'pods');
    const names = namesIn(directory);
    // Not whole yet, or not any more.
    const useless = names.filter((name) => /\.(new|removed)$/.test(name));
    for (const name of useless) fs.rmSync(path.join(directory, name), { recursive: true, force: true });
    // A file that somebody has put there is no pod, and none of our business.
    const uids = names.filter((name) => fs.statSync(path.join(directory, name), OPTIONAL)?.isDirectory());
    await Promise.all(uids.map((uid) => this.#findPod(uid)));
  }

  async #findPod(uid: string): Promise<void> {
    const files = podFiles(podDirectory(this.#options.directory, uid));
    const record = readPodRecord(files);
    if (record === undefined) {
      const { directory } = files;
      this.#options.logger.warn('a directory without a pod', { directory });
      // Whoever lives in it cannot be told from others, but is not to lose its files.
      if (!isHeld(files.events)) fs.rmSync(directory, { recursive: true, force: true });
      return;
    }
    const pod = this.#pod(files, record);
    await pod.adopt();
    this.#pods.set(uid, pod);
    // One that has ended has no address any more: it may be another's by now.
    if (pod.alive && pod.place !== undefined && this.#known.network.places.claim(pod.place)) this.#placed.add(uid);
  }

  /** The log of the run before this one can be asked for; the layer it wrote to is of no use any more. */
  #dropOldRuns(pod: Pod, container: ContainerConfig): void {
    for (const attempt of attemptsOf(pod.files, container.name)) {
      if (attempt >= container.attempt) continue;
      const files = runFiles(pod.files, container.name, attempt);
      const useless = attempt === container.attempt - 1 ? files.root : files.directory;
      fs.rm(useless, { recursive: true, force: true }, (error) => {
        if (error === null) return;
        this.#options.logger.warn('an earlier run of a container cannot be removed', { error: error.message });
      });
    }
  }
}

/** How long a sandbox may take to do what it was told. */
const START_PATIENCE_MS = 60_000;
const NO_ANSWER = `has not answered for ${START_PATIENCE_MS / 1000} s`;

/** How long a container may take to be gone once its program was killed. */
const KILL_PATIENCE_MS = 10_000;

/** How long until hosts files that the disk had no room for are written again. */
const HOSTS_RETRY_MS = 5_000;

/** What has gone is no error. */
const OPTIONAL = { throwIfNoEntry: false } as const;

function reduced({ because }: DetectedIsolation): Limitation[] {
  return because === undefined ? [] : [{ reason: 'ReducedIsolation', message: `isolation level ${because}` }];
}

function sandboxEnded(): StartError {
  return new StartError('CreateContainerError', 'the sandbox of the pod has ended');
}
