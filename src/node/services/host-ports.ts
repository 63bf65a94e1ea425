import { isIPv4 } from 'node:net';

import type { Pod } from '../../api/generated/types.ts';
import { actualPort } from '../../api/pod-ports.ts';
import { type HostPort, hostPortsOf, isEverywhere, portsClash } from '../../api/pod-requests.ts';
import type { ReachablePort } from './service-ports.ts';
import type { Unreachable } from './unreachable.ts';

/** Whether a pod asks for ports of its node that are not its own anyway. */
export function asksForHostPorts({ spec }: Pod): boolean {
  return spec.hostNetwork !== true && hostPortsOf({ spec }).length > 0;
}

/**
 * P10: the ports of the machine that lead to pods. The nodes of one process share it: of two pods on different nodes that
 * ask for the same port, the one that was started first has it.
 */
export function hostPorts(pods: Iterable<Pod>): {
  readonly ports: readonly ReachablePort[];
  readonly unreachable: readonly Unreachable[];
} {
  const ports: ReachablePort[] = [];
  const unreachable: Unreachable[] = [];
  const taken: { readonly port: HostPort; readonly by: string }[] = [];
  for (const pod of [...pods].sort(byStart)) {
    const { podIP: address, phase } = pod.status ?? {};
    if (!asksForHostPorts(pod) || !address || phase === 'Succeeded' || phase === 'Failed') continue;
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    for (const port of hostPortsOf(pod)) {
      const { hostIP, hostPort, protocol, containerPort } = port;
      const name = `pod ${key}:${hostPort}`;
      const clash = taken.find((other) => portsClash(other.port, port));
      const why =
        protocol === 'SCTP' || !isIPv4(address) || (hostIP !== '' && hostIP !== '::' && !isIPv4(hostIP))
          ? 'only TCP and UDP over IPv4 are passed on'
          : clash && `all nodes are this machine, where it leads to pod ${clash.by}`;
      if (why !== undefined) {
        unreachable.push({ name, message: `host port ${hostPort}/${protocol} does not lead here: ${why}` });
        continue;
      }
      taken.push({ port, by: key });
      const everywhere = isEverywhere(hostIP);
      ports.push({
        name,
        isHostPort: true,
        protocol: protocol === 'UDP' ? 'UDP' : 'TCP',
        addresses: everywhere ? [] : [hostIP],
        port: hostPort,
        nodePort: everywhere ? hostPort : undefined,
        stickySeconds: undefined,
        targets: [{ address, port: actualPort(pod, containerPort) }],
      });
    }
  }
  return { ports, unreachable };
}

function byStart(a: Pod, b: Pod): number {
  const [first, second] = [a, b].map(({ status, metadata }) => `${status?.startTime ?? ''} ${metadata.uid}`);
  return (first ?? '') < (second ?? '') ? -1 : 1;
}
