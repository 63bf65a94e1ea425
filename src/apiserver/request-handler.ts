import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { apiError } from '../api/errors.ts';
import { qualifiedName } from '../api/resource-type.ts';
import type { QueueStatistics } from '../client/work-queue.ts';
import type { Logger } from '../platform/logger.ts';
import type { Registry, UserInfo } from '../registry/requests.ts';
import { sendBytes, sendError, sendJson, sendText, statusOf } from './answers.ts';
import { type Authenticator, unauthorized } from './authentication/authenticator.ts';
import { impersonated, impersonatedUser, impersonations } from './authentication/impersonation.ts';
import type { Attributes, Authorizer } from './authorization/authorizer.ts';
import { forbidden } from './authorization/forbidden.ts';
import { type Discovery, entityTag, POD_STREAMS } from './discovery.ts';
import type { HealthChecks } from './health.ts';
import { negotiate } from './media-types.ts';
import type { ServerMetrics } from './metrics.ts';
import type { OpenApiDocuments } from './openapi/documents.ts';
import { attributesOf, countedVerb, isLongRunning, isPodStream } from './request-attributes.ts';
import { bodyFormat, parseObject, readBody } from './request-body.ts';
import { isWatch } from './request-options.ts';
import { parseTarget, type RequestTarget, type ResourceTarget } from './request-target.ts';
import { methodNotAllowed, type ResourceHandler, unknownResource } from './resource-handler.ts';
import type { Reviews } from './reviews.ts';
import type { PodStreamHandler } from './streams/pod-stream-handler.ts';
import { WebSocketAnswer } from './streams/web-socket-answer.ts';
import { acceptWebSocket, type Connection, wants } from './streams/web-sockets.ts';
import type { VersionInfo } from './version.ts';

export interface RequestHandlerOptions {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly authenticate: Authenticator;
  readonly authorize: Authorizer;
  readonly resources: ResourceHandler;
  readonly pods: PodStreamHandler;
  readonly reviews: Reviews;
  readonly discovery: Discovery;
  readonly openApi: OpenApiDocuments;
  readonly metrics: ServerMetrics;
  readonly queues: () => ReadonlyMap<string, QueueStatistics>;
  readonly version: VersionInfo;
  readonly health: HealthChecks;
  /** Where the server is reached, for discovery. */
  readonly address: () => string;
  readonly maximumInFlight: number;
  readonly maximumStreams: number;
  readonly maximumBodyBytes: number;
}

