import type { Pod } from '../api/generated/types.ts';
import { tokenIssuer } from '../apiserver/authentication/service-account-tokens.ts';
import { Access } from '../apiserver/authorization/access.ts';
import { nodeUser } from '../apiserver/authorization/node-user.ts';
import { writeKubeconfig } from '../apiserver/kubeconfig.ts';
import { openPki } from '../apiserver/pki/pki.ts';
import { startApiServer } from '../apiserver/server.ts';
import type { Client } from '../client/client.ts';
import { inProcessClient } from '../client/in-process-client.ts';
import { InformerSet } from '../client/informer.ts';
import { ensureApiEndpoints } from '../controllers/namespaces/api-endpoints.ts';
import { ensureDefaultStorageClass } from '../controllers/volumes/default-storage-class.ts';
import { DnsListenError } from '../dns/listener.ts';
import { startDnsServer } from '../dns/start-dns-server.ts';
import type { BackOffPolicy } from '../node/pod/observed.ts';
import { IsolationError } from '../node/runtimes/process/isolation.ts';
import { type Clock, systemClock, type Timer, timestamp } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { systemRandom } from '../platform/random.ts';
import { createRegistry } from '../registry/create-registry.ts';
import { openLmdbStore } from '../store/lmdb-store.ts';
import { StoreFileError } from '../store/store-file-error.ts';
import { localAddress, localUrl, namesOf } from './api-address.ts';
import { Closers } from './closers.ts';
import { ClusterError } from './cluster-error.ts';
import { type RunningControllers, startControllers } from './controllers.ts';
import {
  DataDirectoryError,
  dataDirectoryError,
  dataDirectoryPath,
  openDataDirectory,
  type ServerStatus,
  writeServerStatus,
} from './data-directory.ts';
import { fileLogger } from './file-logger.ts';
import { leftoverPods } from './leftover-pods.ts';
import { type IsolationChoice, type Nodes, type RuntimeChoice, startNodes } from './nodes.ts';
import { serviceRange } from './services-of-nodes.ts';
import { endPods } from './shutdown.ts';
import { clearMachine, endPodsOfNodes } from './teardown.ts';

export interface ClusterOptions {
  /** See {@link dataDirectoryPath}. */
  readonly dataDir?: string;
  readonly runtime: RuntimeChoice;
  readonly isolation: IsolationChoice;
  /** Pods without a network of their own share 127.0.0.1, also where they need not (default false). */
  readonly sharedAddress?: boolean;
  /** 0 to 64; 0 runs the control plane alone. */
  readonly nodes: number;
  /** How long a node may be silent before it counts as lost (default 40 s, as in Kubernetes). */
  readonly nodeGraceMs?: number;
  /** P3: how long containers that keep ending wait (default 10 s, doubling to 5 minutes, from the start after 10 minutes). */
  readonly restartBackOff?: BackOffPolicy;
  /** Which address of the machine the API listens on: 127.0.0.1 when absent, so that nobody from outside gets there. */
  readonly apiAddress?: string;
  /** 0 takes a free one. */
  readonly apiPort: number;
  /** On 127.0.0.1; 0 takes a free one. */
  readonly dnsPort: number;
  readonly version: string;
  /** Called when the API answers and before anything acts on what is stored. What it throws ends the start. */
  readonly prepare?: (client: Client) => Promise<void>;
}

export interface Cluster {
  /** The administrator's. */
  readonly client: Client;
  /** Its own caches, for who only looks. */
  readonly informers: InformerSet;
  readonly status: ServerStatus;
  /** What this machine does not allow, in sentences. */
  readonly limitations: readonly string[];
  /**
   * Ends the cluster; its data stays. `end` ends all pods gracefully first, the members of a set one at a time from the
   * highest ordinal, and tells of each; `leave` leaves them running for the next server to adopt.
   */
  stop(how: { readonly pods: 'end' | 'leave'; readonly onEnded?: (pod: Pod) => void }): Promise<void>;
}

