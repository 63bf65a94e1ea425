import { isIPv4 } from 'node:net';

import { ipv6Groups } from './addresses.ts';
import type { Query } from './query.ts';
import type { DnsRecord } from './zone.ts';

const RESPONSE_CODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const;
export type ResponseCode = keyof typeof RESPONSE_CODES;

const RECORD_TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 } as const;
const OPT_TYPE = 41;
const INTERNET_CLASS = 1;

const HEADER_BYTES = 12;
const OPT_BYTES = 11;
const RESPONSE_FLAG = 0x8000;
const AUTHORITATIVE_FLAG = 0x0400;
const TRUNCATED_FLAG = 0x0200;
const RECURSION_DESIRED_FLAG = 0x0100;
const RECURSION_AVAILABLE_FLAG = 0x0080;

/** The largest UDP reply we offer to take and send: larger ones would be cut into fragments on most links. */
export const MAX_UDP_BYTES = 4096;

export interface ReplyToEncode {
  readonly code: ResponseCode;
  /** The answer is ours, not an upstream resolver's. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

/** A reply without any record: what is wrong with a request that cannot be read. */
export function encodeError(id: number, code: ResponseCode): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES);
  packet.writeUInt16BE(id, 0);
  packet.writeUInt16BE(RESPONSE_FLAG | RESPONSE_CODES[code], 2);
  return packet;
}

/**
 * The packet of a reply, names compressed, at most `limitBytes` long. Additional records that do not fit are left
 * out; when answers do not fit, those that do are sent with the truncation flag, and the client asks again over TCP.
 */
export function encodeReply(
  query: Query,
  reply: ReplyToEncode,
  limitBytes: number,
  recursionAvailable: boolean,
): Buffer {
  const writer = new PacketWriter(query, limitBytes - (query.edns ? OPT_BYTES : 0));
  const answers = writer.records(reply.answers);
  const authorities = answers === reply.answers.length ? writer.records(reply.authorities) : 0;
  const truncated = answers < reply.answers.length || authorities < reply.authorities.length;
  const additionals = truncated ? 0 : writer.records(reply.additionals);

  const code = RESPONSE_CODES[reply.code];
  if (query.edns) writer.option(code >> 4);
  const flags =
    RESPONSE_FLAG |
    (reply.authoritative ? AUTHORITATIVE_FLAG : 0) |
    (truncated ? TRUNCATED_FLAG : 0) |
    (query.recursionDesired ? RECURSION_DESIRED_FLAG : 0) |
    (recursionAvailable ? RECURSION_AVAILABLE_FLAG : 0) |
    (code & 0xf);
  return writer.finish([query.id, flags, 1, answers, authorities, additionals + (query.edns ? 1 : 0)]);
}

/** Thrown inside the writer only: the record does not fit any more. */
class PacketFullError extends Error {}

class PacketWriter {
  readonly #limitBytes: number;
  #packet: Buffer;
  #length: number;
  /** Where a name, or the end of one, already stands in the packet. */
  readonly #names = new Map<string, number>();

  constructor(query: Query, limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#packet = Buffer.allocUnsafe(512);
    this.#length = HEADER_BYTES;
    this.#append(query.question);
    this.#rememberQuestion(query.question);
  }

