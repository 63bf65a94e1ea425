import type { IncomingMessage, ServerResponse } from 'node:http';

import type { TableLayout } from '../api/columns.ts';
import { findDuplicateFields } from '../api/duplicate-fields.ts';
import { type ApiError, apiError } from '../api/errors.ts';
import type { Status } from '../api/generated/types.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { duplicateFieldProblem, strictError } from '../api/schema-check.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { PatchRequest, Registry, RequestContext, StoredObject, UserInfo } from '../registry/requests.ts';
import { sendBytes, sendJson, sendParts } from './answers.ts';
import { verbsOf } from './discovery.ts';
import { negotiate } from './media-types.ts';
import { type Encoder, metadataEncoder, plainEncoder } from './representations.ts';
import { bodyFormat, parseBody, parseObject, readBody, unsupportedMediaType } from './request-body.ts';
import { deleteRequest, dryRun, fieldValidation, isWatch, listRequest, watchOptions } from './request-options.ts';
import type { RequestTarget, ResourceTarget } from './request-target.ts';
import { type IncludeObject, tableEncoder } from './tables.ts';
import { type WatchLimits, WatchStream } from './watch-stream.ts';

/** One request with what is known of it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: RequestTarget;
  readonly resource: ResourceTarget;
  readonly user: UserInfo;
}

export interface ResourceHandlerOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly layoutOf: (type: ResourceType) => TableLayout;
  readonly maximumBodyBytes: number;
  readonly maximumWatches: number;
  readonly watchLimits?: Partial<WatchLimits>;
}

/** Subresources that are the object itself, of which only a part is written. */
const OBJECT_PARTS: ReadonlySet<string> = new Set(['status', 'finalize', 'ephemeralcontainers', 'resize']);

/** The verbs on what is stored: the wire's side of {@link Registry}. */
export class ResourceHandler {
  readonly #options: ResourceHandlerOptions;
  readonly #watches = new Set<WatchStream>();
  /** One encoder for each way to make tables, so that watchers of the same thing share bytes. */
  readonly #tables: Readonly<Record<IncludeObject, Encoder>>;

