import type { EndpointSlice, Endpoints, Service } from '../generated/types.ts';
import {
  abbreviated,
  age,
  ageColumn,
  formatLabels,
  NONE,
  nameColumn,
  shown,
  type TableLayout,
  UNSET,
  wide,
} from './layout.ts';

/** As many endpoints or ports as one cell names. */
const MOST = 3;

export const serviceLayout = (): TableLayout<Service> => ({
  columns: [
    nameColumn(),
    shown('Type', ['ServiceSpec', 'type']),
    shown('Cluster-IP', ['ServiceSpec', 'clusterIP']),
    shown('External-IP', ['ServiceSpec', 'externalIPs']),
    shown('Port(s)', ['ServiceSpec', 'ports']),
    ageColumn(),
    wide('Selector', ['ServiceSpec', 'selector']),
  ],
  cells: (service, nowMs) => [
    service.metadata.name,
    service.spec.type ?? '',
    service.spec.clusterIPs?.[0] || service.spec.clusterIP || NONE,
    externalAddress(service),
    ports(service),
    age(service, nowMs),
    formatLabels(service.spec.selector),
  ],
});

function externalAddress(service: Service): string {
  const { type, externalIPs = [], externalName } = service.spec;
  switch (type) {
    case 'ExternalName':
      return externalName ?? '';
    case 'LoadBalancer': {
      const given = (service.status?.loadBalancer?.ingress ?? [])
        .map((ingress) => ingress.ip || ingress.hostname || '')
        .filter((address) => address !== '');
      const all = [...new Set([...given, ...externalIPs])];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    default:
      return externalIPs.length === 0 ? NONE : externalIPs.join(',');
  }
}

function ports(service: Service): string {
  const list = service.spec.ports ?? [];
  if (list.length === 0) return NONE;
  return list
    .map(({ port, nodePort, protocol = 'TCP' }) => `${port}${nodePort ? `:${nodePort}` : ''}/${protocol}`)
    .join(',');
}

export const endpointsLayout = (): TableLayout<Endpoints> => ({
  columns: [nameColumn(), shown('Endpoints', ['Endpoints', 'subsets']), ageColumn()],
  cells(endpoints, nowMs) {
    const all = (endpoints.subsets ?? []).flatMap(({ addresses = [], ports: list = [] }) =>
      list.length === 0
        ? addresses.map(({ ip }) => ip)
        : list.flatMap(({ port }) =>
            addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
          ),
    );
    return [endpoints.metadata.name, abbreviated(all, MOST) || NONE, age(endpoints, nowMs)];
  },
});

export const endpointSliceLayout = (): TableLayout<EndpointSlice> => ({
  columns: [
    nameColumn(),
    shown('AddressType', ['EndpointSlice', 'addressType']),
    shown('Ports', ['EndpointSlice', 'ports']),
    shown('Endpoints', ['EndpointSlice', 'endpoints']),
    ageColumn(),
  ],
  cells: (slice, nowMs) => [
    slice.metadata.name,
    slice.addressType,
    abbreviated(
      (slice.ports ?? []).map(({ name, port }) => (port === undefined ? name || '*' : `${port}`)),
      MOST,
    ) || UNSET,
    abbreviated(
      (slice.endpoints ?? []).flatMap(({ addresses }) => addresses),
      MOST,
    ) || UNSET,
    age(slice, nowMs),
  ],
});
