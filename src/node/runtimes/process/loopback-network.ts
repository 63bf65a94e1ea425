import type { Limitation } from '../runtime.ts';
import { isOf, ownAddresses } from './address-pool.ts';
import { canListen } from './can-listen.ts';
import { claimOne } from './machine-claims.ts';
import type { PodNetwork } from './pod-network.ts';
import { run } from './run.ts';

const NETWORKS = 128 * 256;

/** A /24 of 127.64.0.0 - 127.191.255.255 that no other node of this machine has. */
export function chooseLoopbackCidr(directory: string): string {
  const number = claimOne('loopback', directory, NETWORKS);
  if (number === undefined)
    throw new Error('every network from 127.64.0.0/24 to 127.191.255.0/24 is in use on this machine');
  return `127.${64 + Math.floor(number / 256)}.${number % 256}.0/24`;
}

/** How pods can have addresses of the loopback interface: they are all there, or each has to be added; or not at all. */
export type LoopbackAddresses = 'there' | 'added' | 'none';

/** What this machine allows. Linux has all of 127.0.0.0/8, other systems only the addresses that root has added. */
export async function loopbackAddresses(): Promise<LoopbackAddresses> {
  if (await canListen('127.191.255.254', 0)) return 'there';
  return process.platform === 'darwin' && process.getuid?.() === 0 ? 'added' : 'none';
}

/** Pods share the machine's network. Each has an address of its own to listen on; nothing makes it do so. */
export function loopbackNetwork(cidr: string): PodNetwork {
  return {
    cidr,
    gateway: '127.0.0.1',
    places: ownAddresses(cidr),
    connect: async () => ({}),
    disconnect: async () => {},
    remove: async () => {},
  };
}

/** The same where the interface has to be given each address first; `ifconfig` runs that program. */
export function aliasNetwork(
  cidr: string,
  ifconfig: (args: readonly string[]) => Promise<unknown> = (args) => run('ifconfig', args),
): PodNetwork {
  return {
    ...loopbackNetwork(cidr),
    async connect(_podUid, address) {
      await ifconfig(['lo0', 'alias', address, 'netmask', '255.255.255.255']);
      return {};
    },
    async disconnect(_podUid, address) {
      // A pod of an earlier server may have had the address that all programs of the machine use.
      if (!isOf(cidr, address)) return;
      // It is not there when the pod never came to start, or when somebody else was faster.
      await ifconfig(['lo0', '-alias', address]).catch(() => {});
    },
  };
}

export const LOOPBACK_ADDRESSES: Limitation = {
  reason: 'NoNetworkNamespace',
  message:
    'pods share the network of this machine, as it takes Linux and root to give them their own: each has an address in ' +
    '127.0.0.0/8 that its programs have to listen on ($(POD_IP) from status.podIP), and ports on 0.0.0.0 collide',
};
