import type { IncomingMessage } from 'node:http';

import { findDuplicateFields } from '../api/duplicate-fields.ts';
import { apiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { duplicateFieldProblem, MAX_UNKNOWN_FIELDS, strictError, unknownFieldProblem } from '../api/schema-check.ts';
import type { PatchRequest, RequestContext } from '../registry/requests.ts';
import { parseMediaType } from './media-types.ts';
import { type BodyFormat, bodyFormat, parseBody, parseObject, readBody, unsupportedMediaType } from './request-body.ts';
import { flag } from './request-options.ts';

/** Reads what the verbs take: objects, options and patches, of at most `limitBytes`. */
export class BodyReader {
  readonly #limitBytes: number;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  async object(request: IncomingMessage, type: ResourceType, context: RequestContext): Promise<object> {
    const format = bodyFormat(request.headers);
    const body = await readBody(request, this.#limitBytes);
    const object = await parseObject(body, format);
    if (context.fieldValidation !== 'Ignore') report(await duplicates(body, object, format), type, context);
    return object;
  }

  /** The options of a DELETE, which may be left out. */
  async options(request: IncomingMessage): Promise<object> {
    const body = await readBody(request, this.#limitBytes);
    return body.length === 0 ? {} : parseObject(body, bodyFormat(request.headers));
  }

  /** A patch of an object of `type`. */
  async patch(
    request: IncomingMessage,
    query: URLSearchParams,
    type: ResourceType,
    context: RequestContext,
  ): Promise<PatchRequest> {
    const kind = patchType(request.headers['content-type'] ?? '');
    const body = await readBody(request, this.#limitBytes);
    const isYaml = kind === 'apply' && !isJson(body);
    const format = isYaml ? 'yaml' : 'json';
    const patch = await parseBody(body, format);
    if (kind === 'apply') assertKindSaid(patch);
    if (context.fieldValidation !== 'Ignore') {
      const repeated = await duplicates(body, patch, format);
      const problems = kind === 'json' ? [...repeated, ...unknownMembers(patch)].map(ofJsonPatch) : repeated;
      report(problems, type, context);
    }
    return { type: kind, body: patch, ...(kind === 'apply' && { force: flag(query, 'force') }) };
  }
}

/** Whether a patch of this content type is a server-side apply. */
export function isApply(contentType = ''): boolean {
  return PATCH_TYPES.get(parseMediaType(contentType).essence) === 'apply';
}

/** Unlike other bodies, what is applied says of what kind it is: its applier may know another version. */
function assertKindSaid(patch: unknown): void {
  if (typeof patch !== 'object' || patch === null) return;
  const { apiVersion, kind }: { readonly apiVersion?: unknown; readonly kind?: unknown } = patch;
  if (!apiVersion || !kind) throw apiError('BadRequest', 'apiVersion and kind must be set in an apply patch');
}

/** V4: what is given twice in one object; the last one counts, and the client is told. */
async function duplicates(body: Buffer, value: unknown, format: BodyFormat): Promise<readonly string[]> {
  switch (format) {
    case 'json':
      return findDuplicateFields(body.toString('utf8'), value).map(duplicateFieldProblem);
    case 'yaml':
      return (await import('./yaml-body.ts')).repeatedYamlKeys(body.toString('utf8'));
    case 'protobuf':
      return [];
  }
}

const ofJsonPatch = (problem: string): string => `json patch ${problem}`;

const MEMBERS: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

/** V4: what the operations of a JSON patch have and RFC 6902 does not. */
function unknownMembers(patch: unknown): readonly string[] {
  if (!Array.isArray(patch)) return [];
  return patch
    .flatMap((operation: unknown, index) =>
      typeof operation !== 'object' || operation === null || Array.isArray(operation)
        ? []
        : Object.keys(operation)
            .filter((member) => !MEMBERS.has(member))
            .map((member) => `[${index}].${member}`),
    )
    .slice(0, MAX_UNKNOWN_FIELDS)
    .map(unknownFieldProblem);
}

function report(problems: readonly string[], type: ResourceType, context: RequestContext): void {
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
  const type = PATCH_TYPES.get(parseMediaType(contentType).essence);
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
