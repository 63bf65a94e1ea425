import { isIPv4 } from 'node:net';

import { addressOfLabel, addressOfReverseName, canonicalAddress } from './addresses.ts';
import {
  DNS_VERSION,
  type DnsRecord,
  type ServiceRecords,
  type ServiceTarget,
  TTL_SECONDS,
  type ZoneData,
} from './zone.ts';

/** What is asked, about names of the internet class. */
export interface Question {
  /** In any letter case, with or without a trailing dot. */
  readonly name: string;
  /** `A`, `SRV` ... */
  readonly type: string;
}

export interface Reply {
  readonly code: 'NOERROR' | 'NXDOMAIN';
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export type Resolution =
  | { readonly type: 'reply'; readonly reply: Reply }
  /** The name is another name, which is not in the zone: whoever knows that one completes the answer. */
  | { readonly type: 'alias'; readonly answers: readonly DnsRecord[]; readonly target: string }
  /** Neither the zone nor an address of ours. */
  | { readonly type: 'elsewhere' };

/** A service that is another name may be one of ours, which may be another name: at most this often. */
const MAX_ALIASES = 8;

/** What a name of the zone is. */
type Place =
  | { readonly type: 'apex' }
  /** Nothing has this name, but something has a name below it. */
  | { readonly type: 'empty' }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'host'; readonly addresses: readonly string[] }
  | { readonly type: 'alias'; readonly target: string }
  | {
      readonly type: 'service';
      readonly name: string;
      readonly addresses: readonly string[];
      readonly targets: readonly ServiceTarget[];
      readonly service: Extract<ServiceRecords, { type: 'addresses' }>;
    };

/**
 * Answers a question from the zone's data, as the Kubernetes DNS specification says (N1-N5).
 *
 * @param rotation Any integer; the next one makes the next of several records come first (N2).
 */
export function resolve(data: ZoneData, question: Question, rotation = 0): Resolution {
  const asked = withoutTrailingDot(question.name);
  const reverse = addressOfReverseName(asked.toLowerCase());
  if (reverse !== undefined) return resolveAddress(data, asked, question.type, reverse);
  if (relativeName(data.zone, asked.toLowerCase()) === undefined) return { type: 'elsewhere' };

  const answers: DnsRecord[] = [];
  let name = asked;
  for (let aliases = 0; ; aliases++) {
    const relative = relativeName(data.zone, name.toLowerCase());
    if (relative === undefined) return { type: 'alias', answers, target: name };
    const place = locate(data, relative);
    if (place === undefined) return { type: 'reply', reply: negative(data, 'NXDOMAIN', answers) };
    if (place.type !== 'alias')
      return { type: 'reply', reply: answer(data, name, place, question.type, rotation, answers) };
    answers.push({ type: 'CNAME', name, ttl: TTL_SECONDS, target: place.target });
    if (question.type === 'CNAME' || aliases === MAX_ALIASES) {
      return { type: 'reply', reply: { code: 'NOERROR', answers, authorities: [], additionals: [] } };
    }
    name = place.target;
  }
}

/** The start-of-authority record of the zone. */
function startOfAuthority(data: ZoneData): DnsRecord {
  return {
    type: 'SOA',
    name: data.zone,
    ttl: TTL_SECONDS,
    nameServer: `ns.dns.${data.zone}`,
    mailbox: `hostmaster.${data.zone}`,
    serial: data.serial,
  };
}

function resolveAddress(data: ZoneData, name: string, type: string, address: string): Resolution {
  const names = data.namesOf(canonicalAddress(address));
  if (names.length === 0) return { type: 'elsewhere' };
  if (type !== 'PTR' && type !== 'ANY') return { type: 'reply', reply: negative(data, 'NOERROR', []) };
  const answers = names.map((target): DnsRecord => ({ type: 'PTR', name, ttl: TTL_SECONDS, target }));
  return { type: 'reply', reply: { code: 'NOERROR', answers, authorities: [], additionals: [] } };
}

function withoutTrailingDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** The part of a name before the zone's; empty for the zone itself, undefined for a name outside it. */
function relativeName(zone: string, name: string): string | undefined {
  if (name === zone) return '';
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : undefined;
}

function locate(data: ZoneData, relative: string): Place | undefined {
  if (relative === '') return { type: 'apex' };
  if (relative === 'dns-version') return { type: 'text', text: DNS_VERSION };
  if (relative === 'ns.dns') return { type: 'host', addresses: data.nameServerAddresses };
  if (relative === 'dns' || relative === 'svc' || relative === 'pod') return { type: 'empty' };
  const labels = relative.split('.');
  const namespace = labels.at(-2) ?? '';
  if (labels.length === 2 && (labels[1] === 'svc' || labels[1] === 'pod')) {
    return data.hasNamespace(namespace) ? { type: 'empty' } : undefined;
  }
  switch (labels.at(-1)) {
    case 'svc':
      return locateInService(data, namespace, labels.at(-3) ?? '', labels.slice(0, -3));
    case 'pod': {
      const address = labels.length === 3 ? addressOfLabel(labels[0] ?? '') : undefined;
      if (address === undefined || !data.hasPod(namespace, canonicalAddress(address))) return undefined;
      return { type: 'host', addresses: [address] };
    }
    default:
      return undefined;
  }
}

