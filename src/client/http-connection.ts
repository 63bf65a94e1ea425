import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';

import { ApiError, apiError, type StatusReason } from '../api/errors.ts';

/** Where an API server is, and as whom to speak to it. All certificates and keys are PEM. */
export interface ServerAccess {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** The authority that vouches for the server; default: those the system trusts. */
  readonly ca?: string;
  /** Bearer token. */
  readonly token?: string;
  /** Client certificate, with its `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** Do not check who the server is. */
  readonly insecureSkipTlsVerify?: boolean;
  /** The first word names who writes in `managedFields`; default `berth`. */
  readonly userAgent?: string;
}

export type QueryValue = string | number | boolean | readonly string[] | undefined;

export interface HttpRequestOptions {
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Of the body; default `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** The paths of one API server over connections that are kept. Failures are `ApiError`s. */
export interface HttpConnection {
  readonly access: ServerAccess;
  request(method: string, path: string, options?: HttpRequestOptions): Promise<HttpAnswer>;
  /** The body of the answer as it comes: a watch, a log that is followed. Destroy it to end it. */
  stream(method: string, path: string, options?: HttpRequestOptions): Promise<Readable>;
  /** Closes the connections that nothing uses. */
  close(): void;
}

/** Requests that wait for one of this many connections; streams have their own, without a limit. */
const MAXIMUM_CONNECTIONS = 64;

/** @example const { body } = await httpConnection(access).request('GET', '/version'); */
export function httpConnection(access: ServerAccess): HttpConnection {
  const base = new URL(access.server);
  const prefix = base.pathname.replace(/\/$/, '');
  const secure = base.protocol === 'https:';
  const tls = secure ? tlsOptions(access) : {};
  const agentFor = (maxSockets: number): HttpAgent =>
    secure ? new HttpsAgent({ keepAlive: true, maxSockets, ...tls }) : new HttpAgent({ keepAlive: true, maxSockets });
  const requests = agentFor(MAXIMUM_CONNECTIONS);
  const streams = agentFor(Number.POSITIVE_INFINITY);
  const start = secure ? httpsRequest : httpRequest;
  const hostname = base.hostname.replace(/^\[|\]$/g, '');

  const send = (
    method: string,
    path: string,
    options: HttpRequestOptions,
    agent: HttpAgent,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { body, signal } = options;
      const request: ClientRequest = start({
        method,
        hostname,
        port: base.port || (secure ? 443 : 80),
        path: `${prefix}${path}${queryText(options.query)}`,
        agent,
        headers: {
          accept: 'application/json',
          'user-agent': access.userAgent ?? 'berth',
          ...(access.token !== undefined && { authorization: `Bearer ${access.token}` }),
          ...(body !== undefined && {
            'content-type': options.contentType ?? 'application/json',
            'content-length': String(Buffer.byteLength(body)),
          }),
          ...options.headers,
        },
        ...(signal && { signal }),
      });
      request.on('response', resolve);
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The server closed a kept connection just as it was used: what only reads can be sent again.
        if (error.code === 'ECONNRESET' && request.reusedSocket && method === 'GET') {
          send(method, path, options, agent).then(resolve, reject);
        } else {
          reject(unreachable(access.server, error));
        }
      });
      request.end(body);
    });

  return {
    access,
    async request(method, path, options = {}) {
      const response = await send(method, path, options, requests);
      const body = await readAll(response, access.server);
      const status = response.statusCode ?? 0;
      if (status >= 400) throw failure(status, body);
      return { status, headers: response.headers, body };
    },
    async stream(method, path, options = {}) {
      const response = await send(method, path, options, streams);
      const status = response.statusCode ?? 0;
      if (status >= 400) throw failure(status, await readAll(response, access.server));
      return response;
    },
    close() {
      requests.destroy();
      streams.destroy();
    },
  };
}

/** What TLS needs to know of an access. */
export function tlsOptions(access: ServerAccess): {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
} {
  const { ca, cert, key } = access;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: access.insecureSkipTlsVerify !== true,
  };
}

/** `?a=1&b=2`, or nothing. */
export function queryText(query: HttpRequestOptions['query']): string {
  if (query === undefined) return '';
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const each of value) parameters.append(name, each);
    else parameters.append(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function readAll(response: IncomingMessage, server: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    response.on('error', (error) => reject(unreachable(server, error)));
  });
}

/** A failed answer as an error: its `Status`, or one made up from the code for answers that have none. */
export function failure(code: number, body: Buffer): ApiError {
  const text = body.toString('utf8');
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status') {
      return new ApiError(statusFrom(parsed, code));
    }
  } catch {
    // Not ours: a proxy, a page.
  }
  const error = apiError(reasonFor(code), text.trim().slice(0, 500) || `the server answered ${code}`);
  return new ApiError({ ...error.status, code });
}

function statusFrom(parsed: object, code: number): ApiError['status'] {
  return { apiVersion: 'v1', kind: 'Status', metadata: {}, code, ...parsed };
}

function reasonFor(code: number): StatusReason {
  switch (code) {
    case 400:
      return 'BadRequest';
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 405:
      return 'MethodNotAllowed';
    case 409:
      return 'Conflict';
    case 410:
      return 'Gone';
    case 413:
      return 'RequestEntityTooLarge';
    case 415:
      return 'UnsupportedMediaType';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    case 503:
      return 'ServiceUnavailable';
    case 504:
      return 'Timeout';
    default:
      return 'InternalError';
  }
}

function unreachable(server: string, error: NodeJS.ErrnoException): Error {
  if (error.name === 'AbortError') return error;
  const why = error.code === 'ECONNREFUSED' ? 'nothing listens there' : error.message;
  const failed = apiError('ServiceUnavailable', `cannot reach the API server at ${server}: ${why}`);
  failed.cause = error;
  return failed;
}
