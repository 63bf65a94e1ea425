/*
 * HTTP/1.1 over one kept TLS connection, with no more than what the benchmarks need of it: they share the machine's
 * processors with the server, and Node's own client takes as long for a request as the server does to answer it.
 */
import tls from 'node:tls';

const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** One request after the other. */
export class Connection {
  #socket;
  #answer;
  #error = new Error('the server closed the connection');

  constructor(port) {
    this.#socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes) => this.#take(bytes));
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('close', () => this.#answer?.reject(this.#error));
  }

  /** `{ code, body }` of the answer. `head` is the request's line and its headers, each with its line end. */
  send(head, body) {
    if (this.#answer !== undefined) throw new Error('the connection is in use');
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject, parts: [], partsBytes: 0, head: undefined };
      if (this.#socket.destroyed) this.#finish(() => reject(this.#error));
      else if (body === undefined) this.#socket.write(`${head}\r\n`, 'latin1');
      else this.#socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #finish(settle) {
    this.#answer = undefined;
    settle();
  }

  #take(bytes) {
    const answer = this.#answer;
    if (answer === undefined) return this.#socket.destroy(new Error('an answer that nobody asked for'));
    answer.parts.push(bytes);
    answer.partsBytes += bytes.length;
    answer.head ??= readHead(answer);
    if (answer.head === undefined || !isComplete(answer)) return;
    const { code, start, length } = answer.head;
    const rest = joined(answer).subarray(start);
    this.#finish(() => answer.resolve({ code, body: length === undefined ? withoutChunks(rest) : rest }));
  }
}

function joined(answer) {
  if (answer.parts.length > 1) answer.parts = [Buffer.concat(answer.parts, answer.partsBytes)];
  return answer.parts[0];
}

function readHead(answer) {
  const bytes = joined(answer);
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const text = bytes.latin1Slice(0, end);
  const length = /\ncontent-length: *(\d+)/i.exec(text)?.[1];
  return { code: Number(text.slice(9, 12)), start: end + HEAD_END.length, length: length && Number(length) };
}

function isComplete({ head, parts, partsBytes }) {
  if (head.length !== undefined) return partsBytes >= head.start + head.length;
  // What ends like the last chunk is the last chunk: no JSON has such line ends.
  const tail = Buffer.concat(parts.slice(-LAST_CHUNK.length));
  return tail.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
}

function withoutChunks(bytes) {
  const chunks = [];
  for (let start = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', start);
    const length = Number.parseInt(bytes.latin1Slice(start, lineEnd), 16);
    if (length === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + length));
    start = lineEnd + 2 + length + 2;
  }
}
