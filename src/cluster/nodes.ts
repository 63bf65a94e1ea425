import { isIP } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import type { NodeAddress } from '../api/generated/types.ts';
import { Nodes as NodeType } from '../api/kinds.ts';
import { isStopped } from '../api/node-contact.ts';
import type { Client } from '../client/client.ts';
import type { InformerSet } from '../client/informer.ts';
import type { DnsServer } from '../dns/server.ts';
import { type NodeAgent, startNodeAgent } from '../node/agent.ts';
import type { ApiAddress } from '../node/config/service-environment.ts';
import type { BackOffPolicy } from '../node/pod/observed.ts';
import { processRuntime } from '../node/runtimes/process/process-runtime.ts';
import type { PodIdentity, Runtime } from '../node/runtimes/runtime.ts';
import { simulatedRuntime } from '../node/runtimes/simulated/simulated-runtime.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { followHosts } from './hosts-of-pods.ts';
import { LocalNode, type NodeParts } from './local-node.ts';
import { POD_DNS_PORT } from './pod-dns.ts';
import { ServicesOfNodes } from './services-of-nodes.ts';

/** What pods run as: processes of this machine, or nothing at all. */
export type RuntimeChoice = 'process' | 'simulated';
/** How far pods are kept apart; `auto` takes the most that the machine allows. */
export type IsolationChoice = 'auto' | 'namespaces' | 'user' | 'processes';

export interface NodesOptions {
  readonly runtime: RuntimeChoice;
  readonly isolation: IsolationChoice;
  /** Pods without a network of their own share 127.0.0.1, also where they need not. */
  readonly sharedAddress?: boolean;
  readonly nodes: number;
  /** How long a node may be silent before it counts as lost. */
  readonly nodeGraceMs: number;
  /** P3: how long containers that keep ending wait. */
  readonly restartBackOff?: BackOffPolicy;
  /** One directory for each node is made in here. */
  readonly directory: string;
  /** No pod may see this: the cluster's keys and its store. */
  readonly dataDir: string;
  /** Where the API server is. */
  readonly api: ApiAddress;
  /** As whom each agent acts: with no more rights than its node has. */
  readonly clientOf: (node: string) => Client;
  readonly client: Client;
  readonly informers: InformerSet;
  readonly dns: DnsServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The nodes of this process. */
export interface Nodes {
  readonly names: readonly string[];
  /** Those of the nodes that have not been taken away. */
  agents(): readonly NodeAgent[];
  agent(name: string): NodeAgent | undefined;
  /** How pods are kept apart, in words. */
  readonly isolation: string;
  /** What the machine does not allow, in sentences. */
  readonly limitations: readonly string[];
  /** Lets go of all nodes; their pods run on. */
  stop(): Promise<void>;
}

const ZONE = 'cluster.local';

/**
 * Starts the nodes, each with an identity, a directory and a runtime of its own. Resolves when all are Ready but those
 * that somebody has taken away. From then on a node leaves and comes back as its object says ({@link isStopped}).
 */
export async function startNodes(options: NodesOptions): Promise<Nodes> {
  const locks = new Map<string, PodIdentity>();
  const services = new ServicesOfNodes(options);
  const known = options.informers.get(NodeType);
  await known.synced;
  const nodes = Array.from({ length: options.nodes }, (_, index) => {
    const name = `node-${index}`;
    return new LocalNode({
      name,
      logger: options.logger,
      begin: () => beginNode(name, index, { ...options, locks, services }),
    });
  });
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    await services.stop();
  };
  const started = await Promise.allSettled(
    nodes.map((node) => {
      const object = known.get({ name: node.name });
      return object !== undefined && isStopped(object) ? undefined : node.start();
    }),
  );
  const failed = started.find((result) => result.status === 'rejected');
  if (failed) {
    // One that started goes with those that could not.
    await stop();
    throw failed.reason;
  }
  const unsubscribe = followContact(nodes, options);
  const present = (): readonly NodeParts[] => nodes.flatMap(({ parts }) => parts ?? []);
  const limitations = new Set(present().flatMap(({ runtime }) => runtime.limitations.map(({ message }) => message)));
  if (services.limitation !== undefined) limitations.add(services.limitation);
  return {
    names: nodes.map(({ name }) => name),
    agents: () => present().map(({ agent }) => agent),
    agent: (name) => nodes.find((node) => node.name === name)?.parts?.agent,
    isolation: describeIsolation(options.runtime, present()[0]?.runtime),
    limitations: [...limitations],
    stop() {
      unsubscribe();
      return stop();
    },
  };
}

