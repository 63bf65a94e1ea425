import type { IncomingMessage } from 'node:http';

import { findDuplicateFields } from '../api/duplicate-fields.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { duplicateFieldProblem, strictError } from '../api/schema-check.ts';
import type { PatchRequest, RequestContext } from '../registry/requests.ts';
import { bodyFormat, parseBody, parseObject, readBody, unsupportedMediaType } from './request-body.ts';

/** Reads what the verbs take: objects, options and patches, of at most `limitBytes`. */
export class BodyReader {
  readonly #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  async object(request: IncomingMessage, type: ResourceType, context: RequestContext): Promise<object> {
    const format = bodyFormat(request.headers['content-type']);
    const body = await readBody(request, this.#limitBytes);
    const object = await parseObject(body, format);
    if (format === 'json' && context.fieldValidation !== 'Ignore') reportDuplicates(body, type, context);
    return object;
  }

  /** The options of a DELETE, which may be left out. */
  async options(request: IncomingMessage): Promise<object> {
    const body = await readBody(request, this.#limitBytes);
    return body.length === 0 ? {} : parseObject(body, bodyFormat(request.headers['content-type']));
  }

  async patch(request: IncomingMessage, query: URLSearchParams): Promise<PatchRequest> {
    const type = patchType(request.headers['content-type'] ?? '');
    const body = await readBody(request, this.#limitBytes);
    const force = query.get('force');
    return {
      type,
      body: await parseBody(body, type === 'apply' && !isJson(body) ? 'yaml' : 'json'),
      ...(force !== null && { force: force === 'true' || force === '1' }),
    };
  }
}

/** V4: of a field that is given twice the last one counts, and the client is told. */
function reportDuplicates(body: Buffer, type: ResourceType, context: RequestContext): void {
  const problems = findDuplicateFields(body.toString('utf8')).map(duplicateFieldProblem);
  if (problems.length === 0) return;
  if (context.fieldValidation === 'Strict') throw strictError(type, problems);
  for (const problem of problems) context.warn?.(problem);
}

const PATCH_TYPES: ReadonlyMap<string, PatchRequest['type']> = new Map([
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
  ['application/apply-patch+yaml', 'apply'],
]);

function patchType(contentType: string): PatchRequest['type'] {
  const type = PATCH_TYPES.get(contentType.split(';')[0]?.trim().toLowerCase() ?? '');
  if (type === undefined) throw unsupportedMediaType(contentType, [...PATCH_TYPES.keys()]);
  return type;
}

/** What is applied is YAML by name, and JSON, which is a part of it, in most cases. */
function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
