import { isIPv4 } from 'node:net';

import type { EndpointSlice, Service, ServicePort } from '../../api/generated/types.ts';
import type { Unreachable } from './unreachable.ts';

/** As in Kubernetes: three hours. */
const DEFAULT_STICKY_SECONDS = 10_800;

/** Where a connection to a service may go. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** One port of a service, or of the machine, with everything that is needed to reach its pods. IPv4. */
export interface ReachablePort {
  /** `default/redis:6379` */
  readonly name: string;
  /** It is no service's: a pod asked for it (`hostPort`), `pod default/redis-0:6379`. */
  readonly isHostPort?: boolean;
  readonly protocol: 'TCP' | 'UDP';
  /** Where the service is: cluster and external addresses. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly nodePort: number | undefined;
  /** A client that comes again within this time goes to the same pod. */
  readonly stickySeconds: number | undefined;
  /** In a fixed order; empty when no pod is ready. */
  readonly targets: readonly Target[];
}

/** What of the services there is to be reached on a node: headless and external ones need nothing. */
export function reachablePorts(
  services: Iterable<Service>,
  slicesOf: (service: Service) => readonly EndpointSlice[],
): { readonly ports: readonly ReachablePort[]; readonly unreachable: readonly Unreachable[] } {
  const found: ReachablePort[] = [];
  const unreachable: Unreachable[] = [];
  for (const service of services) {
    const {
      clusterIP,
      clusterIPs = [],
      externalIPs = [],
      ports = [],
      type,
      sessionAffinity,
      sessionAffinityConfig,
    } = service.spec;
    if (type === 'ExternalName' || !clusterIP || clusterIP === 'None') continue;
    const addresses = [...new Set([clusterIP, ...clusterIPs, ...externalIPs])].filter(isIPv4);
    if (addresses.length === 0) continue;
    const slices = slicesOf(service).filter(({ addressType }) => addressType === 'IPv4');
    for (const port of ports) {
      const protocol = port.protocol ?? 'TCP';
      const name = `${service.metadata.namespace}/${service.metadata.name}:${port.port}`;
      if (protocol !== 'TCP' && protocol !== 'UDP') {
        unreachable.push({
          name,
          message: `port ${port.port}/${protocol} leads nowhere: only TCP and UDP are passed on`,
        });
        continue;
      }
      found.push({
        name,
        protocol,
        addresses,
        port: port.port,
        nodePort: port.nodePort || undefined,
        stickySeconds:
          sessionAffinity === 'ClientIP'
            ? (sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_STICKY_SECONDS)
            : undefined,
        targets: targetsOf(slices, port),
      });
    }
  }
  found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.protocol < b.protocol ? -1 : 1));
  return { ports: found, unreachable };
}

/** The ready endpoints; when there are none, those that are on their way out and still serve. */
function targetsOf(slices: readonly EndpointSlice[], { name = '', protocol = 'TCP' }: ServicePort): readonly Target[] {
  const ready = new Map<string, Target>();
  const leaving = new Map<string, Target>();
  for (const slice of slices) {
    const number = slice.ports?.find(
      (port) => (port.name ?? '') === name && (port.protocol ?? 'TCP') === protocol,
    )?.port;
    if (number === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      const [address] = addresses;
      if (address === undefined || !isIPv4(address)) continue;
      const target = { address, port: number };
      const key = `${address} ${number}`;
      if (conditions?.ready !== false) ready.set(key, target);
      else if (conditions.serving && conditions.terminating) leaving.set(key, target);
    }
  }
  const chosen = ready.size > 0 ? ready : leaving;
  return [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}
