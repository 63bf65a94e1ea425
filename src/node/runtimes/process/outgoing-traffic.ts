import fs from 'node:fs';

import type { Limitation } from '../runtime.ts';
import { run } from './run.ts';
import { findTool } from './tools.ts';

/**
 * Lets the pods of a bridge reach what is beyond this machine, under the machine's address. Idempotent. Returns what
 * is missing, if it cannot.
 */
export async function allowOutgoing(bridge: string, cidr: string): Promise<Limitation | undefined> {
  try {
    if (findTool('nft') !== undefined) await run('nft', ['-f', '-'], nftables(bridge, cidr));
    else if (findTool('iptables') !== undefined) await iptables(bridge, cidr, 'present');
    else return cannot('neither nft nor iptables is installed');
  } catch (error) {
    return cannot((error as Error).message);
  }
  // Answers come in there. Nothing is routed on from other interfaces.
  for (const uplink of uplinks()) forward(uplink);
  return undefined;
}

/** Takes back what {@link allowOutgoing} did for the bridge. */
export async function forbidOutgoing(bridge: string, cidr: string): Promise<void> {
  if (findTool('nft') !== undefined)
    await run('nft', ['-f', '-'], `add table ip ${bridge}\ndelete table ip ${bridge}\n`);
  else if (findTool('iptables') !== undefined) await iptables(bridge, cidr, 'absent');
}

/** Packets that come in at an interface may go on to another one. */
export function forward(link: string): void {
  const file = `/proc/sys/net/ipv4/conf/${link}/forwarding`;
  if (fs.readFileSync(file, 'utf8').trim() !== '1') fs.writeFileSync(file, '1');
}

/** A table of its own for each bridge, replaced as a whole. */
function nftables(bridge: string, cidr: string): string {
  return `add table ip ${bridge}
delete table ip ${bridge}
table ip ${bridge} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${cidr} oifname != "berth*" masquerade
  }
}
`;
}

async function iptables(bridge: string, cidr: string, state: 'present' | 'absent'): Promise<void> {
  const rule = ['-s', cidr, '!', '-o', 'berth+', '-m', 'comment', '--comment', bridge, '-j', 'MASQUERADE'];
  const change = (how: string): Promise<string> => run('iptables', ['-w', '-t', 'nat', how, 'POSTROUTING', ...rule]);
  const there = await change('-C').then(
    () => true,
    () => false,
  );
  if (there !== (state === 'present')) await change(there ? '-D' : '-A');
}

/** The interfaces that the default routes go out of. */
function uplinks(routes = fs.readFileSync('/proc/net/route', 'utf8')): string[] {
  const lines = routes.split('\n').map((line) => line.split('\t'));
  return lines.flatMap(([link, destination]) => (link !== undefined && destination === '00000000' ? [link] : []));
}

function cannot(why: string): Limitation {
  return {
    reason: 'NoOutgoingTraffic',
    message: `pods reach each other and this machine, but nothing beyond it: ${why}`,
  };
}
