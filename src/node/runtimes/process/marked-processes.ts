import { shortHash } from './node-hash.ts';
import { isCopy, podDirectory, podFiles, readPodRecord } from './pod-files.ts';
import { processTable } from './process-table.ts';
import { MARK_DESCRIPTOR } from './start-program.ts';

/**
 * What marks each process of a new pod of the node whose files are in `directory`, where nothing else keeps them together.
 * With a copied directory, another node has a pod of the same uid.
 */
export function newMark(directory: string, podUid: string): string {
  return `${shortHash(directory)}-${podUid}`;
}

/** The variable that has the mark. */
export function markVariable(directory: string, podUid: string): Readonly<Record<string, string>> {
  const files = podFiles(podDirectory(directory, podUid));
  const record = readPodRecord(files);
  // The directory may have been moved since, and a copy has no processes yet.
  const mark = record === undefined || isCopy(files, record) ? undefined : record.mark;
  return { [VARIABLE]: mark ?? newMark(directory, podUid) };
}

/** The numbers of the processes that have a mark of the pod, as far as that can be seen. */
export function markedProcesses(directory: string, podUid: string): readonly number[] {
  const [[name, value] = []] = Object.entries(markVariable(directory, podUid));
  return [
    // Programs that show a title write it over their environment, others begin with an empty one.
    ...processTable.withVariable(`${name}=${value}`),
    ...processTable.withDescriptor(MARK_DESCRIPTOR, podFiles(podDirectory(directory, podUid)).mark),
  ];
}

const VARIABLE = 'BERTH_POD';
