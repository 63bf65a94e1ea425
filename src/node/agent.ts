import path from 'node:path';

import type { Node, NodeAddress, Pod } from '../api/generated/types.ts';
import { Nodes, Pods, Services } from '../api/kinds.ts';
import type { KubernetesObject } from '../api/meta.ts';
import type { Client } from '../client/client.ts';
import { ApiEventRecorder } from '../client/event-recorder.ts';
import { InformerSet } from '../client/informer.ts';
import type { PodStreams } from '../client/pod-streams.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Logger, silentLogger } from '../platform/logger.ts';
import { type Random, systemRandom } from '../platform/random.ts';
import { admitPod } from './admission.ts';
import { apiReferences } from './config/api-references.ts';
import { followReferences } from './config/follow-references.ts';
import { hostDns, NodeResources, noHostDns } from './config/node-resources.ts';
import type { NodeDns } from './config/pod-config.ts';
import type { ApiAddress } from './config/service-environment.ts';
import { StorageGuard } from './eviction/storage-guard.ts';
import { NodeRegistration } from './node-registration.ts';
import { type BackOffPolicy, defaultBackOff } from './pod/observed.ts';
import { PodEvents } from './pod/pod-events.ts';
import { PodManager } from './pod/pod-manager.ts';
import { podStreams } from './pod/pod-streams.ts';
import { diskSize, machineState } from './pressure.ts';
import type { Runtime } from './runtimes/runtime.ts';
import { type Disk, machineDisk, noDisk } from './volumes/disk.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import { podVolumesDirectory } from './volumes/pod-volumes-directory.ts';
import { Provisioner } from './volumes/provisioner.ts';

export interface NodeAgentOptions {
  readonly name: string;
  readonly client: Client;
  /** Outlives the agent: it is not closed. */
  readonly runtime: Runtime;
  /** `<data>/nodes/<name>`: volumes are kept below it. */
  readonly directory: string;
  /** The node's own, the first of them pods' `hostIP`. */
  readonly addresses: readonly NodeAddress[];
  readonly dns: {
    /** Default `cluster.local`. */
    readonly zone?: string;
    /**
     * The cluster's DNS server as pods reach it (port 53). A function is asked when the runtime has started, and with
     * it the network of the pods, and before any pod is touched.
     */
    readonly nameservers: readonly string[] | (() => Promise<readonly string[]>);
    /** The machine's own resolvers; read from its configuration when absent. */
    readonly host?: NodeDns['host'];
  };
  /** Where pods reach the API; asked when the runtime has started. By default at the address of its service. */
  readonly api?: () => ApiAddress | undefined;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  /** Labels beside the standard ones: a zone, a kind of disk. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The range pods get their addresses from; the runtime's own when absent. */
  readonly podCIDR?: string;
  /** Instead of what the machine has: `{ cpu: '4', memory: '8Gi', pods: '500' }`. */
  readonly capacity?: Readonly<Record<string, string>>;
  /** P3: the back-off of restarts (default 10 s doubling to 5 minutes, reset after 10 minutes). */
  readonly backOff?: BackOffPolicy;
  /** How long the node may be silent before it counts as lost (default 40 s); it says that it is there four times in it. */
  readonly leaseMs?: number | undefined;
  /** Shared with others of this process; the agent's own when absent. */
  readonly informers?: InformerSet;
  /** The machine's, or none at all for a simulated runtime, when absent. */
  readonly disk?: Disk;
}

/** The agent of one node. */
export interface NodeAgent {
  readonly name: string;
  /** The byte streams of this node's pods. */
  readonly streams: PodStreams;
  /** Lets go: everything the agent does ends, the pods run on. */
  stop(): Promise<void>;
  /** The pods it runs. */
  pods(): readonly Pod[];
  /** Says in the API that the node is on its way out: nothing new is to come here. */
  leave(): Promise<void>;
  /**
   * Ends the processes of a pod gracefully and leaves its object: the next agent of this node starts the same pod again.
   * Resolves when nothing of it runs any more.
   */
  endPod(uid: string): Promise<void>;
}

/**
 * Registers a node and runs the pods that are bound to it, until it is stopped. What ran before, under an agent that was
 * stopped or killed, is taken over (M3). Resolves when the node is ready.
 *
 * @example
 * const agent = await startNodeAgent({ name: 'node-0', client, runtime, directory, addresses, dns: { nameservers } });
 */
