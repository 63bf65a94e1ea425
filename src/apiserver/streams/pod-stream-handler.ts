import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

import { apiError } from '../../api/errors.ts';
import type { PodStreams } from '../../client/pod-streams.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Registry, UserInfo } from '../../registry/requests.ts';
import type { RequestTarget, ResourceTarget } from '../request-target.ts';
import { methodNotAllowed } from '../resource-handler.ts';
import { serveLog } from './pod-log.ts';
import { findPod } from './pod-target.ts';
import { UpgradeHandler } from './upgrade-handler.ts';
import { WebSocketAnswer } from './web-socket-answer.ts';
import { acceptWebSocket, BASE64_PROTOCOL, type Connection, wants } from './web-sockets.ts';

export interface PodStreamHandlerOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The byte streams of a node's pods; undefined for a node that is not there. */
  readonly streamsOf: (nodeName: string) => PodStreams | undefined;
}

/** `log`, `exec`, `attach` and `portforward` of pods: byte streams between a client and a node. */
export class PodStreamHandler {
  readonly #options: PodStreamHandlerOptions;
  readonly #upgrades: UpgradeHandler;

  constructor(options: PodStreamHandlerOptions) {
    this.#options = options;
    this.#upgrades = new UpgradeHandler(options.logger, options.clock);
  }

  /** A plain request: a log, or one that should have been an upgrade. */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    { query }: RequestTarget,
    resource: ResourceTarget,
    user: UserInfo,
  ): Promise<void> {
    const { registry, streamsOf, clock } = this.#options;
    if (resource.subresource !== 'log') throw apiError('BadRequest', 'Upgrade request required');
    if (request.method !== 'GET') throw methodNotAllowed();
    await serveLog(await findPod(registry, streamsOf, resource, user), query, () => response, clock.now());
  }

  /** Throws an `ApiError` when nothing has been written yet. */
  async upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    { query }: RequestTarget,
    resource: ResourceTarget,
    user: UserInfo,
  ): Promise<void> {
    const { registry, streamsOf, clock } = this.#options;
    const { subresource = '' } = resource;
    const target = await findPod(registry, streamsOf, resource, user);
    if (subresource === 'log') {
      if (request.method !== 'GET' || !wants(request, 'websocket')) throw methodNotAllowed();
      return serveLog(target, query, () => logAnswer({ request, socket, head }), clock.now());
    }
    await this.#upgrades.serve({ request, socket, head, query, target }, subresource);
  }
}

async function logAnswer(connection: Connection): Promise<WebSocketAnswer> {
  const socket = await acceptWebSocket(connection);
  return new WebSocketAnswer(socket, socket.protocol === BASE64_PROTOCOL ? 'base64' : 'bytes');
}