function locateInService(
  data: ZoneData,
  namespace: string,
  serviceName: string,
  below: readonly string[],
): Place | undefined {
  const service = data.service(namespace, serviceName);
  if (service === undefined) return undefined;
  if (service.type === 'external') {
    return below.length === 0 ? { type: 'alias', target: withoutTrailingDot(service.target) } : undefined;
  }
  const name = `${serviceName}.${namespace}.svc.${data.zone}`;
  const [first = '', second = ''] = below;
  switch (below.length) {
    case 0:
      return { type: 'service', name, addresses: service.addresses, targets: service.allTargets, service };
    case 1: {
      if (first.startsWith('_')) {
        const inUse = [...service.targets.keys()].some((key) => key.endsWith(`.${first}`));
        return inUse ? { type: 'empty' } : undefined;
      }
      const addresses = service.hosts.get(first);
      return addresses && { type: 'host', addresses };
    }
    case 2: {
      const targets = service.targets.get(`${first}.${second}`);
      return targets && { type: 'service', name, addresses: [], targets, service };
    }
    default:
      return undefined;
  }
}

function answer(
  data: ZoneData,
  name: string,
  place: Exclude<Place, { type: 'alias' }>,
  type: string,
  rotation: number,
  aliases: readonly DnsRecord[],
): Reply {
  const records = recordsOf(data, name, place, type);
  if (records.length === 0) return negative(data, 'NOERROR', aliases);
  const rotated = rotate(records, rotation);
  return {
    code: 'NOERROR',
    answers: aliases.length === 0 ? rotated : [...aliases, ...rotated],
    authorities: [],
    additionals: additionalsOf(data, place, rotated),
  };
}

function recordsOf(
  data: ZoneData,
  name: string,
  place: Exclude<Place, { type: 'alias' }>,
  type: string,
): readonly DnsRecord[] {
  switch (place.type) {
    case 'empty':
      return [];
    case 'apex':
      if (type === 'SOA' || type === 'ANY') return [startOfAuthority(data)];
      if (type === 'NS') return [{ type: 'NS', name, ttl: TTL_SECONDS, target: `ns.dns.${data.zone}` }];
      return [];
    case 'text':
      return type === 'TXT' || type === 'ANY' ? [{ type: 'TXT', name, ttl: TTL_SECONDS, text: place.text }] : [];
    case 'host':
      return addressRecords(name, place.addresses, type);
    case 'service': {
      if (type !== 'SRV') return addressRecords(name, place.addresses, type);
      const weight = Math.max(1, Math.floor(100 / Math.max(1, place.targets.length)));
      return place.targets.map(({ hostname, port }) => ({
        type: 'SRV',
        name,
        ttl: TTL_SECONDS,
        priority: 0,
        weight,
        port,
        target: hostname === undefined ? place.name : `${hostname}.${place.name}`,
      }));
    }
  }
}

/** The addresses of a kind; both kinds when anything is asked for. */
function addressRecords(name: string, addresses: readonly string[], type: string): readonly DnsRecord[] {
  const records: DnsRecord[] = [];
  for (const address of addresses) {
    const own = isIPv4(address) ? 'A' : 'AAAA';
    if (type === own || type === 'ANY') records.push({ type: own, name, ttl: TTL_SECONDS, address });
  }
  return records;
}

/** N3: with the names of the members come their addresses, so that one question finds them all. */
function additionalsOf(data: ZoneData, place: Place, answers: readonly DnsRecord[]): readonly DnsRecord[] {
  if (place.type === 'apex') {
    const isDelegation = answers.some((record) => record.type === 'NS');
    return isDelegation ? addressRecords(`ns.dns.${data.zone}`, data.nameServerAddresses, 'ANY') : [];
  }
  if (place.type !== 'service') return [];
  const records: DnsRecord[] = [];
  const done = new Set<string>();
  for (const record of answers) {
    if (record.type !== 'SRV' || done.has(record.target)) continue;
    done.add(record.target);
    const hostname = record.target === place.name ? undefined : record.target.slice(0, -place.name.length - 1);
    const addresses = hostname === undefined ? place.service.addresses : (place.service.hosts.get(hostname) ?? []);
    records.push(...addressRecords(record.target, addresses, 'ANY'));
  }
  return records;
}

function negative(data: ZoneData, code: Reply['code'], aliases: readonly DnsRecord[]): Reply {
  return { code, answers: aliases, authorities: [startOfAuthority(data)], additionals: [] };
}

function rotate<T>(items: readonly T[], by: number): readonly T[] {
  if (items.length < 2) return items;
  const start = ((by % items.length) + items.length) % items.length;
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)];
}
