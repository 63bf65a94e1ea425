import { isIP } from 'node:net';
import os from 'node:os';
import path from 'node:path';

import type { NodeAddress } from '../api/generated/types.ts';
import type { Client } from '../client/client.ts';
import type { InformerSet } from '../client/informer.ts';
import type { DnsServer } from '../dns/server.ts';
import { type NodeAgent, startNodeAgent } from '../node/agent.ts';
import { processRuntime } from '../node/runtimes/process/process-runtime.ts';
import type { PodIdentity, Runtime } from '../node/runtimes/runtime.ts';
import { simulatedRuntime } from '../node/runtimes/simulated/simulated-runtime.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';

/** What pods run as: processes of this machine, or nothing at all. */
export type RuntimeChoice = 'process' | 'simulated';
/** How far pods are kept apart; `auto` takes the most that the machine allows. */
export type IsolationChoice = 'auto' | 'namespaces' | 'user' | 'processes';

export interface NodesOptions {
  readonly runtime: RuntimeChoice;
  readonly isolation: IsolationChoice;
  readonly nodes: number;
  /** One directory for each node is made in here. */
  readonly directory: string;
  /** No pod may see this: the cluster's keys and its store. */
  readonly dataDir: string;
  readonly client: Client;
  readonly informers: InformerSet;
  readonly dns: DnsServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The nodes of this process. */
export interface Nodes {
  readonly agents: readonly NodeAgent[];
  /** How pods are kept apart, in words. */
  readonly isolation: string;
  /** What the machine does not allow, in sentences. */
  readonly limitations: readonly string[];
  /** Lets go of all nodes; their pods run on. */
  stop(): Promise<void>;
}

const DNS_PORT = 53;

/** Starts the node agents, each with an identity, a directory and a runtime of its own. Resolves when all are Ready. */
export async function startNodes(options: NodesOptions): Promise<Nodes> {
  const locks = new Map<string, PodIdentity>();
  const started = await Promise.all(
    Array.from({ length: options.nodes }, async (_, index) => {
      const name = `node-${index}`;
      const runtime = createRuntime(name, index, locks, options);
      const agent = await startNodeAgent({
        name,
        client: options.client,
        informers: options.informers,
        runtime: runtime.runtime,
        directory: path.join(options.directory, name),
        addresses: nodeAddresses(name),
        dns: { nameservers: () => runtime.listenForPods() },
        clock: options.clock,
        random: options.random,
        logger: options.logger,
      });
      return { agent, runtime: runtime.runtime };
    }),
  );
  const limitations = new Set(started.flatMap(({ runtime }) => runtime.limitations.map(({ message }) => message)));
  return {
    agents: started.map(({ agent }) => agent),
    isolation: describeIsolation(options.runtime, started[0]?.runtime),
    limitations: [...limitations],
    async stop() {
      await Promise.all(started.map(({ agent }) => agent.stop()));
      await Promise.all(started.map(({ runtime }) => runtime.close()));
    },
  };
}

function describeIsolation(choice: RuntimeChoice, runtime: Runtime | undefined): string {
  if (runtime === undefined) return 'no nodes';
  return runtime.isolation === undefined ? `${choice} runtime` : `${choice} runtime, isolation ${runtime.isolation}`;
}

interface CreatedRuntime {
  readonly runtime: Runtime;
  /** Makes the DNS server answer the pods of this runtime, and says where. */
  listenForPods(): Promise<readonly string[]>;
}

function createRuntime(
  name: string,
  index: number,
  locks: Map<string, PodIdentity>,
  options: NodesOptions,
): CreatedRuntime {
  switch (options.runtime) {
    case 'simulated':
      return {
        runtime: simulatedRuntime({ clock: options.clock, podCIDR: `10.${88 + index}.0.0/16`, locks }),
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
        dnsServer: () => options.dns.addresses.map(({ address, port }) => `${address}:${port}`)[0],
      });
      return {
        runtime,
        async listenForPods() {
          // Pods on the machine's own network cannot have a resolv.conf that names another port than 53.
          if (runtime.isolation !== 'namespaces') return [];
          await options.dns.addListener({ address: runtime.gateway, port: DNS_PORT });
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
