import type { StatefulSet } from '../../src/api/generated/types.ts';
import { builtInTypes, Pods } from '../../src/api/kinds.ts';
import { formatKey, keyOf, type New } from '../../src/api/meta.ts';
import type { Client } from '../../src/client/client.ts';
import type { EventRecorder } from '../../src/client/event-recorder.ts';
import { inProcessClient } from '../../src/client/in-process-client.ts';
import { InformerSet } from '../../src/client/informer.ts';
import { startGarbageCollector } from '../../src/controllers/garbage-collector/controller.ts';
import { startNodeController } from '../../src/controllers/nodes/controller.ts';
import { startStatefulSetController } from '../../src/controllers/statefulset/controller.ts';
import { type Observed, type Plan, plan as realPlan } from '../../src/controllers/statefulset/plan.ts';
import { startVolumeController } from '../../src/controllers/volumes/controller.ts';
import { ensureDefaultStorageClass } from '../../src/controllers/volumes/default-storage-class.ts';
import { startNodeAgent } from '../../src/node/agent.ts';
import type { ContainerConfig, PodIdentity } from '../../src/node/runtimes/runtime.ts';
import {
  type SimulatedRun,
  type SimulatedRuntime,
  simulatedRuntime,
} from '../../src/node/runtimes/simulated/simulated-runtime.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { type Random, seededRandom } from '../../src/platform/random.ts';
import { settle, VirtualClock } from '../../src/platform/virtual-clock.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/requests.ts';
import { startScheduler } from '../../src/scheduler/scheduler.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import { Network } from './faults.ts';
import { intercept, isWrite } from './intercept.ts';
import { Life } from './life.ts';
import { Rules } from './rules.ts';
import { type Beginning, type Behaviour, nodeNames } from './script.ts';
import { Standstill } from './standstill.ts';
import { View } from './view.ts';
import { Witness } from './witness.ts';

export const NAMESPACE = 'default';
export const SET = 'web';
export const SET_KEY = { namespace: NAMESPACE, name: SET };

/** A rule did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface WorldOptions {
  readonly seed: number;
  readonly beginning: Beginning;
  /** How the controller under test decides; the real plan when absent. */
  readonly plan?: (observed: Observed) => Plan;
  readonly tracing?: boolean;
}

/** How long a node may be silent: as short as its heartbeats allow, so that runs are short. */
const NODE_GRACE_MS = 12_000;

/** How long the tracker of the controller's own writes waits for them. */
const TRACKER_TIMEOUT_MS = 30_000;

const silent: EventRecorder = { record: () => {} };

/**
 * A whole cluster in virtual time: the real registry over a store in memory, the real controllers, scheduler and node
 * agents, on a network and on machines that fail when told to.
 */
