import path from 'node:path';

import type { Limitation } from '../runtime.ts';
import { formatAddress, parseCidr } from './address-pool.ts';
import { bridgeNetwork, choosePodCidr } from './bridge-network.ts';
import { readIfThere, writeAtomically } from './files.ts';
import type { Isolation } from './isolation.ts';
import {
  aliasNetwork,
  chooseLoopbackCidr,
  LOOPBACK_ADDRESSES,
  loopbackAddresses,
  loopbackNetwork,
} from './loopback-network.ts';
import type { PodNetwork } from './pod-network.ts';
import { choosePorts, SHARED_ADDRESS, sharedAddressNetwork } from './shared-address.ts';

interface NetworkOptions {
  /** The node's. */
  readonly directory: string;
  readonly isolation: Isolation;
  /** The range of the pods' addresses, instead of the one the node had before, or a free one. */
  readonly podCidr: string | undefined;
  /** All pods at one address, also where they could have addresses of their own. */
  readonly sharedAddress: boolean;
}

/** The network of a node's pods, as its level of isolation and its machine have it. */
export async function openNetwork(
  options: NetworkOptions,
): Promise<{ readonly network: PodNetwork; readonly limitations: readonly Limitation[] }> {
  const { directory, isolation, podCidr } = options;
  if (isolation === 'namespaces') {
    return bridgeNetwork(directory, podCidr ?? kept(directory, 'network', choosePodCidr));
  }
  const addresses = options.sharedAddress ? 'none' : await loopbackAddresses();
  if (addresses === 'none') {
    const firstPort = Number(kept(directory, 'network-ports', choosePorts));
    return { network: sharedAddressNetwork(firstPort), limitations: [SHARED_ADDRESS] };
  }
  const cidr = podCidr ?? kept(directory, 'network-loopback', chooseLoopbackCidr);
  const network = addresses === 'added' ? aliasNetwork(cidr) : loopbackNetwork(cidr);
  return { network, limitations: [LOOPBACK_ADDRESSES] };
}

/**
 * What the node chose before, else what it chooses now. A copy of its directory, of which the node it was copied from may
 * run on this machine, does not have the same.
 */
function kept(directory: string, name: string, choose: (directory: string) => string | number): string {
  const file = path.join(directory, name);
  const [before, chosenBy = directory] = lines(file);
  if (before && chosenBy === directory) return before;
  const chosen = String(choose(directory));
  writeAtomically(file, `${chosen}\n${directory}\n`);
  return chosen;
}

function lines(file: string): readonly string[] {
  return (readIfThere(file) ?? '').split('\n').filter((line) => line !== '');
}

/** The network that a node's pods have on a bridge, whether its runtime is started or not; undefined when they have none. */
export function bridgedNetworkOf(directory: string): Pick<PodNetwork, 'cidr' | 'gateway'> | undefined {
  const [cidr] = lines(path.join(directory, 'network'));
  return cidr === undefined ? undefined : { cidr, gateway: formatAddress(parseCidr(cidr).first + 1) };
}