  constructor(options: ResourceHandlerOptions) {
    this.#options = options;
    const now = (): number => options.clock.now();
    this.#tables = {
      None: tableEncoder(options.layoutOf, 'None', now),
      Metadata: tableEncoder(options.layoutOf, 'Metadata', now),
      Object: tableEncoder(options.layoutOf, 'Object', now),
    };
  }

  get watches(): number {
    return this.#watches.size;
  }

  /** Ends all watches; their clients go on elsewhere or later. */
  close(): void {
    for (const watch of this.#watches) watch.close();
  }

  async serve(exchange: Exchange, type: ResourceType): Promise<void> {
    const { request, resource } = exchange;
    const { name, namespace, subresource } = resource;
    if (namespace !== undefined && !type.namespaced) throw unknownResource();
    // Across all namespaces one may look, and no more.
    if (namespace === undefined && type.namespaced && request.method !== 'GET') throw methodNotAllowed();
    // An answer that the client cannot take is refused before anything is done.
    const encoder = await this.#encoder(exchange);
    if (name === undefined) return this.#serveCollection(exchange, type, encoder);
    const key = keyOf(type, resource, name);
    if (subresource === undefined) return this.#serveObject(exchange, type, key, encoder);
    if (!this.#options.registry.subresources(type).includes(subresource)) throw unknownResource();
    if (OBJECT_PARTS.has(subresource)) return this.#serveObject(exchange, type, key, encoder);
    return this.#serveSubresource(exchange, type, key, subresource, request.method ?? 'GET');
  }

  async #serveCollection(exchange: Exchange, type: ResourceType, encoder: Encoder): Promise<void> {
    const { registry } = this.#options;
    const { request, response, resource, target } = exchange;
    const { namespace } = resource;
    switch (request.method) {
      case 'GET': {
        if (isWatch(target.query)) return this.#watch(exchange, type, encoder);
        const list = await registry.list(type, listRequest(target.query, namespace), this.#context(exchange));
        return sendParts(response, encoder.list(type, list), encoder.contentType);
      }
      case 'POST': {
        const context = this.#context(exchange);
        const object = await this.#readObject(exchange, type, context);
        const created = await registry.create(type, namespace, object, context);
        return sendObject(response, encoder, type, 201, created);
      }
      case 'DELETE': {
        if (!verbsOf(type).includes('deletecollection')) throw methodNotAllowed();
        const context = this.#context(exchange);
        const options = deleteRequest(target.query, await this.#readOptions(exchange));
        const deleted = await registry.deleteCollection(
          type,
          listRequest(target.query, namespace),
          options,
          options.dryRun ? { ...context, dryRun: true } : context,
        );
        return sendParts(response, plainEncoder.list(type, deleted));
      }
      default:
        throw methodNotAllowed();
    }
  }

  async #serveObject(exchange: Exchange, type: ResourceType, key: ObjectKey, encoder: Encoder): Promise<void> {
    const { registry } = this.#options;
    const { request, response, target, resource } = exchange;
    switch (request.method) {
      case 'GET': {
        if (isWatch(target.query)) return this.#watch(exchange, type, encoder);
        return sendObject(response, encoder, type, 200, await registry.get(type, key, this.#context(exchange)));
      }
      case 'PUT': {
        const context = this.#context(exchange);
        const object = await this.#readObject(exchange, type, context);
        return sendObject(response, encoder, type, 200, await registry.update(type, key, object, context));
      }
      case 'PATCH': {
        const patch = await this.#readPatch(exchange);
        return sendObject(
          response,
          encoder,
          type,
          200,
          await registry.patch(type, key, patch, this.#context(exchange)),
        );
      }
      case 'DELETE': {
        if (resource.subresource !== undefined) throw methodNotAllowed();
        const context = this.#context(exchange);
        const options = deleteRequest(target.query, await this.#readOptions(exchange));
        const deleted = await registry.delete(
          type,
          key,
          options,
          options.dryRun ? { ...context, dryRun: true } : context,
        );
        return isStored(deleted)
          ? sendObject(response, encoder, type, 200, deleted)
          : sendJson(response, deleted.code ?? 200, deleted);
      }
      default:
        throw methodNotAllowed();
    }
  }

  async #serveSubresource(
    exchange: Exchange,
    type: ResourceType,
    key: ObjectKey,
    subresource: string,
    method: string,
  ): Promise<void> {
    const { registry } = this.#options;
    const { response } = exchange;
    switch (method) {
      case 'GET':
        return sendJson(response, 200, await registry.getSubresource(type, key, subresource, this.#context(exchange)));
      case 'POST': {
        const context = this.#context(exchange);
        const body = await this.#readObject(exchange, type, context);
        return sendJson(response, 201, await registry.createSubresource(type, key, subresource, body, context));
      }
      case 'PUT': {
        const context = this.#context(exchange);
        const body = await this.#readObject(exchange, type, context);
        return sendJson(response, 200, await registry.updateSubresource(type, key, subresource, body, context));
      }
      case 'PATCH': {
        const patch = await this.#readPatch(exchange);
        const context = this.#context(exchange);
        return sendJson(response, 200, await registry.patchSubresource(type, key, subresource, patch, context));
      }
      default:
        throw methodNotAllowed();
    }
  }

  #watch(exchange: Exchange, type: ResourceType, encoder: Encoder): void {
    const { registry, clock, random, logger, maximumWatches, watchLimits } = this.#options;
    if (this.#watches.size >= maximumWatches) {
      throw apiError('TooManyRequests', `too many watches are open (${maximumWatches}), please try again later`, {
        retryAfterSeconds: 5,
      });
    }
    const { response, target, resource } = exchange;
    const { request, bookmarks, timeoutMs } = watchOptions(target.query, resource, random);
    const stream = new WatchStream({
      registry,
      type,
      request,
      encoder,
      response,
      clock,
      logger,
      bookmarks,
      timeoutMs,
      ...(watchLimits && { limits: watchLimits }),
    });
    stream.start();
    this.#watches.add(stream);
    response.once('close', () => this.#watches.delete(stream));
  }

  #context({ target, resource, user, response, request }: Exchange): RequestContext {
    const { query } = target;
    const { subresource } = resource;
    if (request.method === 'GET') return subresource === undefined ? { user } : { user, subresource };
    const fieldManager = query.get('fieldManager') ?? managerOf(request.headers['user-agent']);
    return {
      user,
      dryRun: dryRun(query.getAll('dryRun')),
      ...(fieldManager !== undefined && { fieldManager }),
      fieldValidation: fieldValidation(query.get('fieldValidation')),
      ...(subresource !== undefined && { subresource }),
      warn: (message) => warn(response, message),
    };
  }

  #encoder({ request, target }: Exchange): Encoder | Promise<Encoder> {
    const accepted = negotiate(request.headers.accept);
    if (accepted === undefined) {
      throw apiError(
        'NotAcceptable',
        'only the following media types are accepted: application/json, application/yaml, application/json;as=Table;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      );
    }
    const encoder = this.#jsonEncoder(accepted.representation, target.query);
    // A watch is lines of JSON in any case.
    if (accepted.format === 'json' || isWatch(target.query)) return encoder;
    return import('./yaml-encoder.ts').then(({ yamlEncoder }) => yamlEncoder(encoder));
  }

  #jsonEncoder(representation: string, query: URLSearchParams): Encoder {
    switch (representation) {
      case 'table':
        return this.#tables[includeObject(query.get('includeObject'))];
      case 'metadata':
        return metadataEncoder;
      default:
        return plainEncoder;
    }
  }

  async #readObject({ request }: Exchange, type: ResourceType, context: RequestContext): Promise<object> {
    const format = bodyFormat(request.headers['content-type']);
    const body = await readBody(request, this.#options.maximumBodyBytes);
    const object = await parseObject(body, format);
    if (format === 'json' && context.fieldValidation !== 'Ignore') reportDuplicates(body, type, context);
    return object;
  }

  /** The options in the body of a DELETE, which may be empty. */
  async #readOptions({ request }: Exchange): Promise<object> {
    const body = await readBody(request, this.#options.maximumBodyBytes);
    return body.length === 0 ? {} : parseObject(body, bodyFormat(request.headers['content-type']));
  }

  async #readPatch({ request, target }: Exchange): Promise<PatchRequest> {
    const contentType = request.headers['content-type'] ?? '';
    const type = patchType(contentType);
    const body = await readBody(request, this.#options.maximumBodyBytes);
    const force = target.query.get('force');
    return {
      type,
      // Server-side apply is sent as YAML, of which JSON is a part; the faster way is tried first.
      body: await parseBody(body, type === 'apply' && body[0] !== 0x7b ? 'yaml' : 'json'),
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

function keyOf(type: ResourceType, resource: ResourceTarget, name: string): ObjectKey {
  if (!type.namespaced) return { name };
  // `/api/v1/pods/NAME` names no pod.
  if (resource.namespace === undefined) throw unknownResource();
  return { namespace: resource.namespace, name };
}

/** Who writes, when the client does not say: the first word of its `User-Agent`, as in Kubernetes. */
function managerOf(userAgent: string | undefined): string | undefined {
  const word = userAgent?.split('/')[0]?.slice(0, 128);
  return word === '' ? undefined : word;
}

function includeObject(value: string | null): IncludeObject {
  switch (value) {
    case null:
    case '':
    case 'Metadata':
      return 'Metadata';
    case 'None':
    case 'Object':
      return value;
    default:
      throw apiError('BadRequest', `unrecognized includeObject value: ${JSON.stringify(value)}`);
  }
}

/** Tells the client something besides the answer. Limited, because headers are. */
function warn(response: ServerResponse, message: string): void {
  if (response.headersSent) return;
  const present = response.getHeader('Warning');
  const list = Array.isArray(present) ? present : [];
  if (list.length >= 16) return;
  const printable = message.replace(/[^\x20-\x7e]/g, ' ').slice(0, 1024);
  const text = printable.replace(/["\\]/g, (character) => `\\${character}`);
  response.setHeader('Warning', [...list, `299 - "${text}"`]);
}

function sendObject(
  response: ServerResponse,
  encoder: Encoder,
  type: ResourceType,
  code: number,
  item: StoredObject,
): void {
  sendBytes(response, code, encoder.object(type, item), encoder.contentType);
}

function isStored(answer: StoredObject<KubernetesObject> | Status): answer is StoredObject<KubernetesObject> {
  return 'json' in answer;
}

export function methodNotAllowed(): ApiError {
  return apiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

export function unknownResource(): ApiError {
  return apiError('NotFound', 'the server could not find the requested resource');
}
