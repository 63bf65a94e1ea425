import { shortHash } from './node-hash.ts';
import { podDirectory, podFiles } from './pod-files.ts';
import { processTable } from './process-table.ts';
import { MARK_DESCRIPTOR } from './start-program.ts';

/**
 * The variable that each process of a pod has where nothing else keeps them together. It names the node too: with a
 * copied data directory, another has a pod of the same uid. `directory` is the node's.
 */
export function podMark(directory: string, podUid: string): Readonly<Record<string, string>> {
  return { [MARK]: `${shortHash(directory)}-${podUid}` };
}

/** The numbers of the processes that have a mark of the pod, as far as that can be seen. */
export function markedProcesses(directory: string, podUid: string): readonly number[] {
  const { mark } = podFiles(podDirectory(directory, podUid));
  return [
    // Programs that show a title write it over their environment, others begin with an empty one.
    ...Object.entries(podMark(directory, podUid)).flatMap(([name, value]) =>
      processTable.withVariable(`${name}=${value}`),
    ),
    ...processTable.withDescriptor(MARK_DESCRIPTOR, mark),
  ];
}

const MARK = 'BERTH_POD';
