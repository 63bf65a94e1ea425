import { type LockFile, lastHolder, lockHeld } from './identity-locks.ts';
import { markedProcesses } from './marked-processes.ts';
import { podDirectory, podFiles, readPodRecord } from './pod-files.ts';

/**
 * M5: a program that has closed all it had open holds no lock once the processes that keep its pod were killed. If the
 * pod that had the lock last is another server's, and that one has not ended it, looks for such programs. Throws
 * LockHeldError when one is found. `directory` is that of our own node, which ends what is left of its pods itself.
 */
export function checkNoneLeft(lockFile: LockFile, directory: string): void {
  const last = lastHolder(lockFile.file);
  if (last === undefined || last.directory === directory) return;
  const record = readPodRecord(podFiles(podDirectory(last.directory, last.uid)));
  if (record?.isolation !== 'processes') return;
  // Also while that pod seems to live, and so holds its lock: it may be about to die.
  const [pid] = markedProcesses(last.directory, last.uid);
  if (pid !== undefined) throw lockHeld(lockFile, pid);
}
