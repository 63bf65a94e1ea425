import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { apiError } from '../../../api/errors.ts';
import type { ExecSession, LogOptions } from '../../../client/pod-streams.ts';
import type { Clock } from '../../../platform/clock.ts';
import type { Logger } from '../../../platform/logger.ts';
import type { ContainerConfig, Limitation, PodConfig, PodListener, PodStatus, Runtime } from '../runtime.ts';
import { LockHeldError, StartError } from '../runtime.ts';
import { AddressPool, parseCidr } from './address-pool.ts';
import { containerArguments, tool } from './container-command.ts';
import { containerRoot, makeDeviceDirectory } from './container-root.ts';
import { attemptsOf, readRun } from './container-run.ts';
import { execCommand, startSession } from './exec.ts';
import { FifoPool } from './fifo.ts';
import { namesIn, readIfThere, writeAtomically } from './files.ts';
import { missingImageProgram } from './image-table.ts';
import { logStream } from './log-stream.ts';
import { Pod, podDirectory, readPodRecord, type StartedRun } from './pod.ts';
import { type PodFiles, type PodRecord, podFiles, type RunFiles, runFiles } from './pod-files.ts';
import { type Bridge, choosePodCidr, ensureBridge, podLink, removeBridge, removeLink } from './pod-network.ts';
import { signalProcess } from './process-identity.ts';
import { setprivArguments } from './security.ts';

export interface ProcessRuntimeOptions {
  /** Where everything of the node's pods is kept; absolute, made when missing. */
  readonly directory: string;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The network of the pods, a /24 or larger; a free one is chosen, and kept, when absent. */
  readonly podCidr?: string;
  /** How much of the machine a pod has of its own; what the machine allows when `auto` or absent. */
  readonly isolation?: 'auto' | Isolation;
  /** Directories of the host that no container may see; Berth's data directory. */
  readonly hidden?: readonly string[];
}

export type Isolation = 'namespaces' | 'user' | 'processes';

/** A {@link Runtime} whose containers are processes of this machine. */
export interface ProcessRuntime extends Runtime {
  /** The network of its pods; known once it is started. */
  readonly podCidr: string;
  /** The host's address that the pods reach it at; known once it is started. */
  readonly gateway: string;
}

export function processRuntime(options: ProcessRuntimeOptions): ProcessRuntime {
  return new NamespaceRuntime(options);
}

class NamespaceRuntime implements ProcessRuntime {
  readonly name = 'process';
  readonly limitations: readonly Limitation[] = [];
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #hidden: readonly string[];
  readonly #fifos: FifoPool;
  readonly #pods = new Map<string, Pod>();
  readonly #starting = new Map<string, Promise<PodStatus>>();
  #listener: PodListener = () => {};
  #podCidr: string | undefined;
  #addresses: AddressPool | undefined;
  #bridge: Bridge | undefined;
  #scripts = '';

