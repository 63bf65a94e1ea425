import { execFile } from 'node:child_process';
import fs from 'node:fs/promises';
import { promisify } from 'node:util';

import { quantityValue } from '../../api/quantity.ts';

const run = promisify(execFile);
const MOUNTS = '/proc/self/mounts';

/** Makes a directory live in memory, where the machine lets us; elsewhere it stays an ordinary one. */
export async function mountMemory(directory: string, sizeLimit: string | undefined): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  if ((await mountedBelow(directory)).length > 0) return;
  const options = ['mode=0777', ...(sizeLimit === undefined ? [] : [`size=${quantityValue(sizeLimit)}`])];
  await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', directory]);
}

/** Takes away every directory in memory at or below `directory`. */
export async function unmountMemory(directory: string): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  for (const mounted of await mountedBelow(directory)) await run('umount', [mounted]);
}

async function mountedBelow(directory: string): Promise<readonly string[]> {
  const mounts = await fs.readFile(MOUNTS, 'utf8').catch(() => '');
  return mounts
    .split('\n')
    .map((line) =>
      (line.split(' ')[1] ?? '').replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((mounted) => mounted === directory || mounted.startsWith(`${directory}/`))
    .reverse();
}
