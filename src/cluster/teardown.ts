import fs from 'node:fs';
import path from 'node:path';

import { namesIn } from '../node/runtimes/process/files.ts';
import { processRuntime } from '../node/runtimes/process/process-runtime.ts';
import type { PodStatus } from '../node/runtimes/runtime.ts';
import { removePacketFilter } from '../node/services/packet-filter.ts';
import { unmountMemory } from '../node/volumes/memory-directory.ts';
import { podVolumesDirectory } from '../node/volumes/pod-volumes-directory.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { STORE_FILE } from '../store/lmdb-store.ts';
import { ClusterError } from './cluster-error.ts';
import { DataDirectoryError, dataPaths, openDataDirectory, removeData } from './data-directory.ts';

/** What a pod gets to end in that was promised nothing else. */
const DEFAULT_GRACE_MS = 30_000;

/** Whether a directory is one that Berth keeps a cluster in: there is nothing to end or delete in any other. */
export function holdsCluster(directory: string): boolean {
  return fs.existsSync(path.join(dataPaths(directory).store, STORE_FILE));
}

/**
 * Ends the pods that a killed server left running, of each name the highest ordinal first, and removes what they leave
 * on the machine: mounts, addresses, bridges. Their data stays. Tells of each, and returns the names of those that ran.
 * Throws {@link ClusterError} when a server runs on the directory.
 */
export function endLeftoverPods(
  directory: string,
  onEnded: (pod: string) => void = () => {},
): Promise<readonly string[]> {
  return whileHeld(directory, async () => {
    const ended = await endPodsOfNodes(directory, onEnded);
    await clearMachine(directory);
    return ended;
  });
}

/**
 * Ends what still runs and deletes all that Berth keeps in the directory, volumes and all. False when files of others
 * are left in it.
 */
export async function removeCluster(directory: string): Promise<boolean> {
  await endLeftoverPods(directory);
  return whileHeld(directory, async () => removeData(directory));
}

/** Ends what runs of a cluster whose directory the caller holds, tells of each pod, and returns their names. */
export async function endPodsOfNodes(
  directory: string,
  onEnded: (pod: string) => void = () => {},
): Promise<readonly string[]> {
  const { nodes } = dataPaths(directory);
  if (!fs.existsSync(nodes)) return [];
  const ended = await Promise.all(
    fs.readdirSync(nodes).map((node) => endPodsOfNode(path.join(nodes, node), node, onEnded)),
  );
  return ended.flat();
}

/** Removes what a cluster leaves on the machine when none of its pods runs any more. The caller holds the directory. */
export async function clearMachine(directory: string): Promise<void> {
  await removePacketFilter(directory);
  const { nodes } = dataPaths(directory);
  // Directories in memory last as long as the pods they were made for; a mount would also be in the way of `rm`. What else
  // is mounted there is not ours: somebody may have given the volumes a disk of their own.
  for (const node of namesIn(nodes)) {
    const volumes = podVolumesDirectory(path.join(nodes, node));
    for (const pod of namesIn(volumes)) await unmountMemory(path.join(volumes, pod));
  }
}

async function whileHeld<T>(directory: string, work: () => Promise<T>): Promise<T> {
  if (!holdsCluster(directory))
    throw new ClusterError(`there is no cluster in ${directory}`, 'name the directory of the cluster with --data-dir');
  const held = await openDataDirectory(directory).catch((error: unknown) => {
    throw error instanceof DataDirectoryError ? new ClusterError(error.message, error.hint) : error;
  });
  try {
    return await work();
  } finally {
    held.release();
  }
}

async function endPodsOfNode(
  directory: string,
  node: string,
  onEnded: (pod: string) => void,
): Promise<readonly string[]> {
  // A node of the simulated runtime leaves nothing running.
  if (!fs.existsSync(path.join(directory, 'pods'))) return [];
  const runtime = processRuntime({ directory, nodeName: node, clock: systemClock, logger: silentLogger });
  await runtime.start(() => {});
  try {
    const ended: string[] = [];
    const end = async ({ uid, name: pod, alive, containers, graceMs = DEFAULT_GRACE_MS }: PodStatus): Promise<void> => {
      const running = alive ? containers.filter(({ state }) => state === 'running') : [];
      await Promise.all(running.map(({ name }) => runtime.stopContainer(uid, name, { signal: 'SIGTERM', graceMs })));
      await runtime.stopPod(uid);
      if (!alive) return;
      ended.push(pod);
      onEnded(pod);
    };
    await Promise.all(
      leftoverOrder(await runtime.list()).map(async (group) => {
        for (const pod of group) await end(pod);
      }),
    );
    return ended;
  } finally {
    await runtime.close();
  }
}

/** Nobody is there to say which pods are of one set: those whose names differ by the ordinal, the highest first. */
export function leftoverOrder<T extends Pick<PodStatus, 'namespace' | 'name'>>(
  pods: readonly T[],
): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const pod of pods) {
    const set = `${pod.namespace}/${pod.name.replace(/-\d+$/, '')}`;
    groups.set(set, [...(groups.get(set) ?? []), pod]);
  }
  return [...groups.values()].map((group) =>
    group.sort((a, b) => b.name.localeCompare(a.name, 'en', { numeric: true })),
  );
}