  /** Writes records until one does not fit; how many did. */
  records(records: readonly DnsRecord[]): number {
    for (const [index, record] of records.entries()) {
      const start = this.#length;
      try {
        this.#record(record);
      } catch (error) {
        if (!(error instanceof PacketFullError)) throw error;
        this.#length = start;
        for (const [name, offset] of this.#names) if (offset >= start) this.#names.delete(name);
        return index;
      }
    }
    return records.length;
  }

  /** The EDNS record, for which room was kept. */
  option(extendedCode: number): void {
    const option = Buffer.alloc(OPT_BYTES);
    option.writeUInt16BE(OPT_TYPE, 1);
    option.writeUInt16BE(MAX_UDP_BYTES, 3);
    option.writeUInt8(extendedCode, 5);
    this.#reserve(OPT_BYTES, Number.POSITIVE_INFINITY);
    option.copy(this.#packet, this.#length);
    this.#length += OPT_BYTES;
  }

  finish(header: readonly number[]): Buffer {
    for (const [index, field] of header.entries()) this.#packet.writeUInt16BE(field, index * 2);
    return this.#packet.subarray(0, this.#length);
  }

  #record(record: DnsRecord): void {
    this.#name(record.name);
    this.#uint16(RECORD_TYPES[record.type]);
    this.#uint16(INTERNET_CLASS);
    this.#uint32(record.ttl);
    const lengthAt = this.#length;
    this.#uint16(0);
    this.#data(record);
    this.#packet.writeUInt16BE(this.#length - lengthAt - 2, lengthAt);
  }

  #data(record: DnsRecord): void {
    switch (record.type) {
      case 'A':
      case 'AAAA':
        this.#append(addressBytes(record.address));
        return;
      case 'CNAME':
      case 'NS':
      case 'PTR':
        this.#name(record.target);
        return;
      case 'SRV':
        this.#uint16(record.priority);
        this.#uint16(record.weight);
        this.#uint16(record.port);
        // RFC 2782 wants the target in full; records that follow may point to it.
        this.#name(record.target, false);
        return;
      case 'TXT': {
        const text = Buffer.from(record.text).subarray(0, 255);
        this.#append(Buffer.concat([Buffer.of(text.length), text]));
        return;
      }
      case 'SOA':
        this.#name(record.nameServer);
        this.#name(record.mailbox);
        this.#uint32(record.serial);
        this.#uint32(7200);
        this.#uint32(1800);
        this.#uint32(86_400);
        // How long a resolver may remember that a name does not exist.
        this.#uint32(record.ttl);
        return;
    }
  }

  #name(name: string, compress = true): void {
    let rest = name.endsWith('.') ? name.slice(0, -1) : name;
    while (rest !== '') {
      const key = rest.toLowerCase();
      const known = this.#names.get(key);
      if (known !== undefined && compress) {
        this.#uint16(0xc000 | known);
        return;
      }
      // A pointer has 14 bits.
      if (known === undefined && this.#length < 0x4000) this.#names.set(key, this.#length);
      const dot = rest.indexOf('.');
      const label = Buffer.from(dot < 0 ? rest : rest.slice(0, dot)).subarray(0, 63);
      this.#append(Buffer.of(label.length));
      this.#append(label);
      rest = dot < 0 ? '' : rest.slice(dot + 1);
    }
    this.#append(Buffer.of(0));
  }

  #rememberQuestion(question: Buffer): void {
    const labels: { text: string; offset: number }[] = [];
    for (let offset = 0, length = question[0] ?? 0; length > 0; length = question[offset] ?? 0) {
      const text = question.toString('latin1', offset + 1, offset + 1 + length);
      // A label that is no ordinary one is not worth pointing to.
      if (!/^[\w-]+$/.test(text)) return;
      labels.push({ text, offset: HEADER_BYTES + offset });
      offset += length + 1;
    }
    for (const [index, { offset }] of labels.entries()) {
      const name = labels.slice(index).map(({ text }) => text);
      this.#names.set(name.join('.').toLowerCase(), offset);
    }
  }

  #uint16(value: number): void {
    this.#reserve(2);
    this.#length = this.#packet.writeUInt16BE(value, this.#length);
  }

  #uint32(value: number): void {
    this.#reserve(4);
    this.#length = this.#packet.writeUInt32BE(value, this.#length);
  }

  #append(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.#packet, this.#length);
    this.#length += bytes.length;
  }

  #reserve(bytes: number, limitBytes = this.#limitBytes): void {
    const needed = this.#length + bytes;
    if (needed > limitBytes) throw new PacketFullError();
    if (needed <= this.#packet.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#packet.length * 2));
    this.#packet.copy(larger, 0, 0, this.#length);
    this.#packet = larger;
  }
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const bytes = Buffer.alloc(16);
  for (const [index, group] of (ipv6Groups(address) ?? []).entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}
