import type { Container, Pod } from './generated/types.ts';
import { quantityMillis, quantityValue } from './quantity.ts';

/** Amounts by resource name: `cpu` in thousandths of a core, everything else in its base unit (bytes, pieces). */
export type Resources = ReadonlyMap<string, number>;

/**
 * What must be free on a node for a pod to run there: the containers that run at once, or the most that an init
 * container needs on its way there. Requests of the pod as a whole go before those of its containers.
 */
export function podRequests(pod: Pick<Pod, 'spec'>): Resources {
  const { containers, initContainers = [], overhead, resources } = pod.spec;
  const total = new Map<string, number>();
  for (const container of containers) add(total, requestsOf(container));

  const sidecars = new Map<string, number>();
  const startup = new Map<string, number>();
  for (const container of initContainers) {
    if (container.restartPolicy === 'Always') {
      add(sidecars, requestsOf(container));
      raise(startup, sidecars);
    } else {
      const needed = new Map(sidecars);
      add(needed, requestsOf(container));
      raise(startup, needed);
    }
  }
  add(total, sidecars);
  raise(total, startup);
  for (const [name, value] of parse(resources?.requests)) total.set(name, value);
  add(total, parse(overhead));
  return total;
}

/** Quantities by resource name as numbers. */
export function resourceValues(quantities: Readonly<Record<string, string>> | undefined): Resources {
  return new Map(parse(quantities));
}

/** A port of the node itself that a pod takes. */
export interface HostPort {
  /** Empty: every address of the node. */
  readonly hostIP: string;
  readonly hostPort: number;
  readonly protocol: string;
  readonly containerPort: number;
}

/** The ports a pod takes on its node. */
export function hostPortsOf(pod: Pick<Pod, 'spec'>): readonly HostPort[] {
  const ports: HostPort[] = [];
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const { hostPort, hostIP, protocol, containerPort } of container.ports ?? []) {
      const taken = hostPort || (pod.spec.hostNetwork ? containerPort : 0);
      if (taken) ports.push({ hostIP: hostIP ?? '', hostPort: taken, protocol: protocol ?? 'TCP', containerPort });
    }
  }
  return ports;
}

/** Whether two pods cannot both have their port. */
export function portsClash(a: HostPort, b: HostPort): boolean {
  if (a.hostPort !== b.hostPort || a.protocol !== b.protocol) return false;
  return isEverywhere(a.hostIP) || isEverywhere(b.hostIP) || a.hostIP === b.hostIP;
}

/** Whether it is a port of every address of the node. */
export function isEverywhere(hostIP: string): boolean {
  return hostIP === '' || hostIP === '0.0.0.0' || hostIP === '::';
}

/** A limit without a request is a request of as much (the defaults say so too). */
function requestsOf({ resources }: Container): Iterable<[string, number]> {
  const requests = resources?.requests;
  const limits = resources?.limits;
  return requests === undefined && limits === undefined ? [] : parse({ ...limits, ...requests });
}

function parse(quantities: Readonly<Record<string, string>> | undefined): Iterable<[string, number]> {
  if (quantities === undefined) return [];
  return Object.entries(quantities).map(([name, quantity]) => [
    name,
    name === 'cpu' ? quantityMillis(quantity) : quantityValue(quantity),
  ]);
}

function add(total: Map<string, number>, amounts: Iterable<readonly [string, number]>): void {
  for (const [name, value] of amounts) total.set(name, (total.get(name) ?? 0) + value);
}

function raise(total: Map<string, number>, least: ReadonlyMap<string, number>): void {
  for (const [name, value] of least) total.set(name, Math.max(total.get(name) ?? 0, value));
}