const ANONYMOUS: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Takes every request from its arrival to its handler: who asks, may they, is there room, what is it. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  #inFlight = 0;
  /** Logs that are read, commands and forwarded ports. */
  #streams = 0;

  constructor(options: RequestHandlerOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Answers in any case; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { logger, maximumInFlight } = this.#options;
    const startedMs = performance.now();
    const target = parseTarget(request.url ?? '/', request.method);
    const limited = target?.resource === undefined || !isLongRunning(request, target, target.resource);
    if (limited) {
      if (this.#inFlight >= maximumInFlight) {
        const busy = apiError('TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds: 1 });
        return sendError(response, busy, logger);
      }
      this.#inFlight++;
    }
    try {
      if (target === undefined) throw apiError('BadRequest', 'the URL cannot be decoded');
      await this.#serve(request, response, target);
    } catch (error) {
      sendError(response, error, logger);
    } finally {
      if (limited) this.#inFlight--;
      this.#count(request, target, response.statusCode, limited ? (performance.now() - startedMs) / 1000 : undefined);
    }
  }

  /** Takes over a connection that wants to become something else; answers in any case. */
  async handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { pods, logger } = this.#options;
    // Whoever takes the connection over listens too; before that a client that goes away is nobody's concern.
    socket.on('error', () => {});
    const target = parseTarget(request.url ?? '/', request.method);
    let code = 101;
    try {
      const resource = target?.resource;
      const isWatched =
        target !== undefined && request.method === 'GET' && isWatch(target) && wants(request, 'websocket');
      if (target === undefined || resource === undefined || !(isPodStream(resource) || isWatched)) {
        throw apiError('BadRequest', 'this path is not served over an upgraded connection');
      }
      const user = await this.#userOf(request);
      if (user === ANONYMOUS) throw unauthorized();
      const attributes = attributesOf(request, target, resource);
      await this.#authorize(user, attributes);
      if (isWatched) return await this.#watchOverWebSocket({ request, socket, head }, target, resource, user);
      // A WebSocket begins with a GET. Who may only look may still not run commands.
      if (attributes.verb !== 'create' && resource.subresource !== 'log')
        await this.#authorize(user, { ...attributes, verb: 'create' });
      this.#assertRoomForStream();
      this.#streams++;
      socket.once('close', () => this.#streams--);
      await pods.upgrade(request, socket, head, target, resource, user);
    } catch (error) {
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      if (socket instanceof Socket) response.assignSocket(socket);
      response.on('finish', () => socket.end());
      sendError(response, error, logger);
      code = response.statusCode;
    }
    this.#count(request, target, code, undefined);
  }

  async #watchOverWebSocket(
    connection: Connection,
    target: RequestTarget,
    resource: ResourceTarget,
    user: UserInfo,
  ): Promise<void> {
    const { registry, resources, logger } = this.#options;
    const type = registry.find(resource.group, resource.version, resource.plural);
    if (type === undefined || resource.name !== undefined) throw unknownResource();
    let answer: WebSocketAnswer | undefined;
    const accept = async (): Promise<WebSocketAnswer> => {
      answer = new WebSocketAnswer(await acceptWebSocket(connection), 'lines');
      return answer;
    };
    try {
      await resources.watchOver({ request: connection.request, target, resource, user }, type, accept);
    } catch (error) {
      if (answer === undefined) throw error;
      answer.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(error, logger) })}\n`);
    }
    this.#count(connection.request, target, 101, undefined);
  }

  /** Counts what was asked of kinds there are; anybody can ask for others, under any name. */
  #count(request: IncomingMessage, target: RequestTarget | undefined, code: number, seconds: number | undefined): void {
    const { registry, reviews, metrics } = this.#options;
    const { group = '', version = '', plural = '', subresource = '' } = target?.resource ?? {};
    const type = registry.find(group, version, plural);
    const isKnown = type !== undefined || reviews.find(group, version, plural) !== undefined;
    const isPart =
      subresource !== '' &&
      type !== undefined &&
      (registry.subresources(type).includes(subresource) || POD_STREAMS.includes(subresource));
    const counted = {
      verb: target === undefined ? '' : countedVerb(request.method ?? '', target),
      group: isKnown ? group : '',
      resource: isKnown ? plural : '',
      subresource: isPart ? subresource : '',
      code,
    };
    metrics.count(counted, seconds);
  }

  async #serve(request: IncomingMessage, response: ServerResponse, target: RequestTarget): Promise<void> {
    const { registry, resources, pods } = this.#options;
    const user = await this.#userOf(request);
    const { resource } = target;
    if (resource === undefined) return this.#servePath(request, response, target, user);
    if (user === ANONYMOUS) throw unauthorized();
    await this.#authorize(user, attributesOf(request, target, resource));
    if (isPodStream(resource)) {
      this.#assertRoomForStream();
      this.#streams++;
      return pods.serve(request, response, target, resource, user).finally(() => this.#streams--);
    }
    const type = registry.find(resource.group, resource.version, resource.plural);
    if (type === undefined) return this.#serveReview(request, response, resource, user);
    return resources.serve({ request, response, target, resource, user }, type);
  }

  async #serveReview(
    request: IncomingMessage,
    response: ServerResponse,
    { group, version, plural, namespace, name }: ResourceTarget,
    user: UserInfo,
  ): Promise<void> {
    const { reviews, maximumBodyBytes } = this.#options;
    const review = reviews.find(group, version, plural);
    if (review === undefined || name !== undefined || review.namespaced !== (namespace !== undefined)) {
      throw unknownResource();
    }
    if (request.method !== 'POST') throw methodNotAllowed();
    const format = bodyFormat(request.headers);
    const body = await parseObject(await readBody(request, maximumBodyBytes), format);
    sendJson(response, 201, await reviews.answer(review, namespace, body, user));
  }

  async #servePath(
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    user: UserInfo,
  ): Promise<void> {
    const { health, version } = this.#options;
    const { path, query } = target;
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    const checked = health.answer(path, query);
    if (checked !== undefined) return sendText(response, checked.code, checked.text);
    if (path === '/version' || path === '/version/') return sendJson(response, 200, version);
    if (user === ANONYMOUS) throw unauthorized();
    await this.#authorize(user, { verb: 'get', path });
    if (path === '/metrics') {
      const { contentType, body } = await this.#metricsNow(user);
      return sendBytes(response, 200, Buffer.from(body), contentType);
    }
    const described = this.#options.openApi.answer(path, request.headers.accept);
    if (described !== undefined) return sendCacheable(request, response, described.body, described.contentType);
    return this.#serveDiscovery(request, response, path);
  }

  async #metricsNow(user: UserInfo): Promise<{ readonly contentType: string; readonly body: string }> {
    const { registry, resources, metrics, queues } = this.#options;
    const objects = new Map<string, number>();
    for (const type of registry.types()) {
      const { items, remainingItemCount = 0 } = await registry.list(type, { limit: 1 }, { user });
      objects.set(qualifiedName(type), items.length + remainingItemCount);
    }
    const revision = Number(registry.resourceVersion);
    return metrics.text({
      inFlight: this.#inFlight,
      watches: resources.watches,
      revision,
      objects,
      queues: queues(),
    });
  }

  #serveDiscovery(request: IncomingMessage, response: ServerResponse, path: string): void {
    const { discovery, address } = this.#options;
    const segments = path.split('/').filter((segment) => segment !== '');
    const [root, group, version, ...more] = segments;
    const aggregated = segments.length === 1 && negotiate(request.headers.accept)?.representation === 'discovery';
    let document: object | undefined;
    if (segments.length === 0) {
      document = {
        paths: [
          '/api',
          '/api/v1',
          '/apis',
          '/healthz',
          '/livez',
          '/metrics',
          '/openapi/v2',
          '/openapi/v3',
          '/readyz',
          '/version',
        ],
      };
    } else if (root === 'api' && segments.length <= 2) {
      if (aggregated) document = discovery.aggregated(true);
      else document = group === undefined ? discovery.coreVersions(address()) : discovery.resourceList('', group);
    } else if (root === 'apis' && more.length === 0) {
      if (aggregated) document = discovery.aggregated(false);
      else if (group === undefined) document = discovery.groupList();
      else document = version === undefined ? discovery.group(group) : discovery.resourceList(group, version);
    }
    if (document === undefined) {
      sendText(response, 404, '404 page not found\n');
      return;
    }
    const contentType = aggregated
      ? 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
      : 'application/json';
    sendCacheable(request, response, Buffer.from(JSON.stringify(document)), contentType);
  }

  /** Who asks, or as whom they ask: who may impersonate others sees what those may do. */
  async #userOf(request: IncomingMessage): Promise<UserInfo> {
    const user = (await this.#options.authenticate(request)) ?? ANONYMOUS;
    const other = impersonated(request);
    if (other === undefined) return user;
    if (user === ANONYMOUS) throw unauthorized();
    for (const attributes of impersonations(other)) await this.#authorize(user, attributes);
    return impersonatedUser(other);
  }

  #assertRoomForStream(): void {
    const { maximumStreams } = this.#options;
    if (this.#streams < maximumStreams) return;
    const message = `too many logs, commands and ports of pods are open (${maximumStreams}), please try again later`;
    throw apiError('TooManyRequests', message, { retryAfterSeconds: 5 });
  }

  async #authorize(user: UserInfo, attributes: Attributes): Promise<void> {
    const allowed = await this.#options.authorize(user, attributes);
    if (allowed !== true) throw forbidden(user, attributes, allowed);
  }
}

/** Answers, or says that the client has it already. */
function sendCacheable(request: IncomingMessage, response: ServerResponse, body: Buffer, contentType: string): void {
  const tag = entityTag(body);
  response.setHeader('ETag', tag);
  response.setHeader('Vary', 'Accept');
  if (request.headers['if-none-match'] === tag) {
    response.statusCode = 304;
    response.end();
    return;
  }
  sendBytes(response, 200, body, contentType);
}
