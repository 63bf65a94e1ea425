import dgram from 'node:dgram';

import type { Timer } from '../../platform/clock.ts';
import type { ProxiedPort, ProxiedPortOptions } from './proxied-port.ts';
import type { Target } from './service-ports.ts';

/** A client that is silent for this time, and gets no answers, may meet another pod then. */
const IDLE_MS = 60_000;
/** Clients at the same time on one port of a service; the one that was silent longest is forgotten for a new one. */
const MAX_CLIENTS = 4096;
/** Room for what comes while the process does something else; a system may give less (net.core.rmem_max). */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** What waits to be sent from one socket; more is dropped, as the kernel does with more than its own buffers hold. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Datagrams of one client that wait for its socket to be there. */
const MAX_WAITING = 32;

export interface UdpProxyOptions extends ProxiedPortOptions {
  /** Default one minute. */
  readonly idleMs?: number;
  /** Default 4,096. */
  readonly maxClients?: number;
}

/** One client, an address and a port, and the pod it talks with. */
interface Session {
  readonly client: dgram.RemoteInfo;
  target: Target;
  /** Its own, connected: only the target's datagrams arrive here, and the kernel says when nobody is there. */
  socket: dgram.Socket | undefined;
  /** Until the socket is connected. */
  waiting: Buffer[] | undefined;
  lastMs: number;
}

/** Passes datagrams on, and answers back from the address that was asked. Rejects when it cannot listen. */
export async function udpProxy(options: UdpProxyOptions): Promise<ProxiedPort> {
  const server = dgram.createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.bind({ address: options.address, port: options.port, exclusive: true }, () => {
      server.off('error', reject);
      enlargeBuffers(server);
      resolve();
    });
  });
  return new UdpProxy(server, options);
}

class UdpProxy implements ProxiedPort {
  readonly #server: dgram.Socket;
  readonly #options: UdpProxyOptions;
  /** By the client's address and port; who was silent longest is first. */
  readonly #sessions = new Map<string, Session>();
  #timer: Timer | undefined;

  constructor(server: dgram.Socket, options: UdpProxyOptions) {
    this.#server = server;
    this.#options = options;
    server.on('message', (datagram, client) => this.#receive(datagram, client));
    server.on('error', (error) => this.#note('a service port failed', error));
  }

  update(): void {
    for (const [key, session] of this.#sessions) {
      if (!this.#options.choice.has(session.target)) this.#forget(key, session);
    }
  }

  close(): void {
    this.#server.close();
    this.#timer?.cancel();
    for (const [key, session] of this.#sessions) this.#forget(key, session);
  }

  #receive(datagram: Buffer, client: dgram.RemoteInfo): void {
    const key = `${client.address}:${client.port}`;
    const session = this.#sessions.get(key) ?? this.#newSession(client);
    if (session === undefined) return;
    this.#touch(key, session);
    const socket = session.socket ?? this.#open(key, session);
    if (session.waiting === undefined) this.#pass(key, session, socket, datagram);
    else if (session.waiting.length < MAX_WAITING) session.waiting.push(datagram);
  }

  #newSession(client: dgram.RemoteInfo): Session | undefined {
    const { choice, maxClients = MAX_CLIENTS } = this.#options;
    const [target] = choice.order(client.address);
    if (target === undefined) return undefined;
    for (const [key, oldest] of this.#sessions) {
      if (this.#sessions.size < maxClients) break;
      this.#forget(key, oldest);
    }
    return { client, target, socket: undefined, waiting: undefined, lastMs: 0 };
  }

  #open(key: string, session: Session): dgram.Socket {
    const { client, target } = session;
    const socket = dgram.createSocket('udp4');
    session.socket = socket;
    session.waiting = [];
    this.#options.choice.met(client.address, target);
    socket.on('message', (answer) => {
      this.#touch(key, session);
      if (this.#server.getSendQueueSize() > MAX_WAITING_BYTES) return;
      this.#server.send(answer, client.port, client.address, (error) => {
        if (error) this.#note('an answer could not be sent', error);
      });
    });
    socket.on('connect', () => {
      enlargeBuffers(socket);
      const { waiting = [] } = session;
      session.waiting = undefined;
      for (const datagram of waiting) this.#pass(key, session, socket, datagram);
    });
    socket.on('error', (error) => this.#tryNext(session, socket, error));
    socket.connect(target.port, target.address);
    return socket;
  }

  #pass(key: string, session: Session, socket: dgram.Socket, datagram: Buffer): void {
    if (socket !== session.socket || socket.getSendQueueSize() > MAX_WAITING_BYTES) return;
    socket.send(datagram, (error) => {
      if (!error) return;
      this.#note('a datagram could not be sent', error);
      // What an earlier datagram met with is told to this one, which was not sent.
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return;
      this.#tryNext(session, socket, error);
      if (this.#sessions.get(key) === session) this.#receive(datagram, session.client);
    });
  }

  /** The next datagram of this client goes elsewhere, if there is somewhere else. */
  #tryNext(session: Session, socket: dgram.Socket, error: Error): void {
    this.#note('a pod takes no datagrams', error);
    if (socket !== session.socket) return;
    close(session);
    const [target] = this.#options.choice.order(session.client.address, session.target);
    if (target !== undefined) session.target = target;
  }

  #touch(key: string, session: Session): void {
    session.lastMs = this.#options.clock.now();
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    this.#timer ??= this.#sweepAfter(this.#idleMs);
  }

  #sweepAfter(delayMs: number): Timer {
    return this.#options.clock.after(delayMs, () => {
      this.#timer = undefined;
      const now = this.#options.clock.now();
      for (const [key, session] of this.#sessions) {
        const leftMs = session.lastMs + this.#idleMs - now;
        if (leftMs > 0) {
          this.#timer = this.#sweepAfter(leftMs);
          return;
        }
        this.#forget(key, session);
      }
    });
  }

  get #idleMs(): number {
    return this.#options.idleMs ?? IDLE_MS;
  }

  #forget(key: string, session: Session): void {
    this.#sessions.delete(key);
    close(session);
  }

  #note(message: string, error: Error): void {
    const { logger, choice } = this.#options;
    logger.debug(message, { service: choice.port.name, error: String(error) });
  }
}

function enlargeBuffers(socket: dgram.Socket): void {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES);
    socket.setSendBufferSize(BUFFER_BYTES);
  } catch {
    // Some systems refuse what is too much, instead of giving less: those they give by themselves have to do.
  }
}

function close(session: Session): void {
  session.socket?.close();
  session.socket = undefined;
  session.waiting = undefined;
}
