import fs from 'node:fs';
import path from 'node:path';

import type { Client } from '../client/client.ts';
import { ApiEventRecorder } from '../client/event-recorder.ts';
import type { InformerSet } from '../client/informer.ts';
import { canListen } from '../node/runtimes/process/can-listen.ts';
import { bridgedNetworkOf } from '../node/runtimes/process/open-network.ts';
import type { ProcessRuntime } from '../node/runtimes/process/process-runtime.ts';
import {
  dropsRoutedPackets,
  type PacketFilterNetwork,
  packetFilter,
  packetFilterWorks,
} from '../node/services/packet-filter.ts';
import type { ServiceBackend } from '../node/services/service-backend.ts';
import { type RunningServices, startServices } from '../node/services/services.ts';
import { userProxy } from '../node/services/user-proxy.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';

export interface ServicesOfNodesOptions {
  /** Nobody else's on this machine. */
  readonly dataDir: string;
  /** Where the directories of the nodes are. */
  readonly directory: string;
  readonly client: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Makes the addresses and ports of services lead to their pods on this machine, once for all nodes of the process: they
 * share one kernel. What is in the kernel outlives the process, as the pods do.
 */
export class ServicesOfNodes {
  readonly #options: ServicesOfNodesOptions;
  readonly #networks = new Map<string, PacketFilterNetwork>();
  readonly #recorder: ApiEventRecorder;
  #backend: 'kernel' | 'proxy' = 'kernel';
  #limitation: string | undefined;
  #running: Promise<RunningServices> | undefined;

  constructor(options: ServicesOfNodesOptions) {
    this.#options = options;
    this.#recorder = new ApiEventRecorder({ ...options, component: 'kube-proxy' });
  }

  /** What this machine does not allow, in a sentence. */
  get limitation(): string | undefined {
    return this.#limitation;
  }

  /** Whether services cannot be reached at addresses of their own; known from the first node on. */
  get haveNoAddresses(): boolean {
    return this.#backend === 'proxy';
  }

  /** The pods of one more node: resolves when they reach all services there are. The runtime has been started. */
  async add({ isolation, podCidr, gateway }: ProcessRuntime): Promise<void> {
    this.#networks.set(podCidr, { podCidr, gateway });
    const isFirst = this.#running === undefined;
    this.#running ??= this.#start(isolation === 'namespaces');
    const running = await this.#running;
    // What cannot be made reachable now is tried again, and no reason not to run pods.
    // A node that comes back may have a new bridge, of which the kernel has to be told.
    await (isFirst ? running.ready : running.refresh());
  }

  async stop(): Promise<void> {
    // The proxy ends with its process; the kernel's rules lead on to the pods that run on.
    await (await this.#running)?.stop({ remove: this.#backend === 'proxy' });
    this.#recorder.stop();
  }

  async #start(ownNetworks: boolean): Promise<RunningServices> {
    const { random, dataDir, directory } = this.#options;
    let backend: ServiceBackend;
    if (ownNetworks && (await packetFilterWorks())) {
      if (await dropsRoutedPackets()) this.#limitation = ROUTED_PACKETS_DROPPED;
      // Pods that still run are to go on reaching services while their nodes are coming back, or are away.
      for (const node of fs.readdirSync(directory)) {
        const earlier = bridgedNetworkOf(path.join(directory, node));
        if (earlier !== undefined)
          this.#networks.set(earlier.cidr, { podCidr: earlier.cidr, gateway: earlier.gateway });
      }
      backend = packetFilter({ owner: dataDir, networks: () => [...this.#networks.values()], random });
    } else {
      this.#backend = 'proxy';
      this.#limitation = !ownNetworks && (await canListen('127.96.255.254', 0)) ? THROUGH_PROXY : NO_CLUSTER_ADDRESSES;
      backend = userProxy(this.#options);
    }
    return startServices({ ...this.#options, recorder: this.#recorder, backend });
  }
}

/**
 * Where services get their addresses from. Without a packet filter only addresses that the machine has already can be
 * listened on.
 */
export function serviceRange({ runtime, isolation }: { readonly runtime: string; readonly isolation: string }): string {
  const asRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const filtered = runtime === 'simulated' || isolation === 'namespaces' || (isolation === 'auto' && asRoot);
  return filtered ? '10.96.0.0/16' : '127.96.0.0/16';
}

const THROUGH_PROXY =
  'services have addresses of 127.96.0.0/16 that this server listens on and passes on from: ports below 1024 only where ' +
  'the machine lets anybody have them';

const NO_CLUSTER_ADDRESSES =
  'services have no addresses of their own (clusterIP), as it takes Linux, root and the nft program to give them any: headless ' +
  'services and their names work, and node ports do on 127.0.0.1';

const ROUTED_PACKETS_DROPPED =
  'pods do not reach services, nor pods of other nodes, as the packet filter of this machine drops what it does not know ' +
  '(Docker sets that up): allow it with  iptables -I FORWARD -i berth+ -j ACCEPT; iptables -I FORWARD -o berth+ -j ACCEPT';
