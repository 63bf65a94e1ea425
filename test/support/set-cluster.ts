import { isConflict } from '../../src/api/errors.ts';
import type { Pod, StatefulSet, StatefulSetSpec } from '../../src/api/generated/types.ts';
import { PersistentVolumeClaims, Pods, StatefulSets } from '../../src/api/kinds.ts';
import { keyOf, type New } from '../../src/api/meta.ts';
import type { ResourceType } from '../../src/api/resource-type.ts';
import type { Client } from '../../src/client/client.ts';
import type { EventNote, EventRecorder } from '../../src/client/event-recorder.ts';
import { inProcessClient } from '../../src/client/in-process-client.ts';
import { InformerSet } from '../../src/client/informer.ts';
import { startStatefulSetController } from '../../src/controllers/statefulset/controller.ts';
import { timestamp } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { VirtualClock } from '../../src/platform/virtual-clock.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import { memoryStore } from '../../src/store/memory-store.ts';

const NAMESPACE = 'default';

/** What a test says of a set; the rest is ordinary. */
export interface SetOptions extends Partial<Omit<StatefulSetSpec, 'template' | 'selector' | 'volumeClaimTemplates'>> {
  readonly claims?: readonly string[];
  readonly image?: string;
}

export function newSet(name: string, { claims = [], image = 'app:1', ...spec }: SetOptions = {}): New<StatefulSet> {
  return {
    metadata: { name, namespace: NAMESPACE },
    spec: {
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image }] },
      },
      ...(claims.length > 0 && {
        volumeClaimTemplates: claims.map((claim) => ({
          metadata: { name: claim },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        })),
      }),
      ...spec,
    },
  };
}

/** A registry, a StatefulSet controller and a kubelet of a few lines, in virtual time. */
export interface SetCluster {
  readonly client: Client;
  readonly clock: VirtualClock;
  /** What happened, one line each: `create pod web-0`, `ready web-0`, `delete pod web-2`. */
  readonly log: string[];
  readonly events: EventNote[];
  /** Decides whether a pod becomes Ready by itself; by default all do. */
  becomesReady: (pod: Pod) => boolean;
  /** Decides whether the processes of a pod that is deleted end; by default all do. */
  ends: (pod: Pod) => boolean;
  /** Every request that writes, as `verb resource name`, since the list was last emptied. */
  readonly writes: string[];
  /** Stops the controller and starts another one, as after a crash. */
  restart(): Promise<void>;
  createSet(name: string, options?: SetOptions): Promise<StatefulSet>;
  getSet(name: string): Promise<StatefulSet>;
  /** Changes the newest version of the set. */
  changeSet(name: string, change: (set: StatefulSet) => StatefulSet): Promise<StatefulSet>;
  getPod(name: string): Promise<Pod>;
  /** Sets the pod's status as a kubelet would. */
  report(
    name: string,
    status: { readonly phase: string; readonly ready: boolean; readonly message?: string },
  ): Promise<void>;
  podNames(): Promise<readonly string[]>;
  /** Lets everything that can happen now happen, without time passing; or `durationMs` later. */
  settle(durationMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SetClusterOptions {
  /** Wraps the controller's client: to make requests fail or see them. */
  readonly wrap?: (client: Client) => Client;
  /** From how many sets at work on the controller is busy. */
  readonly busyFrom?: number;
}

export async function startSetCluster({
  wrap = (client) => client,
  busyFrom,
}: SetClusterOptions = {}): Promise<SetCluster> {
  const clock = new VirtualClock();
  const registry = createRegistry({ store: memoryStore({ clock }), clock, random: seededRandom(1) });
  await registry.bootstrap();
  const client = inProcessClient(registry, { name: 'system:admin', groups: ['system:masters'] });
  const log: string[] = [];
  const writes: string[] = [];
  const notes: EventNote[] = [];
  const events: EventRecorder = { record: (note) => void notes.push(note) };
  const informers = new InformerSet({ client, clock, logger: silentLogger });
  const pods = informers.get(Pods);
  const startController = () => {
    const own = new InformerSet({ client, clock, logger: silentLogger });
    const options = { client: recording(wrap(client), writes), informers: own, events, clock, logger: silentLogger };
    const controller = startStatefulSetController({ ...options, ...(busyFrom !== undefined && { busyFrom }) });
    return { own, controller };
  };

  const cluster: SetCluster = {
    client,
    clock,
    log,
    writes,
    events: notes,
    becomesReady: () => true,
    ends: () => true,
    createSet: (name, options) => client.create(StatefulSets, newSet(name, options)),
    getSet: (name) => client.get(StatefulSets, { namespace: NAMESPACE, name }),
    async changeSet(name, change) {
      try {
        return await client.update(StatefulSets, change(await cluster.getSet(name)));
      } catch (error) {
        // The controller wrote its status in between.
        if (isConflict(error)) return cluster.changeSet(name, change);
        throw error;
      }
    },
    getPod: (name) => client.get(Pods, { namespace: NAMESPACE, name }),
    async report(name, { phase, ready, message }) {
      const pod = await cluster.getPod(name);
      await client.update(Pods, withStatus(pod, clock.now(), phase, ready, message), { subresource: 'status' });
    },
    async podNames() {
      return (await client.list(Pods, { namespace: NAMESPACE })).items.map((pod) => pod.metadata.name);
    },
    settle: (durationMs = 1) => clock.advance(durationMs),
    async restart() {
      running.own.stop();
      await running.controller.stop();
      running = startController();
    },
    async stop() {
      running.own.stop();
      informers.stop();
      await running.controller.stop();
    },
  };

  const run = async (pod: Pod): Promise<void> => {
    const { name } = pod.metadata;
    const target = { apiVersion: 'v1', kind: 'Node', name: 'node-0' };
    await client.createSubresource(Pods, keyOf(pod), 'binding', { metadata: { name }, target });
    if (cluster.becomesReady(pod)) await cluster.report(name, { phase: 'Running', ready: true });
  };
  const end = async (pod: Pod): Promise<void> => {
    const { uid } = pod.metadata;
    await client.delete(Pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid } });
  };
  /** As a kubelet would: what comes too late is forgotten. */
  const soon = (work: () => Promise<void>): void => void clock.after(0, () => void work().catch(() => {}));

