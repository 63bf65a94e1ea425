import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { Random } from '../../platform/random.ts';
import { namesIn, readIfThere, writeAtomically } from '../runtimes/process/files.ts';
import { machineDirectory } from '../runtimes/process/identity-locks.ts';
import { run } from '../runtimes/process/run.ts';
import { type PacketFilterRules, packetFilterRules, withoutTable } from './packet-filter-rules.ts';
import type { ServiceBackend } from './service-backend.ts';

/** A network of pods, and the machine's own address in it. */
export interface PacketFilterNetwork {
  readonly podCidr: string;
  readonly gateway: string;
}

export interface PacketFilterOptions {
  /** Something that is this cluster's alone on this machine: its data directory. */
  readonly owner: string;
  /** Those of the nodes of this machine, as they are now. */
  readonly networks: () => readonly PacketFilterNetwork[];
  readonly random: Random;
}

/** Zones of connection tracking are numbers of 16 bits; 0 is where everything is that was never moved. */
const MAX_ZONE = 65_535;

/** Whether the kernel's packet filter can be used: on Linux, as root, with the `nft` tool. */
export async function packetFilterWorks(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return nft('list tables\n').then(
    () => true,
    () => false,
  );
}

/**
 * Whether another program has the kernel drop whatever is routed through this machine and not allowed there: Docker
 * does, and no table of ours can allow it.
 */
export async function dropsRoutedPackets(): Promise<boolean> {
  // There is no such chain where nobody uses iptables.
  const chain = await run('nft', ['list', 'chain', 'ip', 'filter', 'FORWARD']).catch(() => '');
  return /policy drop/.test(chain) && !chain.includes('"berth*"');
}

/** Leads connections to services on to their pods in the kernel: nothing of Berth is on their way. */
export function packetFilter({ owner, networks, random }: PacketFilterOptions): ServiceBackend {
  const table = tableOf(owner);
  let applied: PacketFilterRules | undefined;
  /** Not the one that an earlier process may have left clients in. */
  let zone: number | undefined = 1 + Math.floor(random.next() * MAX_ZONE);
  let udp = '';
  return {
    async apply(ports) {
      if (applied === undefined) await claim(table, owner);
      const now = networks();
      allowLoopbackTargets(now.map(({ gateway }) => gateway));
      const udpNow = JSON.stringify(ports.filter(({ protocol }) => protocol === 'UDP'));
      if (zone !== undefined && udpNow !== udp) zone = (zone % MAX_ZONE) + 1;
      udp = udpNow;
      const scope = { table, podCidrs: now.map(({ podCidr }) => podCidr) };
      const attempts = [
        { zone, before: applied },
        // Somebody may have taken the table away.
        { zone, before: undefined },
        // A kernel may have been made without zones.
        { zone: undefined, before: undefined },
      ];
      // What is there after a failure is not known: the next rules begin from nothing.
      applied = undefined;
      let failure: unknown;
      for (const attempt of attempts) {
        try {
          const rules = packetFilterRules(ports, { ...scope, zone: attempt.zone }, attempt.before);
          await nft(rules.text);
          applied = rules;
          zone = attempt.zone;
          return [];
        } catch (error) {
          failure ??= error;
        }
      }
      throw failure;
    },
    // A firewall that is set up anew empties the whole filter.
    isIntact: () =>
      run('nft', ['list', 'chain', 'ip', table, 'to_service']).then(
        () => true,
        () => false,
      ),
    close: () => removePacketFilter(owner),
  };
}

/** Takes away what a cluster has left in the packet filter; nothing happens when that is nothing. */
export async function removePacketFilter(owner: string): Promise<void> {
  const file = path.join(claims(), tableOf(owner));
  if (!fs.existsSync(file)) return;
  await nft(`${withoutTable(tableOf(owner))}\n`);
  fs.rmSync(file, { force: true });
}

/** Tables are written down before they are made: one whose owner's directory is gone has been forgotten. */
async function claim(table: string, owner: string): Promise<void> {
  fs.mkdirSync(claims(), { recursive: true, mode: 0o700 });
  for (const name of namesIn(claims())) {
    const other = readIfThere(path.join(claims(), name));
    if (other !== undefined && !fs.existsSync(other)) await removePacketFilter(other);
  }
  writeAtomically(path.join(claims(), table), owner);
}

function claims(): string {
  return path.join(machineDirectory(), 'tables');
}

function tableOf(owner: string): string {
  return `berth_${createHash('sha256').update(owner).digest('hex').slice(0, 12)}`;
}

/**
 * The API server, and a node port asked for on the machine itself, are on loopback addresses, which the kernel does not
 * route to or from another interface unless told so. The rules drop what pods send to loopback addresses by themselves.
 */
function allowLoopbackTargets(gateways: readonly string[]): void {
  for (const [name, addresses = []] of Object.entries(os.networkInterfaces())) {
    if (!addresses.some(({ address }) => gateways.includes(address))) continue;
    fs.writeFileSync(`/proc/sys/net/ipv4/conf/${name}/route_localnet`, '1');
  }
}

async function nft(rules: string): Promise<void> {
  await run('nft', ['-f', '-'], rules);
}
