import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';

import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';

import type { EndpointSlice, Service } from '../api/generated/types.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import type { ServerAddress } from './forwarder.ts';
import { DnsListenError } from './listener.ts';
import { Responder } from './responder.ts';
import { type DnsServer, serveZone } from './server.ts';
import { ZoneIndex } from './zone-index.ts';

const open: DnsServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function serve(
  data: ZoneIndex,
  upstream: 'system' | readonly ServerAddress[] = [],
  port = 0,
): Promise<{ server: DnsServer; resolver: Resolver; address: ServerAddress }> {
  const server = await serveZone({
    data,
    listen: [{ address: '127.0.0.1', port }],
    upstream,
    upstreamTimeoutMs: 100,
    clock: systemClock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  open.push(server);
  const address = server.addresses[0]!;
  const resolver = new Resolver({ timeout: 20_000, tries: 1 });
  resolver.setServers([`${address.address}:${address.port}`]);
  return { server, resolver, address };
}

const meta = (name: string, labels = {}) => ({
  name,
  namespace: 'default',
  labels,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

function headless(name: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name),
    spec: { clusterIP: 'None', selector: { app: name }, ports: [{ name: 'redis', port: 6379 }] },
  };
}

function slice(service: string, members: number, isReady: (ordinal: number) => boolean = () => true): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(`${service}-abc`, { 'kubernetes.io/service-name': service }),
    addressType: 'IPv4',
    ports: [{ name: 'redis', port: 6379, protocol: 'TCP' }],
    endpoints: Array.from({ length: members }, (_, ordinal) => ({
      addresses: [`10.244.${Math.floor(ordinal / 250)}.${(ordinal % 250) + 1}`],
      hostname: `${service}-${ordinal}`,
      conditions: { ready: isReady(ordinal) },
    })),
  };
}

function redis(members = 3, isReady?: (ordinal: number) => boolean): ZoneIndex {
  const index = new ZoneIndex('cluster.local', 1);
  index.serviceChanged(undefined, headless('redis'));
  index.sliceChanged(undefined, slice('redis', members, isReady));
  return index;
}

const SERVICE = 'redis.default.svc.cluster.local';

/** One packet to the server and its reply. */
function askByUdp(address: ServerAddress, packet: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.once('message', (reply) => {
      socket.close();
      resolve(reply);
    });
    socket.send(packet, address.port, address.address);
  });
}

function askByTcp(address: ServerAddress, packets: readonly Buffer[], replies: number): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(address.port, address.address);
    let received = Buffer.alloc(0);
    const found: Buffer[] = [];
    socket.once('error', reject);
    socket.once('close', () => resolve(found));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= received.readUInt16BE(0) + 2) {
        const end = received.readUInt16BE(0) + 2;
        found.push(received.subarray(2, end));
        received = received.subarray(end);
      }
      if (found.length >= replies) socket.end();
    });
    for (const packet of packets) socket.write(packet);
  });
}

function question(name: string, type: dnsPacket.RecordType, udpPayloadSize?: number): Buffer {
  return dnsPacket.encode({
    type: 'query',
    id: 4711,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type }],
    ...(udpPayloadSize !== undefined && {
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [],
        },
      ],
    }),
  });
}

const isTruncated = (packet: Buffer): boolean => (packet.readUInt16BE(2) & 0x0200) !== 0;

