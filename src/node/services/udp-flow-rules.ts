import { elements } from './packet-filter-elements.ts';
import type { ReachablePort } from './service-ports.ts';

export interface UdpFlowScope {
  /** The networks of the pods on this machine. */
  readonly podCidrs: readonly string[];
  /** Another one whenever the UDP ports have changed: 1 to 65,535. */
  readonly zone: number;
}

/** Clients (an address and a port) that are asked for their pod anew, at most. */
const MAX_MOVED = 65_536;
/** Longer than the kernel remembers a client that is silent. */
const MOVED_SECONDS = 180;

/** What changes with the ports: emptied before each change. */
export const UDP_FLOW_SETS = ['udp_targets', 'udp_places', 'udp_node_ports'];

/**
 * The kernel chooses a pod for a UDP client once, and stands by it for as long as the client goes on sending: also when
 * the pod is gone, or when there was none yet. The next datagram of a client of whom that is true is in another zone of
 * connection tracking, where the kernel knows nothing of it and chooses again.
 */
export function udpFlowRules(ports: readonly ReachablePort[], { podCidrs, zone }: UdpFlowScope): string {
  const udp = ports.filter(({ protocol, targets }) => protocol === 'UDP' && targets.length > 0);
  const targets = udp.flatMap((port) => port.targets.map((target) => `${target.address} . ${target.port}`));
  const places = udp.flatMap(({ addresses, port }) => addresses.map((address) => `${address} . ${port}`));
  const nodePorts = udp.flatMap(({ nodePort }) => nodePort ?? []);
  const client = 'ip saddr . udp sport . ct original ip daddr . ct original proto-dst';
  const move = `update @udp_moved { ${client} }`;
  const lost = 'meta l4proto udp ct direction original ct status dnat';
  const missed = 'meta l4proto udp ct direction original ct status ! dnat';
  return `  set udp_moved {
    type ipv4_addr . inet_service . ipv4_addr . inet_service
    size ${MAX_MOVED}
    flags dynamic, timeout
    timeout ${MOVED_SECONDS}s
  }
  set udp_targets {
    type ipv4_addr . inet_service
${elements(targets)}  }
  set udp_places {
    type ipv4_addr . inet_service
${elements(places)}  }
  set udp_node_ports {
    type inet_service
${elements(nodePorts.map(String))}  }
  chain udp_again {
    ip saddr . udp sport . ip daddr . udp dport @udp_moved update @udp_moved { ip saddr . udp sport . ip daddr . udp dport } ct original zone set ${zone}
  }
  chain udp_again_from_host {
    type filter hook output priority -300
    meta l4proto udp jump udp_again
  }
  chain udp_again_from_network {
    type filter hook prerouting priority -300
    meta l4proto udp jump udp_again
  }
  chain udp_outdated {
${podCidrs.length === 0 ? '' : `    ${lost} ip daddr { ${podCidrs.join(', ')} } ip daddr . udp dport != @udp_targets ${move}\n`}    ${missed} ip daddr . udp dport @udp_places ${move}
    ${missed} fib daddr type local udp dport @udp_node_ports ${move}
  }
  chain udp_outdated_from_host {
    type filter hook output priority 0
    meta l4proto udp jump udp_outdated
  }
  chain udp_outdated_to_pods {
    type filter hook forward priority 0
    meta l4proto udp jump udp_outdated
  }
  chain udp_outdated_to_host {
    type filter hook input priority 0
    meta l4proto udp jump udp_outdated
  }
`;
}
