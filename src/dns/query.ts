import * as dnsPacket from 'dns-packet';

/** A question as it came in. */
export interface Query {
  readonly id: number;
  readonly name: string;
  /** `A`, `SRV`, `UNKNOWN_4711` ... */
  readonly type: string;
  readonly recursionDesired: boolean;
  /** The question section as it was sent, so that the reply repeats it to the letter. */
  readonly question: Buffer;
  /** Present when the client speaks EDNS: how large a UDP reply it takes, in bytes, and its version. */
  readonly edns?: { readonly payloadSizeBytes: number; readonly version: number };
}

export type ParsedQuery =
  | { readonly type: 'query'; readonly query: Query }
  /** A question that is understood and not answered: of another class, or for the whole zone. */
  | { readonly type: 'refused'; readonly query: Query }
  /** A packet that can be answered only with the code of what is wrong with it. */
  | { readonly type: 'malformed'; readonly id: number; readonly code: 'FORMERR' | 'NOTIMP' }
  /** Not a request at all: an answer to it could go round in circles. */
  | { readonly type: 'ignored' };

const HEADER_BYTES = 12;
const RESPONSE_FLAG = 0x8000;
const OPCODE_MASK = 0x7800;
const RECURSION_DESIRED_FLAG = 0x0100;
/** What is sent to a name server that is not a plain question about a name. */
const REFUSED_TYPES = new Set(['AXFR', 'IXFR']);

/** Takes a packet apart. Never throws, whatever is in it (N6). */
export function parseQuery(packet: Buffer): ParsedQuery {
  if (packet.length < HEADER_BYTES) return { type: 'ignored' };
  const id = packet.readUInt16BE(0);
  const flags = packet.readUInt16BE(2);
  if (flags & RESPONSE_FLAG) return { type: 'ignored' };
  if (flags & OPCODE_MASK) return { type: 'malformed', id, code: 'NOTIMP' };
  // One question, no answers, and at most what EDNS adds.
  if (packet.readUInt16BE(4) !== 1 || packet.readUInt16BE(6) !== 0 || packet.readUInt16BE(10) > 8) {
    return { type: 'malformed', id, code: 'FORMERR' };
  }
  const end = endOfQuestion(packet);
  if (end === undefined) return { type: 'malformed', id, code: 'FORMERR' };
  try {
    const { questions, additionals } = dnsPacket.decode(packet);
    const asked = questions?.[0];
    if (asked === undefined) return { type: 'malformed', id, code: 'FORMERR' };
    const options = additionals?.filter((record) => record.type === 'OPT') ?? [];
    if (options.length > 1) return { type: 'malformed', id, code: 'FORMERR' };
    const [option] = options;
    const query: Query = {
      id,
      name: asked.name,
      type: asked.type,
      recursionDesired: (flags & RECURSION_DESIRED_FLAG) !== 0,
      question: packet.subarray(HEADER_BYTES, end),
      ...(option && { edns: { payloadSizeBytes: option.udpPayloadSize, version: option.ednsVersion } }),
    };
    const askedClass: string | undefined = asked.class;
    const isOurs = askedClass === 'IN' || askedClass === 'ANY';
    return isOurs && !REFUSED_TYPES.has(asked.type) ? { type: 'query', query } : { type: 'refused', query };
  } catch {
    return { type: 'malformed', id, code: 'FORMERR' };
  }
}

/** Where the only question of a packet ends; undefined when it is cut off or has a compressed name. */
function endOfQuestion(packet: Buffer): number | undefined {
  let offset = HEADER_BYTES;
  for (;;) {
    const length = packet[offset];
    if (length === undefined || length > 63) return undefined;
    offset += length + 1;
    if (length === 0) break;
  }
  return offset + 4 <= packet.length && offset - HEADER_BYTES <= 255 ? offset + 4 : undefined;
}
