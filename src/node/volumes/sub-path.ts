import fs from 'node:fs/promises';
import path from 'node:path';

import { StartError } from '../runtimes/runtime.ts';

/**
 * A directory or file inside a volume, made as a directory when it is missing. Links are followed only as long as they
 * stay inside, so that a container cannot reach out of its volume. Throws {@link StartError}.
 */
export async function subPathOf(volumePath: string, subPath: string): Promise<string> {
  const wanted = path.posix.normalize(subPath);
  if (path.isAbsolute(wanted) || wanted === '..' || wanted.startsWith('../')) throw outside(subPath);
  const root = await fs.realpath(volumePath);
  const full = path.join(root, wanted);
  const existing = await nearestExisting(full);
  if (!isInside(root, existing.real)) throw outside(subPath);
  let made = existing.real;
  const { mode } = await fs.stat(root);
  for (const name of existing.missing) {
    made = path.join(made, name);
    const isNew = (await fs.mkdir(made, { recursive: true })) !== undefined;
    // As open as the volume itself, as in Kubernetes: its program need not be root.
    if (isNew) await fs.chmod(made, mode & 0o7777);
  }
  return made;
}

async function nearestExisting(full: string): Promise<{ readonly real: string; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  for (let at = full; ; at = path.dirname(at)) {
    try {
      return { real: await fs.realpath(at), missing };
    } catch (error) {
      if (at === path.dirname(at)) throw error;
      missing.unshift(path.basename(at));
    }
  }
}

function isInside(root: string, real: string): boolean {
  return real === root || real.startsWith(root + path.sep);
}

function outside(subPath: string): StartError {
  return new StartError('CreateContainerConfigError', `subPath ${JSON.stringify(subPath)} must stay inside the volume`);
}
