import fs from 'node:fs';

import { followFifo, openIfHeld, writeLine } from './fifo.ts';
import { readIfThere } from './files.ts';
import { type LockFile, lockCommand } from './identity-locks.ts';
import { type PodFiles, sandboxProcess } from './pod-files.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { startProgram } from './start-program.ts';

/** How a sandbox is started: with these locks held (M5), this command line becomes it. */
export interface SandboxCommand {
  readonly locks: readonly LockFile[];
  readonly command: readonly string[];
  /** A file that each program of the pod has open, and with it the locks, where nothing else keeps them together. */
  readonly mark: string | undefined;
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

/** flock's exit code for the first lock that another holds; the next one's is one more. */
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

      const command = [
        ...options.locks.flatMap(({ file }, index) => lockCommand(file, LOCKED_EXIT_CODE + index)),
        ...options.command,
      ];
      // A lock gets the first number that is free. A shell can close those up to 9, and does before it becomes a program
      // (of more than four locks the first four: who comes after needs all). Beside a mark, programs hold them all.
      const descriptors = ['ignore' as const, complaints, complaints, control, events, hostNetwork];
      const child = startProgram(command, descriptors, options.mark);
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
    // It writes down its number first of all; before that it is about to.
    await this.#until(() => this.first !== undefined);
    if (this.first !== undefined) this.#context.kill(this.first);
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