  constructor(options: ProcessRuntimeOptions) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#hidden = options.hidden ?? [options.directory];
    this.#podCidr = options.podCidr;
    this.#fifos = new FifoPool(path.join(options.directory, 'fifos'));
  }

  get podCidr(): string {
    return started(this.#podCidr);
  }

  get gateway(): string {
    return started(this.#bridge).gateway;
  }

  async start(listener: PodListener): Promise<void> {
    this.#listener = listener;
    fs.mkdirSync(path.join(this.#directory, 'pods'), { recursive: true, mode: 0o700 });
    this.#scripts = installScripts(this.#directory);
    makeDeviceDirectory(this.#deviceDirectory);
    const networkFile = path.join(this.#directory, 'network');
    this.#podCidr ??= readIfThere(networkFile)?.trim() ?? choosePodCidr(this.#directory);
    writeAtomically(networkFile, `${this.#podCidr}\n`);
    this.#addresses = new AddressPool(parseCidr(this.#podCidr));
    const [bridge] = await Promise.all([ensureBridge(this.#directory, this.#podCidr), this.#fifos.fill()]);
    this.#bridge = bridge;
    this.#findPods();
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
    const there = this.#pods.get(config.uid);
    if (there?.alive) {
      // Begun by an agent that was killed meanwhile, perhaps: then it is about to be ready, or to fail.
      await there.sandbox?.whenReady();
      if (there.alive) return there.status();
    }
    if (there !== undefined) await this.stopPod(config.uid);

    const files = podFiles(podDirectory(this.#directory, config.uid));
    const address = config.hostNetwork ? undefined : this.#allocate();
    const record: PodRecord = { pod: config, ...(address === undefined ? {} : { address }) };
    const locks = config.locks.map((lock) => ({ lock, file: lockFile(lock.id) }));
    await this.#writePod(files, record, locks);
    const pod = this.#pod(files, record);
    this.#pods.set(config.uid, pod);

    const result = await pod.start({ locks, command: this.#sandboxCommand(files, config) });
    switch (result.outcome) {
      case 'ready':
        return pod.status();
      case 'locked':
        await this.stopPod(config.uid);
        throw new LockHeldError(result.lock, holderOf(result.file));
      case 'failed':
        await this.stopPod(config.uid);
        throw new StartError('CreateContainerError', `the sandbox of the pod cannot be started: ${result.complaint}`);
    }
  }

  async startContainer(podUid: string, container: ContainerConfig): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod?.sandbox === undefined) throw new StartError('CreateContainerError', 'the sandbox of the pod has ended');
    const files = runFiles(pod.files, container.name, container.attempt);
    const before = readRun(files, container.name, container.attempt);
    if (before.state === 'running' || before.state === 'exited') return;
    if (before.state === 'failed') await fs.promises.rm(files.directory, { recursive: true });
    if (before.state !== 'begun') this.#writeRun(pod, files, container);
    pod.sandbox.startContainer(container.name, container.attempt);
    const run = await pod.begun(container.name, container.attempt);
    this.#dropOldRuns(pod, container);
    if (run === undefined) throw new StartError('CreateContainerError', 'the sandbox of the pod has ended');
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
    signalProcess(run.processes.program, signalOf(options.signal));
    const timer = this.#clock.after(options.graceMs, () => signalProcess(run.processes.program, 'SIGKILL'));
    await pod.exited(name);
    timer.cancel();
  }

  async stopPod(podUid: string): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return;
    await pod.kill();
    if (pod.address !== undefined) {
      await removeLink(podUid);
      this.#addresses?.release(pod.address);
    }
  }

  async removePod(podUid: string): Promise<void> {
    const pod = this.#pods.get(podUid);
    if (pod === undefined) return;
    await this.stopPod(podUid);
    const trash = path.join(this.#directory, 'pods', `${podUid}.removed`);
    fs.renameSync(pod.files.directory, trash);
    this.#pods.delete(podUid);
    await fs.promises.rm(trash, { recursive: true, force: true });
  }

  async exec(
    podUid: string,
    container: string,
    options: { readonly command: readonly string[]; readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession> {
    const { pod, run, config } = this.#running(podUid, container);
    const enter = ['--target', String(run.processes.first.pid), '--mount', '--uts', '--ipc', '--net', '--pid'];
    const command = execCommand(config, options.command, enter, setprivArguments(config.securityContext));
    const session = startSession(command, options.stdin);
    pod.addSession(session.exited);
    return session;
  }

  async attach(): Promise<ExecSession> {
    throw new Error('attach is not built yet');
  }

  async logs(podUid: string, options: LogOptions): Promise<Readable> {
    const pod = this.#pods.get(podUid);
    const newest = pod?.newest(options.container);
    const attempt = newest === undefined ? -1 : newest.status.attempt - (options.previous ? 1 : 0);
    const files = pod && runFiles(pod.files, options.container, attempt);
    if (pod === undefined || files === undefined || !fs.existsSync(files.log)) {
      const what = options.previous ? 'previous terminated container' : 'container';
      throw apiError('BadRequest', `${what} "${options.container}" in pod "${pod?.config.name ?? podUid}" not found`);
    }
    const ended = options.previous ? Promise.resolve() : pod.exited(options.container);
    return logStream({ log: files.log, index: files.logIndex, ended }, options);
  }

  async close(): Promise<void> {
    const alive = [...this.#pods.values()].some((pod) => pod.alive);
    for (const pod of this.#pods.values()) pod.release();
    if (!alive) await removeBridge(this.#directory);
  }

  get #deviceDirectory(): string {
    return path.join(this.#directory, 'dev');
  }

  #pod(files: PodFiles, record: PodRecord): Pod {
    const { uid } = record.pod;
    return new Pod(files, record, {
      clock: this.#clock,
      logger: this.#logger,
      onChange: () => this.#listener(uid),
    });
  }

  /** A container that runs, with what it was started with. */
  #running(podUid: string, container: string): { pod: Pod; run: StartedRun; config: ContainerConfig } {
    const pod = this.#pods.get(podUid);
    const run = pod?.newest(container);
    if (pod === undefined || run?.state !== 'running') {
      throw apiError('BadRequest', `container ${container} is not running`);
    }
    const { record } = runFiles(pod.files, container, run.status.attempt);
    return { pod, run, config: JSON.parse(fs.readFileSync(record, 'utf8')) as ContainerConfig };
  }

  /** Everything there is of pods, whoever began it. */
  #findPods(): void {
    const directory = path.join(this.#directory, 'pods');
    for (const name of namesIn(directory)) {
      // Not whole yet, or not any more.
      if (/\.(new|removed)$/.test(name)) fs.rmSync(path.join(directory, name), { recursive: true, force: true });
      else this.#findPod(name);
    }
  }

  #findPod(uid: string): void {
    const files = podFiles(podDirectory(this.#directory, uid));
    const record = readPodRecord(files);
    if (record === undefined) {
      this.#logger.warn('a directory without a pod', { directory: files.directory });
      return;
    }
    const pod = this.#pod(files, record);
    if (record.address !== undefined) this.#addresses?.claim(record.address);
    pod.adopt();
    this.#pods.set(uid, pod);
  }

  #allocate(): string {
    const address = started(this.#addresses).allocate();
    if (address === undefined) {
      throw new StartError('CreateContainerError', `no address is left in the node's pod network ${this.podCidr}`);
    }
    return address;
  }

  /** The directory of a pod is there whole or not at all. Files of a pod that is started again are replaced. */
  async #writePod(files: PodFiles, record: PodRecord, locks: readonly { readonly file: string }[]): Promise<void> {
    const { pod, address } = record;
    const fresh = !fs.existsSync(files.directory);
    const directory = fresh ? `${files.directory}.new` : files.directory;
    const write = (name: string, text: string): void => writeAtomically(path.join(directory, name), text, 0o644);
    if (fresh) {
      fs.rmSync(directory, { recursive: true, force: true });
      fs.mkdirSync(path.join(directory, 'containers'), { recursive: true, mode: 0o700 });
      fs.mkdirSync(path.join(directory, 'shm'));
      await this.#fifos.take(path.join(directory, 'control'), path.join(directory, 'events'));
    }
    write('hostname', `${pod.hostname}\n`);
    write('hosts', hostsFile(pod, address));
    write('resolv.conf', resolverFile(pod.dns));
    write(
      'sysctls',
      Object.entries(pod.sysctls)
        .map(([name, value]) => `/proc/sys/${name.replaceAll('.', '/')}\n${value}\n`)
        .join(''),
    );
    write(
      'holder',
      `${JSON.stringify({ pod: `${pod.namespace}/${pod.name}`, uid: pod.uid, directory: this.#directory })}\n`,
    );
    write('locks', locks.map(({ file }) => `${file}\n`).join(''));
    if (address !== undefined) {
      const link = podLink(started(this.#bridge), pod.uid, address);
      write('link.host', link.hostBatch);
      write('link.pod', link.podBatch);
    }
    write('pod.json', JSON.stringify(record));
    if (fresh) fs.renameSync(directory, files.directory);
  }

  #sandboxCommand(files: PodFiles, pod: PodConfig): string[] {
    const shell = ['sh', path.join(this.#scripts, 'sandbox.sh'), files.directory, this.#scripts];
    const namespaces = ['--fork', '--pid', '--mount', '--uts', '--ipc', '--propagation', 'slave'];
    return pod.hostNetwork
      ? ['unshare', ...namespaces, '--', ...shell, 'host']
      : ['unshare', ...namespaces, '--net', '--', ...shell, 'bridge'];
  }

  /** Writes what the sandbox needs to start the run. Nothing looks at it before it is told to. */
  #writeRun(pod: Pod, files: RunFiles, container: ContainerConfig): void {
    const { securityContext } = container;
    const args = containerArguments(container, [tool('setpriv'), ...setprivArguments(securityContext)]);
    fs.rmSync(files.directory, { recursive: true, force: true });
    fs.mkdirSync(files.directory, { recursive: true, mode: 0o700 });
    const fstab = containerRoot({
      podDirectory: pod.files.directory,
      runDirectory: files.directory,
      deviceDirectory: this.#deviceDirectory,
      mounts: container.mounts,
      readOnly: securityContext.readOnlyRootFilesystem === true,
      privileged: securityContext.privileged === true,
      hidden: this.#hidden,
      userNamespace: false,
    });
    fs.writeFileSync(files.fstab, fstab, { mode: 0o600 });
    fs.writeFileSync(files.arguments, args, { mode: 0o600 });
    fs.writeFileSync(files.record, JSON.stringify(container), { mode: 0o600 });
  }

  /** The log of the run before this one can be asked for; the layer it wrote to is of no use any more. */
  #dropOldRuns(pod: Pod, container: ContainerConfig): void {
    for (const attempt of attemptsOf(pod.files, container.name)) {
      if (attempt >= container.attempt) continue;
      const files = runFiles(pod.files, container.name, attempt);
      const useless = attempt === container.attempt - 1 ? files.root : files.directory;
      fs.rm(useless, { recursive: true, force: true }, (error) => {
        if (error !== null) this.#logger.warn('a layer of an earlier run cannot be removed', { error: error.message });
      });
    }
  }
}

function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the process runtime is not started');
  return value;
}

/**
 * Puts the scripts where they stay as they are for as long as a pod uses them, whatever becomes of the package. The
 * directory's name tells the version.
 */
function installScripts(directory: string): string {
  const source = path.join(import.meta.dirname, 'scripts');
  const names = fs.readdirSync(source).filter((name) => name.endsWith('.sh'));
  const texts = names.map((name) => fs.readFileSync(path.join(source, name)));
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  const target = path.join(directory, 'scripts', hash.digest('hex').slice(0, 12));
  if (!fs.existsSync(target)) {
    const fresh = `${target}.new`;
    fs.rmSync(fresh, { recursive: true, force: true });
    fs.mkdirSync(fresh, { recursive: true });
    for (const [index, name] of names.entries()) fs.writeFileSync(path.join(fresh, name), texts[index] ?? '');
    fs.renameSync(fresh, target);
  }
  return target;
}

/** M5: one directory for all servers of this machine, so that a copied data directory or a second server collides. */
function lockFile(id: string): string {
  const directory = lockDirectory();
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  return path.join(directory, createHash('sha256').update(id).digest('hex').slice(0, 32));
}

function lockDirectory(): string {
  if (process.getuid?.() === 0) return '/run/berth/locks';
  return path.join(process.env.XDG_RUNTIME_DIR ?? `/tmp/berth-${process.getuid?.()}`, 'berth', 'locks');
}

function holderOf(file: string): string {
  try {
    const { pod, uid, directory } = JSON.parse((readIfThere(file) ?? '').split('\n')[0] ?? '') as Record<
      string,
      string
    >;
    return `pod ${pod} (uid ${uid}) of the server with its data in ${directory}`;
  } catch {
    return 'another process';
  }
}

function startError(container: ContainerConfig, step: string, complaint: string): StartError {
  const program = container.command[0];
  switch (step) {
    case 'program':
      if (program === undefined) return missingImageProgram(container.image, container.image);
      return new StartError(
        'RunContainerError',
        program.includes('/')
          ? `exec: ${JSON.stringify(program)}: no such file, or not executable`
          : `exec: ${JSON.stringify(program)}: executable file not found in $PATH`,
      );
    case 'directory':
      return new StartError('CreateContainerError', `cannot change to the working directory ${container.workingDir}`);
    default:
      return new StartError('CreateContainerError', `the file systems of the container cannot be set up: ${complaint}`);
  }
}

function signalOf(name: string): NodeJS.Signals | number {
  if (/^\d+$/.test(name)) return Number(name);
  const realTime = /^(?:SIG)?RTMIN(?:\+(\d+))?$/.exec(name);
  if (realTime) return 34 + Number(realTime[1] ?? 0);
  return (name.startsWith('SIG') ? name : `SIG${name}`) as NodeJS.Signals;
}

function hostsFile(pod: PodConfig, address: string | undefined): string {
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback'];
  if (address !== undefined) {
    lines.push([address, ...(pod.fullyQualifiedName ? [pod.fullyQualifiedName] : []), pod.hostname].join('\t'));
  }
  for (const alias of pod.hostAliases) lines.push([alias.ip, ...alias.hostnames].join('\t'));
  return `${lines.join('\n')}\n`;
}

function resolverFile(dns: PodConfig['dns']): string {
  const lines = dns.nameservers.map((server) => `nameserver ${server}`);
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(' ')}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}
