import { Duplex } from 'node:stream';

import { HeaderReader, HeaderWriter, MAXIMUM_BLOCK_BYTES, type SpdyHeaders } from './header-block.ts';

const TYPE = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const FLAG_FIN = 1;
const STATUS_CANCEL = 5;
const STATUS_REFUSED = 3;
/** One frame; clients write pieces of at most a few tens of kilobytes. */
const MAXIMUM_FRAME_BYTES = 4 * 1024 * 1024;
const MAXIMUM_STREAMS = 1_000;
/** How much of a stream may wait for its reader before nothing more is read from the connection. */
const STREAM_BUFFER_BYTES = 128 * 1024;
const DATA_PIECE_BYTES = 32 * 1024;

export interface SpdySessionOptions {
  /** Called for each stream the client opens, already accepted. */
  readonly onStream: (stream: SpdyStream) => void;
  /**
   * Called when a stream is full: until it is read or closed everything else waits, what the client would open included.
   * The function that is returned is called when that is over.
   */
  readonly onFull?: (stream: SpdyStream) => () => void;
}

/**
 * The server's side of SPDY/3.1 as Kubernetes' clients speak it: streams that the client opens, told apart by their
 * headers, without flow control of their own: the clients send without regard to it.
 */
export class SpdySession {
  readonly #carrier: Duplex;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #headerReader = new HeaderReader();
  readonly #headerWriter = new HeaderWriter();
  readonly #options: SpdySessionOptions;
  readonly #closedListeners: (() => void)[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  /** What everything waits for: that this stream is read. */
  #full: { readonly stream: SpdyStream; readonly wake: () => void } | undefined;
  #closed = false;

  constructor(carrier: Duplex, options: SpdySessionOptions) {
    this.#carrier = carrier;
    this.#options = options;
    carrier.on('error', () => this.#end());
    carrier.on('close', () => this.#end());
    void this.#run();
  }

  onClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closedListeners.push(listener);
  }

  /** Says goodbye and closes when everything before has been sent. */
  close(): void {
    const goAway = Buffer.alloc(8);
    goAway.writeUInt32BE(Math.max(0, ...this.#streams.keys()), 0);
    this.#sendControl(TYPE.goAway, 0, goAway);
    this.#carrier.end();
  }

  async #run(): Promise<void> {
    try {
      for await (const chunk of this.#carrier) {
        this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
        await this.#takeFrames();
      }
    } catch {
      // Not the protocol, or a connection that broke: both end here.
      this.#carrier.destroy();
    }
    this.#end();
  }

  async #takeFrames(): Promise<void> {
    while (this.#buffer.length >= 8) {
      const length = this.#buffer.readUIntBE(5, 3);
      if (length > MAXIMUM_FRAME_BYTES) throw new RangeError('a frame is too large');
      if (this.#buffer.length < 8 + length) return;
      const head = this.#buffer.readUInt32BE(0);
      const flags = this.#buffer.readUInt8(4);
      const payload = this.#buffer.subarray(8, 8 + length);
      this.#buffer = this.#buffer.subarray(8 + length);
      if (head >>> 31 === 1) await this.#takeControl(head & 0xffff, flags, payload);
      else await this.#takeData(head, flags, payload);
    }
  }

  async #takeControl(type: number, flags: number, payload: Buffer): Promise<void> {
    switch (type) {
      case TYPE.synStream:
        return this.#open(payload.readUInt32BE(0) & 0x7fffffff, flags, payload.subarray(10));
      case TYPE.rstStream: {
        const id = payload.readUInt32BE(0) & 0x7fffffff;
        this.#streams.get(id)?.reset();
        this.#streams.delete(id);
        return;
      }
      case TYPE.ping:
        return this.#sendControl(TYPE.ping, 0, payload);
      case TYPE.goAway:
        // The client opens no more streams; those that are open go on.
        return;
      default:
        // Settings and window updates: nothing here depends on them.
        return;
    }
  }

  async #open(id: number, flags: number, block: Buffer): Promise<void> {
    if (block.length > MAXIMUM_BLOCK_BYTES) throw new RangeError('a header block is too large');
    const headers = await this.#headerReader.read(block);
    if (this.#streams.size >= MAXIMUM_STREAMS || this.#streams.has(id)) return this.sendReset(id, STATUS_REFUSED);
    const reply = Buffer.alloc(4);
    reply.writeUInt32BE(id, 0);
    this.#sendControl(TYPE.synReply, 0, Buffer.concat([reply, this.#headerWriter.write(new Map())]));
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    stream.on('close', () => this.#streams.delete(id));
    if ((flags & FLAG_FIN) !== 0) stream.push(null);
    this.#options.onStream(stream);
  }

  async #takeData(id: number, flags: number, payload: Buffer): Promise<void> {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.readableEnded) return;
    if (payload.length > 0 && !stream.push(payload)) await this.#untilRead(stream);
    if ((flags & FLAG_FIN) !== 0 && !stream.destroyed) stream.push(null);
  }

  async #untilRead(stream: SpdyStream): Promise<void> {
    const over = this.#options.onFull?.(stream);
    await new Promise<void>((resolve) => {
      this.#full = { stream, wake: resolve };
      stream.once('close', resolve);
    });
    this.#full = undefined;
    over?.();
  }

