import type { Duplex, Readable, Writable } from 'node:stream';

import type { Pod } from '../api/generated/types.ts';

export interface LogOptions {
  readonly container: string;
  /** Go on with what is written from now on, until the container ends. */
  readonly follow: boolean;
  /** The log of the run before this one. */
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Only this many lines from the end. */
  readonly tailLines?: number;
  /** Only lines written at or after this time (ms since the epoch). */
  readonly sinceMs?: number;
  /** Stop after this many bytes. */
  readonly limitBytes?: number;
}

export interface ExecOptions {
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** A process that was started in, or attached to, a container of a pod. */
export interface ExecSession {
  /** Absent when no input was asked for. */
  readonly stdin?: Writable;
  readonly stdout: Readable;
  /** Absent with a terminal, which has one output only. */
  readonly stderr?: Readable;
  /** Sets the size of the terminal; nothing without one. */
  resize(columns: number, rows: number): void;
  /** Resolves with the exit code (128 + n for signal n) after both outputs have ended. */
  readonly exited: Promise<number>;
  /** Ends the process: the caller has gone. */
  kill(): void;
}

/** The byte streams of the pods of one node: what a kubelet offers to the API server. Failures are `ApiError`s. */
export interface PodStreams {
  logs(pod: Pod, options: LogOptions): Promise<Readable>;
  exec(pod: Pod, options: ExecOptions): Promise<ExecSession>;
  attach(pod: Pod, options: Omit<ExecOptions, 'command'>): Promise<ExecSession>;
  /** A connection to `port` of the pod. */
  portForward(pod: Pod, port: number): Promise<Duplex>;
}
