import { describe, expect, test } from 'vitest';

import { condition, createPod, NODE } from '../../test/support/node-harness.ts';
import type { PodSpec } from '../api/generated/types.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../api/kinds.ts';
import type { Client } from '../client/client.ts';
import { inProcessClient } from '../client/in-process-client.ts';
import { seededRandom } from '../platform/random.ts';
import { settle, VirtualClock } from '../platform/virtual-clock.ts';
import { createRegistry } from '../registry/create-registry.ts';
import { memoryStore } from '../store/memory-store.ts';
import { startNodeAgent } from './agent.ts';
import type { Runtime } from './runtimes/runtime.ts';
import { simulatedRuntime } from './runtimes/simulated/simulated-runtime.ts';

/** Whether the call that kills the agent still takes effect. */
type Moment = 'before' | 'after';

/** Counts an agent's calls to the outside, and lets it die at one of them: none of its calls ever comes back then. */
class Life {
  calls = 0;
  dead = false;
  readonly #diesAt: number;
  readonly #moment: Moment;

  constructor(diesAt: number, moment: Moment) {
    this.#diesAt = diesAt;
    this.#moment = moment;
  }

  async call<T>(action: () => Promise<T>): Promise<T> {
    const never = new Promise<never>(() => {});
    if (this.dead) return never;
    this.calls += 1;
    if (this.calls !== this.#diesAt) {
      const result = await action();
      return this.dead ? never : result;
    }
    this.dead = true;
    if (this.#moment === 'after') await action().catch(() => {});
    return never;
  }

  /** The same object, used by something mortal. */
  wrap<T extends object>(target: T, synchronous: readonly string[]): T {
    return new Proxy(target, {
      get: (object, property) => {
        const value = Reflect.get(object, property) as unknown;
        if (typeof value !== 'function') return value;
        if (synchronous.includes(String(property))) {
          return (...args: unknown[]) =>
            this.dead
              ? { stop() {} }
              : value.apply(
                  object,
                  args.map((arg) => this.#deaf(arg)),
                );
        }
        return (...args: unknown[]) =>
          this.call(() =>
            value.apply(
              object,
              args.map((arg) => this.#deaf(arg)),
            ),
          );
      },
    });
  }

  /** Callbacks do not reach the dead. */
  #deaf(arg: unknown): unknown {
    if (typeof arg === 'function') return (...args: unknown[]) => (this.dead ? undefined : arg(...args));
    if (typeof arg !== 'object' || arg === null || !('events' in arg)) return arg;
    const handler = arg as Record<string, unknown>;
    return { events: this.#deaf(handler.events), closed: this.#deaf(handler.closed) };
  }
}

const KEY = { namespace: 'default', name: 'db-0' };
const SPEC: Partial<PodSpec> = {
  terminationGracePeriodSeconds: 5,
  initContainers: [{ name: 'prepare', image: 'x' }],
  containers: [
    {
      name: 'main',
      image: 'x',
      lifecycle: { postStart: { sleep: { seconds: 1 } }, preStop: { sleep: { seconds: 1 } } },
    },
  ],
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }],
};
const METADATA = {
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'set', controller: true }],
};

