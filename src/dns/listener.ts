import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { type ServerAddress, type Transport, withLength } from './forwarder.ts';

/** An address could not be listened on: the message says which, and why. */
export class DnsListenError extends Error {
  override readonly name = 'DnsListenError';
  /** `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` ... */
  readonly code: string;
  readonly address: ServerAddress;

  constructor(address: ServerAddress, transport: Transport, code: string) {
    super(`cannot listen for DNS on ${formatAddress(address)} (${transport}): ${explain(code)}`);
    this.code = code;
    this.address = address;
  }
}

function explain(code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another program uses this port';
    case 'EACCES':
      return 'ports below 1024 need root';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address';
    default:
      return code;
  }
}

export function formatAddress({ address, port }: ServerAddress): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** Answers one packet; undefined when it deserves none. Must not throw. */
export type PacketHandler = (packet: Buffer, transport: Transport) => Buffer | Promise<Buffer | undefined> | undefined;

export interface Listener {
  /** What it listens on, with the real port. */
  readonly address: ServerAddress;
  close(): Promise<void>;
}

export interface ListenerOptions {
  readonly handle: PacketHandler;
  readonly clock: Clock;
  readonly logger: Logger;
}

const MAX_TCP_CONNECTIONS = 256;
/** A client that says nothing for this long is let go. */
const TCP_IDLE_MS = 10_000;
/** How many questions of one connection may wait for an answer before no more are read. */
const MAX_PENDING_PER_CONNECTION = 64;
const MAX_UNREAD_BYTES = 1 << 20;
/** With port 0 the system picks one that is free for TCP; it may be taken for UDP. */
const FREE_PORT_ATTEMPTS = 10;

/** Listens for DNS over UDP and TCP on one address and port (0 takes a free one). Throws {@link DnsListenError}. */
export async function listen(address: ServerAddress, options: ListenerOptions): Promise<Listener> {
  for (let attempt = 1; ; attempt++) {
    const tcp = await listenTcp(address, options);
    const bound = { address: address.address, port: tcp.port };
    try {
      const udp = await listenUdp(bound, options);
      return {
        address: bound,
        close: async () => {
          await Promise.all([tcp.close(), new Promise<void>((resolve) => udp.close(() => resolve()))]);
        },
      };
    } catch (error) {
      await tcp.close();
      if (address.port !== 0 || attempt === FREE_PORT_ATTEMPTS) throw error;
    }
  }
}

function listenUdp(address: ServerAddress, { handle, logger }: ListenerOptions): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(address.address) ? 'udp6' : 'udp4', ipv6Only: isIPv6(address.address) });
    const onError = (error: NodeJS.ErrnoException): void => {
      socket.close();
      reject(new DnsListenError(address, 'udp', error.code ?? error.message));
    };
    socket.once('error', onError);
    socket.on('message', async (packet, client) => {
      const reply = await handle(packet, 'udp');
      // The client may be gone, or the socket closed: there is nobody to tell.
      if (reply !== undefined) sendQuietly(socket, reply, client);
    });
    socket.bind(address.port, address.address, () => {
      socket.off('error', onError);
      socket.on('error', (error) => logger.warn('a DNS socket failed', { error: error.message }));
      resolve(socket);
    });
  });
}

function sendQuietly(socket: UdpSocket, reply: Buffer, client: { port: number; address: string }): void {
  try {
    socket.send(reply, client.port, client.address, () => {});
  } catch {
    // Closed between the question and the answer.
  }
}

interface TcpListener {
  readonly port: number;
  close(): Promise<void>;
}

function listenTcp(address: ServerAddress, options: ListenerOptions): Promise<TcpListener> {
  return new Promise((resolve, reject) => {
    const connections = new Set<Socket>();
    const server: Server = createServer((socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      serveConnection(socket, options);
    });
    server.maxConnections = MAX_TCP_CONNECTIONS;
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new DnsListenError(address, 'tcp', error.code ?? error.message)),
    );
    server.listen({ port: address.port, host: address.address, ipv6Only: isIPv6(address.address) }, () => {
      server.removeAllListeners('error');
      server.on('error', (error) => options.logger.warn('a DNS socket failed', { error: error.message }));
      const bound = server.address();
      resolve({
        port: bound !== null && typeof bound === 'object' ? bound.port : address.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of connections) socket.destroy();
          }),
      });
    });
  });
}

function serveConnection(socket: Socket, { handle, clock }: ListenerOptions): void {
  let received = Buffer.alloc(0);
  let pending = 0;
  let idle = clock.after(TCP_IDLE_MS, () => socket.destroy());
  const stayAwake = (): void => {
    idle.cancel();
    idle = clock.after(TCP_IDLE_MS, () => socket.destroy());
  };

  const answer = async (packet: Buffer): Promise<void> => {
    pending++;
    const reply = await handle(packet, 'tcp');
    pending--;
    if (reply === undefined || socket.destroyed) return;
    stayAwake();
    socket.write(withLength(reply));
    // A client that asks and never reads is not kept.
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
    else readOn();
  };

  const readOn = (): void => {
    while (pending < MAX_PENDING_PER_CONNECTION && received.length >= 2) {
      const lengthBytes = received.readUInt16BE(0);
      if (received.length < lengthBytes + 2) break;
      const packet = received.subarray(2, lengthBytes + 2);
      received = received.subarray(lengthBytes + 2);
      void answer(packet);
    }
    if (pending >= MAX_PENDING_PER_CONNECTION) socket.pause();
    else if (socket.isPaused()) socket.resume();
  };

  socket.on('error', () => socket.destroy());
  socket.on('close', () => idle.cancel());
  socket.on('data', (chunk) => {
    stayAwake();
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    readOn();
  });
}
