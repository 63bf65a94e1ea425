import type { ServerResponse } from 'node:http';

import { ApiError, apiError } from '../api/errors.ts';
import type { Status } from '../api/generated/types.ts';
import type { Logger } from '../platform/logger.ts';

const JSON_TYPE = 'application/json';

/** Answers with bytes that are complete. */
export function sendBytes(response: ServerResponse, code: number, body: Buffer, contentType = JSON_TYPE): void {
  response.writeHead(code, {
    'Cache-Control': 'no-cache, private',
    'Content-Type': contentType,
    'Content-Length': body.length,
  });
  response.end(body);
}

export function sendJson(response: ServerResponse, code: number, body: object, contentType = JSON_TYPE): void {
  sendBytes(response, code, Buffer.from(JSON.stringify(body)), contentType);
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  sendBytes(response, code, Buffer.from(text), 'text/plain; charset=utf-8');
}

/** Parts smaller than this are put together before they are written; larger answers are written piece by piece. */
const PIECE_BYTES = 256 * 1024;

/** How long a client may take nothing of a large answer before the connection is cut. */
const STALLED_MS = 60_000;

/** Answers with the parts one after the other, and asks for the next only when the client has taken those before. */
export async function sendParts(
  response: ServerResponse,
  parts: Iterable<Buffer>,
  contentType = JSON_TYPE,
): Promise<void> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for (const part of parts) {
    pending.push(part);
    pendingBytes += part.length;
    if (pendingBytes < PIECE_BYTES) continue;
    if (!response.headersSent) {
      response.writeHead(200, { 'Cache-Control': 'no-cache, private', 'Content-Type': contentType });
      response.setTimeout(STALLED_MS, () => response.destroy());
    }
    if (!response.write(Buffer.concat(pending, pendingBytes))) await drained(response);
    if (response.destroyed) return;
    pending = [];
    pendingBytes = 0;
  }
  const last = Buffer.concat(pending, pendingBytes);
  if (response.headersSent) response.end(last);
  else sendBytes(response, 200, last, contentType);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/** What went wrong as the `Status` that the client gets. What is not an {@link ApiError} is a fault of ours. */
export function statusOf(error: unknown, logger: Logger): Status {
  if (error instanceof ApiError) return error.status;
  if (error instanceof RangeError && error.message.includes('call stack')) {
    return apiError('BadRequest', 'the object provided is nested too deeply').status;
  }
  logger.error('a request failed in an unexpected way', {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return apiError('InternalError', `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`)
    .status;
}

/** Answers with what went wrong, or cuts the connection when the answer has already begun. */
export function sendError(response: ServerResponse, error: unknown, logger: Logger): void {
  const status = statusOf(error, logger);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const retryAfterSeconds = status.details?.retryAfterSeconds;
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(retryAfterSeconds));
  const code = status.code ?? 500;
  if (code === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="berth"');
  // The rest of a body that was refused is not read: the connection cannot be used again.
  if (!response.req.complete) response.setHeader('Connection', 'close');
  sendJson(response, code, status);
}
