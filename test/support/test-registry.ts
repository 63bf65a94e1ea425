import { ApiError } from '../../src/api/errors.ts';
import type { Pod, StatefulSet } from '../../src/api/generated/types.ts';
import type { New } from '../../src/api/meta.ts';
import type { Client } from '../../src/client/client.ts';
import { inProcessClient } from '../../src/client/in-process-client.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { VirtualClock } from '../../src/platform/virtual-clock.ts';
import { type ClusterRegistry, createRegistry } from '../../src/registry/create-registry.ts';
import type { RequestContext } from '../../src/registry/requests.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';

export interface TestRegistry {
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly registry: ClusterRegistry;
  readonly client: Client;
}

export const tester: RequestContext = { user: { name: 'tester', groups: [] } };

/** A registry over a store in memory, in virtual time, with what every cluster begins with. */
export async function testRegistry(): Promise<TestRegistry> {
  const clock = new VirtualClock();
  const store = memoryStore({ clock });
  const registry = createRegistry({ store, clock, random: seededRandom(1) });
  await registry.bootstrap();
  return { clock, store, registry, client: inProcessClient(registry, tester.user) };
}

/** A pod to be created in `default`. */
export function podNamed(
  name: string,
  spec: Partial<NonNullable<Pod['spec']>> = {},
  labels = { app: 'redis' },
): New<Pod> {
  return {
    metadata: { namespace: 'default', name, labels },
    spec: { containers: [{ name: 'redis', image: 'redis:7' }], ...spec },
  };
}

/** A set to be created in `default`. */
export function setNamed(name: string, spec: Partial<StatefulSet['spec']> = {}): New<StatefulSet> {
  return {
    metadata: { namespace: 'default', name },
    spec: {
      serviceName: name,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'redis:7' }] },
      },
      ...spec,
    },
  };
}

/** What a call that must fail fails with, as the API says it. */
export async function failure(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => ({ code: 'none: it succeeded' }),
    (error: { code?: number; reason?: string; message?: string; status?: { details?: unknown } }) => ({
      code: error.code,
      reason: error.reason,
      message: error.message,
      details: error.status?.details,
    }),
  );
}

/** The call does what it is asked to, or says in the words of the API why not. */
export async function answered(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code >= 500) throw new Error(`a fault of ours: ${error.message}`, { cause: error });
  }
}
