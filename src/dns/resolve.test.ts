import { describe, expect, test } from 'vitest';

import type { EndpointSlice, Pod, Service, ServiceSpec } from '../api/generated/types.ts';
import { type Reply, resolve } from './resolve.ts';
import type { DnsRecord } from './zone.ts';
import { ZoneIndex } from './zone-index.ts';

const meta = (name: string, labels = {}) => ({
  name,
  namespace: 'shop',
  labels,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});
const service = (name: string, spec: ServiceSpec): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta(name),
  spec,
});
const slice = (owner: string, name: string, rest: Partial<EndpointSlice>): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: meta(name, { 'kubernetes.io/service-name': owner }),
  addressType: 'IPv4',
  ...rest,
});
const pod = (ip: string, phase = 'Running'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta('p'),
  spec: { containers: [] },
  status: { phase, podIP: ip, podIPs: [{ ip }] },
});

function zone(): ZoneIndex {
  const index = new ZoneIndex('cluster.local', 100);
  index.nameServerAddresses = ['10.244.0.1'];
  const port = { name: 'sql', port: 5432, protocol: 'TCP' };
  index.serviceChanged(undefined, service('db', { clusterIP: 'None', ports: [port] }));
  index.sliceChanged(
    undefined,
    slice('db', 'db-1', {
      ports: [port],
      endpoints: [
        { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.0.6'], hostname: 'db-1', conditions: { ready: false } },
        { addresses: ['10.244.0.7'] },
      ],
    }),
  );
  index.sliceChanged(
    undefined,
    slice('db', 'db-2', {
      addressType: 'IPv6',
      ports: [port],
      endpoints: [{ addresses: ['fd00::5'], hostname: 'db-0', conditions: { ready: true } }],
    }),
  );
  index.serviceChanged(
    undefined,
    service('web', {
      clusterIP: '10.96.0.7',
      clusterIPs: ['10.96.0.7', 'fd96::7'],
      ports: [{ name: 'http', port: 80 }],
    }),
  );
  index.serviceChanged(undefined, service('bare', { clusterIP: 'None' }));
  index.sliceChanged(
    undefined,
    slice('bare', 'bare-1', { endpoints: [{ addresses: ['10.244.0.9'], hostname: 'bare-0' }] }),
  );
  index.serviceChanged(undefined, service('outside', { type: 'ExternalName', externalName: 'example.org.' }));
  index.serviceChanged(
    undefined,
    service('other', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' }),
  );
  index.serviceChanged(
    undefined,
    service('loop', { type: 'ExternalName', externalName: 'loop.shop.svc.cluster.local' }),
  );
  index.podChanged(undefined, pod('10.244.0.5'));
  return index;
}

function ask(name: string, type: string, rotation = 0): Reply {
  const resolution = resolve(zone(), { name, type }, rotation);
  if (resolution.type !== 'reply') throw new Error(`not answered: ${resolution.type}`);
  return resolution.reply;
}

const data = (records: readonly DnsRecord[]): readonly string[] => records.map(text);

function text(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address;
    case 'SRV':
      return `${record.target}:${record.port}`;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return record.target;
    case 'TXT':
      return record.text;
    case 'SOA':
      return record.nameServer;
  }
}

const DB = 'db.shop.svc.cluster.local';

describe('resolve', () => {
  test.each([
    ['N1', `db-0.${DB}`, 'A', ['10.244.0.5']],
    ['N1', `DB-0.${DB}.`, 'AAAA', ['fd00::5']],
    ['N1', `10-244-0-7.${DB}`, 'A', ['10.244.0.7']],
    ['N2', DB, 'A', ['10.244.0.5', '10.244.0.7']],
    ['N2', 'web.shop.svc.cluster.local', 'A', ['10.96.0.7']],
    ['N2', 'web.shop.svc.cluster.local', 'AAAA', ['fd96::7']],
    ['N3', DB, 'SRV', [`db-0.${DB}:5432`, `10-244-0-7.${DB}:5432`]],
    ['N3', `_sql._tcp.${DB}`, 'SRV', [`db-0.${DB}:5432`, `10-244-0-7.${DB}:5432`]],
    ['N3', '_http._tcp.web.shop.svc.cluster.local', 'SRV', ['web.shop.svc.cluster.local:80']],
    ['N3', 'bare.shop.svc.cluster.local', 'SRV', ['bare-0.bare.shop.svc.cluster.local:0']],
    ['N4', '5.0.244.10.in-addr.arpa', 'PTR', [`db-0.${DB}`]],
    ['N4', '7.0.96.10.in-addr.arpa', 'PTR', ['web.shop.svc.cluster.local']],
    ['N4', `5.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`, 'PTR', [`db-0.${DB}`]],
    ['N5', 'other.shop.svc.cluster.local', 'A', ['web.shop.svc.cluster.local', '10.96.0.7']],
    ['N5', 'other.shop.svc.cluster.local', 'CNAME', ['web.shop.svc.cluster.local']],
    ['N5', '10-244-0-5.shop.pod.cluster.local', 'A', ['10.244.0.5']],
    ['N5', 'cluster.local', 'SOA', ['ns.dns.cluster.local']],
    ['N5', 'cluster.local', 'NS', ['ns.dns.cluster.local']],
    ['N5', 'ns.dns.cluster.local', 'A', ['10.244.0.1']],
    ['N5', 'dns-version.cluster.local', 'TXT', ['1.1.0']],
  ])('%s %s %s', (_rule, name, type, expected) => {
    expect(data(ask(name, type).answers)).toEqual(expected);
  });

  test.each([
    ['N4', `db-1.${DB}`, 'A'],
    ['N5', `nobody.${DB}`, 'A'],
    ['N5', `_nothing._tcp.${DB}`, 'SRV'],
    ['N5', `_udp.${DB}`, 'SRV'],
    ['N5', `a.b.c.${DB}`, 'A'],
    ['N5', 'nothing.shop.svc.cluster.local', 'A'],
    ['N5', 'db.nowhere.svc.cluster.local', 'A'],
    ['N5', 'nowhere.svc.cluster.local', 'A'],
    ['N5', 'sub.outside.shop.svc.cluster.local', 'A'],
    ['N5', '10-9-9-9.shop.pod.cluster.local', 'A'],
    ['N5', 'whatever.cluster.local', 'A'],
  ])('%s %s does not exist', (_rule, name, type) => {
    const reply = ask(name, type);
    expect(reply.code).toBe('NXDOMAIN');
    expect(reply.answers).toEqual([]);
    expect(data(reply.authorities)).toEqual(['ns.dns.cluster.local']);
  });

  test.each([
    [`db-0.${DB}`, 'TXT'],
    [DB, 'MX'],
    [`_tcp.${DB}`, 'SRV'],
    ['shop.svc.cluster.local', 'A'],
    ['svc.cluster.local', 'A'],
    ['cluster.local', 'A'],
    ['dns-version.cluster.local', 'A'],
    ['5.0.244.10.in-addr.arpa', 'A'],
  ])('N5 %s exists and has no %s', (name, type) => {
    const reply = ask(name, type);
    expect(reply.code).toBe('NOERROR');
    expect(reply.answers).toEqual([]);
    expect(data(reply.authorities)).toEqual(['ns.dns.cluster.local']);
  });

  test('N2 the order rotates', () => {
    expect(data(ask(DB, 'A', 1).answers)).toEqual(['10.244.0.7', '10.244.0.5']);
    expect(data(ask(DB, 'A', -1).answers)).toEqual(['10.244.0.7', '10.244.0.5']);
  });

  test('N3 the members come with all their addresses', () => {
    expect(data(ask(DB, 'SRV').additionals)).toEqual(['10.244.0.5', 'fd00::5', '10.244.0.7']);
    expect(data(ask('web.shop.svc.cluster.local', 'SRV').additionals)).toEqual(['10.96.0.7', 'fd96::7']);
  });

  test('N5 an ExternalName outside the zone is an alias, and a loop of them ends', () => {
    expect(resolve(zone(), { name: 'outside.shop.svc.cluster.local', type: 'A' })).toMatchObject({
      type: 'alias',
      target: 'example.org',
      answers: [{ type: 'CNAME', target: 'example.org' }],
    });
    expect(ask('loop.shop.svc.cluster.local', 'A').answers.length).toBeLessThan(20);
  });

  test('N8 a name outside the zone is not ours, nor an address of nobody', () => {
    for (const name of ['example.org', 'cluster.local.example.org', 'notcluster.local', 'localhost', '.']) {
      expect(resolve(zone(), { name, type: 'A' })).toEqual({ type: 'elsewhere' });
    }
    expect(resolve(zone(), { name: '1.2.0.192.in-addr.arpa', type: 'PTR' })).toEqual({ type: 'elsewhere' });
  });

  test('N4 N7 names follow their pods: gone when the slice, the service or the pod goes', () => {
    const index = zone();
    const before = index.serial;
    index.sliceChanged(slice('db', 'db-1', {}), undefined);
    expect(index.serial).toBeGreaterThan(before);
    expect(index.namesOf('10.244.0.5')).toEqual([]);
    expect(data(replyOf(index, DB, 'A').answers)).toEqual([]);
    index.serviceChanged(service('db', {}), undefined);
    expect(replyOf(index, DB, 'A').code).toBe('NXDOMAIN');
    index.podChanged(pod('10.244.0.5'), pod('10.244.0.5', 'Succeeded'));
    expect(replyOf(index, '10-244-0-5.shop.pod.cluster.local', 'A').code).toBe('NXDOMAIN');
  });

  test('an address that moves from one slice to another keeps its name', () => {
    const index = zone();
    const endpoints = [{ addresses: ['10.244.0.5'], hostname: 'db-0' }];
    index.sliceChanged(undefined, slice('db', 'db-3', { endpoints }));
    index.sliceChanged(slice('db', 'db-1', {}), undefined);
    expect(index.namesOf('10.244.0.5')).toEqual([`db-0.${DB}`]);
  });
});

function replyOf(index: ZoneIndex, name: string, type: string): Reply {
  const resolution = resolve(index, { name, type });
  if (resolution.type !== 'reply') throw new Error('not answered');
  return resolution.reply;
}
