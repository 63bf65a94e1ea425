import path from 'node:path';

import type { PodIdentity } from '../runtime.ts';
import { namesIn } from './files.ts';
import { lastSandboxProcess, podDirectory, podFiles, readPodRecord } from './pod-files.ts';
import { isRunning } from './process-identity.ts';

/**
 * The pods that run of a node whose runtime keeps its files in `directory`. Only looks: whatever server they belong to
 * notices nothing.
 */
export function livingPods(directory: string): readonly PodIdentity[] {
  return namesIn(path.join(directory, 'pods')).flatMap((uid) => {
    const files = podFiles(podDirectory(directory, uid));
    const record = readPodRecord(files);
    const first = record === undefined ? undefined : lastSandboxProcess(files, record);
    if (record === undefined || first === undefined || !isRunning(first)) return [];
    return [{ uid, namespace: record.pod.namespace, name: record.pod.name }];
  });
}
