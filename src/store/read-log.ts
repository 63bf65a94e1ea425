import { on } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { Damage } from './lmdb-file-layout.ts';
import { LogChunks } from './log-chunks.ts';
import type { ThreadEnd } from './log-thread.ts';

/** Less is read before a thread for it has begun. */
const LEAST_BYTES_FOR_THREAD = 16 * 1024 * 1024;
/** So many chunks are ready or in work while one is parsed. */
const CHUNKS_AHEAD = 16;
/** Where the sources are run without a build, as some tests do, it is not there. */
const THREAD = path.join(import.meta.dirname, 'log-thread.js');

/**
 * The chunks of a log's file (see {@link LogChunks}). A large file is read by another thread, beside the caller's work.
 * Throws {@link Damage}.
 */
export function readLog(file: string): AsyncGenerator<string, void, undefined> {
  const { size } = fs.statSync(file, { throwIfNoEntry: false }) ?? { size: 0 };
  return size >= LEAST_BYTES_FOR_THREAD && fs.existsSync(THREAD) ? readByThread(file) : readHere(file);
}

async function* readHere(file: string): AsyncGenerator<string, void, undefined> {
  const chunks = new LogChunks(file);
  try {
    for (let chunk = chunks.next(); chunk !== undefined; chunk = chunks.next()) yield chunk;
  } finally {
    chunks.close();
  }
}

async function* readByThread(file: string): AsyncGenerator<string, void, undefined> {
  const thread = new Worker(THREAD, { workerData: file });
  try {
    const answers: AsyncIterable<readonly (string | ThreadEnd)[]> = on(thread, 'message', { close: ['exit'] });
    for (let ahead = 0; ahead < CHUNKS_AHEAD; ahead++) thread.postMessage('next');
    for await (const [answer] of answers) {
      if (typeof answer === 'string') {
        thread.postMessage('next');
        yield answer;
      } else {
        if (answer?.damage !== undefined) throw new Damage(answer.damage);
        return;
      }
    }
    throw new Error(`the thread that reads ${file} has ended before its time`);
  } finally {
    await thread.terminate();
  }
}
