import fs from 'node:fs';

import { isWithin } from './host-mounts.ts';

/** Opens a file of any kind without doing anything to it (Linux). */
const O_PATH = 0o10000000;

/**
 * Which file a path leads to at this moment: device and number, as `stat` prints them. Programs that have the volume may
 * put links in the way at any time, so the file is opened, and the kernel asked where that one is. Throws when it is
 * outside of the volume.
 */
export function identityWithin(hostPath: string, volumePath: string): string {
  const descriptor = fs.openSync(hostPath, O_PATH);
  try {
    const real = fs.readlinkSync(`/proc/self/fd/${descriptor}`);
    if (!isWithin(real, fs.realpathSync(volumePath))) throw new Error(`${hostPath} leads out of its volume`);
    const { dev, ino } = fs.fstatSync(descriptor, { bigint: true });
    return `${dev}:${ino}`;
  } finally {
    fs.closeSync(descriptor);
  }
}
