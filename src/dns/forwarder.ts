import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, isIP, isIPv6 } from 'node:net';

import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import { canonicalAddress } from './addresses.ts';

/** Where a name server is. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

export type Transport = 'udp' | 'tcp';

/** No upstream resolver gave an answer. */
class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
}

export interface ForwarderOptions {
  /** The resolvers to ask, in this order; asked for anew at every question. */
  readonly servers: () => Promise<readonly ServerAddress[]>;
  readonly clock: Clock;
  readonly random: Random;
  /** How long one resolver may take, in milliseconds; default 2000. */
  readonly timeoutMs?: number;
  /** Questions under way at once; more are refused. Default 512. */
  readonly maxInFlight?: number;
}

/** Hands questions to upstream resolvers (N8), as they are but for their id. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #timeoutMs: number;
  readonly #maxInFlight: number;
  #inFlight = 0;
  readonly #closing = new AbortController();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 2000;
    this.#maxInFlight = options.maxInFlight ?? 512;
  }

  /** The reply to `packet`, with the id of `packet`. Throws {@link UpstreamError}. */
  async ask(packet: Buffer, transport: Transport): Promise<Buffer> {
    if (this.#inFlight >= this.#maxInFlight) throw new UpstreamError('too many questions are waiting for an answer');
    this.#inFlight++;
    try {
      let failure = 'there is no upstream resolver';
      for (const server of await this.#options.servers()) {
        try {
          return await this.#askOne(server, packet, transport);
        } catch (error) {
          if (this.#closing.signal.aborted) break;
          failure = `${server.address}: ${error instanceof Error ? error.message : String(error)}`;
        }
      }
      throw new UpstreamError(failure);
    } finally {
      this.#inFlight--;
    }
  }

  /** Gives up on everything under way. */
  close(): void {
    this.#closing.abort(new UpstreamError('the server is closing'));
  }

  #askOne(server: ServerAddress, packet: Buffer, transport: Transport): Promise<Buffer> {
    const { clock, random } = this.#options;
    const id = Math.floor(random.next() * 65_536);
    const question = Buffer.from(packet);
    question.writeUInt16BE(id, 0);
    return new Promise((resolve, reject) => {
      const { signal } = this.#closing;
      if (signal.aborted) return reject(signal.reason);
      const finish = (settle: () => void): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
        exchange.close();
        settle();
      };
      const fail = (error: Error): void => finish(() => reject(error));
      const onAbort = (): void => fail(signal.reason);
      const onReply = (reply: Buffer): void => {
        if (!isReplyTo(reply, question)) return;
        const answered = Buffer.from(reply);
        packet.copy(answered, 0, 0, 2);
        finish(() => resolve(answered));
      };
      const timer = clock.after(this.#timeoutMs, () => fail(new UpstreamError(`no answer in ${this.#timeoutMs} ms`)));
      signal.addEventListener('abort', onAbort, { once: true });
      const exchange = (transport === 'udp' ? askByUdp : askByTcp)(server, question, onReply, fail);
    });
  }
}

interface Exchange {
  close(): void;
}

type Ask = (
  server: ServerAddress,
  question: Buffer,
  onReply: (reply: Buffer) => void,
  onError: (error: Error) => void,
) => Exchange;

// A socket for each question: its port is a secret that a forged reply has to guess besides the id.
const askByUdp: Ask = (server, question, onReply, onError) => {
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  let closed = false;
  socket.on('error', onError);
  socket.on('message', onReply);
  socket.connect(server.port, server.address, () => {
    if (!closed) socket.send(question);
  });
  return {
    close: () => {
      if (!closed) socket.close();
      closed = true;
    },
  };
};

const askByTcp: Ask = (server, question, onReply, onError) => {
  const socket = connect(server.port, server.address);
  let received = Buffer.alloc(0);
  socket.on('error', onError);
  socket.on('end', () => onError(new UpstreamError('the connection was closed')));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    const lengthBytes = received.length < 2 ? undefined : received.readUInt16BE(0);
    if (lengthBytes !== undefined && received.length >= lengthBytes + 2) onReply(received.subarray(2, lengthBytes + 2));
  });
  socket.write(withLength(question));
  return { close: () => socket.destroy() };
};

/** A packet as it goes over TCP: after its length. */
export function withLength(packet: Buffer): Buffer {
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([length, packet]);
}

/** The same id, marked as a reply, and the same question in whatever letter case. */
function isReplyTo(reply: Buffer, question: Buffer): boolean {
  if (reply.length < 12 || reply.readUInt16BE(0) !== question.readUInt16BE(0)) return false;
  if ((reply.readUInt8(2) & 0x80) === 0) return false;
  if (reply.readUInt16BE(4) === 0) return true;
  let end = 12;
  for (let length = question[end]; length !== undefined && length !== 0; length = question[end]) end += length + 1;
  const section = (packet: Buffer): string => packet.toString('latin1', 12, end + 5).toLowerCase();
  return section(reply) === section(question);
}

/** The resolvers a `resolv.conf` names. */
export function parseResolvConf(text: string): readonly ServerAddress[] {
  const servers: ServerAddress[] = [];
  for (const line of text.split('\n')) {
    const [keyword, address] = line.trim().split(/\s+/);
    if (keyword !== 'nameserver' || address === undefined) continue;
    if (isIP(address) !== 0) servers.push({ address, port: 53 });
  }
  return servers;
}

/** How long the machine's resolvers are remembered: a laptop changes networks. */
const SYSTEM_RESOLVERS_MS = 5000;

/** The machine's own resolvers, read again from time to time; none when the file cannot be read. */
export function systemResolvers(clock: Clock, path = '/etc/resolv.conf'): () => Promise<readonly ServerAddress[]> {
  let known: { readonly servers: Promise<readonly ServerAddress[]>; readonly untilMs: number } | undefined;
  return () => {
    if (known === undefined || known.untilMs <= clock.now()) {
      const servers = readFile(path, 'utf8').then(parseResolvConf, () => []);
      known = { servers, untilMs: clock.now() + SYSTEM_RESOLVERS_MS };
    }
    return known.servers;
  };
}

/** Whether a question to `server` would come to one of `own`. A listener on all addresses is at every local one. */
export function isOwnAddress(
  server: ServerAddress,
  own: readonly ServerAddress[],
  localAddresses: readonly string[],
): boolean {
  const address = canonicalAddress(server.address);
  return own.some((listener) => {
    if (listener.port !== server.port) return false;
    const listening = canonicalAddress(listener.address);
    const everywhere = listening === '0.0.0.0' || listening === canonicalAddress('::');
    return listening === address || (everywhere && localAddresses.some((local) => canonicalAddress(local) === address));
  });
}