  /** A stream wants more: read on if that was what it waited for. */
  wake(stream: SpdyStream): void {
    if (this.#full?.stream === stream) this.#full.wake();
  }

  sendData(id: number, data: Buffer, fin: boolean, done: () => void): void {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id, 0);
    head.writeUInt8(fin ? FLAG_FIN : 0, 4);
    head.writeUIntBE(data.length, 5, 3);
    if (this.#carrier.writable) this.#carrier.write(Buffer.concat([head, data]), () => done());
    else done();
  }

  sendReset(id: number, status = STATUS_CANCEL): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(id, 0);
    payload.writeUInt32BE(status, 4);
    this.#sendControl(TYPE.rstStream, 0, payload);
  }

  #sendControl(type: number, flags: number, payload: Buffer): void {
    if (!this.#carrier.writable) return;
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8003, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt8(flags, 4);
    head.writeUIntBE(payload.length, 5, 3);
    this.#carrier.write(Buffer.concat([head, payload]));
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#headerReader.close();
    for (const stream of this.#streams.values()) stream.reset();
    this.#streams.clear();
    for (const listener of this.#closedListeners) listener();
  }
}

/** One stream of a session. */
export class SpdyStream extends Duplex {
  readonly headers: SpdyHeaders;
  readonly #session: SpdySession;
  readonly #id: number;
  #reset = false;

  constructor(session: SpdySession, id: number, headers: SpdyHeaders) {
    super({ readableHighWaterMark: STREAM_BUFFER_BYTES, allowHalfOpen: true });
    this.#session = session;
    this.#id = id;
    this.headers = headers;
    // What fails is the connection, and that is told by its close.
    this.on('error', () => {});
  }

  /** The other side, or the connection, is done with it. */
  reset(): void {
    this.#reset = true;
    this.push(null);
    this.destroy();
  }

  override _read(): void {
    this.#session.wake(this);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    let sent = 0;
    while (chunk.length - sent > DATA_PIECE_BYTES) {
      this.#session.sendData(this.#id, chunk.subarray(sent, sent + DATA_PIECE_BYTES), false, () => {});
      sent += DATA_PIECE_BYTES;
    }
    this.#session.sendData(this.#id, chunk.subarray(sent), false, done);
  }

  override _final(done: () => void): void {
    this.#session.sendData(this.#id, Buffer.alloc(0), true, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#reset && !(this.writableFinished && this.readableEnded)) this.#session.sendReset(this.#id);
    done(error);
  }
}