/** Where everything listens unless told otherwise: nobody from outside gets there. */
const HOST = '127.0.0.1';
const DEFAULT_NODE_GRACE_MS = 40_000;
/** The controllers of this process act as the administrator. Its node agents do not: they have the rights of nodes. */
const SYSTEM = { name: 'system:berth', groups: ['system:masters'] };
const ADMINISTRATOR = { name: 'berth-admin', groups: ['system:masters'] };

/**
 * Starts a whole cluster in this process. Throws {@link ClusterError} with what to do about it; nothing is left behind
 * then, and pods that an earlier server left running are untouched.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const closers = new Closers();
  try {
    return await compose(options, closers);
  } catch (error) {
    await closers.close();
    throw explain(error, dataDirectoryPath(options.dataDir));
  }
}

async function compose(options: ClusterOptions, closers: Closers): Promise<Cluster> {
  const clock = systemClock;
  const random = systemRandom;
  const { nodeGraceMs = DEFAULT_NODE_GRACE_MS } = options;
  const directory = await openDataDirectory(dataDirectoryPath(options.dataDir));
  closers.add(() => directory.release());
  writeServerStatus({ pid: process.pid, dataDir: directory.path });
  // Last of all, but while nobody else can have begun on the same directory.
  let remains: 'pods' | 'pods of nodes that are away' | 'nothing' = 'pods';
  closers.add(async () => {
    if (remains === 'pods of nodes that are away') await endPodsOfNodes(directory.path);
    // A start that failed leaves what was there before; on a directory without pods that is nothing.
    if (remains !== 'pods' || leftoverPods(directory.path).length === 0) await clearMachine(directory.path);
  });
  const logger = fileLogger(directory.serverLog);

  const { apiAddress = HOST } = options;
  const [store, pki] = await Promise.all([
    openLmdbStore({ directory: directory.store, logger, clock }),
    openPki({ directory: directory.pki, clock, random, hosts: namesOf(apiAddress) }),
  ]);
  closers.add(() => store.close());
  const registry = createRegistry({
    store,
    clock,
    random,
    logger,
    tokens: tokenIssuer(pki.serviceAccountKey),
    serviceRange: serviceRange(options),
  });
  await registry.bootstrap();

  const access = new Access(registry, logger);
  let nodes: Nodes | undefined;
  let queues: RunningControllers['queues'] | undefined;
  let ready = false;
  const apiServer = await startApiServer({
    registry,
    access,
    clock,
    random,
    logger,
    pki,
    host: apiAddress,
    port: options.apiPort,
    streams: (node) => nodes?.agent(node)?.streams,
    queues: () => queues ?? new Map(),
    ready: () => ready || 'the cluster is starting',
  }).catch((error: unknown) => {
    throw explainApiPort(error, apiAddress, options.apiPort);
  });
  closers.add(() => apiServer.close());
  const client = inProcessClient(registry, SYSTEM, { part: 'kube-controller-manager' });
  await Promise.all([
    writeKubeconfig(directory.kubeconfig, {
      server: localUrl(apiAddress, apiServer.port),
      authorityCertificate: pki.authorityCertificate,
      credentials: { token: pki.adminToken },
    }),
    ensureDefaultStorageClass(client),
    ensureApiEndpoints(client, { address: localAddress(apiAddress), port: apiServer.port }),
  ]);
  const informers = new InformerSet({ client, clock, logger });
  closers.add(() => informers.stop());
  const dns = await startDnsServer({
    informers,
    listen: [{ address: HOST, port: options.dnsPort }],
    clock,
    random,
    logger,
  });
  closers.add(() => dns.close());

  const administrator = inProcessClient(registry, ADMINISTRATOR);
  await options.prepare?.(administrator);

  const sweeper = everyMinute(clock, () => registry.sweepEvents(), logger);
  closers.add(() => sweeper.cancel());
  const [dnsAddress] = dns.addresses;
  if (dnsAddress === undefined) throw new Error('the DNS server listens nowhere');
  const dnsText = `${dnsAddress.address}:${dnsAddress.port}`;
  const running = await startNodes({
    ...options,
    nodeGraceMs,
    directory: directory.nodes,
    dataDir: directory.path,
    client,
    api: { host: localAddress(apiAddress), port: apiServer.port },
    clientOf: (node) => access.clientFor(nodeUser(node), 'kubelet'),
    informers,
    dns,
    clock,
    random,
    logger,
  });
  nodes = running;
  closers.add(() => running.stop());
  // After the nodes: a scheduler without any would only say so.
  const controllers = startControllers({
    client,
    schedulerClient: inProcessClient(registry, SYSTEM, { part: 'kube-scheduler' }),
    informers,
    types: () => registry.types(),
    clock,
    random,
    logger,
    schedule: options.nodes > 0,
    nodeGraceMs,
    rootCertificate: pki.authorityCertificate,
  });
  queues = controllers.queues;
  closers.add(() => controllers.stop());

  const status: ServerStatus = {
    version: options.version,
    pid: process.pid,
    startedAt: timestamp(clock.now()),
    apiServer: localUrl(apiAddress, apiServer.port),
    dns: dnsText,
    dataDir: directory.path,
    kubeconfig: directory.kubeconfig,
    isolation: running.isolation,
    nodes: running.names,
  };
  writeServerStatus(status);
  ready = true;
  return {
    client: administrator,
    informers,
    status,
    limitations: running.limitations,
    async stop({ pods, onEnded = () => {} }) {
      // Nobody may replace what is ending.
      await controllers.stop();
      if (pods === 'end') {
        const agents = running.agents();
        await endPods(agents, onEnded);
        // A node that was taken away has pods too, and nobody but us to end them.
        remains = agents.length < running.names.length ? 'pods of nodes that are away' : 'nothing';
      }
      await closers.close();
    },
  };
}

/** Calls `work` again a minute after it has ended, for as long as it is not cancelled. */
function everyMinute(clock: Clock, work: () => Promise<unknown>, logger: Logger): Timer {
  let timer: Timer;
  const arm = (): void => {
    timer = clock.after(60_000, () => {
      work().then(arm, (error: unknown) => {
        logger.warn('cleaning up failed, trying again in a minute', { error: String(error) });
        arm();
      });
    });
  };
  arm();
  return { cancel: () => timer.cancel() };
}

