import { constants, createInflate, type Inflate } from 'node:zlib';

import { headerDictionary } from './dictionary.ts';

/** Header names in lower case; several values of one name are joined by a zero byte. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** A block is never larger than this, nor is what it unpacks to. */
export const MAXIMUM_BLOCK_BYTES = 16 * 1024;

/** Reads the header blocks of one connection, which are one compressed stream cut into pieces. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: headerDictionary(), chunkSize: 4 * MAXIMUM_BLOCK_BYTES });

  /** One block at a time. Rejects when it is not what it should be. */
  read(block: Buffer): Promise<SpdyHeaders> {
    const inflate = this.#inflate;
    return new Promise((resolve, reject) => {
      inflate.once('error', reject);
      inflate.write(block);
      inflate.flush(constants.Z_SYNC_FLUSH, () => {
        inflate.off('error', reject);
        const chunks: Buffer[] = [];
        for (let chunk: unknown = inflate.read(); chunk instanceof Buffer; chunk = inflate.read()) chunks.push(chunk);
        try {
          resolve(parseHeaders(Buffer.concat(chunks)));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  close(): void {
    this.#inflate.destroy();
  }
}

function parseHeaders(block: Buffer): SpdyHeaders {
  let at = 0;
  const number = (): number => {
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new RangeError('a header is longer than its block');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left--) headers.set(text().toLowerCase(), text());
  return headers;
}

/** An empty stored block: where a reader that waits for more hands out what it has. */
const FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Writes header blocks without compressing them, which a stream that may be compressed allows for each piece. */
export class HeaderWriter {
  #first = true;

  write(headers: SpdyHeaders): Buffer {
    const parts: Buffer[] = [uint32(headers.size)];
    for (const [name, value] of headers) {
      const nameBytes = Buffer.from(name);
      const valueBytes = Buffer.from(value);
      parts.push(uint32(nameBytes.length), nameBytes, uint32(valueBytes.length), valueBytes);
    }
    const content = Buffer.concat(parts);
    // RFC 1951, 3.2.4: a stored block is its length, the complement of that, and the bytes as they are.
    const blockHead = Buffer.alloc(5);
    blockHead.writeUInt16LE(content.length, 1);
    blockHead.writeUInt16LE(content.length ^ 0xffff, 3);
    const streamHead = this.#first ? Buffer.from([0x78, 0x01]) : Buffer.alloc(0);
    this.#first = false;
    return Buffer.concat([streamHead, blockHead, content, FLUSH]);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
