/** Seconds a resolver may remember an answer (N7: a change of readiness must be seen soon). */
export const TTL_SECONDS = 5;

/** The version of the Kubernetes DNS specification that the zone follows. */
export const DNS_VERSION = '1.1.0';

/** One resource record, as it is put into a reply. Names have no trailing dot; `ttl` is in seconds. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly name: string; readonly ttl: number; readonly address: string }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly name: string; readonly ttl: number; readonly target: string }
  | {
      readonly type: 'SRV';
      readonly name: string;
      readonly ttl: number;
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: string;
    }
  | { readonly type: 'TXT'; readonly name: string; readonly ttl: number; readonly text: string }
  | {
      readonly type: 'SOA';
      readonly name: string;
      readonly ttl: number;
      readonly nameServer: string;
      readonly mailbox: string;
      readonly serial: number;
    };

/** What one SRV record points to. */
export interface ServiceTarget {
  /** The host's own label, below the service's name; absent when it is the service's name itself. */
  readonly hostname?: string;
  readonly port: number;
}

/** What the zone says of one service. */
export type ServiceRecords =
  | { readonly type: 'external'; readonly target: string }
  | {
      readonly type: 'addresses';
      /** Of the service itself: its cluster address, or without one those of its ready endpoints. */
      readonly addresses: readonly string[];
      /** Ready endpoints by hostname, with their addresses. */
      readonly hosts: ReadonlyMap<string, readonly string[]>;
      /** The hostnames that an address has, by its canonical spelling; empty where endpoints have no names (N4). */
      readonly hostnamesByAddress: ReadonlyMap<string, readonly string[]>;
      /** By `_port._protocol`, lower case. */
      readonly targets: ReadonlyMap<string, readonly ServiceTarget[]>;
      /** What SRV on the bare name says: every port of every host. */
      readonly allTargets: readonly ServiceTarget[];
    };

/** The names of a cluster, as far as a question needs them. Every look-up takes constant time. */
export interface ZoneData {
  /** `cluster.local`: lower case, without a trailing dot. */
  readonly zone: string;
  /** Rises whenever an answer may have changed. */
  readonly serial: number;
  /** Addresses of the zone's own name server. */
  readonly nameServerAddresses: readonly string[];
  hasNamespace(namespace: string): boolean;
  service(namespace: string, name: string): ServiceRecords | undefined;
  /** Whether a pod of the namespace has this address. */
  hasPod(namespace: string, address: string): boolean;
  /** Full names of an address (N4); empty when it is nobody's. */
  namesOf(address: string): readonly string[];
}
