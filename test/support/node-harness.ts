import type { Pod, PodSpec } from '../../src/api/generated/types.ts';
import { Pods } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import { inProcessClient } from '../../src/client/in-process-client.ts';
import { type NodeAgent, type NodeAgentOptions, startNodeAgent } from '../../src/node/agent.ts';
import { type SimulatedRuntime, simulatedRuntime } from '../../src/node/runtimes/simulated/simulated-runtime.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { settle, VirtualClock } from '../../src/platform/virtual-clock.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { memoryStore } from '../../src/store/memory-store.ts';

/** An API in memory and one node with simulated pods, in virtual time. */
export interface NodeHarness {
  readonly clock: VirtualClock;
  readonly client: Client;
  readonly runtime: SimulatedRuntime;
  readonly agent: () => NodeAgent;
  /** Writes of pod statuses so far. */
  readonly statusWrites: () => number;
  startAgent(options?: Partial<NodeAgentOptions>): Promise<NodeAgent>;
  createPod(name: string, spec?: Partial<PodSpec>, metadata?: object): Promise<Pod>;
  pod(name: string): Promise<Pod>;
  podOrNothing(name: string): Promise<Pod | undefined>;
}

export const NODE = 'node-0';

export async function nodeHarness(
  options: Partial<NodeAgentOptions> & { readonly simulated?: Partial<Parameters<typeof simulatedRuntime>[0]> } = {},
): Promise<NodeHarness> {
  const { simulated, ...agentOptions } = options;
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const registry = createRegistry({ store: memoryStore(), clock, random });
  await registry.bootstrap();
  const plain = inProcessClient(registry, { name: 'test', groups: ['system:masters'] });
  let statusWrites = 0;
  const client: Client = {
    ...plain,
    update(type, object, writeOptions) {
      if (type.kind === 'Pod' && writeOptions?.subresource === 'status') statusWrites += 1;
      return plain.update(type, object, writeOptions);
    },
  };
  const runtime = simulatedRuntime({ clock, ...simulated });
  let agent: NodeAgent | undefined;
  const startAgent = async (more: Partial<NodeAgentOptions> = {}): Promise<NodeAgent> => {
    agent = await startNodeAgent({
      name: NODE,
      client,
      runtime,
      clock,
      random,
      directory: '/nowhere',
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      dns: { nameservers: ['10.96.0.10'] },
      ...agentOptions,
      ...more,
    });
    await settle();
    return agent;
  };
  await startAgent();
  return {
    clock,
    client,
    runtime,
    agent: () => agent!,
    statusWrites: () => statusWrites,
    startAgent,
    createPod: (name, spec = {}, metadata = {}) => createPod(client, name, spec, metadata),
    pod: (name) => client.get(Pods, { namespace: 'default', name }),
    podOrNothing: async (name) => {
      const { items } = await client.list(Pods, { namespace: 'default' });
      return items.find((pod) => pod.metadata.name === name);
    },
  };
}

/** A pod that is bound to the node already. */
export function createPod(client: Client, name: string, spec: Partial<PodSpec>, metadata: object = {}): Promise<Pod> {
  return client.create(Pods, {
    metadata: { name, namespace: 'default', ...metadata },
    spec: { nodeName: NODE, containers: [{ name: 'main', image: 'redis:7' }], ...spec },
  });
}

export function condition(pod: Pod, type: string) {
  return pod.status?.conditions?.find((other) => other.type === type);
}
