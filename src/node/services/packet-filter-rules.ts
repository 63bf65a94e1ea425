import { elements } from './packet-filter-elements.ts';
import type { ReachablePort, Target } from './service-ports.ts';
import { UDP_FLOW_SETS, udpFlowRules } from './udp-flow-rules.ts';

export interface PacketFilterScope {
  /** The table's name: letters, digits, underscores. */
  readonly table: string;
  /** The networks of the pods on this machine. */
  readonly podCidrs: readonly string[];
  /** Where outdated UDP clients are moved to ({@link udpFlowRules}); undefined when the kernel knows no zones. */
  readonly zone?: number | undefined;
}

/** What the table has besides what is the same for every cluster. */
interface Names {
  readonly chains: readonly string[];
  /** Which clients are to stay with which pod: what they hold has to outlive every change of the rules. */
  readonly sets: readonly string[];
}

export interface PacketFilterRules extends Names {
  /** One transaction of `nft`: whoever connects meanwhile sees the old rules or the new ones. */
  readonly text: string;
}

/** A port of a service, and the names of what leads there. */
interface Route {
  readonly port: ReachablePort;
  readonly chain: string;
  readonly ways: readonly { readonly target: Target; readonly chain: string; readonly set: string }[];
}

/** Characters. */
const MAX_COMMENT = 128;
/** Clients remembered for each pod. */
const MAX_CLIENTS = 65_536;

/**
 * The rules that lead connections to services on to their pods. Connections that are there keep their pod.
 *
 * @param before What the table has now; undefined when that is not known, and clients may then meet another pod.
 */
export function packetFilterRules(
  ports: readonly ReachablePort[],
  { table, podCidrs, zone }: PacketFilterScope,
  before?: Names,
): PacketFilterRules {
  const reachable = ports.map(withoutLoopback);
  const routes = reachable.filter(({ targets }) => targets.length > 0).map(routeTo);
  const refused = reachable.filter(({ targets }) => targets.length === 0);
  const ways = routes.flatMap((route) => route.ways);
  const chains = [...ways, ...routes].map(({ chain }) => chain);
  const sets = ways.map(({ set }) => set);
  const services = routes.flatMap(({ port, chain }) => addresses(port).map((key) => `${key} : goto ${chain}`));
  const nodePorts = routes.flatMap(({ port, chain }) =>
    port.nodePort === undefined ? [] : [`${port.protocol.toLowerCase()} . ${port.nodePort} : goto ${chain}`],
  );
  const text = `${before === undefined ? withoutTable(table) : emptied(table, before, { chains, sets }, zone !== undefined)}
table ip ${table} {
${routes.map(definitions).join('')}  map services {
    type ipv4_addr . inet_proto . inet_service : verdict
${elements(firstOfEach(services))}  }
  map node_ports {
    type inet_proto . inet_service : verdict
${elements(firstOfEach(nodePorts))}  }
  set refused {
    type ipv4_addr . inet_proto . inet_service
${elements(refused.flatMap(addresses))}  }
  chain to_service {
    ip daddr . meta l4proto . th dport vmap @services
  }
  chain to_node_port {
    fib daddr type local meta l4proto . th dport vmap @node_ports
  }
  chain refuse {
    ip daddr . meta l4proto . th dport @refused meta l4proto tcp reject with tcp reset
    ip daddr . meta l4proto . th dport @refused reject
  }
  chain from_host {
    type nat hook output priority -100
    jump to_service
    jump to_node_port
  }
  chain refuse_from_host {
    type filter hook output priority 0
    jump refuse
  }
${podCidrs.length === 0 ? '' : forPods(podCidrs)}${zone === undefined ? '' : udpFlowRules(reachable, { podCidrs, zone })}}
`;
  return { text, chains, sets };
}

/** Takes the rules away, whether they are there or not. */
export function withoutTable(table: string): string {
  return `table ip ${table}\ndelete table ip ${table}`;
}

/** Takes away all but the clients of the pods that are still there. */
function emptied(table: string, before: Names, after: Names, alsoUdp: boolean): string {
  const [chains, sets] = [new Set(after.chains), new Set(after.sets)];
  return [
    `flush table ip ${table}`,
    ...['services', 'node_ports'].map((map) => `flush map ip ${table} ${map}`),
    ...['refused', ...(alsoUdp ? UDP_FLOW_SETS : [])].map((set) => `flush set ip ${table} ${set}`),
    ...before.chains.filter((chain) => !chains.has(chain)).map((chain) => `delete chain ip ${table} ${chain}`),
    ...before.sets.filter((set) => !sets.has(set)).map((set) => `delete set ip ${table} ${set}`),
  ].join('\n');
}