  informers.get(PersistentVolumeClaims).subscribe((changes) => {
    for (const { type, object } of changes) if (type === 'added') log.push(`create claim ${object.metadata.name}`);
  });
  pods.subscribe((changes) => {
    for (const change of changes) {
      const { object } = change;
      const { name } = object.metadata;
      if (change.type === 'added') {
        log.push(`create pod ${name}`);
        soon(() => run(object));
      } else if (change.type === 'deleted') {
        log.push(`delete pod ${name}`);
      } else {
        if (!isReady(change.previous) && isReady(object)) log.push(`ready ${name}`);
        if (object.metadata.deletionTimestamp !== undefined && cluster.ends(object)) soon(() => end(object));
      }
    }
  });
  let running = startController();
  return cluster;
}

/** The same client, with what it writes written down. */
function recording(client: Client, writes: string[]): Client {
  const note = (verb: string, type: ResourceType, name: string | undefined): void =>
    void writes.push(`${verb} ${type.singular} ${name}`);
  return {
    ...client,
    create: (type, object, options) => {
      note('create', type, object.metadata.name);
      return client.create(type, object, options);
    },
    update: (type, object, options) => {
      note(options?.subresource === 'status' ? 'status' : 'update', type, object.metadata.name);
      return client.update(type, object, options);
    },
    delete: (type, key, options) => {
      note('delete', type, key.name);
      return client.delete(type, key, options);
    },
  };
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

function withStatus(pod: Pod, nowMs: number, phase: string, ready: boolean, message?: string): Pod {
  const now = timestamp(nowMs);
  const status = ready ? 'True' : 'False';
  const before = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
  return {
    ...pod,
    status: {
      ...pod.status,
      phase,
      startTime: pod.status?.startTime ?? now,
      conditions: [{ type: 'Ready', status, lastTransitionTime, ...(message !== undefined && { message }) }],
    },
  };
}
