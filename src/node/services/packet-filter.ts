import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';

import { packetFilterRules, withoutTable } from './packet-filter-rules.ts';
import type { ServiceBackend } from './service-backend.ts';
import type { ReachablePort } from './service-ports.ts';

export interface PacketFilterOptions {
  /** Something that is this cluster's alone on this machine: its data directory. */
  readonly owner: string;
  /** The nodes of this machine: their pods' network, and the machine's own address in it. */
  readonly networks: readonly { readonly podCidr: string; readonly gateway: string }[];
}

/** Whether the kernel's packet filter can be used: on Linux, as root, with the `nft` tool. */
export async function packetFilterWorks(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return nft('list tables\n', ['-c']).then(
    () => true,
    () => false,
  );
}

/** Leads connections to services on to their pods in the kernel: nothing of Berth is on their way. */
export function packetFilter({ owner, networks }: PacketFilterOptions): ServiceBackend {
  const table = `berth_${createHash('sha256').update(owner).digest('hex').slice(0, 12)}`;
  const scope = { table, podCidrs: networks.map(({ podCidr }) => podCidr) };
  return {
    async apply(ports: readonly ReachablePort[]) {
      await allowLoopbackTargets(networks.map(({ gateway }) => gateway));
      await nft(packetFilterRules(ports, scope));
      return [];
    },
    async close() {
      await nft(withoutTable(table));
    },
  };
}

/**
 * The API server, and a node port asked for on the machine itself, are on loopback addresses, which the kernel does not
 * route to or from another interface unless told so. The rules drop what pods send to loopback addresses by themselves.
 */
async function allowLoopbackTargets(gateways: readonly string[]): Promise<void> {
  for (const [name, addresses = []] of Object.entries(os.networkInterfaces())) {
    if (!addresses.some(({ address }) => gateways.includes(address))) continue;
    await fs.writeFile(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
  }
}

function nft(rules: string, options: readonly string[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', [...options, '-f', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`nft refused the rules: ${complaint.slice(0, 2000)}`)),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(rules);
  });
}