export async function startNodeAgent(options: NodeAgentOptions): Promise<NodeAgent> {
  const { name, client, runtime, clock = systemClock, random = systemRandom, backOff = defaultBackOff } = options;
  const logger = (options.logger ?? silentLogger).child({ node: name });
  const informers = options.informers ?? new InformerSet({ client, clock, logger });
  const recorder = new ApiEventRecorder({ client, clock, random, logger, component: 'kubelet', host: name });
  const hostIPs = options.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);

  let manager: PodManager | undefined;
  await runtime.start((uid) => manager?.runtimeChanged(uid));
  const nameservers =
    typeof options.dns.nameservers === 'function' ? await options.dns.nameservers() : options.dns.nameservers;
  const podCIDR = options.podCIDR ?? runtime.podCidr;
  const description = {
    name,
    addresses: options.addresses,
    labels: options.labels ?? {},
    capacity: options.capacity ?? {},
    runtime,
    ...(podCIDR !== undefined && { podCIDR }),
    ...(!runtime.simulated && { diskBytes: await diskSize(options.directory) }),
  };
  const measure = runtime.simulated ? undefined : () => machineState(options.directory);
  const registration = new NodeRegistration({ client, clock, logger, description, leaseMs: options.leaseMs, measure });
  const pods = informers.get(Pods, { fieldSelector: `spec.nodeName=${name}` });
  const nodes = informers.get(Nodes);
  const services = informers.get(Services);
  const servicesByNamespace = services.index(namespaceOf);
  const [registered] = await Promise.all([registration.start(), pods.synced, nodes.synced, services.synced]);
  const node = (): Node => nodes.get({ name }) ?? registered;

  const disk = options.disk ?? (runtime.simulated ? noDisk : machineDisk);
  const references = apiReferences(client, informers);
  const volumes = new PodVolumes({
    directory: podVolumesDirectory(options.directory),
    disk,
    references,
    node,
  });
  const api = options.api?.();
  const resources = new NodeResources({
    ...(api && { api }),
    dns: {
      zone: options.dns.zone ?? 'cluster.local',
      nameservers,
      host: options.dns.host ?? (runtime.simulated ? noHostDns : await hostDns()),
    },
    volumes,
    references,
    services: (namespace) => servicesByNamespace.get(namespace),
    hostIPs,
    allocatable: () => node().status?.allocatable ?? {},
  });
  manager = new PodManager({
    client,
    runtime,
    clock,
    logger,
    events: new PodEvents(recorder),
    resources,
    backOff,
    hostIPs,
    admit: (pod, taken) => admitPod(pod, taken, node()),
    sayThere: () => registration.sayThere(),
  });
  // M3: what really runs is known before the first decision is made.
  const begun = manager.begin(await runtime.list(), pods.list());
  // Nothing may come between the two: what is deleted before somebody listens would be kept for ever.
  const unsubscribe = [
    pods.subscribe((changes) => manager.podsChanged(changes)),
    followReferences(informers, (key) => manager.referenceChanged(key)),
    nodes.subscribe((changes) => {
      for (const { type, object } of changes) {
        if (object.metadata.name === name && type !== 'deleted') registration.nodeChanged(object);
      }
    }),
  ];
  await volumes.sweep((uid) => manager.record(uid) !== undefined);

  const provisioner = new Provisioner({
    client,
    informers,
    clock,
    logger,
    recorder,
    disk,
    nodeName: name,
    directory: path.join(options.directory, 'volumes'),
    inUse: (claim) => manager.usesClaim(claim),
  });

  const guard =
    runtime.diskUse &&
    new StorageGuard({
      clock,
      logger,
      pods: () => manager.pods(),
      useOf: async (pod) => ({
        containers: (await runtime.diskUse?.(pod.metadata.uid)) ?? new Map(),
        volumes: await volumes.diskUse(pod),
      }),
      evict: (pod, why) => manager.evict(pod.metadata.uid, why),
    });

  const stop = async (): Promise<void> => {
    for (const end of unsubscribe) end();
    registration.stop();
    guard?.close();
    await Promise.all([manager.close(), provisioner.close()]);
    recorder.stop();
    if (!options.informers) informers.stop();
  };
  await begun;
  return {
    name,
    streams: podStreams(runtime, manager),
    stop,
    pods: () => manager.pods(),
    leave: () =>
      registration.leave().catch((error) => logger.warn('cannot say that the node leaves', { error: String(error) })),
    endPod: (uid) => manager.endForShutdown(uid),
  };
}

function namespaceOf({ metadata }: KubernetesObject): string | undefined {
  return metadata.namespace;
}
