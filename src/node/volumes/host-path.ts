import type { Stats } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';

import type { HostPathVolumeSource } from '../../api/generated/types.ts';
import { NotReadyError } from '../pod/pod-resources.ts';

/** Sees to it that a path of the machine is what the volume says it is. Throws {@link NotReadyError}. */
export async function hostPathVolume({ path: hostPath, type = '' }: HostPathVolumeSource): Promise<string> {
  if (type === 'DirectoryOrCreate') await fs.mkdir(hostPath, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') {
    await fs.mkdir(path.dirname(hostPath), { recursive: true, mode: 0o755 });
    await (await fs.open(hostPath, 'a', 0o644)).close();
  }
  const found = await fs.stat(hostPath).catch(() => undefined);
  if (!found) throw new NotReadyError('FailedMount', `hostPath ${hostPath} does not exist`);
  if (!isOfType(found, type))
    throw new NotReadyError('FailedMount', `hostPath type check failed: ${hostPath} is not a ${type}`);
  return hostPath;
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
