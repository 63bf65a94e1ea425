import fs from 'node:fs';
import net from 'node:net';
import type { Readable } from 'node:stream';

import { apiError } from '../../../api/errors.ts';
import type { ExecSession, LogOptions } from '../../../client/pod-streams.ts';
import type { Logger } from '../../../platform/logger.ts';
import type { ContainerConfig } from '../runtime.ts';
import { startSession } from './exec.ts';
import { openIfRead } from './fifo.ts';
import { logStream } from './log-stream.ts';
import type { Pod, StartedRun } from './pod.ts';
import { type RunFiles, runFiles } from './pod-files.ts';
import { terminalOf } from './terminal.ts';

/** A container that runs, with what it was started with. */
export interface RunningContainer {
  readonly pod: Pod;
  readonly run: StartedRun;
  readonly files: RunFiles;
  readonly config: ContainerConfig;
}

/** Throws `BadRequest` when the container does not run. */
export function runningContainer(pod: Pod | undefined, container: string): RunningContainer {
  const run = pod?.newest(container);
  if (pod === undefined || run?.state !== 'running') {
    throw apiError('BadRequest', `container ${container} is not running`);
  }
  const files = runFiles(pod.files, container, run.status.attempt);
  return { pod, run, files, config: JSON.parse(fs.readFileSync(files.record, 'utf8')) as ContainerConfig };
}

/** Runs a command beside the program of a container. */
export function execIn(
  { pod, run, files, config }: RunningContainer,
  options: { readonly command: readonly string[]; readonly stdin: boolean; readonly tty: boolean },
  logger: Logger,
): ExecSession {
  const entered = { files, container: config, first: run.processes.first };
  const session = startSession(pod.level.enter(pod.config.uid, entered, options.command, options.tty), {
    stdin: options.stdin,
    mark: pod.mark?.file,
    ...(options.tty && { resize: (device, columns, rows) => resize(pod, run, device, columns, rows, logger) }),
  });
  pod.addSession(session.exited);
  return session;
}

/**
 * What a container says from now on, and its input if it has one. Both outputs of a program go to its log, so what it
 * says comes as one.
 */
export async function attachTo(
  { pod, run, files, config }: RunningContainer,
  options: { readonly stdin: boolean },
  logger: Logger,
): Promise<ExecSession> {
  const ended = pod.exited(config.name);
  const stdout = logStream(
    { log: files.log, index: files.logIndex, ended },
    { follow: true, timestamps: false, tailLines: 0 },
  );
  const stdin = options.stdin && fs.existsSync(files.stdin) ? await openInput(files.stdin) : undefined;
  const closed = new Promise<void>((resolve) => stdout.once('close', resolve).once('end', resolve));
  return {
    ...(stdin === undefined ? {} : { stdin }),
    stdout,
    resize(columns, rows) {
      const device = config.tty ? terminalOf(run.processes.program.pid) : undefined;
      if (device !== undefined) resize(pod, run, device, columns, rows, logger);
    },
    exited: Promise.all([closed, ended]).then(() => {
      const status = pod.newest(config.name)?.status;
      return status?.state === 'exited' ? status.exitCode : 137;
    }),
    kill() {
      stdin?.destroy();
      stdout.destroy();
    },
  };
}

/** Throws `BadRequest` when there is no such log. */
export function logsOf(pod: Pod | undefined, options: LogOptions): Readable {
  const newest = pod?.newest(options.container);
  const attempt = newest === undefined ? -1 : newest.status.attempt - (options.previous ? 1 : 0);
  const files = pod && runFiles(pod.files, options.container, attempt);
  if (pod === undefined || files === undefined || !fs.existsSync(files.log)) {
    const what = options.previous ? 'previous terminated container' : 'container';
    throw apiError('BadRequest', `${what} "${options.container}" in pod "${pod?.config.name ?? ''}" not found`);
  }
  const ended = options.previous ? Promise.resolve() : pod.exited(options.container);
  return logStream({ log: files.log, index: files.logIndex, ended }, options);
}

function resize(pod: Pod, run: StartedRun, device: string, columns: number, rows: number, logger: Logger): void {
  pod.level.resizeTerminal(run.processes.first, device, columns, rows).catch((error: Error) => {
    logger.debug('a terminal cannot be resized', { device, error: error.message });
  });
}

/** Undefined when nobody reads it: the first client of a container with `stdinOnce` has gone, or the program has ended. */
async function openInput(fifo: string): Promise<net.Socket | undefined> {
  for (let waitedMs = 0; waitedMs <= INPUT_PATIENCE_MS; waitedMs += INPUT_CHECK_MS) {
    const fd = openIfRead(fifo);
    if (fd !== undefined) {
      const socket = new net.Socket({ fd, readable: false, writable: true });
      socket.on('error', () => {}); // the program has ended
      return socket;
    }
    // With `stdinOnce` what reads it is opened beside the program: it may be about to.
    await new Promise<void>((resolve) => setTimeout(resolve, INPUT_CHECK_MS));
  }
  return undefined;
}

const INPUT_CHECK_MS = 10;
const INPUT_PATIENCE_MS = 1000;
