import type { ReachablePort } from './service-ports.ts';

export interface PacketFilterScope {
  /** The table's name: letters, digits, underscores. */
  readonly table: string;
  /** The networks of the pods on this machine. */
  readonly podCidrs: readonly string[];
}

/**
 * The rules that lead connections to services on to their pods, as one transaction of `nft`: whoever connects meanwhile
 * sees the old rules or the new ones. Connections that are there keep their pod.
 */
export function packetFilterRules(ports: readonly ReachablePort[], { table, podCidrs }: PacketFilterScope): string {
  const served = ports.filter(({ targets }) => targets.length > 0);
  const refused = ports.filter(({ targets }) => targets.length === 0);
  const addresses = (port: ReachablePort) =>
    port.addresses.map((address) => `${address} . ${port.protocol.toLowerCase()} . ${port.port}`);
  const services = served.flatMap((port, index) => addresses(port).map((key) => `${key} : goto port_${index}`));
  const nodePorts = served.flatMap((port, index) =>
    port.nodePort === undefined ? [] : [`${port.protocol.toLowerCase()} . ${port.nodePort} : goto port_${index}`],
  );
  const pods = podCidrs.length > 0 ? `{ ${podCidrs.join(', ')} }` : undefined;
  return `${withoutTable(table)}
table ip ${table} {
${served.map((port, index) => `  chain port_${index} {\n    ${destination(port)}\n  }`).join('\n')}
  map services {
    type ipv4_addr . inet_proto . inet_service : verdict
${elements(services)}  }
  map node_ports {
    type inet_proto . inet_service : verdict
${elements(nodePorts)}  }
  set refused {
    type ipv4_addr . inet_proto . inet_service
${elements(refused.flatMap(addresses))}  }
  chain dispatch {
    ip daddr . meta l4proto . th dport vmap @services
    fib daddr type local meta l4proto . th dport vmap @node_ports
  }
  chain refuse {
    ip daddr . meta l4proto . th dport @refused meta l4proto tcp reject with tcp reset
    ip daddr . meta l4proto . th dport @refused reject
  }
  chain from_host {
    type nat hook output priority -100
    jump dispatch
  }
  chain refuse_from_host {
    type filter hook output priority 0
    jump refuse
  }
${pods === undefined ? '' : forPods(pods, podCidrs)}}
`;
}

/** Takes the rules away, whether they are there or not. */
export function withoutTable(table: string): string {
  return `table ip ${table}\ndelete table ip ${table}`;
}

function forPods(pods: string, podCidrs: readonly string[]): string {
  return `  chain guard {
    type filter hook prerouting priority -300
    ip saddr ${pods} ip daddr 127.0.0.0/8 drop
  }
  chain from_pods {
    type nat hook prerouting priority -100
    ip saddr ${pods} jump dispatch
  }
  chain refuse_from_pods {
    type filter hook forward priority 0
    ip saddr ${pods} jump refuse
  }
  chain way_back {
    type nat hook postrouting priority 100
${podCidrs.map((cidr) => `    ct status dnat ip saddr ${cidr} ip daddr ${cidr} masquerade\n`).join('')}    ct status dnat ip saddr 127.0.0.0/8 ip daddr ${pods} masquerade
  }
`;
}

/** Spread at random, or by the client's address alone so that a client stays where it is. */
function destination({ protocol, targets, sticky }: ReachablePort): string {
  const match = `meta l4proto ${protocol.toLowerCase()}`;
  const [only] = targets;
  if (targets.length === 1 && only) return `${match} dnat ip to ${only.address}:${only.port}`;
  const choices = targets.map(({ address, port }, index) => `${index} : ${address} . ${port}`).join(', ');
  const pick = sticky ? `jhash ip saddr mod ${targets.length}` : `numgen random mod ${targets.length}`;
  return `${match} dnat ip addr . port to ${pick} map { ${choices} }`;
}

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `    elements = { ${[...new Set(list)].join(', ')} }\n`;
}