async function beginNode(name: string, index: number, options: SharedByNodes): Promise<NodeParts> {
  const { runtime, listenForPods } = createRuntime(name, index, options);
  const agent = await startNodeAgent({
    name,
    client: options.clientOf(name),
    informers: options.informers,
    runtime,
    directory: path.join(options.directory, name),
    addresses: nodeAddresses(name),
    dns: { nameservers: listenForPods },
    api: () => (options.services.haveNoAddresses ? options.api : undefined),
    leaseMs: options.nodeGraceMs,
    ...(options.restartBackOff && { backOff: options.restartBackOff }),
    clock: options.clock,
    random: options.random,
    logger: options.logger,
  }).catch(async (error: unknown) => {
    // The next try has a runtime of its own, and there is to be one only.
    await runtime.close();
    throw error;
  });
  return { agent, runtime };
}

/** Takes nodes away and brings them back as their objects say. Returns what ends it. */
function followContact(nodes: readonly LocalNode[], { informers, logger }: NodesOptions): () => void {
  const ended = new Set<string>();
  return informers.get(NodeType).subscribe((changes) => {
    for (const { type, object } of changes) {
      const node = nodes.find(({ name }) => name === object.metadata.name);
      if (node === undefined) continue;
      const failed = (error: unknown): void =>
        logger.error('a node cannot be taken away or brought back', { node: node.name, error: String(error) });
      if (type === 'deleted') {
        // Its agent still has to end the pods that the node controller lets go of.
        ended.add(node.name);
      } else if (isStopped(object)) {
        node.stop().catch(failed);
      } else if (ended.delete(node.name)) {
        // Made again by somebody: it registers anew.
        node
          .stop()
          .then(() => node.start())
          .catch(failed);
      } else {
        node.start().catch(failed);
      }
    }
  });
}

function describeIsolation(choice: RuntimeChoice, runtime: Runtime | undefined): string {
  if (runtime === undefined) return 'no nodes';
  return runtime.isolation === undefined ? `${choice} runtime` : `${choice} runtime, isolation ${runtime.isolation}`;
}

interface SharedByNodes extends NodesOptions {
  readonly locks: Map<string, PodIdentity>;
  readonly services: ServicesOfNodes;
}

interface CreatedRuntime {
  readonly runtime: Runtime;
  /** Makes the DNS server answer the pods of this runtime, and says where. */
  listenForPods(): Promise<readonly string[]>;
}

function createRuntime(name: string, index: number, options: SharedByNodes): CreatedRuntime {
  switch (options.runtime) {
    case 'simulated':
      return {
        runtime: simulatedRuntime({ clock: options.clock, podCIDR: `10.${88 + index}.0.0/16`, locks: options.locks }),
        listenForPods: async () => [],
      };
    case 'process': {
      const runtime = processRuntime({
        directory: path.join(options.directory, name),
        nodeName: name,
        clock: options.clock,
        logger: options.logger,
        hidden: [options.dataDir],
        isolation: options.isolation,
        sharedAddress: options.sharedAddress ?? false,
        followHosts: (update) => followHosts(options.informers, options.clock, ZONE, update),
        dnsServer: () => options.dns.addresses.map(({ address, port }) => `${address}:${port}`)[0],
      });
      return {
        runtime,
        async listenForPods() {
          await options.services.add(runtime);
          // Pods on the machine's own network cannot have a resolv.conf that names another port than 53.
          if (runtime.isolation !== 'namespaces') return [];
          const { gateway } = runtime;
          // A node that was away has one already.
          if (!options.dns.addresses.some(({ address }) => address === gateway))
            await options.dns.addListener({ address: gateway, port: POD_DNS_PORT });
          return [runtime.gateway];
        },
      };
    }
  }
}

/** Every node of this process has the machine's own address. */
function nodeAddresses(name: string): readonly NodeAddress[] {
  const external = Object.values(os.networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, address }) => !internal && isIP(address) === 4);
  return [
    { type: 'InternalIP', address: external?.address ?? '127.0.0.1' },
    { type: 'Hostname', address: name },
  ];
}
