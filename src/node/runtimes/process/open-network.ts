import path from 'node:path';

import type { Limitation } from '../runtime.ts';
import { formatAddress, parseCidr } from './address-pool.ts';
import { bridgeNetwork, choosePodCidr } from './bridge-network.ts';
import { readIfThere, writeAtomically } from './files.ts';
import type { Isolation } from './isolation.ts';
import { canBindAnyLoopback, chooseLoopbackCidr, loopbackNetwork } from './loopback-network.ts';
import type { PodNetwork } from './pod-network.ts';

/**
 * The network of a node's pods, as its level of isolation has it. The range is `podCidr`, else the one the node had
 * before, else a free one.
 */
export async function openNetwork(
  directory: string,
  isolation: Isolation,
  podCidr: string | undefined,
): Promise<{ readonly network: PodNetwork; readonly limitations: readonly Limitation[] }> {
  const file = path.join(directory, isolation === 'namespaces' ? 'network' : 'network-loopback');
  const choose = isolation === 'namespaces' ? choosePodCidr : chooseLoopbackCidr;
  const cidr = podCidr ?? readIfThere(file)?.trim() ?? choose(directory);
  writeAtomically(file, `${cidr}\n`);
  if (isolation === 'namespaces') return bridgeNetwork(directory, cidr);
  return {
    network: loopbackNetwork(cidr),
    limitations: (await canBindAnyLoopback()) ? [] : [NO_ADDRESSES],
  };
}

/** The network that a node's pods have on a bridge, whether its runtime is started or not; undefined when they have none. */
export function bridgedNetworkOf(directory: string): Pick<PodNetwork, 'cidr' | 'gateway'> | undefined {
  const cidr = readIfThere(path.join(directory, 'network'))?.trim();
  return cidr === undefined ? undefined : { cidr, gateway: formatAddress(parseCidr(cidr).first + 1) };
}

const NO_ADDRESSES: Limitation = {
  reason: 'NoPodAddresses',
  message:
    'this system has no addresses for pods to listen on but those that are added by hand, as `ifconfig lo0 alias` does',
};
