import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** A stream of JSON lines, one at a time. */
export interface Lines {
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of an event, it asserts.
  next(): Promise<any>;
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>;
  close(): void;
}

export function readLines(stream: Readable): Lines {
  const waiting: string[] = [];
  const reader = createInterface({ input: stream });
  reader.on('line', (line) => waiting.push(line));
  const ended = new Promise<void>((resolve) => reader.once('close', () => resolve()));
  return {
    async next() {
      while (waiting.length === 0)
        await Promise.race([once(reader, 'line'), ended.then(() => Promise.reject(new Error('ended')))]);
      return JSON.parse(waiting.shift()!);
    },
    ended,
    close: () => stream.destroy(),
  };
}
