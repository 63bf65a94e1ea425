import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';

import type { Logger } from '../../platform/logger.ts';
import type { PodTarget } from './pod-target.ts';
import { SpdySession, type SpdyStream } from './spdy/spdy-session.ts';
import { WebSocketChannels } from './websocket-channels.ts';

/** How long a connection may hold up its session without being read. */
interface Patience {
  readonly withOthersMs: number;
  /** There may be others that cannot be seen, behind what it was sent. */
  readonly aloneMs: number;
}

/**
 * Connections to a pod's ports over SPDY: for each the client opens an `error` and a `data` stream, which name the port
 * and share a request id. The session is the client's to end. A connection that nobody in the pod reads is cut after a
 * while: others wait for it, and clients have no other way to open one.
 */
export function forwardOverSpdy(
  carrier: Duplex,
  target: PodTarget,
  logger: Logger,
  patience: Patience = { withOthersMs: 30_000, aloneMs: 60_000 },
): void {
  const errors = new Map<string, SpdyStream>();
  const connections = new Set<SpdyStream>();
  const onFull = (stream: SpdyStream): (() => void) => {
    const timers = [
      setTimeout(() => connections.size > 1 && stream.destroy(), patience.withOthersMs),
      setTimeout(() => stream.destroy(), patience.aloneMs),
    ];
    return () => timers.forEach(clearTimeout);
  };
  const onStream = (stream: SpdyStream): void => {
    const requestId = stream.headers.get('requestid') ?? stream.headers.get('port') ?? '';
    if (stream.headers.get('streamtype') === 'error') {
      stream.resume();
      errors.set(requestId, stream);
      stream.on('close', () => errors.delete(requestId));
      return;
    }
    const port = Number(stream.headers.get('port'));
    const tell = (error: unknown): void => {
      const errorStream = errors.get(requestId);
      if (errorStream?.writable) errorStream.end(`error forwarding port ${port}: ${messageOf(error)}`);
      stream.destroy();
    };
    joinPort(target, port, stream).then(() => errors.get(requestId)?.end(), tell);
    connections.add(stream);
    stream.on('close', () => {
      connections.delete(stream);
      logger.debug('a forwarded connection was closed', { port });
    });
  };
  new SpdySession(carrier, { onStream, onFull });
}

/**
 * The older way over a WebSocket (`v4.channel.k8s.io`): the ports are known beforehand, and each has two channels, for its
 * data and its error. Both begin with the number of the port.
 */
export function forwardOverChannels(socket: WebSocket, target: PodTarget, ports: readonly number[]): void {
  const channels = new WebSocketChannels(socket);
  ports.forEach((port, index) => {
    const input = channels.input(2 * index);
    const data = channels.output(2 * index);
    const errors = channels.output(2 * index + 1);
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    data.write(number);
    errors.write(number);
    let gone = false;
    socket.once('close', () => {
      gone = true;
    });
    target.streams.portForward(target.pod, port).then(
      (connection) => {
        connection.on('error', (error) => errors.write(messageOf(error)));
        if (gone) {
          connection.destroy();
          return;
        }
        socket.once('close', () => connection.destroy());
        input.pipe(connection);
        connection.pipe(data, { end: false });
        // Only when the client has been sent everything.
        connection.on('close', () => data.end(() => ports.length === 1 && socket.close(1000)));
      },
      (error: unknown) => {
        errors.write(messageOf(error));
        // What is sent to a port that cannot be reached does not hold up the others.
        input.resume();
      },
    );
  });
}

/** Resolves when the connection to the port has come to its end. */
async function joinPort({ pod, streams }: PodTarget, port: number, stream: Duplex): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError('no such port');
  const connection = await streams.portForward(pod, port);
  return new Promise((resolve) => {
    // One that breaks is no failure of forwarding: clients give up all their connections when they are told of one.
    connection.on('error', () => stream.destroy());
    connection.on('close', resolve);
    // The client may have gone while the port was being connected to.
    if (stream.destroyed) connection.destroy();
    stream.on('close', () => connection.destroy());
    stream.pipe(connection);
    connection.pipe(stream);
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
