import type { Readable } from 'node:stream';

import { ApiError, apiError } from '../api/errors.ts';
import type { Status } from '../api/generated/types.ts';
import type { KubernetesObject } from '../api/meta.ts';
import { deepFreeze } from '../platform/deep-freeze.ts';
import type { Watch, WatchEvent, WatchHandler } from './client.ts';
import type { HttpConnection, QueryValue } from './http-connection.ts';

type WireEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: Status };

const NEWLINE = 0x0a;

/** One watch over one connection. What arrives together is handed on together. */
export function httpWatch<T extends KubernetesObject>(
  connection: HttpConnection,
  path: string,
  query: Readonly<Record<string, QueryValue>>,
  handler: WatchHandler<T>,
): Watch {
  const abort = new AbortController();
  let over = false;
  let stream: Readable | undefined;
  const end = (error?: Error): void => {
    if (over) return;
    over = true;
    stream?.destroy();
    handler.closed(error);
  };
  const failed = (error: unknown): void => end(error instanceof Error ? error : new Error(String(error)));
  let rest: Buffer = Buffer.alloc(0);

  const take = (chunk: Buffer): void => {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < 0) {
      rest = Buffer.concat([rest, chunk]);
      return;
    }
    const text = Buffer.concat([rest, chunk.subarray(0, last)]).toString('utf8');
    rest = chunk.subarray(last + 1);
    const batch: WatchEvent<T>[] = [];
    let error: ApiError | undefined;
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue;
      const event = JSON.parse(line) as WireEvent<T>;
      if (event.type === 'ERROR') {
        error = new ApiError(event.object);
        break;
      }
      batch.push(
        event.type === 'BOOKMARK'
          ? { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion }
          : deepFreeze(event),
      );
    }
    if (batch.length > 0 && !over) handler.events(batch);
    if (error !== undefined) end(error);
  };

  connection.stream('GET', path, { query, signal: abort.signal }).then((opened) => {
    stream = opened;
    if (over) {
      opened.destroy();
      return;
    }
    opened.on('data', (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        failed(error);
      }
    });
    opened.on('end', () => end());
    opened.on('error', () => end(apiError('ServiceUnavailable', 'the connection of the watch was lost')));
    opened.on('close', () => end(apiError('ServiceUnavailable', 'the connection of the watch was lost')));
  }, failed);

  return {
    stop() {
      over = true;
      abort.abort();
      stream?.destroy();
    },
  };
}
