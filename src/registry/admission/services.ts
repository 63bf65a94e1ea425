import { type FieldError, invalid } from '../../api/errors.ts';
import type { Service, ServicePort, ServiceSpec } from '../../api/generated/types.ts';
import { Services } from '../../api/kinds.ts';
import { AllocationError, type Hold } from '../allocation/service-addresses.ts';
import type { RegistryCore } from '../core.ts';
import { storeKey } from '../keys.ts';
import { type Admitted, admittedAs } from './admitted.ts';

const hasAddress = ({ type }: ServiceSpec): boolean => type !== 'ExternalName';
const isHeadless = ({ clusterIP, clusterIPs }: ServiceSpec): boolean => (clusterIPs?.[0] ?? clusterIP) === 'None';
const hasNodePorts = ({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean =>
  type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);

/** A new service with its cluster address and node ports. Throws `Invalid` when one it asks for is taken. */
export function admitNewService(core: RegistryCore, service: Service): Promise<Admitted> {
  return allocated(core, service);
}

/** A changed service: it keeps what it has, and gets or loses what its type now needs or does not. */
export async function admitChangedService(core: RegistryCore, service: Service, old: Service): Promise<Admitted> {
  // Validation says what is missing.
  if (service.spec === undefined) return admittedAs(service);
  return allocated(core, { ...service, spec: withoutUnneeded(withKept(service.spec, old.spec), old.spec) });
}

async function allocated(core: RegistryCore, service: Service): Promise<Admitted> {
  // Validation says what is missing.
  if (service.spec === undefined) return admittedAs(service);
  await core.addresses.ready();
  const hold = core.addresses.hold(storeKey(Services, service.metadata));
  try {
    const spec = withNodePorts(service, withAddress(service, service.spec, hold), hold);
    const reachable: Service = { ...service, spec };
    return admittedAs(reachable, () => hold.release());
  } catch (error) {
    hold.release();
    throw error;
  }
}

function withAddress(service: Service, spec: ServiceSpec, hold: Hold): ServiceSpec {
  if (!hasAddress(spec)) return spec;
  const families = withFamilies(spec);
  if (isHeadless(spec)) return { ...families, clusterIP: 'None', clusterIPs: ['None'] };
  const asked = spec.clusterIPs?.[0] ?? spec.clusterIP ?? '';
  try {
    if (asked !== '') hold.address(asked);
    const address = asked === '' ? hold.anyAddress() : asked;
    return {
      ...families,
      clusterIP: spec.clusterIP === '' ? address : (spec.clusterIP ?? address),
      clusterIPs: spec.clusterIPs ?? [address],
    };
  } catch (error) {
    throw asInvalid(service, 'spec.clusterIPs', spec.clusterIPs ?? [asked], error);
  }
}

/** The cluster has IPv4 only; a headless service without selector could be given addresses of both. */
function withFamilies(spec: ServiceSpec): ServiceSpec {
  const selects = Object.keys(spec.selector ?? {}).length > 0;
  const both = isHeadless(spec) && !selects;
  return {
    ...spec,
    ipFamilies: spec.ipFamilies ?? (both ? ['IPv4', 'IPv6'] : ['IPv4']),
    ipFamilyPolicy: spec.ipFamilyPolicy ?? (both ? 'RequireDualStack' : 'SingleStack'),
  };
}

function withNodePorts(service: Service, spec: ServiceSpec, hold: Hold): ServiceSpec {
  const { ports } = spec;
  if (ports === undefined || !(hasNodePorts(spec) || ports.some(({ nodePort = 0 }) => nodePort > 0))) return spec;
  // Asked-for ports first, so that a free choice does not take one of them.
  for (const [index, { nodePort = 0 }] of ports.entries()) {
    if (nodePort > 0) attempt(service, `spec.ports[${index}].nodePort`, nodePort, () => hold.port(nodePort));
  }
  if (!hasNodePorts(spec)) return spec;
  return {
    ...spec,
    ports: ports.map((port, index) =>
      (port.nodePort ?? 0) > 0
        ? port
        : { ...port, nodePort: attempt(service, `spec.ports[${index}].nodePort`, 0, () => hold.anyPort()) },
    ),
  };
}

function attempt<T>(service: Service, field: string, value: unknown, allocate: () => T): T {
  try {
    return allocate();
  } catch (error) {
    throw asInvalid(service, field, value, error);
  }
}

function asInvalid({ metadata }: Service, field: string, value: unknown, error: unknown): unknown {
  if (!(error instanceof AllocationError)) return error;
  const why: FieldError = {
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${JSON.stringify(value)}: ${error.message}`,
  };
  return invalid(Services, metadata.name, [why]);
}

/** A PUT that leaves out what the cluster gave the service keeps it. */
function withKept(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const keepsAddress = hasAddress(spec) && hasAddress(old) && (spec.clusterIP ?? '') === '';
  const keepsPorts = hasNodePorts(spec) && hasNodePorts(old) && spec.ports !== undefined;
  // Who changes the one address means the list of them too.
  const changed = spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== old.clusterIP;
  const sameList = spec.clusterIPs?.join() === old.clusterIPs?.join();
  return {
    ...spec,
    ...(changed && sameList && spec.clusterIP !== undefined && { clusterIPs: [spec.clusterIP] }),
    ...(keepsAddress && spec.clusterIPs === undefined && old.clusterIPs && { clusterIPs: old.clusterIPs }),
    ...(keepsAddress && old.clusterIP !== undefined && { clusterIP: old.clusterIP }),
    ...(keepsPorts && { ports: spec.ports?.map((port) => withOldPort(port, old.ports ?? [])) }),
  };
}

function withOldPort(port: ServicePort, old: readonly ServicePort[]): ServicePort {
  if ((port.nodePort ?? 0) > 0) return port;
  const nodePort = old.find((one) => one.port === port.port && one.protocol === port.protocol)?.nodePort;
  return nodePort === undefined ? port : { ...port, nodePort };
}

/** What only services with a balancer in front of them have. */
const BALANCED = ['allocateLoadBalancerNodePorts', 'loadBalancerClass', 'healthCheckNodePort'];

const isReached = ({ type, externalIPs = [] }: ServiceSpec): boolean =>
  type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);

/** A change of type that repeats what only the old type had drops it. */
function withoutUnneeded(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy, ports, ...rest } = spec;
  const losesAddress = hasAddress(old) && !hasAddress(spec) && clusterIP === old.clusterIP;
  const losesPorts = hasNodePorts(old) && !hasNodePorts(spec);
  const lost = new Set<string>([
    ...(spec.type === 'LoadBalancer' ? [] : BALANCED),
    ...(isReached(spec) ? [] : ['externalTrafficPolicy']),
  ]);
  const kept = Object.entries(rest).filter(([field, value]) => !lost.has(field) || value !== Reflect.get(old, field));
  return {
    ...Object.fromEntries(kept),
    ...(!losesAddress && {
      ...(clusterIP !== undefined && { clusterIP }),
      ...(clusterIPs !== undefined && { clusterIPs }),
      ...(ipFamilies !== undefined && { ipFamilies }),
      ...(ipFamilyPolicy !== undefined && { ipFamilyPolicy }),
    }),
    ...(ports !== undefined && {
      ports: losesPorts ? ports.map((port) => withoutSamePort(port, old.ports ?? [])) : ports,
    }),
  };
}

function withoutSamePort(port: ServicePort, old: readonly ServicePort[]): ServicePort {
  if (!old.some(({ nodePort }) => nodePort === port.nodePort)) return port;
  const { nodePort: _, ...rest } = port;
  return rest;
}
