import { parentPort, workerData } from 'node:worker_threads';
import { Damage } from './lmdb-file-layout.ts';
import { LogChunks } from './log-chunks.ts';

/*
 * A thread that reads a log's file (`workerData`): to each message it answers with the next chunk, and after the last
 * one with a `ThreadEnd`.
 */

/** All of the file was read, or what is wrong with it. */
export interface ThreadEnd {
  readonly damage?: string;
}

let chunks: LogChunks | undefined;
parentPort?.on('message', () => parentPort?.postMessage(next()));

function next(): string | ThreadEnd {
  try {
    chunks ??= new LogChunks(String(workerData));
    return chunks.next() ?? {};
  } catch (error) {
    if (error instanceof Damage) return { damage: error.message };
    throw error;
  }
}
