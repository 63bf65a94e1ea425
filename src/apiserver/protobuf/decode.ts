import { messageOfKind } from '../../api/generated/protobuf.ts';
import { timestamp } from '../../platform/clock.ts';
import { ProtobufError, readFields, type WireField } from '../../platform/protobuf-fields.ts';
import { type FieldType, messageType } from './message-types.ts';

export { ProtobufError } from '../../platform/protobuf-fields.ts';

type Json = { [field: string]: unknown };

/** What every body begins with. */
const MAGIC = Buffer.from('k8s\0', 'latin1');
const MAXIMUM_DEPTH = 100;

/**
 * The object that a body of type `application/vnd.kubernetes.protobuf` stands for, as JSON would have it. Throws
 * {@link ProtobufError} for what it is not, and for kinds and fields that are not known: nothing is left out silently.
 */
export function decodeProtobuf(body: Buffer): object {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw new ProtobufError('the body does not begin as it must');
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  // runtime.Unknown: 1 is the type, 2 the object.
  for (const field of readFields(body.subarray(MAGIC.length))) {
    if (field.number === 1) {
      for (const { number, value } of readFields(bytesOf(field))) {
        if (number === 1) apiVersion = value.toString();
        if (number === 2) kind = value.toString();
      }
    } else if (field.number === 2) {
      raw = bytesOf(field);
    }
  }
  const message = kind === 'DeleteOptions' ? 'meta.v1.DeleteOptions' : messageOfKind[`${apiVersion} ${kind}`];
  if (message === undefined) throw new ProtobufError(`${kind} of ${apiVersion} cannot be sent as protobuf`);
  const object: Json = { apiVersion, kind };
  readMessage(message, raw, object, 0);
  return object;
}

function readMessage(name: string, bytes: Buffer, into: Json, depth: number): void {
  const fields = messageType(name);
  if (fields === undefined || depth > MAXIMUM_DEPTH) throw new ProtobufError(`${name} cannot be read`);
  for (const wire of readFields(bytes)) {
    const field = fields.get(wire.number);
    if (field !== undefined) readField(field, wire, into, depth + 1);
    else if (wire.value !== 0n && bytesLeft(wire) > 0) throw new ProtobufError(`${name} has no field ${wire.number}`);
  }
}

const bytesLeft = ({ value }: WireField): number => (typeof value === 'bigint' ? 1 : value.length);

function readField(field: FieldType, wire: WireField, into: Json, depth: number): void {
  const { name, container, inline, keepsZero, type } = field;
  if (inline) {
    readMessage(type, bytesOf(wire), into, depth);
    return;
  }
  switch (container) {
    case 'list': {
      const present = into[name];
      const list: unknown[] = Array.isArray(present) ? present : [];
      list.push(jsonOf(type, wire, depth));
      into[name] = list;
      return;
    }
    case 'map': {
      const map: Json = { ...(into[name] as Json | undefined) };
      let key = '';
      let value: unknown = emptyOf(type);
      for (const part of readFields(bytesOf(wire))) {
        if (part.number === 1) key = part.value.toString();
        if (part.number === 2) value = jsonOf(type, part, depth);
      }
      // A key such as `__proto__` is a key like any other.
      Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
      into[name] = map;
      return;
    }
    case 'one': {
      const value = jsonOf(type, wire, depth);
      const isZero = value === '' || value === 0 || value === false || value === undefined;
      if (!isZero || (value !== undefined && keepsZero)) into[name] = value;
    }
  }
}

function emptyOf(type: string): unknown {
  if (type === 'string' || type === 'bytes' || type === 'quantity') return '';
  return type === 'strings' ? [] : {};
}

/** The JSON form of one value; undefined for a time that is not set. */
function jsonOf(type: string, wire: WireField, depth: number): unknown {
  switch (type) {
    case 'string':
      return wire.value.toString();
    case 'int':
      return Number(numberOf(wire));
    case 'bool':
      return numberOf(wire) !== 0n;
    case 'bytes':
      return bytesOf(wire).toString('base64');
    case 'quantity':
      return firstOf(bytesOf(wire), 1)?.toString() ?? '0';
    case 'time':
    case 'microtime':
      return timeOf(bytesOf(wire), type);
    case 'duration':
      return `${Number(firstOf(bytesOf(wire), 1) ?? 0n) / 1e9}s`;
    case 'json': {
      const raw = firstOf(bytesOf(wire), 1)?.toString() ?? '';
      return raw === '' ? undefined : (JSON.parse(raw) as unknown);
    }
    case 'intorstring': {
      const isString = firstOf(bytesOf(wire), 1) === 1n;
      return isString ? (firstOf(bytesOf(wire), 3)?.toString() ?? '') : Number(firstOf(bytesOf(wire), 2) ?? 0n);
    }
    case 'strings':
      return [...readFields(bytesOf(wire))].map(({ value }) => value.toString());
    default: {
      const message: Json = {};
      readMessage(type, bytesOf(wire), message, depth);
      return message;
    }
  }
}

function timeOf(bytes: Buffer, type: 'time' | 'microtime'): string | undefined {
  const seconds = firstOf(bytes, 1);
  if (typeof seconds !== 'bigint') return undefined;
  const nanos = firstOf(bytes, 2);
  const micros = typeof nanos === 'bigint' ? Math.floor(Number(nanos) / 1000) : 0;
  const timeMs = Number(seconds) * 1000;
  const exists = Number.isFinite(new Date(timeMs).getTime()) && micros >= 0 && micros < 1_000_000;
  if (!exists) throw new ProtobufError('there is no such time');
  const time = timestamp(timeMs);
  return type === 'time' ? time : `${time.slice(0, -1)}.${String(micros).padStart(6, '0')}Z`;
}

function firstOf(bytes: Buffer, number: number): bigint | Buffer | undefined {
  for (const field of readFields(bytes)) if (field.number === number) return field.value;
  return undefined;
}

function bytesOf({ value, number }: WireField): Buffer {
  if (typeof value === 'bigint') throw new ProtobufError(`field ${number} is a number`);
  return value;
}

function numberOf({ value, number }: WireField): bigint {
  if (typeof value !== 'bigint') throw new ProtobufError(`field ${number} is no number`);
  return value;
}
