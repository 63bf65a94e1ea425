import type { Pod } from '../../api/generated/types.ts';
import type { PodStatus as RuntimePod } from '../runtimes/runtime.ts';
import {
  type ApiView,
  type BackOffPolicy,
  type Blocked,
  type ContainerMemory,
  type Explanation,
  noMemory,
  type ObservedPod,
} from './observed.ts';

/** What is the same for all pods of a node when they are looked at. */
export interface NodeView {
  readonly runtimeName: string;
  readonly hostIPs: readonly string[];
  readonly backOff: BackOffPolicy;
  readonly nodeStops: boolean;
}

/** What the agent holds in memory of one pod. All of it can be lost: see {@link ContainerMemory}. */
export class PodRecord {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly seenAtMs: number;
  api: ApiView;
  #runtime: RuntimePod | undefined;
  readonly #hostIPs: readonly string[];
  readonly #messages = new Map<string, string>();
  readonly #stops = new Map<string, { readonly attempt: number; readonly why: string }>();
  /** Something happened to the pod by itself: `runtime` must be read again. */
  stale = false;
  /** Something that fills the pod's files has changed. */
  filesStale = false;
  /** When what fills the pod's files is no longer fresh by itself. */
  filesDueMs: number | undefined;
  /** The runtime has cleared everything of the last sandbox. */
  sandboxStopped = false;
  sandboxRestarts = 0;
  sandboxNotBeforeMs: number | undefined;
  admitted = false;
  refused: Explanation | undefined;
  blocked: Blocked | undefined;
  /** Starts of the sandbox that failed in a row. */
  failures = 0;
  endingSinceMs: number | undefined;
  confirmed = false;
  /** Nothing of it is left anywhere. */
  forgotten = false;
  readonly containers = new Map<string, ContainerMemory>();

  /** The number of the last exit of each container that users have been told of. */
  readonly told = new Map<string, number>();

  constructor(
    identity: Pick<RuntimePod, 'uid' | 'namespace' | 'name'>,
    api: ApiView,
    node: { readonly hostIPs: readonly string[]; readonly nowMs: number },
  ) {
    this.uid = identity.uid;
    this.namespace = identity.namespace;
    this.name = identity.name;
    this.api = api;
    this.seenAtMs = node.nowMs;
    this.#hostIPs = node.hostIPs;
  }

  /** The newest version of the pod, as far as one is known. */
  get pod(): Pod | undefined {
    return this.api.pod;
  }

  /** What really is there; undefined when nothing is. */
  get runtime(): RuntimePod | undefined {
    return this.#runtime;
  }

  set runtime(found: RuntimePod | undefined) {
    // A pod in the network of its node has the node's addresses.
    const shared = found?.alive && found.ips.length === 0 && this.pod?.spec.hostNetwork;
    this.#runtime = this.#withMessages(shared ? { ...found, ips: this.#hostIPs } : found);
  }

  #withMessages(found: RuntimePod | undefined): RuntimePod | undefined {
    if (found === undefined || this.#messages.size + this.#stops.size === 0) return found;
    const containers = found.containers.map((container) => {
      if (container.state !== 'exited' || container.message) return container;
      const { name, attempt } = container;
      const stop = this.#stops.get(name);
      const message = this.#messages.get(`${name}/${attempt}`) || (stop?.attempt === attempt && stop.why);
      return message ? { ...container, message } : container;
    });
    return { ...found, containers };
  }

  /** The present run of a container is about to be ended for this, which its exit code will not say. */
  noteStop(container: string, why: string): void {
    const run = this.#runtime?.containers.find(({ name }) => name === container);
    if (run !== undefined) this.#stops.set(container, { attempt: run.attempt, why });
  }

  /** What containers said when they ended, by `container/attempt`, as far as the runtime does not say it. */
  get messages(): ReadonlyMap<string, string> {
    return this.#messages;
  }

  addMessages(messages: ReadonlyMap<string, string>): void {
    if (messages.size === 0) return;
    for (const [id, message] of messages) this.#messages.set(id, message);
    this.runtime = this.#runtime;
  }

  /** Something of the pod may be running, mounted or locked. */
  get occupies(): boolean {
    return this.runtime !== undefined && !this.sandboxStopped;
  }

  /** Takes a version of the object, unless a newer one is known. */
  seen(pod: Pod): void {
    if (this.api.type === 'gone') return;
    if (Number(pod.metadata.resourceVersion) > Number(this.api.pod.metadata.resourceVersion)) {
      this.api = { type: 'bound', pod };
    }
  }

  gone(): void {
    this.api = this.api.pod ? { type: 'gone', pod: this.api.pod } : { type: 'gone' };
  }

  remember(container: string, change: (memory: ContainerMemory) => ContainerMemory): void {
    this.containers.set(container, change(this.containers.get(container) ?? noMemory));
  }

  /** What stood in its way may have gone: nothing is waited for. */
  tryAgain(nowMs: number): void {
    if (this.blocked) this.blocked = { ...this.blocked, retryAtMs: nowMs };
    for (const [name, { blocked }] of this.containers) {
      if (blocked) this.remember(name, (memory) => ({ ...memory, blocked: { ...blocked, retryAtMs: nowMs } }));
    }
  }

  /** Takes over a pod that runs already. */
  adopt(runtime: RuntimePod): void {
    this.runtime = runtime;
    // It was taken when it was new.
    this.admitted = true;
    for (const { name, attempt } of runtime.containers) {
      // How many of its restarts came in a row is not known; as many as there were is the cautious answer.
      this.remember(name, (memory) => ({ ...memory, restarts: attempt, probes: reportedReadiness(this.pod, name) }));
    }
  }

  observe(node: NodeView, predecessor: string | undefined, nowMs: number): ObservedPod {
    return {
      api: this.api,
      runtime: this.runtime,
      runtimeName: node.runtimeName,
      hostIPs: node.hostIPs,
      nowMs,
      seenAtMs: this.seenAtMs,
      backOff: node.backOff,
      nodeStops: node.nodeStops,
      sandboxStopped: this.sandboxStopped,
      confirmed: this.confirmed,
      containers: this.containers,
      ...(this.refused && { refused: this.refused }),
      ...(this.blocked && { blocked: this.blocked }),
      ...(predecessor !== undefined && { predecessor }),
      ...(this.sandboxNotBeforeMs !== undefined && { sandboxNotBeforeMs: this.sandboxNotBeforeMs }),
      ...(this.endingSinceMs !== undefined && { endingSinceMs: this.endingSinceMs }),
    };
  }
}

/** M3: a container that was ready when the agent went away counts as ready until a probe says otherwise. */
function reportedReadiness(pod: Pod | undefined, name: string): ContainerMemory['probes'] {
  const statuses = [...(pod?.status?.containerStatuses ?? []), ...(pod?.status?.initContainerStatuses ?? [])];
  const reported = statuses.find((status) => status.name === name);
  return { ...(reported?.started && { startup: true }), ...(reported?.ready && { readiness: true }) };
}
