import fs from 'node:fs/promises';
import path from 'node:path';

/**
 * P9: gives a volume to a group: it owns everything in it, may write what the owner may, and what is made in it later
 * is the group's too. `OnRootMismatch` leaves a volume alone whose top is the group's already. Nothing without root.
 */
export async function giveToGroup(directory: string, gid: number, policy: string | undefined): Promise<void> {
  if (process.getuid?.() !== 0) return;
  if (policy === 'OnRootMismatch' && (await fs.stat(directory)).gid === gid) return;
  await give(directory, gid);
}

async function give(file: string, gid: number): Promise<void> {
  const found = await fs.lstat(file);
  await fs.lchown(file, -1, gid);
  if (found.isSymbolicLink()) return;
  const readable = found.mode | 0o440 | (found.mode & 0o200 ? 0o060 : 0o040);
  if (!found.isDirectory()) return fs.chmod(file, readable & 0o7777);
  await fs.chmod(file, (readable | 0o2110) & 0o7777);
  for (const name of await fs.readdir(file)) await give(path.join(file, name), gid);
}