/** A life of a pod with everything in it: started, crashed, deleted, replaced. How many calls the agent made. */
async function story(diesAt: number, moment: Moment, forced: boolean): Promise<number> {
  const clock = new VirtualClock();
  const registry = createRegistry({ store: memoryStore(), clock, random: seededRandom(1) });
  await registry.bootstrap();
  const user = inProcessClient(registry, { name: 'user', groups: ['system:masters'] });
  const starts: string[] = [];
  const runtime = simulatedRuntime({
    clock,
    run: ({ uid }, { name, attempt, kind }) => {
      starts.push(`${uid}/${name}/${attempt}`);
      return kind === 'init' ? { endsAfterMs: 200 } : { stopsAfterMs: 500 };
    },
  });
  const confirmed: string[] = [];
  const honest: Client = {
    ...user,
    async delete(type, key, options) {
      const uid = options?.preconditions?.uid ?? '';
      if (type.kind === 'Pod') {
        // M1 M2: nobody confirms the end of what still lives.
        expect((await runtime.status(uid))?.alive ?? false).toBe(false);
        confirmed.push(uid);
      }
      return user.delete(type, key, options);
    },
  };
  let life = new Life(diesAt, moment);
  const start = () => {
    void startNodeAgent({
      name: NODE,
      client: life.wrap(honest, ['watch']),
      runtime: life.wrap<Runtime>(runtime, []),
      clock,
      random: seededRandom(2),
      directory: '/nowhere',
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      dns: { nameservers: [] },
    });
  };
  /** Time goes on; an agent that died is followed by another one, which is spared. */
  const pass = async (durationMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 250) {
      await clock.advance(250);
      if (!life.dead) continue;
      await clock.advance(250);
      life = new Life(Number.POSITIVE_INFINITY, 'before');
      start();
      await settle();
    }
  };
  await claim(user);
  const first = life;
  start();
  await pass(500);
  const one = await createPod(user, 'db-0', SPEC, METADATA);
  await pass(3_000);
  runtime.crash(one.metadata.uid, 'main', 1);
  await pass(3_000);
  await user.delete(Pods, KEY, forced ? { gracePeriodSeconds: 0 } : {});
  if (!forced) await pass(12_000);
  expect((await user.list(Pods, { namespace: 'default' })).items).toEqual([]);
  const two = await createPod(user, 'db-0', SPEC, METADATA);
  await pass(45_000);

  const pod = await user.get(Pods, KEY);
  expect(condition(pod, 'Ready')?.status).toBe('True');
  expect(pod.metadata.uid).toBe(two.metadata.uid);
  // Nothing is left of the first, and of the second there is one.
  expect((await runtime.list()).map(({ uid, alive }) => [uid, alive])).toEqual([[two.metadata.uid, true]]);
  // M3: nothing was started twice, and nothing was restarted that had not ended.
  expect([...starts].sort()).toEqual(
    [
      `${one.metadata.uid}/prepare/0`,
      `${one.metadata.uid}/main/0`,
      `${one.metadata.uid}/main/1`,
      `${two.metadata.uid}/prepare/0`,
      `${two.metadata.uid}/main/0`,
    ].sort(),
  );
  if (!forced) expect(confirmed).toContain(one.metadata.uid);
  return first.calls;
}

async function claim(client: Client): Promise<void> {
  await client.create(StorageClasses, { metadata: { name: 'fixed' }, provisioner: 'kubernetes.io/no-provisioner' });
  const made = await client.create(PersistentVolumeClaims, {
    metadata: { namespace: 'default', name: 'data-db-0' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fixed',
      resources: { requests: { storage: '1Gi' } },
      volumeName: 'disk',
    },
  });
  await client.create(PersistentVolumes, {
    metadata: { name: 'disk' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fixed',
      hostPath: { path: '/data' },
      claimRef: { namespace: 'default', name: 'data-db-0', uid: made.metadata.uid },
    },
  });
  await client.update(PersistentVolumeClaims, { ...made, status: { phase: 'Bound' } }, { subresource: 'status' });
}

/** In each of the four ways below: more than 200 kills in all. */
const LEAST_CALLS = 51;

describe.each([
  ['deleted', false],
  ['deleted by force', true],
] as const)(
  'M3 M8 an agent that is killed at any of its calls while a pod is started, crashes and is %s',
  (_how, forced) => {
    test.each(['before', 'after'] as const)(
      '%s the call takes effect, is followed by one that finishes the work',
      async (moment) => {
        const calls = await story(Number.POSITIVE_INFINITY, moment, forced);
        expect(calls).toBeGreaterThanOrEqual(LEAST_CALLS);
        for (let diesAt = 1; diesAt <= calls; diesAt++) {
          await story(diesAt, moment, forced).catch((error) => {
            throw new Error(
              `killed ${moment} call ${diesAt} of ${calls}: ${error instanceof Error ? error.message : error}`,
              { cause: error },
            );
          });
        }
      },
      120_000,
    );
  },
);
