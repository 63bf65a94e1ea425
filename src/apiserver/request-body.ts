import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { apiError } from '../api/errors.ts';
import { names, parseMediaType } from './media-types.ts';

/** Reads a whole body of at most `limitBytes`; more is refused (413) without reading on. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) {
        request.removeAllListeners('data');
        request.pause();
        reject(tooLarge(limitBytes));
        return;
      }
      chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, sizeBytes)));
    request.on('error', () => reject(apiError('BadRequest', 'the request ended before its body was complete')));
  });
}

function tooLarge(limitBytes: number): Error {
  return apiError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

/** What client-go's typed clients send of the kinds they know, whatever the server likes better. */
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

export type BodyFormat = 'json' | 'yaml' | 'protobuf';

/**
 * The format a body is written in; refuses what is not supported (415). Protobuf is for the clients that cannot do
 * without: those ask for it in their answers too.
 */
export function bodyFormat(headers: IncomingHttpHeaders): BodyFormat {
  const contentType = headers['content-type'];
  if (contentType === undefined || contentType === 'application/json') return 'json';
  const { essence } = parseMediaType(contentType);
  switch (essence) {
    case 'application/json':
    case '':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    case PROTOBUF:
      if (names(headers.accept, PROTOBUF)) return 'protobuf';
      throw unsupportedMediaType(
        contentType,
        READABLE,
        ': protobuf is read only from clients whose Accept names it too',
      );
    default:
      throw unsupportedMediaType(contentType, READABLE);
  }
}

const READABLE = ['application/json', 'application/yaml'];

export function unsupportedMediaType(given: string, supported: readonly string[], why = ''): Error {
  return apiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')} (got ${JSON.stringify(given)}${why})`,
  );
}

/** The value a body stands for. Refuses what cannot be read (400), and protobuf that is none or not known (415). */
export async function parseBody(body: Buffer, format: BodyFormat): Promise<unknown> {
  if (format === 'protobuf') return parseProtobuf(body);
  try {
    if (format === 'json') return JSON.parse(body.toString('utf8'));
    return (await import('./yaml-body.ts')).parseYaml(body.toString('utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw apiError('BadRequest', `the object provided is unrecognized (must be of type ${format}): ${why}`);
  }
}

async function parseProtobuf(body: Buffer): Promise<object> {
  const { decodeProtobuf } = await import('./protobuf/decode.ts');
  try {
    return decodeProtobuf(body);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw apiError(
      'UnsupportedMediaType',
      `the body of the request is no object that is read as ${PROTOBUF} (${why}): send application/json`,
    );
  }
}

/** The same for a body that must be an object. */
export async function parseObject(body: Buffer, format: BodyFormat): Promise<object> {
  const value = await parseBody(body, format);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw apiError('BadRequest', 'the object provided is unrecognized: the body must be an object');
  }
  return value;
}
