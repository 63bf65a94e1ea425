import type { Container, Pod, PodStatus } from '../../api/generated/types.ts';
import type { PodStatus as RuntimePod } from '../runtimes/runtime.ts';

/** A run of a container that has ended, as the runtime or, where that has forgotten it, the API remembers it. */
export interface Exit {
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
}

/** A reason and a message, as they appear in statuses and events. */
export interface Explanation {
  readonly reason: string;
  readonly message: string;
}

/** Why something cannot be started just now, and when it is worth trying again. */
export interface Blocked extends Explanation {
  readonly retryAtMs: number;
  /** How often in a row it could not be started. */
  readonly failures?: number;
}

/** What the probes of a container's present run say; `undefined` for a probe that has not yet decided. */
export interface ProbeResults {
  readonly startup?: boolean;
  readonly readiness?: boolean;
  readonly liveness?: boolean;
  /** The last output of a probe that failed. */
  readonly failure?: string;
  readonly failureAtMs?: number;
}

/** What the agent does with a container at this moment. */
type ContainerOperation =
  /** The container was started; its `postStart` hook is not yet over. */
  | { readonly type: 'starting' }
  /** It is being stopped, and will be killed at `deadlineMs`. */
  | { readonly type: 'stopping'; readonly deadlineMs: number };

/**
 * What the agent remembers of a container and a restart of the agent may lose: everything here can be found again,
 * or only makes something happen a little earlier or later.
 */
export interface ContainerMemory {
  /** Restarts in a row without a long run between them: the exponent of the back-off. */
  readonly restarts: number;
  readonly operation?: ContainerOperation;
  readonly blocked?: Blocked;
  /** How the run before the newest one ended. */
  readonly previousExit?: Exit;
  readonly probes: ProbeResults;
}

export const noMemory: ContainerMemory = { restarts: 0, probes: {} };

/** P3: how long to wait before a container is started again. */
export interface BackOffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  /** A run at least this long makes the next wait start from the beginning. */
  readonly resetAfterMs: number;
}

export const defaultBackOff: BackOffPolicy = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

/** What the API says about the pod. */
export type ApiView =
  /** It is to run here. */
  | { readonly type: 'bound'; readonly pod: Pod }
  /** It is no longer there, or bound elsewhere; `pod` is the last version seen, if one was. */
  | { readonly type: 'gone'; readonly pod?: Pod };

/** Everything a decision about a pod depends on. */
export interface ObservedPod {
  readonly api: ApiView;
  /** What really is there; undefined when nothing is. */
  readonly runtime: RuntimePod | undefined;
  /** The runtime's name: containers are called `<runtime>://<pod uid>/<container>/<attempt>`. */
  readonly runtimeName: string;
  readonly hostIPs: readonly string[];
  readonly nowMs: number;
  /** When this node first saw the pod. */
  readonly seenAtMs: number;
  readonly backOff: BackOffPolicy;
  /** The node is being shut down: end the pod and leave its object, so that it is started again later. */
  readonly nodeStops: boolean;
  /** P10: why this node does not take the pod. */
  readonly refused?: Explanation;
  /** M7: a pod of the same name of which something still runs here. */
  readonly predecessor?: string;
  /** Why the sandbox could not be started. */
  readonly blocked?: Blocked;
  /** A sandbox that keeps dying is not started again before this. */
  readonly sandboxNotBeforeMs?: number;
  /** The runtime has cleared everything of the last sandbox. */
  readonly sandboxStopped: boolean;
  /** Since when the pod is being ended. */
  readonly endingSinceMs?: number;
  /** The API has been told that the pod has ended. */
  readonly confirmed: boolean;
  readonly containers: ReadonlyMap<string, ContainerMemory>;
}

export type PodAction =
  /** Prepare the volumes and start the sandbox. */
  | { readonly type: 'startSandbox' }
  | {
      readonly type: 'startContainer';
      readonly container: Container;
      readonly attempt: number;
      /** What to remember from now on. */
      readonly restarts: number;
      readonly previousExit?: Exit;
    }
  | {
      readonly type: 'stopContainer';
      readonly container: string;
      /** It belongs to the end of the pod. */
      readonly ending: boolean;
      /** From now on, hooks included. */
      readonly graceMs: number;
      readonly message: string;
      /** The last output of the probe it failed. */
      readonly why?: string;
    }
  /** M2: see to it that nothing of it is left. */
  | { readonly type: 'stopSandbox' }
  /** M1: tell the API that nothing of it is left. */
  | { readonly type: 'confirm' }
  /** Remove what is left on disk and forget it. */
  | { readonly type: 'forget' };

export interface PodPlan {
  readonly actions: readonly PodAction[];
  /** What the API should say; undefined when it has nothing to say (the pod is gone). */
  readonly status: PodStatus | undefined;
  /** Why nothing more is done now. */
  readonly waiting: Explanation | undefined;
  /** When to look again though nothing happens. */
  readonly wakeAtMs: number | undefined;
}
