import net from 'node:net';

import type { ProxiedPort, ProxiedPortOptions } from './proxied-port.ts';
import type { Target } from './service-ports.ts';

/** A connection that is not made within this time is tried with the next target. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Open at the same time on one port of a service; further ones are closed at once. */
const MAX_CONNECTIONS = 1024;

/** Copies the bytes of each connection; those that are there go on to their end. Rejects when it cannot listen. */
export async function tcpProxy({ address, port, choice, logger }: ProxiedPortOptions): Promise<ProxiedPort> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    client.on('error', () => {});
    const from = client.remoteAddress ?? '';
    connectToFirst(choice.order(from)).then(
      ({ upstream, target }) => {
        choice.met(from, target);
        join(client, upstream);
      },
      (error) => {
        logger.debug('a connection to a service found no pod', { service: choice.port.name, error: String(error) });
        client.resetAndDestroy();
      },
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', (error) =>
    logger.warn('a service port failed', { service: choice.port.name, error: String(error) }),
  );
  return {
    update() {},
    close: () => server.close(),
  };
}

/** Whether one of the targets takes connections. */
export async function someAnswers(targets: readonly Target[]): Promise<boolean> {
  const sockets = await Promise.all(targets.map((target) => connect(target).catch(() => undefined)));
  for (const socket of sockets) socket?.on('error', () => {}).destroy();
  return sockets.some((socket) => socket !== undefined);
}

async function connectToFirst(
  targets: readonly Target[],
): Promise<{ readonly upstream: net.Socket; readonly target: Target }> {
  let last: unknown = new Error('the service has no ready pod');
  for (const target of targets) {
    try {
      return { upstream: await connect(target), target };
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function join(client: net.Socket, upstream: net.Socket): void {
  if (client.destroyed) {
    upstream.destroy();
    return;
  }
  endWith(client, upstream);
  endWith(upstream, client);
  client.pipe(upstream);
  upstream.pipe(client);
}

/** What fails on one side fails on the other, or half of an answer would look like all of it. */
function endWith(one: net.Socket, other: net.Socket): void {
  one.on('error', () => other.resetAndDestroy());
  // What was read and not yet written still is.
  one.on('close', () => other.end());
}

function connect({ address, port }: Target): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, allowHalfOpen: true });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
