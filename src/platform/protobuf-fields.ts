/** Bytes that are no message. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

/** One field as it is written: its number, and a number or bytes. */
export interface WireField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/** The fields of a message, one after the other. Throws {@link ProtobufError} where they are cut off or garbled. */
export function* readFields(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new ProtobufError('a number is cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new ProtobufError('a number is too long');
  };
  const take = (length: number): Buffer => {
    if (length < 0 || at + length > bytes.length) throw new ProtobufError('a value is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Number(key >> 3n);
    switch (key & 7n) {
      case 0n:
        yield { number, value: varint() };
        break;
      case 1n:
        yield { number, value: take(8) };
        break;
      case 2n:
        yield { number, value: take(Number(varint())) };
        break;
      case 5n:
        yield { number, value: take(4) };
        break;
      default:
        throw new ProtobufError(`there is no wire type ${key & 7n}`);
    }
  }
}
