import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import type { Limitation } from '../runtime.ts';
import { type Cidr, formatAddress, ownAddresses, parseCidr } from './address-pool.ts';
import { namesIn, readIfThere, writeAtomically } from './files.ts';
import { machineDirectory } from './identity-locks.ts';
import { shortHash } from './node-hash.ts';
import { allowOutgoing, forbidOutgoing, forward } from './outgoing-traffic.ts';
import type { PodNetwork } from './pod-network.ts';
import { run } from './run.ts';

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

/**
 * Every pod has a network namespace, and an address on a bridge of the node whose files are in `directory`. The bridge
 * is made now, unless it is there.
 */
export async function bridgeNetwork(
  directory: string,
  podCidr: string,
): Promise<{ readonly network: PodNetwork; readonly limitations: readonly Limitation[] }> {
  const cidr = parseCidr(podCidr);
  const bridge = `berth${shortHash(directory)}`;
  const gateway = formatAddress(cidr.first + 1);
  const claims = path.join(machineDirectory(), 'bridges');
  await removeStale(claims);
  writeAtomically(path.join(claims, bridge), directory);
  if (!exists(bridge)) await run('ip', ['link', 'add', bridge, 'type', 'bridge']);
  // `replace` does nothing when the address is there, and a bridge that is up stays up.
  const batch = [
    `address replace ${gateway}/${cidr.bits} dev ${bridge}`,
    `link set ${bridge} up address ${macAddress(gateway)}`,
  ];
  await run('ip', ['-batch', '-'], `${batch.join('\n')}\n`);
  // To pods of other nodes on this machine, too.
  forward(bridge);
  const missing = await allowOutgoing(bridge, podCidr);
  const network: PodNetwork = {
    cidr: podCidr,
    gateway,
    places: ownAddresses(podCidr),
    async connect(podUid, address) {
      // The hardware address follows from the address, so that a neighbour that remembers an earlier pod's is right.
      const peer = `peer name eth0 address ${macAddress(address)}`;
      return {
        // `netns 1` is the network of process 1 of the pod, which is where this is run.
        // Hairpin: a pod reaches itself through a service, also where the packet filter sees bridged packets.
        'link.host': [
          `link add name ${linkName(bridge, podUid)} up master ${bridge} type veth ${peer} netns 1`,
          `link set ${linkName(bridge, podUid)} type bridge_slave hairpin on`,
          '',
        ].join('\n'),
        'link.pod': [
          'link set lo up',
          `address add ${address}/${cidr.bits} dev eth0`,
          'link set eth0 up',
          `route add default via ${gateway}`,
          '',
        ].join('\n'),
      };
    },
    disconnect: (podUid) => removeLink(linkName(bridge, podUid)),
    async remove() {
      await forbidOutgoing(bridge, podCidr);
      await removeLink(bridge);
      fs.rmSync(path.join(claims, bridge), { force: true });
    },
  };
  return { network, limitations: missing === undefined ? [] : [missing] };
}

/** A bridge is written down before it is made: one whose node's directory is gone has been forgotten. */
async function removeStale(claims: string): Promise<void> {
  fs.mkdirSync(claims, { recursive: true, mode: 0o700 });
  for (const bridge of namesIn(claims)) {
    const file = path.join(claims, bridge);
    const directory = readIfThere(file);
    if (directory === undefined || fs.existsSync(directory)) continue;
    await forbidOutgoing(bridge, '127.0.0.0/8');
    await removeLink(bridge);
    fs.rmSync(file, { force: true });
  }
}

/** The host's end of a pod's link. */
function linkName(bridge: string, podUid: string): string {
  return `bv${createHash('sha256').update(`${bridge}/${podUid}`).digest('hex').slice(0, 12)}`;
}

async function removeLink(name: string): Promise<void> {
  if (!exists(name)) return;
  try {
    await run('ip', ['link', 'delete', name]);
  } catch (error) {
    // A pod's end goes by itself with its network namespace, which may have been just now.
    if (exists(name)) throw error;
  }
}

function exists(link: string): boolean {
  // Not below /sys, which may show the links of another network namespace, as after `unshare --net`.
  return fs.existsSync(`/proc/sys/net/ipv4/conf/${link}`);
}

function macAddress(address: string): string {
  return ['0a', '58', ...address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))].join(':');
}
