import { Readable, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

/**
 * Several byte streams over one WebSocket: the first byte of each message is the number of its channel
 * (`v4.channel.k8s.io`, `v5.channel.k8s.io`).
 */
export class WebSocketChannels {
  readonly #socket: WebSocket;
  readonly #inputs = new Map<number, Readable>();
  readonly #listeners = new Map<number, (data: Buffer) => void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (message) => this.#receive(asBuffer(message)));
    socket.on('close', () => {
      for (const input of this.#inputs.values()) input.push(null);
    });
    // A broken connection is closed right after; there is nobody to tell.
    socket.on('error', () => {});
  }

  /** What the client sends on a channel. */
  input(channel: number): Readable {
    const socket = this.#socket;
    const input = new Readable({
      read() {
        if (socket.isPaused) socket.resume();
      },
    });
    // What comes after its end is nobody's.
    input.on('error', () => {});
    this.#inputs.set(channel, input);
    return input;
  }

  /** Messages of a channel that is not a byte stream. */
  listen(channel: number, listener: (data: Buffer) => void): void {
    this.#listeners.set(channel, listener);
  }

  /** What the client is sent on a channel; a write is done when the system has taken it. */
  output(channel: number): Writable {
    const socket = this.#socket;
    return new Writable({
      write(chunk: Buffer, _encoding, done) {
        const message = Buffer.allocUnsafe(chunk.length + 1);
        message[0] = channel;
        chunk.copy(message, 1);
        // An error means that the client has gone: what is left for it is dropped.
        socket.send(message, () => done());
      },
    });
  }

  #receive(message: Buffer): void {
    const channel = message[0];
    if (channel === undefined) return;
    if (channel === CLOSE_CHANNEL) {
      this.#inputs.get(message[1] ?? CLOSE_CHANNEL)?.push(null);
      return;
    }
    const data = message.subarray(1);
    this.#listeners.get(channel)?.(data);
    const input = this.#inputs.get(channel);
    if (input === undefined || input.readableEnded || data.length === 0) return;
    if (!input.push(data)) this.#socket.pause();
  }
}

/** In `v5.channel.k8s.io` a message on this channel ends the one it names. */
const CLOSE_CHANNEL = 255;

function asBuffer(message: RawData): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  return message instanceof ArrayBuffer ? Buffer.from(message) : message;
}
