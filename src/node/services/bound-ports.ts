import fs from 'node:fs';
import os from 'node:os';

import type { ReachablePort, Target } from './service-ports.ts';

/** A socket that waits for others, as the kernel lists it. */
interface Bound {
  /** Undefined: every address of the machine. */
  readonly address: string | undefined;
  readonly port: number;
}

/** `st` of a TCP socket that listens, and of a UDP socket that hears everybody. */
const WAITING = { TCP: '0A', UDP: '07' };

/**
 * How a program of this machine waits at this place: for what comes to it alone, as one that waits on all addresses
 * does, or not at all. Undefined on systems that do not tell (other than Linux).
 */
export function waitingAt(
  protocol: ReachablePort['protocol'],
  { address, port }: Target,
): 'there' | 'everywhere' | 'nowhere' | undefined {
  const bound = boundPorts(protocol)?.filter((one) => one.port === port);
  if (bound === undefined) return undefined;
  if (bound.some((one) => one.address === address)) return 'there';
  return bound.some((one) => one.address === undefined) ? 'everywhere' : 'nowhere';
}

function boundPorts(protocol: ReachablePort['protocol']): readonly Bound[] | undefined {
  const name = protocol.toLowerCase();
  try {
    return [name, `${name}6`].flatMap((file) => parse(fs.readFileSync(`/proc/net/${file}`, 'utf8'), WAITING[protocol]));
  } catch {
    return undefined;
  }
}

/** `0: 0100007F:1F90 00000000:0000 0A ...`: number, local place, place of the other side, state. */
function parse(text: string, state: string): readonly Bound[] {
  return text.split('\n').flatMap((line) => {
    const [, local, , found] = line.trim().split(/\s+/);
    const [address, port] = local?.split(':') ?? [];
    if (found !== state || address === undefined || port === undefined) return [];
    return [{ address: /^0+$/.test(address) ? undefined : ipv4(address.slice(-8)), port: Number.parseInt(port, 16) }];
  });
}

/** The kernel writes an address as one number, in the order of bytes of the machine. */
function ipv4(hex: string): string {
  const bytes = [...Buffer.from(hex, 'hex')];
  return (os.endianness() === 'LE' ? bytes.reverse() : bytes).join('.');
}
