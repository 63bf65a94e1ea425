import fs from 'node:fs';
import path from 'node:path';

import { run } from './run.ts';

/** How much of the machine a pod has of its own; docs/architecture.md tells what each gives. */
export type Isolation = 'namespaces' | 'user' | 'processes';

export interface DetectedIsolation {
  readonly isolation: Isolation;
  /** Why it is not a higher level, in words. */
  readonly because: string | undefined;
}

/**
 * The most that this machine allows, or `choice`. Layers of containers will be in `directory`. Throws when the machine
 * does not allow what was chosen.
 */
export async function detectIsolation(
  choice: Isolation | 'auto',
  scripts: string,
  directory: string,
): Promise<DetectedIsolation> {
  const levels: readonly Isolation[] = choice === 'auto' ? ['namespaces', 'user', 'processes'] : [choice];
  const complaints: string[] = [];
  for (const isolation of levels) {
    try {
      await probe(isolation, scripts, directory);
      return { isolation, because: complaints.length === 0 ? undefined : complaints.join('; ') };
    } catch (error) {
      complaints.push(`"${isolation}" is not possible here: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new IsolationError(`isolation level ${complaints.join('; ')}`);
}

/** The namespaces of a pod, as arguments of unshare. */
export function namespacesOf(level: Exclude<Isolation, 'processes'>, ownNetwork: boolean, ownIpc = true): string[] {
  return [
    ...(level === 'user' ? ['--user', '--map-root-user'] : []),
    ...['--fork', '--pid', '--mount', '--uts', '--propagation', 'slave'],
    ...(ownIpc ? ['--ipc'] : []),
    ...(ownNetwork ? ['--net'] : []),
  ];
}

/** Tries, in namespaces that end with it, what starting a pod needs. */
async function probe(level: Isolation, scripts: string, directory: string): Promise<void> {
  if (level === 'processes') return;
  if (process.platform !== 'linux') throw new Error('there are no namespaces on this system');
  if (level === 'namespaces' && process.getuid?.() !== 0) throw new Error('it needs root');
  const layers = fs.mkdtempSync(path.join(directory, 'probe-'));
  const script = ['sh', path.join(scripts, 'probe.sh'), level, layers];
  try {
    await run('unshare', [...namespacesOf(level, level === 'namespaces'), '--', ...script]);
  } finally {
    fs.rmSync(layers, { recursive: true, force: true });
  }
}

/** The isolation that was asked for is not to be had on this machine: says why. */
export class IsolationError extends Error {
  override readonly name = 'IsolationError';
}
