import type { IncomingMessage, ServerResponse } from 'node:http';

import type { TableLayout } from '../api/columns.ts';
import { type ApiError, apiError } from '../api/errors.ts';
import type { Scale, Status } from '../api/generated/types.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { Scales } from '../api/scales.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { Guard, Registry, RequestContext, StoredObject, UserInfo } from '../registry/requests.ts';
import { sendBytes, sendJson, sendParts } from './answers.ts';
import type { Access } from './authorization/access.ts';
import { forbidden } from './authorization/forbidden.ts';
import { BodyReader, isApply } from './body-reader.ts';
import { verbsOf } from './discovery.ts';
import { Encoders } from './encoders.ts';
import { type Encoder, plainEncoder } from './representations.ts';
import { isWatch, listRequest, type OptionsKind, watchOptions } from './request-options.ts';
import type { RequestTarget, ResourceTarget } from './request-target.ts';
import type { StreamedAnswer } from './streams/web-socket-answer.ts';
import { type WatchLimits, WatchStream } from './watch-stream.ts';
import { deleteRequest, writeOptions } from './write-options.ts';

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
  readonly access: Access;
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
  readonly #encoders: Encoders;
  readonly #bodies: BodyReader;

  constructor(options: ResourceHandlerOptions) {
    this.#options = options;
    this.#encoders = new Encoders(options.layoutOf, () => options.clock.now());
    this.#bodies = new BodyReader(options.maximumBodyBytes);
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
    const encoder = await this.#encoders.choose(request, exchange.target);
    if (name === undefined) return this.#serveCollection(exchange, type, encoder);
    const key = keyOf(type, resource, name);
    if (subresource === undefined) return this.#serveObject(exchange, type, key, encoder);
    if (!this.#options.registry.subresources(type).includes(subresource)) throw unknownSubresource(type, subresource);
    if (OBJECT_PARTS.has(subresource)) return this.#serveObject(exchange, type, key, encoder);
    return this.#serveSubresource(exchange, type, key, subresource, encoder);
  }

  /** The watch of a client that reads it over a WebSocket, which is taken over by `accept` when nothing is wrong. */
  async watchOver(
    exchange: Omit<Exchange, 'response'>,
    type: ResourceType,
    accept: () => Promise<StreamedAnswer>,
  ): Promise<void> {
    if (exchange.resource.namespace !== undefined && !type.namespaced) throw unknownResource();
    const encoder = await this.#encoders.choose(exchange.request, exchange.target);
    return this.#watch(exchange, type, encoder, accept);
  }

  async #serveCollection(exchange: Exchange, type: ResourceType, encoder: Encoder): Promise<void> {
    const { registry } = this.#options;
    const { request, response, resource, target } = exchange;
    const { namespace } = resource;
    switch (request.method) {
      case 'GET': {
        if (isWatch(target)) return this.#watch(exchange, type, encoder, () => response);
        const list = await registry.list(type, listRequest(target.query, namespace), this.#context(exchange));
        return sendParts(response, encoder.list(type, list), encoder.contentType);
      }
      case 'POST': {
        const context = this.#context(exchange);
        const object = await this.#bodies.object(exchange.request, type, context);
        const created = await registry.create(type, namespace, object, context);
        return sendObject(response, encoder, type, created);
      }
      case 'DELETE': {
        if (!verbsOf(type).includes('deletecollection')) throw methodNotAllowed();
        const context = this.#context(exchange);
        const options = deleteRequest(target.query, await this.#bodies.options(request));
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
      case 'GET':
        return sendObject(response, encoder, type, await registry.get(type, key, this.#context(exchange)));
      case 'PUT': {
        const context = this.#context(exchange);
        const object = await this.#bodies.object(exchange.request, type, context);
        return sendObject(response, encoder, type, await registry.update(type, key, object, context));
      }
      case 'PATCH': {
        const context = this.#context(exchange);
        const patch = await this.#bodies.patch(exchange.request, target.query, type, context);
        return sendObject(response, encoder, type, await registry.patch(type, key, patch, context));
      }
      case 'DELETE': {
        if (resource.subresource !== undefined) throw methodNotAllowed();
        const context = this.#context(exchange);
        const options = deleteRequest(target.query, await this.#bodies.options(request));
        const deleted = await registry.delete(
          type,
          key,
          options,
          options.dryRun ? { ...context, dryRun: true } : context,
        );
        return isStored(deleted)
          ? sendObject(response, encoder, type, deleted)
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
    encoder: Encoder,
  ): Promise<void> {
    const { registry } = this.#options;
    const { response, request, target } = exchange;
    const context = this.#context(exchange);
    switch (request.method) {
      case 'GET':
        return sendPart(response, encoder, await registry.getSubresource(type, key, subresource, context));
      case 'POST': {
        const body = await this.#bodies.object(request, type, context);
        return sendJson(response, 201, await registry.createSubresource(type, key, subresource, body, context));
      }
      case 'PUT': {
        const body = await this.#bodies.object(request, type, context);
        return sendPart(response, encoder, await registry.updateSubresource(type, key, subresource, body, context));
      }
      case 'PATCH': {
        const patch = await this.#bodies.patch(request, target.query, type, context);
        return sendPart(response, encoder, await registry.patchSubresource(type, key, subresource, patch, context));
      }
      default:
        throw methodNotAllowed();
    }
  }

  async #watch(
    exchange: Omit<Exchange, 'response'>,
    type: ResourceType,
    encoder: Encoder,
    begin: () => StreamedAnswer | Promise<StreamedAnswer>,
  ): Promise<void> {
    const { registry, clock, random, logger, maximumWatches, watchLimits } = this.#options;
    if (this.#watches.size >= maximumWatches) {
      throw apiError('TooManyRequests', `too many watches are open (${maximumWatches}), please try again later`, {
        retryAfterSeconds: 5,
      });
    }
    const { target, resource } = exchange;
    const { request, bookmarks, timeoutMs } = watchOptions(target.query, resource, random);
    const answer = begin();
    const response = answer instanceof Promise ? await answer : answer;
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

  /** Who may change an object may not for that reason make one: PUT and apply can. */
  readonly #guardOfChanges: Guard = async (change, user) => {
    const { access } = this.#options;
    if (change.verb === 'write' && change.old === undefined) {
      const { type, object } = change;
      const { namespace, name } = object.metadata;
      const attributes = {
        verb: 'create',
        group: type.group,
        version: type.version,
        resource: type.plural,
        ...(namespace !== undefined && { namespace }),
        name,
      };
      const allowed = await access.authorize(user, attributes);
      if (allowed !== true) throw forbidden(user, attributes, allowed);
    }
    await access.guard(change, user);
  };

  #context({ target, resource, user, response, request }: Exchange): RequestContext {
    const { subresource } = resource;
    const kind = WRITES[request.method ?? ''];
    if (kind === undefined) return { user, subresource };
    const applies = kind === 'PatchOptions' && isApply(request.headers['content-type']);
    const options = kind === 'DeleteOptions' ? undefined : writeOptions(kind, target.query, applies);
    // An applier says who it is: it will want to be known again.
    const agent = applies ? undefined : managerOf(request.headers['user-agent']);
    return {
      user,
      subresource,
      guard: kind === 'CreateOptions' ? this.#options.access.guard : this.#guardOfChanges,
      fieldManager: options?.fieldManager ?? agent,
      fieldValidation: options?.fieldValidation,
      dryRun: options?.dryRun,
      created: () => {
        response.statusCode = 201;
      },
      warn: (message) => warn(response, message),
    };
  }
}

const WRITES: Readonly<Record<string, OptionsKind>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

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

/** Answers with an object: 201 when the request has made it. */
function sendObject(response: ServerResponse, encoder: Encoder, type: ResourceType, item: StoredObject): void {
  sendBytes(response, response.statusCode, encoder.object(type, item), encoder.contentType);
}

/** Answers with a part of an object that is called a kind of its own. */
function sendPart(response: ServerResponse, encoder: Encoder, scale: Scale): void {
  sendObject(response, encoder, Scales, { object: scale, json: () => Buffer.from(JSON.stringify(scale)) });
}

function isStored(answer: StoredObject<KubernetesObject> | Status): answer is StoredObject<KubernetesObject> {
  return 'json' in answer;
}

export function methodNotAllowed(): ApiError {
  return apiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** What Kubernetes can do with a pod in place and Berth cannot, and what to do instead. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  resize: 'resources of a running pod cannot be changed: change them in its template, or make the pod anew',
  ephemeralcontainers: 'ephemeral containers are not supported: use exec',
};

/** Nothing of the answer is about one object: clients take that for a route that is not there. */
function unknownSubresource({ group, plural }: ResourceType, subresource: string): ApiError {
  const why = group === '' && plural === 'pods' ? UNSUPPORTED[subresource] : undefined;
  return why === undefined
    ? unknownResource()
    : apiError('NotFound', `the server could not find the requested resource: ${why}`);
}

export function unknownResource(): ApiError {
  return apiError('NotFound', 'the server could not find the requested resource');
}
