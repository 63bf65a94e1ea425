import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { readIfThere } from './files.ts';
import { machineDirectory } from './identity-locks.ts';
import type { PodNetwork } from './pod-network.ts';

/**
 * A /24 of 127.64.0.0 - 127.191.255.255 that no other node of this machine has. Which node has which is written down
 * where all of this user's servers meet; a node whose directory is gone has none.
 */
export function chooseLoopbackCidr(directory: string): string {
  const claims = path.join(machineDirectory(), 'loopback');
  fs.mkdirSync(claims, { recursive: true, mode: 0o700 });
  const count = 128 * 256;
  const start = createHash('sha256').update(directory).digest().readUInt32BE() % count;
  for (let tried = 0; tried < count; tried++) {
    const number = (start + tried) % count;
    const prefix = `127.${64 + Math.floor(number / 256)}.${number % 256}`;
    if (claim(path.join(claims, prefix), directory)) return `${prefix}.0/24`;
  }
  throw new Error('every network from 127.64.0.0/24 to 127.191.255.0/24 is in use on this machine');
}

function claim(file: string, directory: string): boolean {
  const owner = readIfThere(file);
  if (owner === directory) return true;
  if (owner !== undefined && fs.existsSync(owner)) return false;
  if (owner !== undefined) fs.rmSync(file, { force: true });
  try {
    fs.writeFileSync(file, directory, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Pods share the machine's network. Each has an address of its own to listen on; nothing makes it do so. */
export function loopbackNetwork(cidr: string): PodNetwork {
  return {
    cidr,
    gateway: '127.0.0.1',
    linkFiles: () => ({}),
    disconnect: async () => {},
    remove: async () => {},
  };
}

/** Whether programs can listen on any address of 127.0.0.0/8; on macOS only those that were added one by one. */
export function canBindAnyLoopback(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(0, '127.64.0.1', () => server.close(() => resolve(true)));
  });
}