/** Says what to do about what a person at the command line can mend. */
function explain(error: unknown, directory: string): unknown {
  const { code, path: where } = error as NodeJS.ErrnoException;
  if (code !== undefined && where?.startsWith(directory))
    return explain(dataDirectoryError(directory, error), directory);
  if (error instanceof DataDirectoryError) return new ClusterError(error.message, error.hint, { cause: error });
  // What to do about it is in the message.
  if (error instanceof StoreFileError) return new ClusterError(error.message, undefined, { cause: error });
  if (error instanceof IsolationError)
    return new ClusterError(error.message, '--isolation auto takes the most that this machine allows', {
      cause: error,
    });
  if (error instanceof DnsListenError)
    return new ClusterError(error.message, `take another with --dns-port (0 takes a free one)`, { cause: error });
  return error;
}

/** The same for a port that the API cannot be served on. */
function explainApiPort(error: unknown, address: string, port: number): unknown {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new ClusterError(
        `port ${port} on ${address} is in use`,
        'take another with --api-port (0 takes a free one); a Berth with its data elsewhere is ended by ' +
          'berth down --data-dir DIR',
        { cause: error },
      );
    case 'EACCES':
      return new ClusterError(`port ${port} on ${address} may not be used by you`, 'take another with --api-port', {
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new ClusterError(`this machine has no address ${address}`, 'take one it has with --api-address', {
        cause: error,
      });
    default:
      return error;
  }
}

/** The system's own code of a failure, also when somebody has put it in other words. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (error as NodeJS.ErrnoException).code ?? systemCode(error.cause);
}
