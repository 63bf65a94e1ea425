import type { EndpointSlice, Service } from '../api/generated/types.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** An address, and the names it has: first the host's, if it has one, then the service's. */
interface NamedAddress {
  readonly address: string;
  readonly namespace: string;
  /** `redis-0.redis` and `redis`: relative to the namespace. */
  readonly names: readonly string[];
}

/**
 * The names of services and of their ready endpoints as lines of a hosts file, for programs that cannot ask a name server: a function of the
 * namespace that the programs are in, whose names may be written short. A service whose address is none of this
 * machine's stands for its endpoints, where these listen on the service's own ports: a hosts file knows no ports.
 */
export function hostsLines(
  zone: string,
  services: readonly Service[],
  slices: readonly EndpointSlice[],
): (namespace: string) => string {
  const byService = new Map<string, Service>();
  for (const service of services) byService.set(`${service.metadata.namespace}/${service.metadata.name}`, service);
  const named = [...services.flatMap(ownAddress), ...slices.flatMap((slice) => membersOf(slice, byService))];
  return (own) => {
    const lines = named.map(({ address, namespace, names }) => {
      const suffixes = [
        `.${namespace}.svc.${zone}`,
        `.${namespace}.svc`,
        `.${namespace}`,
        ...(namespace === own ? [''] : []),
      ];
      return `${address}\t${names.flatMap((name) => suffixes.map((suffix) => name + suffix)).join(' ')}\n`;
    });
    return lines.sort().join('');
  };
}

/** The address of the service itself, where it is one of this machine. */
function ownAddress({ metadata: { namespace = '', name }, spec }: Service): NamedAddress[] {
  return isOfMachine(spec?.clusterIP) ? [{ address: spec?.clusterIP ?? '', namespace, names: [name] }] : [];
}

function isOfMachine(address: string | undefined): boolean {
  return address?.startsWith('127.') === true;
}

function membersOf(slice: EndpointSlice, services: ReadonlyMap<string, Service>): NamedAddress[] {
  const { namespace = '', labels = {} } = slice.metadata;
  const name = labels[SERVICE_NAME_LABEL] ?? '';
  const service = services.get(`${namespace}/${name}`);
  if (service === undefined || slice.addressType === 'FQDN' || isOfMachine(service.spec?.clusterIP)) return [];
  const isHeadless = service.spec?.clusterIP === 'None';
  if (!isHeadless && !samePorts(service, slice)) return [];
  return (slice.endpoints ?? []).flatMap((endpoint) => {
    // N1: an endpoint that does not say is ready.
    if (endpoint.conditions?.ready === false) return [];
    const names = isHeadless && endpoint.hostname ? [`${endpoint.hostname}.${name}`, name] : [name];
    return endpoint.addresses.map((address) => ({ address, namespace, names }));
  });
}

function samePorts(service: Service, slice: EndpointSlice): boolean {
  return (service.spec?.ports ?? []).every((port) =>
    slice.ports?.some((other) => (other.name ?? '') === (port.name ?? '') && other.port === port.port),
  );
}
