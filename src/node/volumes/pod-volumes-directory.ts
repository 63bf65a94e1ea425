import path from 'node:path';

/** Where a node that keeps its files in `directory` has the volumes that last as long as their pods. */
export function podVolumesDirectory(directory: string): string {
  return path.join(directory, 'pod-volumes');
}
