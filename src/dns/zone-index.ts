import type { EndpointSlice, Pod, Service } from '../api/generated/types.ts';
import { canonicalAddress, dashedAddress } from './addresses.ts';
import type { ServiceRecords, ServiceTarget, ZoneData } from './zone.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const NO_ADDRESSES: readonly string[] = [];

/** All that is known of one service name. */
interface Known {
  readonly namespace: string;
  readonly name: string;
  service: Service | undefined;
  readonly slices: Map<string, EndpointSlice>;
  /** Made when first asked for, dropped when something changes. */
  records: ServiceRecords | undefined;
}

/**
 * The zone of a cluster, kept up to date object by object. A change costs as much as the changed object is large; the
 * records of a service are made when it is first asked for after a change.
 */
export class ZoneIndex implements ZoneData {
  readonly zone: string;
  nameServerAddresses: readonly string[] = [];
  #serial: number;
  readonly #services = new Map<string, Known>();
  /** How many services each namespace has. */
  readonly #namespaces = new Map<string, number>();
  /** Which services an address is of, and how often: what a PTR question begins with. */
  readonly #servicesByAddress = new Map<string, Map<Known, number>>();
  /** How many pods have an address: `namespace/address`. */
  readonly #podsByAddress = new Map<string, number>();
  /** Addresses of each pod, by uid, in the same form. */
  readonly #addressesOfPod = new Map<string, readonly string[]>();

  /** @param firstSerial The serial number to count from; seconds since the epoch keep it rising over restarts. */
  constructor(zone: string, firstSerial: number) {
    this.zone = zone.toLowerCase().replace(/\.$/, '');
    this.#serial = firstSerial;
  }

  get serial(): number {
    return this.#serial % 2 ** 32;
  }

  /** A service was created or changed, or is gone (`after` absent). */
  serviceChanged(before: Service | undefined, after: Service | undefined): void {
    const { namespace = '', name } = (after ?? before)?.metadata ?? { name: '' };
    const known = this.#known(namespace, name);
    count(this.#namespaces, namespace, (after ? 1 : 0) - (known.service ? 1 : 0));
    for (const address of clusterAddresses(known.service)) this.#countAddress(address, known, -1);
    known.service = after;
    for (const address of clusterAddresses(after)) this.#countAddress(address, known, 1);
    this.#changed(known);
  }

  /** An EndpointSlice was created or changed, or is gone (`after` absent). */
  sliceChanged(before: EndpointSlice | undefined, after: EndpointSlice | undefined): void {
    const sliceName = (after ?? before)?.metadata.name ?? '';
    const [knownBefore, knownAfter] = [this.#ownerOf(before), this.#ownerOf(after)];
    if (knownBefore) {
      for (const address of sliceAddresses(knownBefore.slices.get(sliceName))) {
        this.#countAddress(address, knownBefore, -1);
      }
      knownBefore.slices.delete(sliceName);
      this.#changed(knownBefore);
    }
    if (after && knownAfter) {
      knownAfter.slices.set(sliceName, after);
      for (const address of sliceAddresses(after)) this.#countAddress(address, knownAfter, 1);
      this.#services.set(`${knownAfter.namespace}/${knownAfter.name}`, knownAfter);
      this.#changed(knownAfter);
    }
  }

  /** A pod was created or changed, or is gone (`after` absent). */
  podChanged(before: Pod | undefined, after: Pod | undefined): void {
    const key = (after ?? before)?.metadata.uid ?? '';
    const known = this.#addressesOfPod.get(key) ?? NO_ADDRESSES;
    const current = podAddresses(after);
    // Most changes of a pod leave its addresses as they are.
    if (known.length === current.length && known.every((address, index) => address === current[index])) return;
    for (const address of known) count(this.#podsByAddress, address, -1);
    for (const address of current) count(this.#podsByAddress, address, 1);
    if (current.length === 0) this.#addressesOfPod.delete(key);
    else this.#addressesOfPod.set(key, current);
  }

  hasNamespace(namespace: string): boolean {
    return (this.#namespaces.get(namespace) ?? 0) > 0;
  }

  hasPod(namespace: string, address: string): boolean {
    return this.#podsByAddress.has(`${namespace}/${address}`);
  }

  service(namespace: string, name: string): ServiceRecords | undefined {
    const known = this.#services.get(`${namespace}/${name}`);
    if (known?.service === undefined) return undefined;
    known.records ??= recordsOf(known.service, known.slices.values());
    return known.records;
  }

  namesOf(address: string): readonly string[] {
    const names: string[] = [];
    for (const { namespace, name, service } of this.#servicesByAddress.get(address)?.keys() ?? []) {
      const records = this.service(namespace, name);
      if (records?.type !== 'addresses') continue;
      const serviceName = `${name}.${namespace}.svc.${this.zone}`;
      if (clusterAddresses(service).includes(address)) {
        names.push(serviceName);
        continue;
      }
      for (const hostname of records.hostnamesByAddress.get(address) ?? []) names.push(`${hostname}.${serviceName}`);
    }
    return names;
  }

  #known(namespace: string, name: string): Known {
    const key = `${namespace}/${name}`;
    let known = this.#services.get(key);
    if (known === undefined) {
      known = { namespace, name, service: undefined, slices: new Map(), records: undefined };
      this.#services.set(key, known);
    }
    return known;
  }

  #ownerOf(slice: EndpointSlice | undefined): Known | undefined {
    const name = slice?.metadata.labels?.[SERVICE_NAME_LABEL];
    return name === undefined ? undefined : this.#known(slice?.metadata.namespace ?? '', name);
  }

  #changed(known: Known): void {
    this.#serial++;
    known.records = undefined;
    if (known.service === undefined && known.slices.size === 0) {
      this.#services.delete(`${known.namespace}/${known.name}`);
    }
  }

  #countAddress(address: string, known: Known, by: number): void {
    const services = this.#servicesByAddress.get(address) ?? new Map<Known, number>();
    count(services, known, by);
    if (services.size === 0) this.#servicesByAddress.delete(address);
    else this.#servicesByAddress.set(address, services);
  }
}

function count<K>(counts: Map<K, number>, key: K, by: number): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}

