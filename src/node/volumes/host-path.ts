import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';

import type { HostPathVolumeSource } from '../../api/generated/types.ts';
import { NotReadyError } from '../pod/pod-resources.ts';

/**
 * Sees to it that a path of the machine is what the volume says it is. As in Kubernetes, a directory is made where
 * nothing is said of the path, and no directory for a file. Throws {@link NotReadyError}.
 */
export async function hostPathVolume({ path, type = '' }: HostPathVolumeSource): Promise<string> {
  let found = await lookAt(path);
  if (!found && (type === '' || type === 'DirectoryOrCreate')) await fs.mkdir(path, { recursive: true, mode: 0o755 });
  if (!found && type === 'FileOrCreate') await (await fs.open(path, 'a', 0o644)).close();
  found ??= await lookAt(path);
  if (!found) throw new NotReadyError('FailedMount', `hostPath ${path} does not exist`);
  if (!isOfType(found, type))
    throw new NotReadyError(
      'FailedMount',
      `hostPath type check failed: ${path} is not a ${type.replace('OrCreate', '')}`,
    );
  return path;
}

function lookAt(path: string): Promise<Stats | undefined> {
  return fs.stat(path).catch(() => undefined);
}

function isOfType(found: Stats, type: string): boolean {
  switch (type) {
    case '':
      return true;
    case 'Directory':
    case 'DirectoryOrCreate':
      return found.isDirectory();
    case 'File':
    case 'FileOrCreate':
      return found.isFile();
    case 'Socket':
      return found.isSocket();
    case 'CharDevice':
      return found.isCharacterDevice();
    case 'BlockDevice':
      return found.isBlockDevice();
    default:
      return false;
  }
}
