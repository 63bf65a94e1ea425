import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';

import { followFifo, openIfHeld, writeLine } from './fifo.ts';
import { readIfThere } from './files.ts';
import { keeperCommand, type LockFile, lockCommand } from './identity-locks.ts';
import { type PodFiles, sandboxProcess } from './pod-files.ts';
import { type ProcessIdentity, send } from './process-identity.ts';
import { processTable } from './process-table.ts';
import { MARK_DESCRIPTOR, startProgram } from './start-program.ts';

/** How a sandbox is started: with these locks held (M5), this command line becomes it. */
export interface SandboxCommand {
  readonly locks: readonly LockFile[];
  readonly command: readonly string[];
  /** Where nothing else keeps the processes of the pod together: what each of them has. */
  readonly mark: Mark | undefined;
}

export interface Mark {
  /** An open file. */
  readonly file: string;
  /** A variable. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SandboxContext {
  /** Something happened to a run of a container: its files tell what, but for `refused`. */
  onContainer(event: string, name: string, attempt: string): void;
  /** Begins to kill all processes of the pod. */
  kill(first: ProcessIdentity): void;
  /** Resolves when none is left, the sandbox having ended. */
  gone(first: ProcessIdentity | undefined): Promise<void>;
}

export type SandboxStart =
  | { readonly outcome: 'ready' }
  | { readonly outcome: 'locked'; readonly held: LockFile }
  | { readonly outcome: 'failed'; readonly complaint: string };

/** See sandbox.sh. */
const EVENTS_DESCRIPTOR = 4;

/** The first that is free; see sandbox.sh. */
const FIRST_LOCK_DESCRIPTOR = 6;

/** The exit code for the first lock that another holds; the next one's is one more. */
const LOCKED_EXIT_CODE = 100;

/**
 * A pod's living sandbox, own child or adopted: there is no difference. It is alive for as long as a process has the
 * pipe `events` open for writing, which the kernel tells, so nothing here can mistake another process for it.
 */
export class Sandbox {
  readonly #files: PodFiles;
  readonly #release: () => void;
  readonly #context: SandboxContext;
  readonly #waiters = new Set<() => void>();
  #rest = '';
  /** Unless it was adopted. */
  #child: ChildProcess | undefined;
  /** Resolves when no process of it is left. */
  readonly ended: Promise<void>;

