import { Duplex, PassThrough, Writable } from 'node:stream';
import WebSocket, { type RawData } from 'ws';

import { ApiError, apiError } from '../api/errors.ts';
import type { Pod, Status } from '../api/generated/types.ts';
import { Pods } from '../api/kinds.ts';
import { keyOf } from '../api/meta.ts';
import { objectPath } from './http-client.ts';
import { failure, type HttpConnection, type HttpRequestOptions, queryText, tlsOptions } from './http-connection.ts';
import type { ExecSession, PodStreams } from './pod-streams.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/**
 * The streams of any pod of a cluster, through its API server.
 *
 * @example
 * const session = await httpPodStreams(connection).exec(pod, { container: 'db', command: ['ls'], stdin: false, tty: false });
 * session.stdout.pipe(process.stdout);
 * process.exitCode = await session.exited;
 */
export function httpPodStreams(connection: HttpConnection): PodStreams {
  const path = (pod: Pod, subresource: string): string => objectPath(Pods, keyOf(pod), subresource);
  const open = async (
    pod: Pod,
    subresource: string,
    options: { readonly container: string; readonly stdin: boolean; readonly tty: boolean },
    command?: readonly string[],
  ): Promise<ExecSession> => {
    const { container, stdin, tty } = options;
    const query = { container, stdin, stdout: true, stderr: !tty, tty, command };
    const socket = await openWebSocket(connection, path(pod, subresource), query, [
      'v5.channel.k8s.io',
      'v4.channel.k8s.io',
    ]);
    return webSocketSession(socket, options);
  };

  return {
    logs(pod, { container, follow, previous, timestamps, tailLines, sinceMs, limitBytes }) {
      const sinceTime = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString();
      return connection.stream('GET', path(pod, 'log'), {
        query: { container, follow, previous, timestamps, tailLines, limitBytes, sinceTime },
      });
    },
    exec: (pod, options) => open(pod, 'exec', options, options.command),
    attach: (pod, options) => open(pod, 'attach', options),
    async portForward(pod, port) {
      const socket = await openWebSocket(connection, path(pod, 'portforward'), { ports: port }, ['v4.channel.k8s.io']);
      return forwardedConnection(socket, port);
    },
  };
}

function openWebSocket(
  { access }: HttpConnection,
  path: string,
  query: HttpRequestOptions['query'],
  protocols: readonly string[],
): Promise<WebSocket> {
  const url = `${access.server.replace(/^http/, 'ws').replace(/\/$/, '')}${path}${queryText(query)}`;
  const socket = new WebSocket(url, [...protocols], {
    ...tlsOptions(access),
    headers: {
      'user-agent': access.userAgent ?? 'berth',
      ...(access.token !== undefined && { authorization: `Bearer ${access.token}` }),
    },
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', (error) => {
      reject(apiError('ServiceUnavailable', `cannot reach the API server at ${access.server}: ${error.message}`));
    });
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => reject(failure(response.statusCode ?? 500, Buffer.concat(chunks))));
    });
  });
}

function webSocketSession(socket: WebSocket, options: { readonly stdin: boolean; readonly tty: boolean }): ExecSession {
  const stdout = new PassThrough();
  const stderr = options.tty ? undefined : new PassThrough();
  const stdin = options.stdin ? channelWriter(socket, CHANNEL.stdin) : undefined;
  let outcome: Status | undefined;
  const pass = (to: PassThrough | undefined, data: Buffer): void => {
    if (to === undefined || to.write(data)) return;
    socket.pause();
    to.once('drain', () => socket.resume());
  };
  socket.on('message', (message) => {
    const bytes = asBuffer(message);
    const data = bytes.subarray(1);
    switch (bytes[0]) {
      case CHANNEL.stdout:
        return pass(stdout, data);
      case CHANNEL.stderr:
        return pass(stderr, data);
      case CHANNEL.error:
        outcome = JSON.parse(data.toString('utf8')) as Status;
        return;
      default:
        return;
    }
  });
  socket.on('error', () => {});
  const exited = new Promise<number>((resolve, reject) => {
    socket.once('close', () => {
      stdout.end();
      stderr?.end();
      stdin?.destroy();
      const code = outcome && exitCodeOf(outcome);
      if (code !== undefined) resolve(code);
      else if (outcome !== undefined) reject(new ApiError(outcome));
      else reject(apiError('ServiceUnavailable', 'the connection was lost before the command ended'));
    });
  });
  return {
    ...(stdin && { stdin }),
    stdout,
    ...(stderr && { stderr }),
    resize(columns, rows) {
      if (socket.readyState !== WebSocket.OPEN) return;
      const size = JSON.stringify({ Width: columns, Height: rows });
      socket.send(Buffer.concat([Buffer.from([CHANNEL.resize]), Buffer.from(size)]));
    },
    exited,
    kill: () => socket.close(),
  };
}

/** The exit code a `Status` tells; undefined when the command could not be run at all. */
function exitCodeOf(status: Status): number | undefined {
  if (status.status === 'Success') return 0;
  if (status.reason !== 'NonZeroExitCode') return undefined;
  const cause = status.details?.causes?.find((each) => each.reason === 'ExitCode');
  return cause === undefined ? undefined : Number(cause.message);
}

/** Ending it tells the other side so, where the protocol has a word for it. */
function channelWriter(socket: WebSocket, channel: number): Writable {
  const writer = new Writable({
    write(chunk: Buffer, _encoding, done) {
      socket.send(Buffer.concat([Buffer.from([channel]), chunk]), () => done());
    },
    final(done) {
      if (socket.protocol !== 'v5.channel.k8s.io' || socket.readyState !== WebSocket.OPEN) return done();
      socket.send(Buffer.from([CHANNEL.close, channel]), () => done());
    },
  });
  writer.on('error', () => {});
  return writer;
}

/** Two channels, of data and of errors, both of which begin with the port in two bytes. */
function forwardedConnection(socket: WebSocket, port: number): Duplex {
  const skip = [2, 2];
  const connection = new Duplex({
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      socket.send(Buffer.concat([Buffer.from([0]), chunk]), () => done());
    },
    final(done) {
      socket.close(1000);
      done();
    },
    destroy(error, done) {
      socket.close();
      done(error);
    },
  });
  socket.on('message', (message) => {
    const bytes = asBuffer(message);
    const channel = bytes[0] ?? 0;
    const skipped = Math.min(skip[channel] ?? 0, bytes.length - 1);
    skip[channel] = (skip[channel] ?? 0) - skipped;
    const data = bytes.subarray(1 + skipped);
    if (data.length === 0) return;
    if (channel === 0) {
      if (!connection.push(data)) socket.pause();
    } else {
      connection.destroy(apiError('ServiceUnavailable', `port ${port}: ${data.toString('utf8')}`));
    }
  });
  socket.on('close', () => connection.push(null));
  socket.on('error', (error) => connection.destroy(error));
  return connection;
}

function asBuffer(message: RawData): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  return message instanceof ArrayBuffer ? Buffer.from(message) : message;
}
