import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';

import { type TableLayout, tableLayout } from '../api/columns.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { PodStreams } from '../client/pod-streams.ts';
import type { QueueStatistics } from '../client/work-queue.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { type Random, systemRandom } from '../platform/random.ts';
import type { Registry } from '../registry/requests.ts';
import { authenticator, MASTERS_GROUP, staticTokens } from './authentication/authenticator.ts';
import { clientCertificates } from './authentication/client-certificates.ts';
import { serviceAccountTokens } from './authentication/service-account-tokens.ts';
import { Access } from './authorization/access.ts';
import { ensureDefaultRoles } from './authorization/ensure-default-roles.ts';
import { Discovery, subresourceShape } from './discovery.ts';
import { HealthChecks } from './health.ts';
import { ServerMetrics } from './metrics.ts';
import { OpenApiDocuments } from './openapi/documents.ts';
import type { Pki } from './pki/pki.ts';
import { RequestHandler } from './request-handler.ts';
import { ResourceHandler } from './resource-handler.ts';
import { Reviews, reviewResources } from './reviews.ts';
import { PodStreamHandler } from './streams/pod-stream-handler.ts';
import { servedVersion } from './version.ts';
import type { WatchLimits } from './watch-stream.ts';

export interface ApiServerOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: Random;
  readonly pki: Pki;
  /** Default 127.0.0.1: nobody from outside. */
  readonly host?: string;
  /** 0 takes a free one, the default. */
  readonly port?: number;
  /** Who may do what; by default one of its own. Closed with the server. */
  readonly access?: Access;
  /** The byte streams of a node's pods; undefined for a node that is not there. */
  readonly streams?: (nodeName: string) => PodStreams | undefined;
  /** The queues of the controllers behind the API, by name, for metrics; default none. */
  readonly queues?: () => ReadonlyMap<string, QueueStatistics>;
  /** How a kind is printed. */
  readonly layoutOf?: (type: ResourceType) => TableLayout;
  /** True once the cluster behind the API is ready, else what is missing; default always true. */
  readonly ready?: () => boolean | string;
  readonly limits?: Partial<ServerLimits>;
}

export interface ServerLimits {
  /** Of one body, in bytes; default 3 MiB. */
  readonly bodyBytes: number;
  /** Of all headers of a request together, in bytes; default 64 KiB. */
  readonly headerBytes: number;
  /** Requests that are answered at the same time, without watches and streams; default 1,000. */
  readonly inFlight: number;
  /** Open at the same time, whatever they are used for; further ones are closed at once. Default 16,384. */
  readonly connections: number;
  /** Watches that are open at the same time; default 10,000. */
  readonly watches: number;
  /** Logs, commands and forwarded ports of pods that are open at the same time; default 1,000. */
  readonly streams: number;
  /** How far one watch may fall behind. */
  readonly watch: Partial<WatchLimits>;
}

const DEFAULT_LIMITS: ServerLimits = {
  bodyBytes: 3 * 1024 * 1024,
  headerBytes: 64 * 1024,
  inFlight: 1_000,
  connections: 16_384,
  watches: 10_000,
  streams: 1_000,
  watch: {},
};

export interface ApiServer {
  readonly port: number;
  /** `https://127.0.0.1:6443` */
  readonly url: string;
  /** Ends all watches and streams, and resolves when no connection is left. */
  close(): Promise<void>;
}

/** The administrator, as whom the token of the kubeconfig is known. */
const ADMIN = { name: 'berth-admin', groups: [MASTERS_GROUP] };

/** Serves the registry over HTTPS. Rejects when the address cannot be listened on. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { registry, clock, logger, pki, host = '127.0.0.1' } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const random = options.random ?? systemRandom;
  const access = options.access ?? new Access(registry, logger);
  const resources = new ResourceHandler({
    registry,
    access,
    clock,
    random,
    logger,
    layoutOf: options.layoutOf ?? tableLayout,
    maximumBodyBytes: limits.bodyBytes,
    maximumWatches: limits.watches,
    watchLimits: limits.watch,
  });
  const tokenReaders = [
    staticTokens(new Map([[pki.adminToken, ADMIN]])),
    serviceAccountTokens(pki.serviceAccountKey, registry, clock),
  ];
  let address = '';
  const handler = new RequestHandler({
    registry,
    logger,
    authenticate: authenticator(tokenReaders, clientCertificates(pki.authorityCertificate, clock)),
    authorize: access.authorize,
    reviews: new Reviews({ access, tokenReaders }),
    resources,
    pods: new PodStreamHandler({ registry, clock, logger, streamsOf: options.streams ?? (() => undefined) }),
    discovery: new Discovery(registry, reviewResources),
    openApi: new OpenApiDocuments({
      types: () => registry.types(),
      subresources: (type) => registry.subresources(type).map((name) => ({ ...subresourceShape(type, name), name })),
      version: servedVersion.gitVersion,
    }),
    metrics: new ServerMetrics(),
    queues: options.queues ?? (() => new Map()),
    version: servedVersion,
    health: new HealthChecks(options.ready ?? (() => true)),
    address: () => address,
    maximumInFlight: limits.inFlight,
    maximumStreams: limits.streams,
    maximumBodyBytes: limits.bodyBytes,
  });
  const server = createServer(
    {
      cert: pki.serving.certificate,
      key: pki.serving.key,
      // A client may show a certificate and need not: who shows none has a token. Which ones count is decided later.
      ca: [],
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxHeaderSize: limits.headerBytes,
      // Longer than clients keep idle connections, so that it is they who close them, between two requests.
      keepAliveTimeout: 180_000,
      handshakeTimeout: 15_000,
      headersTimeout: 30_000,
      requestTimeout: 120_000,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    },
    (request, response) => void handler.handle(request, response),
  );
  server.maxConnections = limits.connections;
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    void handler.handleUpgrade(request, socket, head);
  });
  const port = await listen(server, host, options.port ?? 0);
  server.on('error', (error) => logger.error('the API server has a problem with its socket', { error: error.message }));
  address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  logger.info('the API is served', { address });
  // Nobody has to wait for them: administrators need none.
  const roles = ensureDefaultRoles(registry).catch((error: unknown) => {
    logger.warn('the default roles could not be made', { error: String(error) });
  });
  return {
    port,
    url: `https://${address}`,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      resources.close();
      access.close();
      server.closeIdleConnections();
      // What is still being answered gets a moment; what hangs does not keep the server.
      for (const socket of upgraded) socket.destroy();
      const timer = clock.after(2_000, () => server.closeAllConnections());
      await Promise.all([closed, roles]);
      timer.cancel();
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `${host}:${port}`;
      if (error.code === 'EADDRINUSE')
        reject(new Error(`cannot serve on ${where}: the port is already in use`, { cause: error }));
      else reject(new Error(`cannot serve on ${where}: ${error.message}`, { cause: error }));
    });
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