export class World {
  readonly clock = new VirtualClock();
  readonly network: Network;
  readonly runtimes = new Map<string, SimulatedRuntime>();
  /** Requests of users: never disturbed. */
  readonly user: Client;
  readonly trace: string[] = [];
  readonly witness: Witness;
  /** What has happened, and how often. */
  readonly counts = new Map<string, number>();
  /** Writes of the StatefulSet controller so far. */
  writes = 0;
  readonly #beginMs: number;
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #registry: Registry;
  readonly #client: Client;
  readonly #standstill = new Standstill(this.clock, (message) => this.fail(message));
  readonly #lives = new Map<string, Life>();
  #violation: Violation | undefined;

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed ^ 0x5eed);
    this.#beginMs = this.clock.now();
    const random = seededRandom(options.seed ^ 0x1d);
    const registry = createRegistry({ store: memoryStore({ clock: this.clock }), clock: this.clock, random });
    this.#registry = registry;
    this.#client = inProcessClient(registry, { name: 'system:simulation', groups: ['system:masters'] });
    this.user = this.#client;
    this.network = new Network(this.clock, this.#random, (what) => this.count(what));
    this.witness = new Witness({
      client: this.#client,
      runtimes: this.runtimes,
      note: (line) => this.note(line),
      fail: (message) => this.fail(message),
    });
  }

  static async begin(options: WorldOptions): Promise<World> {
    const world = new World(options);
    const registry = world.#registry as ReturnType<typeof createRegistry>;
    await registry.bootstrap();
    await ensureDefaultStorageClass(world.user);
    const locks = new Map<string, PodIdentity>();
    for (const [index, name] of nodeNames(options.beginning.nodes).entries()) {
      const podCIDR = `10.${88 + index}.0.0/16`;
      world.runtimes.set(name, simulatedRuntime({ clock: world.clock, podCIDR, locks, run: world.#behave }));
      world.start(name);
    }
    world.start('others');
    world.start('statefulset');
    return world;
  }

  /** Ms since the run began. */
  get nowMs(): number {
    return this.clock.now() - this.#beginMs;
  }

  get violation(): Violation | undefined {
    return this.#violation;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  note(line: string): void {
    if (this.#options.tracing && this.#violation === undefined)
      this.trace.push(`${(this.nowMs / 1000).toFixed(3).padStart(8)}  ${line}`);
  }

  fail(message: string): void {
    if (this.#violation !== undefined) return;
    this.note(`VIOLATION ${message}`);
    this.#violation = new Violation(message);
  }

  /** Lets time pass until `atMs`, checking after every step; ends early at a violation. */
  async runUntil(atMs: number): Promise<void> {
    for (;;) {
      await settle();
      await this.witness.check();
      if (this.#violation !== undefined) return;
      const dueMs = this.clock.nextDueMs();
      if (dueMs === undefined || dueMs - this.#beginMs > atMs) break;
      this.clock.step();
    }
    if (atMs > this.nowMs) await this.clock.advance(atMs - this.nowMs);
  }

  /** Starts a part that does not live. */
  start(part: string): void {
    if (this.#lives.get(part)?.alive) return;
    const life = new Life(part);
    this.#lives.set(part, life);
    this.note(`${part} starts`);
    this.count(`starts ${part.replace(/-\d+$/, '')}`);
    if (part === 'statefulset') this.#startStatefulSet(life);
    else if (part === 'others') this.#startOthers(life);
    else this.#startNode(life);
  }

  /** Ends a part as `kill -9` does, now or just after it has sent so many writes; it starts again `forMs` later. */
  kill(part: string, afterWrites: number, forMs: number): void {
    const life = this.#lives.get(part);
    if (!life?.alive) return;
    const again = (): void => {
      this.note(`${part} is killed`);
      this.count(`killed ${afterWrites > 0 ? 'after a write' : 'at rest'}: ${part.replace(/-\d+$/, '')}`);
      this.clock.after(forMs, () => this.start(part));
    };
    if (afterWrites > 0) {
      life.endAfterWrites(afterWrites, again);
    } else {
      life.end();
      again();
    }
  }

  /** What was to be killed after some writes lives. */
  spare(): void {
    for (const life of this.#lives.values()) life.endAfterWrites(Number.POSITIVE_INFINITY, () => {});
  }

  newSet(): New<StatefulSet> {
    const { replicas, parallel, claims, minReadySeconds, whenDeleted, whenScaled } = this.#options.beginning;
    const { tolerationSeconds } = this.#options.beginning;
    const labels = { app: SET };
    return {
      metadata: SET_KEY,
      spec: {
        replicas,
        serviceName: SET,
        minReadySeconds,
        podManagementPolicy: parallel ? 'Parallel' : 'OrderedReady',
        revisionHistoryLimit: 2,
        persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 5,
            tolerations: ['not-ready', 'unreachable'].map((state) => ({
              key: `node.kubernetes.io/${state}`,
              operator: 'Exists',
              effect: 'NoExecute',
              tolerationSeconds,
            })),
            containers: [{ name: 'app', image: image('good', 1) }],
          },
        },
        ...(claims && {
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
            },
          ],
        }),
      },
    };
  }

  #startStatefulSet(life: Life): void {
    const clock = life.clock(this.clock);
    const view = new View(() => this.nowMs);
    let rules: Rules | undefined;
    const judged = intercept(
      this.#clientOf(life),
      (request, send) => {
        if (life.alive && isWrite(request)) {
          this.writes += 1;
          this.note(
            `  statefulset: ${request.verb} ${request.type.singular} ${request.name}${request.subresource ? ` ${request.subresource}` : ''}`,
          );
          const wrong = rules?.check(request);
          if (wrong !== undefined) this.fail(wrong);
        }
        return send();
      },
      (_type, handler, open) => open(handler),
    );
    const client = view.client(judged);
    const informers = new InformerSet({ client, clock, logger: silentLogger });
    const decide = this.#options.plan ?? realPlan;
    startStatefulSetController({
      client,
      informers,
      events: {
        record: (event) => {
          const wrong = life.alive ? rules?.checkEvent(event) : undefined;
          if (wrong !== undefined) this.fail(wrong);
        },
      },
      clock,
      logger: silentLogger,
      // S4: in half of the runs the controller is as if it had many sets.
      busyFrom: this.#options.seed % 2 === 0 ? 1 : 8,
      plan: (observed) => {
        this.#judgeObservation(observed, view);
        const judge = new Rules(observed);
        rules = judge;
        const decided = decide(observed);
        return {
          ...decided,
          status: (done, refusal) => {
            judge.waiting = decided.waitingAfter(done, refusal);
            return decided.status(done, refusal);
          },
        };
      },
    });
  }

  #clientOf(life: Life): Client {
    const client = this.#standstill.client(life.name, this.#client);
    return life.client(this.network.client(life.name, client));
  }

  #startOthers(life: Life): void {
    const clock = life.clock(this.clock);
    const client = this.#clientOf(life);
    const informers = new InformerSet({ client, clock, logger: silentLogger });
    const parts = { client, informers, events: silent, clock, logger: silentLogger };
    startVolumeController(parts);
    startNodeController({ ...parts, graceMs: NODE_GRACE_MS });
    startScheduler(parts);
    startGarbageCollector({ ...parts, types: builtInTypes.filter((type) => OWNED.has(type.kind)) });
  }

  #startNode(life: Life): void {
    const runtime = this.runtimes.get(life.name);
    if (runtime === undefined) throw new Error(`there is no node ${life.name}`);
    startNodeAgent({
      name: life.name,
      client: withoutEvents(this.#clientOf(life)),
      runtime: life.runtime(runtime),
      clock: life.clock(this.clock),
      random: seededRandom(this.#random.next() * 2 ** 32),
      logger: silentLogger,
      directory: `/simulated/${life.name}`,
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      dns: { nameservers: ['10.96.0.10'] },
      capacity: { cpu: '8', memory: '8Gi', pods: '50' },
    }).catch(() => {
      // It could not register: it is started again, as a service manager would.
      life.end();
      this.clock.after(1000, () => this.start(life.name));
    });
  }

  /** What a container does is in its image. */
  readonly #behave = (_pod: PodIdentity, container: ContainerConfig): SimulatedRun => {
    const stopsAfterMs = Math.floor(this.#random.next() * 2000);
    const behaviour = container.image.split(':')[0];
    this.count(`runs ${behaviour}`);
    switch (behaviour) {
      case 'crash':
        return { endsAfterMs: 1000, exitCode: 1, readyAfterMs: 60_000, stopsAfterMs };
      case 'hang':
        return { readyAfterMs: 1e9, stopsAfterMs };
      case 'slow':
        return { readyAfterMs: 8000, stopsAfterMs };
      default:
        return { readyAfterMs: Math.floor(this.#random.next() * 1500), stopsAfterMs };
    }
  };

  /** The controller decides from what it has been told, all of it and nothing else, its own writes included. */
  #judgeObservation(observed: Observed, view: View): void {
    const shown = new Map(observed.pods.map((pod) => [formatKey(keyOf(pod)), pod.metadata.resourceVersion]));
    if (observed.pods.some((pod) => this.witness.versionOf(pod.metadata.uid) !== pod.metadata.resourceVersion)) {
      this.count('decides from a stale cache');
    }
    for (const pod of view.all(Pods)) {
      const key = formatKey(keyOf(pod));
      if (shown.get(key) !== pod.metadata.resourceVersion) this.fail(`the cache does not show ${key} as it was told`);
      shown.delete(key);
    }
    for (const key of shown.keys()) this.fail(`the cache shows ${key}, which is gone`);
    const unseen = view.unseen(this.nowMs - TRACKER_TIMEOUT_MS);
    if (unseen !== undefined) this.fail(`the controller decides before it sees ${unseen}, which it wrote`);
  }
}

/** The kinds the garbage collector looks after here. */
const OWNED = new Set([
  'StatefulSet',
  'Pod',
  'PersistentVolumeClaim',
  'PersistentVolume',
  'ControllerRevision',
  'Node',
]);

/** No rule is about events, here as in the other parts: they are not sent. */
function withoutEvents(client: Client): Client {
  return intercept(
    client,
    // What was sent comes back.
    async (request, send) =>
      request.type.kind === 'Event' ? (request.body as Awaited<ReturnType<typeof send>>) : send(),
    (_type, handler, open) => open(handler),
  );
}

export function image(behaviour: Behaviour, version: number): string {
  return `${behaviour}:${version}`;
}
