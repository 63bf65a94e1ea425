import { createHash } from 'node:crypto';
import fs from 'node:fs';

import { type Cidr, formatAddress, parseCidr } from './address-pool.ts';
import { run } from './run.ts';

/** A network that reaches everything of this machine's own: one bridge with the pods of a node on it. */
export interface Bridge {
  readonly name: string;
  readonly gateway: string;
  readonly bits: number;
}

/** What `ip -batch` is given to connect a pod: on the host's side, and inside the pod. */
export interface PodLink {
  readonly hostBatch: string;
  readonly podBatch: string;
}

/** The same eight letters for the same text on every run. */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/**
 * A /24 of 10.244.0.0 - 10.254.255.255 that this machine has no route into. Where the search begins depends on
 * `directory`, so that nodes that start at the same moment do not choose the same.
 */
export function choosePodCidr(directory: string, routes = fs.readFileSync('/proc/net/route', 'utf8')): string {
  const taken = parseRoutes(routes);
  const count = 11 * 256;
  const start = Number.parseInt(shortHash(directory), 16) % count;
  for (let tried = 0; tried < count; tried++) {
    const cidr: Cidr = { first: (10 * 256 + 244) * 2 ** 16 + ((start + tried) % count) * 256, bits: 24 };
    if (!taken.some((route) => overlap(route, cidr))) return `${formatAddress(cidr.first)}/24`;
  }
  throw new Error('every network from 10.244.0.0/24 to 10.254.255.0/24 is in use on this machine');
}

/** The networks of /proc/net/route, without the default route. */
function parseRoutes(text: string): Cidr[] {
  const swap = (hex: string): number => Buffer.from(hex, 'hex').readUInt32LE();
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .flatMap(([, destination, , , , , , mask]) =>
      destination === undefined || mask === undefined || Number.parseInt(mask, 16) === 0
        ? []
        : [{ first: swap(destination), bits: swap(mask).toString(2).replaceAll('0', '').length }],
    );
}

function overlap(one: Cidr, other: Cidr): boolean {
  const size = 2 ** (32 - Math.min(one.bits, other.bits));
  return Math.floor(one.first / size) === Math.floor(other.first / size);
}

/** The bridge of the node whose files are in `directory`; made now, unless it is there. */
export async function ensureBridge(directory: string, podCidr: string): Promise<Bridge> {
  const cidr = parseCidr(podCidr);
  const name = `berth${shortHash(directory)}`;
  const gateway = formatAddress(cidr.first + 1);
  if (!fs.existsSync(`/sys/class/net/${name}`)) await run('ip', ['link', 'add', name, 'type', 'bridge']);
  // Each line may be done already. `replace` of the address does nothing then, and a bridge that is up stays up.
  const batch = [
    `address replace ${gateway}/${cidr.bits} dev ${name}`,
    `link set ${name} up address ${macAddress(gateway)}`,
  ];
  await run('ip', ['-batch', '-'], `${batch.join('\n')}\n`);
  // Packets may go on from here, to pods of other nodes on this machine. Nothing else of the host becomes a router.
  fs.writeFileSync(`/proc/sys/net/ipv4/conf/${name}/forwarding`, '1');
  return { name, gateway, bits: cidr.bits };
}

export async function removeBridge(directory: string): Promise<void> {
  const name = `berth${shortHash(directory)}`;
  if (fs.existsSync(`/sys/class/net/${name}`)) await run('ip', ['link', 'delete', name]);
}

/** The host's end of a pod's link. */
export function linkName(podUid: string): string {
  return `bv${createHash('sha256').update(podUid).digest('hex').slice(0, 12)}`;
}

export function podLink(bridge: Bridge, podUid: string, address: string): PodLink {
  // The hardware address follows from the address, so that a neighbour that remembers an earlier pod's is right.
  const mac = macAddress(address);
  return {
    // `netns 1` is the network of process 1 of the pod, which is where this runs.
    hostBatch: `link add name ${linkName(podUid)} up master ${bridge.name} type veth peer name eth0 address ${mac} netns 1\n`,
    podBatch: [
      'link set lo up',
      `address add ${address}/${bridge.bits} dev eth0`,
      'link set eth0 up',
      `route add default via ${bridge.gateway}`,
      '',
    ].join('\n'),
  };
}

/** Resolves when the host's end is gone, and the pod's with it. */
export async function removeLink(podUid: string): Promise<void> {
  const name = linkName(podUid);
  if (!fs.existsSync(`/sys/class/net/${name}`)) return;
  try {
    await run('ip', ['link', 'delete', name]);
  } catch (error) {
    // It goes by itself when the network namespace does, which may have been just now.
    if (fs.existsSync(`/sys/class/net/${name}`)) throw error;
  }
}

function macAddress(address: string): string {
  return ['0a', '58', ...address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))].join(':');
}
