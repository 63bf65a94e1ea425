import { Readable, Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';

/**
 * Several byte streams over one WebSocket: the first byte of each message is the number of its channel. Where the
 * socket's protocol is one of text (`base64.channel.k8s.io`), it is a digit, and the rest is base64.
 */
export class WebSocketChannels {
  readonly #socket: WebSocket;
  readonly #isText: boolean;
  readonly #inputs = new Map<number, Readable>();
  readonly #listeners = new Map<number, (data: Buffer) => void>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#isText = socket.protocol.endsWith('base64.channel.k8s.io');
    socket.on('message', (message) => this.#receive(this.#read(asBuffer(message))));
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
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // An error means that the client has gone: what is left for it is dropped.
        this.#socket.send(this.#write(channel, chunk), () => done());
      },
    });
  }

  #write(channel: number, data: Buffer): Buffer | string {
    return this.#isText
      ? String.fromCharCode(DIGIT_ZERO + channel) + data.toString('base64')
      : Buffer.concat([Buffer.of(channel), data]);
  }

  /** A message with the number of its channel as a byte. */
  #read(message: Buffer): Buffer {
    if (!this.#isText || message.length === 0) return message;
    const text = message.toString('latin1');
    return Buffer.concat([Buffer.of(text.charCodeAt(0) - DIGIT_ZERO), Buffer.from(text.slice(1), 'base64')]);
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
const DIGIT_ZERO = 48;

function asBuffer(message: RawData): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  return message instanceof ArrayBuffer ? Buffer.from(message) : message;
}