/** Nobody but the API server may be reached on the machine's own addresses in this way, whatever an endpoint says. */
function withoutLoopback(port: ReachablePort): ReachablePort {
  if (port.name.startsWith('default/kubernetes:')) return port;
  const targets = port.targets.filter(({ address }) => !address.startsWith('127.'));
  return targets.length === port.targets.length ? port : { ...port, targets };
}

function routeTo(port: ReachablePort): Route {
  const name = `${port.protocol.toLowerCase()}_${inName(port.addresses[0] ?? '')}_${port.port}`;
  const targets = port.stickySeconds === undefined ? [] : port.targets;
  const ways = targets.map((target) => {
    const way = `${name}_${inName(target.address)}_${target.port}`;
    return { target, chain: `way_${way}`, set: `clients_${way}_${port.stickySeconds}` };
  });
  return { port, chain: `port_${name}`, ways };
}

function inName(address: string): string {
  return address.replaceAll('.', '_');
}

function definitions({ port, chain, ways }: Route): string {
  const match = `meta l4proto ${port.protocol.toLowerCase()}`;
  if (ways.length === 0)
    return `  chain ${chain} {\n    ${match} ${spread(port.targets)} comment "${comment(port)}"\n  }\n`;
  const perTarget = ways.map(
    (way) => `  set ${way.set} {
    type ipv4_addr
    size ${MAX_CLIENTS}
    flags dynamic, timeout
    timeout ${port.stickySeconds}s
  }
  chain ${way.chain} {
    ${match} update @${way.set} { ip saddr }
    ${match} dnat ip to ${way.target.address}:${way.target.port}
  }
`,
  );
  const known = ways.map((way) => `    ip saddr @${way.set} goto ${way.chain}\n`).join('');
  const choices = ways.map((way, index) => `${index} : goto ${way.chain}`).join(', ');
  return `${perTarget.join('')}  chain ${chain} {
${known}    numgen random mod ${ways.length} vmap { ${choices} } comment "${comment(port)}"
  }
`;
}

/** For whoever reads the rules. A name may be longer than what the filter takes as a comment: it refuses all then. */
function comment({ name }: ReachablePort): string {
  return name.slice(-MAX_COMMENT);
}

/** Any of them, at random. */
function spread(targets: readonly Target[]): string {
  const [only] = targets;
  if (targets.length === 1 && only) return `dnat ip to ${only.address}:${only.port}`;
  const choices = targets.map(({ address, port }, index) => `${index} : ${address} . ${port}`).join(', ');
  return `dnat ip addr . port to numgen random mod ${targets.length} map { ${choices} }`;
}

function forPods(podCidrs: readonly string[]): string {
  const pods = `{ ${podCidrs.join(', ')} }`;
  return `  chain guard {
    type filter hook prerouting priority -300
    ip saddr ${pods} ip daddr 127.0.0.0/8 drop
  }
  chain from_network {
    type nat hook prerouting priority -100
    ip saddr ${pods} jump to_service
    fib daddr type local jump to_service
    jump to_node_port
  }
  chain between_networks {
    type filter hook forward priority 0
    ip saddr ${pods} jump refuse
    ip saddr != ${pods} ip daddr ${pods} ct state new ct status & dnat == 0 drop
  }
  chain way_back {
    type nat hook postrouting priority 100
${podCidrs.map((cidr) => `    ct status dnat ip saddr ${cidr} ip daddr ${cidr} masquerade\n`).join('')}    ct status dnat ip saddr 127.0.0.0/8 ip daddr ${pods} masquerade
  }
`;
}

function addresses({ addresses: all, protocol, port }: ReachablePort): readonly string[] {
  return all.map((address) => `${address} . ${protocol.toLowerCase()} . ${port}`);
}

/** Two services may claim one external address, or a service and a pod one port of the machine: the first has it. */
function firstOfEach(verdicts: readonly string[]): readonly string[] {
  const byKey = new Map<string, string>();
  for (const verdict of verdicts) {
    const [key = ''] = verdict.split(' : ');
    if (!byKey.has(key)) byKey.set(key, verdict);
  }
  return [...byKey.values()];
}
