import fs from 'node:fs';
import type { Clock } from '../../../platform/clock.ts';
import type { Logger } from '../../../platform/logger.ts';
import type { ContainerStatus, PodConfig, PodStatus } from '../runtime.ts';
import { attemptsOf, newestRun, type RunState, readRun, writeLostEnd } from './container-run.ts';
import { runName } from './control-groups.ts';
import { namesIn } from './files.ts';
import type { Level } from './level.ts';
import { LogRecorder } from './log-recorder.ts';
import { lastSandboxProcess, type PodFiles, type PodRecord, runFiles } from './pod-files.ts';
import type { PodPlace } from './pod-network.ts';
import { type Mark, Sandbox, type SandboxCommand, type SandboxContext, type SandboxStart } from './sandbox.ts';

export interface PodContext {
  readonly level: Level;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Something of the pod changed. */
  onChange(): void;
}

/** A run that its program was started in. */
export type StartedRun = Extract<RunState, { readonly status: unknown }>;

/**
 * A pod as its files tell it, and its sandbox while it lives. What is kept here in memory is only what was read, so
 * that a status costs nothing.
 */
export class Pod {
  readonly files: PodFiles;
  readonly record: PodRecord;
  readonly config: PodConfig;
  /** Undefined for a pod on the machine's own network. */
  readonly place: PodPlace | undefined;
  readonly #context: PodContext;
  readonly #newest = new Map<string, StartedRun>();
  readonly #recorders = new Map<string, { readonly attempt: number; readonly recorder: LogRecorder }>();
  readonly #sessions = new Set<Promise<unknown>>();
  /** Runs that the sandbox could not even begin, the disk being full. */
  readonly #refused = new Set<string>();
  readonly #waiters = new Set<() => void>();
  #sandbox: Sandbox | undefined;
  #startedAtMs = 0;
  #unsettled: Error | undefined;

  constructor(files: PodFiles, record: PodRecord, context: PodContext) {
    this.files = files;
    this.record = record;
    this.config = record.pod;
    const { address, ports } = record;
    this.place = address === undefined ? undefined : { address, ...(ports && { ports }) };
    this.#context = context;
    for (const name of namesIn(files.containers)) this.#look(name);
  }

