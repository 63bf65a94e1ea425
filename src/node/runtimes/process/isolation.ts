import path from 'node:path';

import { run } from './run.ts';

/** How much of the machine a pod has of its own; docs/architecture.md tells what each gives. */
export type Isolation = 'namespaces' | 'user' | 'processes';

/** The most that this machine allows, or `choice`. Throws when the machine does not allow what was chosen. */
export async function detectIsolation(choice: Isolation | 'auto', scripts: string): Promise<Isolation> {
  const levels: readonly Isolation[] = choice === 'auto' ? ['namespaces', 'user', 'processes'] : [choice];
  let complaint = '';
  for (const level of levels) {
    try {
      await probe(level, scripts);
      return level;
    } catch (error) {
      complaint = error instanceof Error ? error.message : String(error);
    }
  }
  throw new Error(`this machine does not allow the isolation level "${choice}": ${complaint}`);
}

/** The namespaces of a pod, as arguments of unshare. */
export function namespacesOf(level: Exclude<Isolation, 'processes'>, ownNetwork: boolean): string[] {
  return [
    ...(level === 'user' ? ['--user', '--map-root-user'] : []),
    ...['--fork', '--pid', '--mount', '--uts', '--ipc', '--propagation', 'slave'],
    ...(ownNetwork ? ['--net'] : []),
  ];
}

/** Tries, in namespaces that end with it, what starting a pod needs. */
async function probe(level: Isolation, scripts: string): Promise<void> {
  if (level === 'processes') return;
  if (process.platform !== 'linux') throw new Error('there are no namespaces on this system');
  if (level === 'namespaces' && process.getuid?.() !== 0) throw new Error('it needs root');
  const script = ['sh', path.join(scripts, 'probe.sh'), level];
  await run('unshare', [...namespacesOf(level, level === 'namespaces'), '--', ...script]);
}
