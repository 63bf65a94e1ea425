import type { PersistentVolumeClaim } from '../../src/api/generated/types.ts';
import { PersistentVolumeClaims, Pods, StatefulSets } from '../../src/api/kinds.ts';
import type { KubernetesObject } from '../../src/api/meta.ts';
import type { ResourceType } from '../../src/api/resource-type.ts';
import type { Client } from '../../src/client/client.ts';
import type { SimulatedRuntime } from '../../src/node/runtimes/simulated/simulated-runtime.ts';
import { isReady } from './rules.ts';

export interface WitnessOptions {
  readonly client: Client;
  readonly runtimes: ReadonlyMap<string, SimulatedRuntime>;
  readonly note: (line: string) => void;
  readonly fail: (message: string) => void;
}

/** Sees all that happens, at once and without fail, whatever the parts are told of it. */
export class Witness {
  /** Claims a user has deleted, by uid. */
  readonly given = new Set<string>();
  /** Pods a user has deleted by force, by uid: their objects may go before their processes. */
  readonly forced = new Set<string>();
  readonly #options: WitnessOptions;
  /** Pods and sets as they are, by uid. */
  readonly #living = new Map<string, KubernetesObject>();
  readonly #goingClaims = new Set<string>();

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.#watch(StatefulSets, (set, gone) => this.#live(set, gone));
    this.#watch(Pods, (pod, gone) => {
      this.#live(pod, gone);
      const { name, deletionTimestamp, uid } = pod.metadata;
      const state = [pod.status?.phase, isReady(pod) && 'Ready', deletionTimestamp && 'ending', pod.spec.nodeName];
      options.note(`pod ${name}${gone ? ' is gone' : ''}: ${state.filter(Boolean).join(', ')}`);
      if (gone && !this.forced.has(uid)) this.#judgeEnd(name, uid);
    });
    this.#watch(PersistentVolumeClaims, (claim, gone) => {
      if (gone) options.note(`claim ${claim.metadata.name} is gone`);
      if (gone || claim.metadata.deletionTimestamp !== undefined) this.#judgeClaim(claim);
    });
  }

  /** The version of a pod there is now; undefined when it is gone. */
  versionOf(uid: string): string | undefined {
    return this.#living.get(uid)?.metadata.resourceVersion;
  }

  /** M8: no two processes with one identity. */
  async check(): Promise<void> {
    const running = new Map<string, string>();
    for (const [node, runtime] of this.#options.runtimes) {
      for (const { namespace, name, uid, alive, containers } of await runtime.list()) {
        if (!alive || !containers.some(({ state }) => state === 'running')) continue;
        const other = running.get(`${namespace}/${name}`);
        if (other !== undefined) this.#options.fail(`M8: ${name} runs twice: ${other}, and ${uid} on ${node}`);
        running.set(`${namespace}/${name}`, `${uid} on ${node}`);
      }
    }
  }

  #watch<T extends KubernetesObject>(type: ResourceType<T>, saw: (object: T, gone: boolean) => void): void {
    this.#options.client.watch<T>(
      type,
      {},
      {
        events: (batch) => {
          for (const event of batch) if (event.type !== 'BOOKMARK') saw(event.object, event.type === 'DELETED');
        },
        closed: () => this.#options.fail('the witness was cut off'),
      },
    );
  }

  #live(object: KubernetesObject, gone: boolean): void {
    if (gone) this.#living.delete(object.metadata.uid);
    else this.#living.set(object.metadata.uid, object);
  }

  /** M1 */
  #judgeEnd(name: string, uid: string): void {
    for (const [node, runtime] of this.#options.runtimes) {
      void runtime.status(uid).then((status) => {
        if (status?.containers.some(({ state }) => state === 'running')) {
          this.#options.fail(`M1: pod ${name} is gone from the API, and runs on ${node}`);
        }
      });
    }
  }

  /** C2: a claim goes because a user says so, or with the last of its owners. Who may be one, the rules judge. */
  #judgeClaim({ metadata }: PersistentVolumeClaim): void {
    const { name, uid, ownerReferences = [] } = metadata;
    if (this.given.has(uid) || this.#goingClaims.has(uid)) return;
    this.#goingClaims.add(uid);
    if (ownerReferences.length === 0) this.#options.fail(`C2: claim ${name} is lost`);
    for (const owner of ownerReferences) {
      const living = this.#living.get(owner.uid);
      const isForeground = living?.metadata.finalizers?.includes('foregroundDeletion') ?? false;
      if (living && !isForeground)
        this.#options.fail(`C2: claim ${name} is deleted, and its owner ${owner.name} lives`);
    }
  }
}