  private constructor(files: PodFiles, events: number, context: SandboxContext) {
    this.#files = files;
    this.#context = context;
    let onEnded = (): void => {};
    const closed = new Promise<void>((resolve) => {
      onEnded = resolve;
    });
    this.#release = followFifo(events, { data: (text) => this.#read(text), ended: onEnded });
    this.ended = closed.then(() => this.#context.gone(this.first));
  }

  /** Finds a sandbox that lives. */
  static adopt(files: PodFiles, context: SandboxContext): Sandbox | undefined {
    const events = openIfHeld(files.events);
    return events === undefined ? undefined : new Sandbox(files, events, context);
  }

  /**
   * Starts one, where none lives. The pipe is open for writing before the process exists and passes to it, so at no
   * moment is it alive and looks dead.
   */
  static start(
    files: PodFiles,
    options: SandboxCommand,
    context: SandboxContext,
  ): { readonly sandbox: Sandbox; readonly started: Promise<SandboxStart> } {
    fs.rmSync(files.sandbox, { force: true });
    fs.rmSync(files.ready, { force: true });
    const { O_RDONLY, O_RDWR, O_NONBLOCK } = fs.constants;
    const opened: number[] = [];
    const open = (file: string, flags: number | string): number => {
      const descriptor = fs.openSync(file, flags, 0o600);
      opened.push(descriptor);
      return descriptor;
    };
    try {
      const complaints = open(files.complaints, 'w');
      const events = open(files.events, O_RDWR);
      const control = open(files.control, O_RDWR);
      const hostNetwork = fs.existsSync('/proc/self/ns/net')
        ? open('/proc/self/ns/net', O_RDONLY)
        : open('/dev/null', O_RDWR);
      const sandbox = new Sandbox(files, fs.openSync(files.events, O_RDONLY | O_NONBLOCK), context);

      const wanted = options.locks.map(({ file }, index) => [file, LOCKED_EXIT_CODE + index] as const);
      const shared = options.locks.map(({ programs }, index) => [programs, LOCKED_EXIT_CODE + index] as const);
      // A shell can close the numbers up to 9, and does before it becomes a program. So programs have none of the first
      // locks; of more than four they have the rest, of no use to who comes after and needs all.
      const free = Math.min(options.locks.length, MARK_DESCRIPTOR - FIRST_LOCK_DESCRIPTOR);
      const { mark } = options;
      const lock = mark === undefined ? lockCommand(wanted) : keeperCommand([...wanted, ...shared]);
      const descriptors = ['ignore' as const, complaints, complaints, control, events, hostNetwork];
      const marks = mark === undefined ? {} : { mark: mark.file, env: mark.env, free };
      const child = startProgram([...lock, ...options.command], descriptors, marks);
      sandbox.#child = child;
      const failed = new Promise<SandboxStart>((resolve) => {
        child.once('error', (error) => resolve({ outcome: 'failed', complaint: error.message }));
        child.once('exit', (code) => {
          const held = code === null ? undefined : options.locks[code - LOCKED_EXIT_CODE];
          if (held !== undefined) resolve({ outcome: 'locked', held });
          else resolve({ outcome: 'failed', complaint: (readIfThere(files.complaints) ?? '').trim() });
        });
      });
      const ready = sandbox.whenReady().then((): Promise<SandboxStart> | SandboxStart => {
        if (!sandbox.ready) return failed;
        child.unref();
        return { outcome: 'ready' };
      });
      return { sandbox, started: Promise.race([ready, failed]) };
    } finally {
      for (const descriptor of opened) fs.closeSync(descriptor);
    }
  }

  /** Whether it takes commands. */
  get ready(): boolean {
    return fs.existsSync(this.#files.ready);
  }

  /** Resolves when it takes commands, or has ended. */
  whenReady(): Promise<void> {
    return this.#until(() => this.ready);
  }

  /** Tells it to start a run whose files are there. Telling it again does no harm. False when it has ended. */
  startContainer(name: string, attempt: number): boolean {
    return writeLine(this.#files.control, `start ${name} ${attempt}`);
  }

  /** M2: kills all of it, and resolves when the kernel says that no process is left. */
  async kill(): Promise<void> {
    await Promise.race([this.#killFirst(), this.ended]);
    await this.ended;
  }

  async #killFirst(): Promise<void> {
    // It writes down its number first of all. Before that it has started nothing, and may be stopped (SIGSTOP).
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (this.first === undefined && !over) {
      for (const pid of this.#unnamed()) send(pid, 'SIGKILL');
      await new Promise<void>((resolve) => setTimeout(resolve, processTable.lookAfterMs));
    }
    if (this.first !== undefined) this.#context.kill(this.first);
  }

  /** The processes that are to become the sandbox. */
  #unnamed(): readonly number[] {
    const { pid, exitCode, signalCode } = this.#child ?? {};
    const own = pid !== undefined && exitCode === null && signalCode === null ? [pid] : [];
    return [...own, ...processTable.withDescriptor(EVENTS_DESCRIPTOR, this.#files.events)];
  }

  /** The sandbox writes a file first and then the event, so whoever waits for an event has not missed it. */
  async #until(condition: () => boolean): Promise<void> {
    let ended = false;
    void this.ended.then(() => {
      ended = true;
      this.#wake();
    });
    while (!condition() && !ended) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }

  /** The first process of the pod, as soon as it has said its number. */
  get first(): ProcessIdentity | undefined {
    return sandboxProcess(this.#files);
  }

  /** Stops listening and leaves it running. */
  release(): void {
    this.#release();
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [event = '', name, attempt] = line.split(' ');
      if (name !== undefined && attempt !== undefined) this.#context.onContainer(event, name, attempt);
    }
    this.#wake();
  }
}
