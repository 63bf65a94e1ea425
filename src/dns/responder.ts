import * as dnsPacket from 'dns-packet';

import type { Logger } from '../platform/logger.ts';
import { encodeError, encodeReply, MAX_UDP_BYTES, type ReplyToEncode } from './encode-reply.ts';
import type { Forwarder, Transport } from './forwarder.ts';
import { parseQuery, type Query } from './query.ts';
import { type Reply, resolve } from './resolve.ts';
import type { DnsRecord, ZoneData } from './zone.ts';

const MIN_UDP_BYTES = 512;
const MAX_TCP_BYTES = 65_535;
const NO_RECORDS = { answers: [], authorities: [], additionals: [] } as const;

export interface ResponderOptions {
  readonly data: ZoneData;
  /** Absent: names outside the zone are refused. */
  readonly forwarder?: Forwarder;
  readonly logger: Logger;
}

/** Turns question packets into reply packets; knows nothing of sockets. */
export class Responder {
  readonly #options: ResponderOptions;
  #rotation = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** The reply to a packet; undefined when it deserves none. Never throws (N6). */
  respond(packet: Buffer, transport: Transport): Buffer | Promise<Buffer | undefined> | undefined {
    const parsed = parseQuery(packet);
    switch (parsed.type) {
      case 'ignored':
        return undefined;
      case 'malformed':
        return encodeError(parsed.id, parsed.code);
      case 'refused':
        return this.#fail(parsed.query, transport, 'REFUSED');
      case 'query':
        return this.#answer(parsed.query, packet, transport);
    }
  }

  #answer(query: Query, packet: Buffer, transport: Transport): Buffer | Promise<Buffer> {
    const failure = (code: ReplyToEncode['code']): Buffer => this.#fail(query, transport, code);
    const encode = (reply: ReplyToEncode): Buffer => this.#encode(query, transport, reply);

    if (query.edns && query.edns.version > 0) return failure('BADVERS');
    const { data, forwarder, logger } = this.#options;
    const resolution = resolve(data, query, this.#rotation++);
    if (resolution.type === 'reply') return encode({ authoritative: true, ...resolution.reply });
    if (resolution.type === 'alias') {
      return this.#follow(resolution, query.type, transport).then((reply) => encode({ authoritative: true, ...reply }));
    }
    if (forwarder === undefined) {
      // Nobody has a name for an address that is not in the cluster: programs that look up their peers go on at once.
      return failure(query.type === 'PTR' ? 'NXDOMAIN' : 'REFUSED');
    }
    return forwarder.ask(packet, transport).catch((error: unknown) => {
      logger.debug('no upstream resolver answered', { name: query.name, error: String(error) });
      return failure('SERVFAIL');
    });
  }

  #fail(query: Query, transport: Transport, code: ReplyToEncode['code']): Buffer {
    return this.#encode(query, transport, { code, authoritative: false, ...NO_RECORDS });
  }

  #encode(query: Query, transport: Transport, reply: ReplyToEncode): Buffer {
    return encodeReply(query, reply, replyLimit(query, transport), this.#options.forwarder !== undefined);
  }

  /** Asks for what an ExternalName service stands for, so that the client need not. */
  async #follow(
    alias: { readonly answers: readonly DnsRecord[]; readonly target: string },
    type: string,
    transport: Transport,
  ): Promise<Reply> {
    const reply: Reply = { code: 'NOERROR', ...NO_RECORDS, answers: alias.answers };
    const { forwarder } = this.#options;
    if (forwarder === undefined || (type !== 'A' && type !== 'AAAA')) return reply;
    try {
      const question = dnsPacket.encode({
        type: 'query',
        id: 0,
        flags: dnsPacket.RECURSION_DESIRED,
        questions: [{ type, name: alias.target }],
      });
      const { answers = [] } = dnsPacket.decode(await forwarder.ask(question, transport));
      return { ...reply, answers: [...alias.answers, ...answers.flatMap(recordOf)] };
    } catch {
      // The alias itself is known; the client may know another way to its target.
      return reply;
    }
  }
}

function recordOf(answer: dnsPacket.Answer): readonly DnsRecord[] {
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return [{ type: answer.type, name: answer.name, ttl: answer.ttl ?? 0, address: answer.data }];
    case 'CNAME':
      return [{ type: 'CNAME', name: answer.name, ttl: answer.ttl ?? 0, target: answer.data }];
    default:
      return [];
  }
}

function replyLimit(query: Query, transport: Transport): number {
  if (transport === 'tcp') return MAX_TCP_BYTES;
  return Math.min(Math.max(query.edns?.payloadSizeBytes ?? 0, MIN_UDP_BYTES), MAX_UDP_BYTES);
}