describe('a zone on real sockets', () => {
  test('N1 a pod has its name, N2 a service has all its pods, N3 SRV finds every member', async () => {
    const { resolver } = await serve(redis());
    expect(await resolver.resolve4(`redis-1.${SERVICE}`)).toEqual(['10.244.0.2']);
    expect((await resolver.resolve4(SERVICE)).sort()).toEqual(['10.244.0.1', '10.244.0.2', '10.244.0.3']);
    const members = [0, 1, 2].map((ordinal) => ({ name: `redis-${ordinal}.${SERVICE}`, port: 6379 }));
    for (const name of [SERVICE, `_redis._tcp.${SERVICE}`]) {
      const found = await resolver.resolveSrv(name);
      expect(found.map(({ name, port }) => ({ name, port })).sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
        members,
      );
    }
  });

  test('N2 the first address rotates', async () => {
    const { resolver } = await serve(redis());
    const first = new Set<string>();
    for (let i = 0; i < 3; i++) first.add((await resolver.resolve4(SERVICE))[0]!);
    expect(first.size).toBe(3);
  });

  test('N3 the addresses of the members come along', async () => {
    const { address } = await serve(redis());
    const { answers, additionals } = dnsPacket.decode(await askByUdp(address, question(SERVICE, 'SRV', 1232)));
    expect(answers).toHaveLength(3);
    expect(additionals?.filter(({ type }) => type === 'A')).toHaveLength(3);
  });

  test('N4 the name of an address is the pod, as long as it is ready', async () => {
    const data = redis();
    const { resolver } = await serve(data);
    expect(await resolver.reverse('10.244.0.3')).toEqual([`redis-2.${SERVICE}`]);
    data.sliceChanged(
      slice('redis', 3),
      slice('redis', 3, (ordinal) => ordinal !== 2),
    );
    await expect(resolver.reverse('10.244.0.3')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve4(`redis-2.${SERVICE}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(await resolver.resolve4(SERVICE)).toHaveLength(2);
  });

  test('N5 no such name and no such record are told apart', async () => {
    const { resolver, address } = await serve(redis());
    await expect(resolver.resolve4(`redis-7.${SERVICE}`)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolve6(SERVICE)).rejects.toMatchObject({ code: 'ENODATA' });
    const { authorities } = dnsPacket.decode(await askByUdp(address, question(`nobody.${SERVICE}`, 'A')));
    expect(authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local', data: { minimum: 5 } }]);
  });

  test('N6 any letter case, repeated to the letter', async () => {
    const { address } = await serve(redis());
    const name = 'ReDiS-0.REDIS.default.SVC.Cluster.Local';
    const reply = dnsPacket.decode(await askByUdp(address, question(name, 'A')));
    expect(reply.questions).toMatchObject([{ name }]);
    expect(reply.answers).toMatchObject([{ name, type: 'A', ttl: 5, data: '10.244.0.1' }]);
  });

  test('N6 what does not fit is truncated over UDP and whole over TCP', async () => {
    const { resolver, address } = await serve(redis(300));
    const plain = await askByUdp(address, question(SERVICE, 'A'));
    expect(plain.length).toBeLessThanOrEqual(512);
    expect(isTruncated(plain)).toBe(true);
    // Names are compressed, so that a program that knows neither EDNS nor TCP still finds many members.
    expect(dnsPacket.decode(plain).answers?.length).toBeGreaterThan(25);
    expect(isTruncated(await askByUdp(address, question(SERVICE, 'A', 4096)))).toBe(true);
    expect(await resolver.resolve4(SERVICE)).toHaveLength(300);
    expect(await resolver.resolveSrv(SERVICE)).toHaveLength(300);
  });

  test('N6 additional records that do not fit are left out without truncation', async () => {
    const { address } = await serve(redis(8));
    const reply = await askByUdp(address, question(SERVICE, 'SRV', 700));
    expect(reply.length).toBeLessThanOrEqual(700);
    expect(isTruncated(reply)).toBe(false);
    expect(dnsPacket.decode(reply).answers).toHaveLength(8);
  });

  test('N6 many questions on one TCP connection, cut anywhere', async () => {
    const { address } = await serve(redis());
    const one = question(SERVICE, 'A');
    const framed = Buffer.concat([Buffer.of(0, one.length), one]);
    const stream = Buffer.concat(Array.from({ length: 100 }, () => framed));
    const chunks = [stream.subarray(0, 1), stream.subarray(1, 77), stream.subarray(77)];
    const replies = await askByTcp(address, chunks, 100);
    expect(replies).toHaveLength(100);
    expect(dnsPacket.decode(replies[99]!).answers).toHaveLength(3);
  });

  test('N6 malformed packets never stop the server', async () => {
    const data = redis();
    const { address, resolver } = await serve(data);
    const valid = question(SERVICE, 'SRV', 1232);
    const mangled = fc.oneof(
      fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
      fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((changes) => {
        const packet = Buffer.from(valid);
        for (const [at, to] of changes) packet[at] = to;
        return packet;
      }),
      fc.nat(valid.length).map((length) => valid.subarray(0, length)),
    );
    const responder = new Responder({ data, logger: silentLogger });
    fc.assert(
      fc.property(mangled, fc.constantFrom('udp' as const, 'tcp' as const), (packet, transport) => {
        const reply = responder.respond(packet, transport);
        if (reply === undefined) return;
        expect(Buffer.isBuffer(reply)).toBe(true);
        dnsPacket.decode(reply as Buffer);
      }),
      { numRuns: 3000, seed: 7 },
    );
    const socket = createSocket('udp4');
    for (const packet of fc.sample(mangled, { numRuns: 200, seed: 8 })) {
      await new Promise((resolve) => socket.send(packet, address.port, address.address, resolve));
    }
    socket.close();
    const closed = askByTcp(address, [Buffer.alloc(70_000, 0xc0)], 1);
    expect(await resolver.resolve4(SERVICE)).toHaveLength(3);
    await open.pop()?.close();
    expect(await closed).toEqual([]);
  });

  test.each([
    ['another class', (packet: Buffer) => packet.writeUInt16BE(3, packet.length - 2), 'REFUSED'],
    ['the whole zone', (packet: Buffer) => packet.writeUInt16BE(252, packet.length - 4), 'REFUSED'],
    ['another operation', (packet: Buffer) => packet.writeUInt16BE(0x2100, 2), 'NOTIMP'],
    ['two questions', (packet: Buffer) => packet.writeUInt16BE(2, 4), 'FORMERR'],
  ] as const)('N6 %s is refused with the right code', async (_what, change, code) => {
    const { address } = await serve(redis());
    const packet = question(SERVICE, 'A');
    change(packet);
    const reply = dnsPacket.decode(await askByUdp(address, packet)) as dnsPacket.DecodedPacket;
    expect(reply).toMatchObject({ id: 4711, rcode: code });
    expect(reply.questions?.length).toBe(code === 'REFUSED' ? 1 : 0);
  });

  test('N6 several listeners, added while it runs', async () => {
    const { server } = await serve(redis());
    const second = await server.addListener({ address: '127.0.0.2', port: 0 });
    const reply = dnsPacket.decode(await askByUdp(second, question(SERVICE, 'A')));
    expect(reply.answers).toHaveLength(3);
    expect(server.addresses).toHaveLength(2);
  });

  test('a port that is taken is a clear error', async () => {
    const { address } = await serve(redis());
    const again = serve(redis(), [], address.port);
    await expect(again).rejects.toThrow(DnsListenError);
    await expect(again).rejects.toThrow(`127.0.0.1:${address.port}`);
  });
});

describe('N8 other names', () => {
  test('go to the upstream resolvers, the first that answers', async () => {
    const upstream = new ZoneIndex('example.org', 1);
    upstream.serviceChanged(undefined, { ...headless('www'), spec: { clusterIP: '192.0.2.7' } });
    const { address: good } = await serve(upstream);
    const silent = createSocket('udp4');
    const silentPort = await new Promise<number>((resolve) =>
      silent.bind(0, '127.0.0.1', () => resolve(silent.address().port)),
    );
    const { resolver } = await serve(redis(), [{ address: '127.0.0.1', port: silentPort }, good]);
    expect(await resolver.resolve4('www.default.svc.example.org')).toEqual(['192.0.2.7']);
    silent.close();
  });

  test('an ExternalName service leads to the addresses of what it names', async () => {
    const upstream = new ZoneIndex('example.org', 1);
    upstream.serviceChanged(undefined, { ...headless('www'), spec: { clusterIP: '192.0.2.7' } });
    const { address: known } = await serve(upstream);
    const data = redis();
    data.serviceChanged(undefined, {
      ...headless('site'),
      spec: { type: 'ExternalName', externalName: 'www.default.svc.example.org' },
    });
    const { resolver } = await serve(data, [known]);
    expect(await resolver.resolve4('site.default.svc.cluster.local')).toEqual(['192.0.2.7']);
    expect(await resolver.resolveCname('site.default.svc.cluster.local')).toEqual(['www.default.svc.example.org']);
  });

  test('are refused when there is no upstream, and never asked of itself', async () => {
    const { resolver } = await serve(redis());
    await expect(resolver.resolve4('example.org')).rejects.toMatchObject({ code: 'EREFUSED' });
    const { address } = await serve(redis());
    await open.pop()?.close();
    const { resolver: looped } = await serve(redis(), [address], address.port);
    await expect(looped.resolve4('example.org')).rejects.toMatchObject({ code: 'ESERVFAIL' });
  });
});