  /** Takes over a sandbox that lives, or settles what one that has ended has left open. */
  async adopt(): Promise<void> {
    const sandbox = Sandbox.adopt(this.files, this.#sandboxContext());
    if (sandbox !== undefined) return this.#take(sandbox);
    await this.#context.level.gone(this.config.uid, lastSandboxProcess(this.files, this.record));
    this.#settle();
  }

  /** Only when it is not alive. */
  async start(command: Omit<SandboxCommand, 'mark'>): Promise<SandboxStart> {
    const mark = this.mark;
    const { sandbox, started } = Sandbox.start(this.files, { ...command, mark }, this.#sandboxContext());
    this.#take(sandbox);
    const result = await started;
    if (result.outcome !== 'ready') await sandbox.ended;
    this.#startedAtMs = this.#sandboxTime();
    return result;
  }

  #sandboxContext(): SandboxContext {
    const { uid } = this.config;
    const { level } = this.#context;
    return {
      onContainer: (event, name, attempt) => this.#changed(event, name, attempt),
      kill: (first) => level.kill(uid, first),
      gone: (first) => level.gone(uid, first),
    };
  }

  get level(): Level {
    return this.#context.level;
  }

  /** What its programs are known by, where nothing else keeps them together. */
  get mark(): Mark | undefined {
    const env = this.level.markOf(this.config.uid);
    return env && { file: this.files.mark, env };
  }

  get alive(): boolean {
    return this.#sandbox !== undefined;
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }

  status(): PodStatus {
    const { uid, namespace, name, graceMs } = this.config;
    const containers: ContainerStatus[] = [];
    for (const run of this.#newest.values()) containers.push(run.status);
    return {
      uid,
      namespace,
      name,
      alive: this.alive,
      ips: this.place === undefined ? [] : [this.place.address],
      ...(this.place?.ports && { ports: this.place.ports }),
      startedAtMs: this.#startedAtMs,
      ...(graceMs !== undefined && { graceMs }),
      containers,
    };
  }

  /** The newest run of the container that its program was started in. */
  newest(container: string): StartedRun | undefined {
    return this.#newest.get(container);
  }

  /**
   * Resolves with what became of a run once it is no longer about to start; undefined when the sandbox ended first.
   */
  async begun(container: string, attempt: number): Promise<RunState | undefined> {
    const files = runFiles(this.files, container, attempt);
    this.#refused.delete(`${container}/${attempt}`);
    for (;;) {
      if (this.#refused.has(`${container}/${attempt}`)) return { state: 'failed', step: 'write', complaint: '' };
      const run = readRun(files, container, attempt);
      if (run.state !== 'prepared' && run.state !== 'begun') {
        this.#look(container); // the file may be there before its event has been read
        return run;
      }
      if (!this.alive) return undefined;
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  /** Resolves when the newest run of the container has ended. */
  async exited(container: string): Promise<void> {
    while (this.#newest.get(container)?.state === 'running') {
      await new Promise<void>((resolve) => this.#waiters.add(resolve));
    }
  }

  /** Something that was started in its namespaces: the pod has not ended before it has. */
  addSession(exited: Promise<unknown>): void {
    this.#sessions.add(exited);
    const remove = (): void => void this.#sessions.delete(exited);
    exited.then(remove, remove);
  }

  /** M2: ends it, and resolves when nothing of it runs. */
  async kill(): Promise<void> {
    await this.#sandbox?.kill();
    // What entered its namespaces from outside holds its mounts until it has noticed.
    while (this.#sessions.size > 0) await Promise.allSettled(this.#sessions);
    this.#settle();
  }

  /** Begins to end it; `onChange` tells when it has ended. */
  killFirst(): void {
    const first = this.#sandbox?.first;
    if (first !== undefined) this.level.kill(this.config.uid, first);
  }

  /** After its end: resolves when the kernel keeps nothing for it any more. */
  close(): Promise<void> {
    return this.level.closePod(this.config.uid);
  }

  /** Lets go of it and leaves it running. */
  release(): void {
    for (const { recorder } of this.#recorders.values()) recorder.close();
    this.#recorders.clear();
    this.#sandbox?.release();
  }

  #take(sandbox: Sandbox): void {
    this.#sandbox = sandbox;
    this.#startedAtMs = this.#sandboxTime();
    void sandbox.ended.then(() => {
      if (this.#sandbox !== sandbox) return;
      this.#settle();
      this.#context.onChange();
    });
  }

  #sandboxTime(): number {
    const time = fs.statSync(this.files.sandbox, { throwIfNoEntry: false })?.mtimeMs;
    return Math.floor(time ?? fs.statSync(this.files.record).mtimeMs);
  }

  /** Throws when it cannot be started again: the disk has no room to say that what was running has ended. */
  checkSettled(): void {
    if (this.#unsettled !== undefined) throw this.#unsettled;
  }

  /** No process is left: what was running then has ended with the sandbox, and its exit code with it. */
  #settle(): void {
    this.#sandbox = undefined;
    this.#unsettled = undefined;
    try {
      for (const name of namesIn(this.files.containers)) {
        for (const attempt of attemptsOf(this.files, name)) {
          const files = runFiles(this.files, name, attempt);
          if (readRun(files, name, attempt).state === 'running') writeLostEnd(files);
        }
        this.#look(name);
      }
    } catch (error) {
      this.#unsettled = error as Error;
    }
    this.#wake();
  }

  #changed(event: string, container: string, attempt: string): void {
    // At the level "processes" anybody could have written it.
    if (!CONTAINER_NAME.test(container) || !/^\d+$/.test(attempt)) return;
    if (event === 'refused') this.#refused.add(`${container}/${attempt}`);
    this.#look(container);
    this.#wake();
    this.#context.onChange();
  }

  #look(container: string): void {
    const found = newestRun(this.files, container);
    if (found === undefined) return;
    const run =
      found.state === 'exited' && this.#ranOutOfMemory(container, found.status.attempt) ? outOfMemory(found) : found;
    this.#newest.set(container, run);
    const { attempt } = run.status;
    const recording = this.#recorders.get(container);
    if (recording !== undefined && (recording.attempt !== attempt || run.state === 'exited')) {
      recording.recorder.close();
      this.#recorders.delete(container);
    }
    if (run.state === 'running' && recording?.attempt !== attempt) this.#record(container, attempt);
  }

  /** The kernel tells it as long as the group is there; after that the file does. */
  #ranOutOfMemory(container: string, attempt: number): boolean {
    const files = runFiles(this.files, container, attempt);
    if (!this.level.closeRun(this.config.uid, runName({ name: container, attempt })).outOfMemory) return false;
    try {
      fs.writeFileSync(files.outOfMemory, '');
    } catch (error) {
      this.#context.logger.warn('why a container ended cannot be written down', { error: String(error) });
    }
    return true;
  }

  #record(container: string, attempt: number): void {
    const { clock, logger } = this.#context;
    const { log, logIndex } = runFiles(this.files, container, attempt);
    const recorder = new LogRecorder({
      log,
      index: logIndex,
      clock,
      onError: (error) => logger.warn('a log cannot be watched', { log, error: error.message }),
    });
    this.#recorders.set(container, { attempt, recorder });
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }
}

function outOfMemory(run: StartedRun): StartedRun {
  const { status } = run;
  return status.state === 'exited' && status.exitCode !== 0
    ? { ...run, status: { ...status, reason: 'OOMKilled' } }
    : run;
}

const CONTAINER_NAME = /^[a-z0-9-]+$/;
