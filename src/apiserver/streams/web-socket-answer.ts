import { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** An answer that goes on until somebody ends it, over HTTP or over a WebSocket. */
export interface StreamedAnswer extends Writable {
  statusCode: number;
  readonly headersSent: boolean;
  setHeader(name: string, value: string): unknown;
  removeHeader(name: string): void;
  flushHeaders(): void;
}

/** How what is written becomes messages: `lines` a text each, `bytes` and `base64` as they come. */
export type MessageForm = 'lines' | 'bytes' | 'base64';

const LINE_END = 10;

/** What would be the body of an answer, as messages: browsers cannot read one while it is made, but can from these. */
export class WebSocketAnswer extends Writable implements StreamedAnswer {
  readonly #socket: WebSocket;
  readonly #form: MessageForm;
  statusCode = 200;
  readonly headersSent = true;

  constructor(socket: WebSocket, form: MessageForm) {
    super({ highWaterMark: 256 * 1024 });
    this.#socket = socket;
    this.#form = form;
    // A connection that breaks is closed right after.
    this.on('error', () => {});
    socket.on('error', () => {});
    socket.once('close', () => this.destroy());
  }

  setHeader(): void {}
  removeHeader(): void {}
  flushHeaders(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const messages =
      this.#form === 'lines' ? lines(chunk) : [this.#form === 'base64' ? chunk.toString('base64') : chunk];
    const last = messages.pop();
    for (const message of messages) this.#socket.send(message);
    // An error means that the client has gone: what is left for it is dropped.
    if (last === undefined) done();
    else this.#socket.send(last, () => done());
  }

  override _final(done: () => void): void {
    this.#socket.close(1000);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // After a farewell there is time for the client's; else there is nothing to wait for.
    if (!this.writableFinished) this.#socket.terminate();
    done(error);
  }
}

/** Whoever writes lines writes them whole. */
function lines(chunk: Buffer): string[] {
  const found: string[] = [];
  let start = 0;
  for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
    found.push(chunk.toString('utf8', start, end));
    start = end + 1;
  }
  return found;
}
