import type { Pod, PodDNSConfig } from '../../api/generated/types.ts';
import type { IdentityLock, PodConfig } from '../runtimes/runtime.ts';

/** How names are resolved in the pods of a node. */
export interface NodeDns {
  /** `cluster.local` */
  readonly zone: string;
  /** Addresses of the cluster's DNS server as pods reach it, port 53. */
  readonly nameservers: readonly string[];
  /** What the machine itself uses: for `dnsPolicy: Default`. */
  readonly host: { readonly nameservers: readonly string[]; readonly searches: readonly string[] };
}

/** The kernel's limit on a hostname. */
const LONGEST_HOSTNAME = 63;

/** What the sandbox of a pod is. */
export function podConfig(pod: Pod, dns: NodeDns, locks: readonly IdentityLock[]): PodConfig {
  const { spec, metadata } = pod;
  const { uid, namespace = 'default', name } = metadata;
  const shortName = spec.hostnameOverride ?? spec.hostname ?? name.slice(0, LONGEST_HOSTNAME).replace(/[-.]+$/, '');
  const fullyQualifiedName = spec.subdomain && `${shortName}.${spec.subdomain}.${namespace}.svc.${dns.zone}`;
  const sysctls = spec.securityContext?.sysctls ?? [];
  return {
    uid,
    namespace,
    name,
    hostname: spec.setHostnameAsFQDN && fullyQualifiedName ? fullyQualifiedName : shortName,
    ...(fullyQualifiedName && { fullyQualifiedName }),
    hostNetwork: spec.hostNetwork ?? false,
    ...(spec.hostIPC && { hostIPC: true }),
    ...(spec.hostPID && { hostPID: true }),
    ...(spec.shareProcessNamespace && { shareProcessNamespace: true }),
    ...(spec.hostUsers === false && { ownUsers: true }),
    ports: declaredPorts(pod),
    dns: podDns(pod, namespace, dns),
    hostAliases: (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => ({ ip, hostnames })),
    sysctls: Object.fromEntries(sysctls.map((sysctl) => [sysctl.name, sysctl.value])),
    locks,
    ...(spec.terminationGracePeriodSeconds !== undefined && { graceMs: spec.terminationGracePeriodSeconds * 1000 }),
  };
}

function declaredPorts({ spec }: Pod): readonly number[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return [...new Set(containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort)))];
}

function podDns({ spec }: Pod, namespace: string, { zone, nameservers, host }: NodeDns): PodConfig['dns'] {
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  // N8: short names work in the pod's own namespace first.
  const cluster = {
    nameservers,
    searches: [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...host.searches],
    options: ['ndots:5'],
  };
  const machine = { ...host, options: [] };
  const base =
    policy === 'None'
      ? { nameservers: [], searches: [], options: [] }
      : policy === 'Default' || (policy === 'ClusterFirst' && spec.hostNetwork)
        ? machine
        : cluster;
  return spec.dnsConfig ? merged(base, spec.dnsConfig) : base;
}

function merged(base: PodConfig['dns'], given: PodDNSConfig): PodConfig['dns'] {
  const overridden = new Set(given.options?.map(({ name }) => name));
  return {
    nameservers: [...new Set([...base.nameservers, ...(given.nameservers ?? [])])],
    searches: [...new Set([...base.searches, ...(given.searches ?? [])])],
    options: [
      ...base.options.filter((option) => !overridden.has(option.split(':')[0])),
      ...(given.options ?? []).map(({ name, value }) => (value ? `${name}:${value}` : (name ?? ''))),
    ],
  };
}
