import type { Readable, Writable } from 'node:stream';

import { ApiError, apiError } from '../../api/errors.ts';
import type { Status } from '../../api/generated/types.ts';
import type { ExecSession } from '../../client/pod-streams.ts';

/** The client's end of an exec or an attach, whatever carries it. */
export interface RemoteEnd {
  /** What the user types; absent when no input was asked for. */
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Called with the size of the user's terminal, at first and whenever it changes. */
  onResize(listener: (columns: number, rows: number) => void): void;
  /** Called once when the client has gone. */
  onClosed(listener: () => void): void;
  /** Tells how it ended, and closes when everything before has been sent. */
  finish(status: Status): void;
}

/** Joins a session and the client's end until the session is over or the client has gone. */
export async function runSession(start: () => Promise<ExecSession>, remote: RemoteEnd): Promise<void> {
  let session: ExecSession;
  let gone = false;
  remote.onClosed(() => {
    gone = true;
  });
  try {
    session = await start();
  } catch (error) {
    remote.finish(failureStatus(error));
    return;
  }
  const { stdin, stdout, stderr, exited } = session;
  if (gone) session.kill();
  remote.onClosed(() => session.kill());
  remote.onResize((columns, rows) => session.resize(columns, rows));
  if (stdin !== undefined && remote.stdin !== undefined) {
    // A program may end, or close its input, before the user stops typing.
    stdin.on('error', () => {});
    remote.stdin.on('error', () => {});
    remote.stdin.pipe(stdin);
  }
  const outputs = [sendAll(stdout, remote.stdout), stderr === undefined ? undefined : sendAll(stderr, remote.stderr)];
  try {
    const exitCode = await exited;
    await Promise.all(outputs);
    remote.finish(exitStatus(exitCode));
  } catch (error) {
    remote.finish(failureStatus(error));
  }
}

/** Passes everything on; resolves when all of it has been handed over. */
function sendAll(from: Readable, to: Writable | undefined): Promise<void> {
  if (to === undefined) {
    from.resume();
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    to.on('error', () => resolve());
    to.on('close', () => resolve());
    from.on('error', () => to.end(() => resolve()));
    from.pipe(to, { end: false });
    from.on('end', () => to.end(() => resolve()));
  });
}

/** How a process ended, in the words of `v4.channel.k8s.io`. */
function exitStatus(exitCode: number): Status {
  if (exitCode === 0) return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

function failureStatus(error: unknown): Status {
  if (error instanceof ApiError) return error.status;
  const why = error instanceof Error ? error.message : String(error);
  return apiError('InternalError', `Internal error occurred: ${why}`).status;
}
