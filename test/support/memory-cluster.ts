import type { Node, PersistentVolumeClaim, Pod, PodSpec, PodStatus } from '../../src/api/generated/types.ts';
import { Nodes, PersistentVolumeClaims, Pods } from '../../src/api/kinds.ts';
import type { KubernetesObject, New } from '../../src/api/meta.ts';
import type { ResourceType } from '../../src/api/resource-type.ts';
import type { Client } from '../../src/client/client.ts';
import type { EventNote, EventRecorder } from '../../src/client/event-recorder.ts';
import { inProcessClient } from '../../src/client/in-process-client.ts';
import { InformerSet } from '../../src/client/informer.ts';
import type { ControllerParts } from '../../src/controllers/parts.ts';
import { timestamp } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { VirtualClock } from '../../src/platform/virtual-clock.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { memoryStore } from '../../src/store/memory-store.ts';

const NAMESPACE = 'default';

/** An API without anything that acts on it, in virtual time; a test starts what it is about. */
export interface MemoryCluster {
  readonly client: Client;
  readonly clock: VirtualClock;
  readonly informers: InformerSet;
  readonly parts: ControllerParts;
  /** What was told, in order. */
  readonly notes: EventNote[];
  /** How many writes the store has taken. */
  writes(): number;
  createNode(name: string, change?: Partial<New<Node>>): Promise<Node>;
  createPod(name: string, change?: { labels?: Record<string, string>; spec?: Partial<PodSpec> }): Promise<Pod>;
  createClaim(
    name: string,
    change?: { annotations?: Record<string, string>; spec?: Partial<PersistentVolumeClaim['spec']> },
  ): Promise<PersistentVolumeClaim>;
  pod(name: string): Promise<Pod>;
  claim(name: string): Promise<PersistentVolumeClaim>;
  reportPod(name: string, status: PodStatus): Promise<Pod>;
  get<T extends KubernetesObject>(type: ResourceType<T>, name: string): Promise<T>;
  list<T extends KubernetesObject>(type: ResourceType<T>): Promise<readonly T[]>;
  /** Lets everything happen that can, within `durationMs` of virtual time. */
  settle(durationMs?: number): Promise<void>;
  /** Stops this at the end of the test, before the informers. */
  use<T extends { stop(): Promise<void> | void }>(part: T): T;
  stop(): Promise<void>;
}

export async function startMemoryCluster(): Promise<MemoryCluster> {
  const clock = new VirtualClock();
  const store = memoryStore({ clock });
  const registry = createRegistry({ store, clock, random: seededRandom(1) });
  await registry.bootstrap();
  const client = inProcessClient(registry, { name: 'system:admin', groups: ['system:masters'] });
  const logger = silentLogger;
  const informers = new InformerSet({ client, clock, logger });
  const notes: EventNote[] = [];
  const events: EventRecorder = { record: (note) => void notes.push(note) };
  const used: { stop(): Promise<void> | void }[] = [];

  const cluster: MemoryCluster = {
    client,
    clock,
    informers,
    parts: { client, informers, clock, logger, events },
    notes,
    writes: () => store.revision,
    createNode(name, change = {}) {
      const resources = { cpu: '4', memory: '8Gi', pods: '110' };
      const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: timestamp(clock.now()) }];
      return client.create(Nodes, {
        metadata: { name, labels: { 'kubernetes.io/hostname': name } },
        spec: {},
        status: { allocatable: resources, capacity: resources, conditions },
        ...change,
      });
    },
    createPod: (name, { labels = {}, spec = {} } = {}) =>
      client.create(Pods, {
        metadata: { namespace: NAMESPACE, name, labels },
        spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
      }),
    createClaim: (name, { annotations = {}, spec = {} } = {}) =>
      client.create(PersistentVolumeClaims, {
        metadata: { namespace: NAMESPACE, name, annotations },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
      }),
    pod: (name) => client.get(Pods, { namespace: NAMESPACE, name }),
    claim: (name) => client.get(PersistentVolumeClaims, { namespace: NAMESPACE, name }),
    async reportPod(name, status) {
      const pod = await cluster.pod(name);
      return client.update(Pods, { ...pod, status: { ...pod.status, ...status } }, STATUS);
    },
    get: (type, name) => client.get(type, type.namespaced ? { namespace: NAMESPACE, name } : { name }),
    list: async (type) => (await client.list(type)).items,
    settle: (durationMs = 10) => clock.advance(durationMs),
    use(part) {
      used.unshift(part);
      return part;
    },
    async stop() {
      for (const part of used) await part.stop();
      informers.stop();
      await store.close();
    },
  };
  return cluster;
}

const STATUS = { subresource: 'status' } as const;
