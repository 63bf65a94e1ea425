import path from 'node:path';

import type { Node } from '../api/generated/types.ts';
import { bridgedNetworkOf } from '../node/runtimes/process/open-network.ts';
import { dataPaths } from './data-directory.ts';

/** What `resolv.conf` takes a name server to listen on. */
export const POD_DNS_PORT = 53;

/** Where the pods of a node ask for names: `10.244.21.1:53`, on their bridge; undefined when they have none. */
export function podDnsAddress(dataDir: string, { metadata, spec }: Node): string | undefined {
  const network = bridgedNetworkOf(path.join(dataPaths(dataDir).nodes, metadata.name));
  // It may be that of another isolation level, and of earlier.
  if (network === undefined || network.cidr !== spec.podCIDR) return undefined;
  return `${network.gateway}:${POD_DNS_PORT}`;
}
