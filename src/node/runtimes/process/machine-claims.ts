import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { readIfThere } from './files.ts';
import { machineDirectory } from './identity-locks.ts';

/**
 * One of `count` things of a kind, by number, that no other node of this machine has; undefined when others have all.
 * Which node has which is written down where all of this user's servers meet; a node whose directory is gone has none.
 */
export function claimOne(kind: string, directory: string, count: number): number | undefined {
  const claims = path.join(machineDirectory(), kind);
  fs.mkdirSync(claims, { recursive: true, mode: 0o700 });
  const start = createHash('sha256').update(directory).digest().readUInt32BE() % count;
  for (let tried = 0; tried < count; tried++) {
    const number = (start + tried) % count;
    if (claim(path.join(claims, String(number)), directory)) return number;
  }
  return undefined;
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