/** The service's own addresses, in their canonical spelling; none for a headless one. */
function clusterAddresses(service: Service | undefined): readonly string[] {
  const spec = service?.spec;
  if (spec === undefined || spec.type === 'ExternalName') return [];
  const addresses = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  return addresses.filter((address) => address !== '' && address !== 'None').map(canonicalAddress);
}

function sliceAddresses(slice: EndpointSlice | undefined): readonly string[] {
  const addresses: string[] = [];
  for (const endpoint of slice?.endpoints ?? []) {
    for (const address of endpoint.addresses) addresses.push(canonicalAddress(address));
  }
  return addresses;
}

function podAddresses(pod: Pod | undefined): readonly string[] {
  const { phase, podIP, podIPs = podIP === undefined ? [] : [{ ip: podIP }] } = pod?.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed') return NO_ADDRESSES;
  return podIPs.map(({ ip }) => `${pod?.metadata.namespace ?? ''}/${canonicalAddress(ip)}`);
}

/** What the zone says of a service, from the service and its slices. */
function recordsOf(service: Service, slices: Iterable<EndpointSlice>): ServiceRecords {
  const { spec } = service;
  if (spec?.type === 'ExternalName') return { type: 'external', target: spec.externalName ?? '' };

  const hosts = new Map<string, string[]>();
  const hostnamesByAddress = new Map<string, string[]>();
  const endpointTargets = new Map<string, ServiceTarget[]>();
  const endpointTargetsSeen = new Set<string>();
  const allTargets: ServiceTarget[] = [];
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    for (const endpoint of slice.endpoints ?? []) {
      // N1: an endpoint that does not say is ready.
      if (endpoint.conditions?.ready === false) continue;
      const hostname = (endpoint.hostname || dashedAddress(endpoint.addresses[0] ?? '')).toLowerCase();
      for (const address of endpoint.addresses) {
        addTo(hosts, hostname, address);
        addTo(hostnamesByAddress, canonicalAddress(address), hostname);
      }
      // A service without ports still has members to be found: port 0 stands for "not said".
      const ports = slice.ports?.length ? slice.ports : [{ port: 0 }];
      for (const { name, protocol, port = 0 } of ports) {
        const key = portKey(name, protocol);
        const target = { hostname, port };
        const identity = `${key} ${hostname} ${port}`;
        if (endpointTargetsSeen.has(identity)) continue;
        endpointTargetsSeen.add(identity);
        allTargets.push(target);
        if (key === undefined) continue;
        const targets = endpointTargets.get(key);
        if (targets === undefined) endpointTargets.set(key, [target]);
        else targets.push(target);
      }
    }
  }

  const own = clusterAddresses(service);
  if (own.length === 0) {
    const addresses = [...new Set([...hosts.values()].flat())];
    return { type: 'addresses', addresses, hosts, hostnamesByAddress, targets: endpointTargets, allTargets };
  }
  const targets = new Map<string, ServiceTarget[]>();
  for (const { name, protocol, port } of spec?.ports ?? []) {
    const key = portKey(name, protocol);
    if (key !== undefined) targets.set(key, [{ port }]);
  }
  return {
    type: 'addresses',
    addresses: spec?.clusterIPs ?? [spec?.clusterIP ?? ''],
    hosts,
    // The names of the endpoints of a service with an address of its own are not those of the pods.
    hostnamesByAddress: new Map(),
    targets,
    allTargets: (spec?.ports ?? []).map(({ port }) => ({ port })),
  };
}

/** Only a named port has a name in the zone. */
function portKey(name: string | undefined, protocol: string | undefined): string | undefined {
  return name ? `_${name}._${protocol ?? 'TCP'}`.toLowerCase() : undefined;
}

function addTo(map: Map<string, string[]>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else if (!values.includes(value)) values.push(value);
}
