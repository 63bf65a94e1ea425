import type { Pod, StatefulSet, StatefulSetStatus } from '../../src/api/generated/types.ts';
import { PersistentVolumeClaims, Pods } from '../../src/api/kinds.ts';
import { controllerReference } from '../../src/api/owner-references.ts';
import type { Client } from '../../src/client/client.ts';
import { WriteTracker } from '../../src/client/write-tracker.ts';
import type { Action } from '../../src/controllers/statefulset/actions.ts';
import { ordinalOf, ordinalRange, podName } from '../../src/controllers/statefulset/identity.ts';
import { type Observed, type Plan, plan } from '../../src/controllers/statefulset/plan.ts';
import type { Runtime } from '../../src/node/runtimes/runtime.ts';
import { timestamp } from '../../src/platform/clock.ts';
import { Life } from './life.ts';
import type { RunOptions } from './run.ts';

/** A controller with one mistake, which the simulation must find. */
export interface Mutant {
  /** What it does wrong. */
  readonly name: string;
  readonly plan?: Decide;
  /** For a mistake that is not in the plan; returns what undoes it. */
  readonly patch?: () => () => void;
}

/**
 * Makes the mistake that `name` is a part of the name of, for the rest of this process; no mistake when undefined.
 * Throws when there is no such mistake.
 */
export function makeMistake(name: string | undefined): Pick<RunOptions, 'plan'> {
  if (name === undefined) return {};
  const mutant = mutants.find((each) => each.name.includes(name));
  if (mutant === undefined) {
    throw new Error(`there is no mistake "${name}"; there are:\n  ${mutants.map((each) => each.name).join('\n  ')}`);
  }
  mutant.patch?.();
  return mutant.plan === undefined ? {} : { plan: mutant.plan };
}

type Decide = (observed: Observed) => Plan;
type DeletePod = Extract<Action, { type: 'deletePod' }>;
type CreatePod = Extract<Action, { type: 'createPod' }>;

/** Decides rightly, from a wrong picture. */
const seeing =
  (change: (observed: Observed) => Observed): Decide =>
  (observed) =>
    plan(change(observed));

/** Sees rightly, and does something else than was decided. */
const doing =
  (change: (actions: readonly Action[], observed: Observed) => readonly Action[]): Decide =>
  (observed) => {
    const decided = plan(observed);
    return { ...decided, actions: change(decided.actions, observed) };
  };

/** Does right, and reports something else. */
const reporting =
  (change: (status: StatefulSetStatus, observed: Observed) => StatefulSetStatus): Decide =>
  (observed) => {
    const decided = plan(observed);
    return {
      ...decided,
      status: (done, refusal) => {
        const status = decided.status(done, refusal);
        return status && change(status, observed);
      },
    };
  };

const without = (wrong: (action: Action) => boolean): Decide =>
  doing((actions) => actions.filter((action) => !wrong(action)));

const withSpec =
  (change: Partial<StatefulSet['spec']>) =>
  (observed: Observed): Observed => ({
    ...observed,
    set: { ...observed.set, spec: { ...observed.set.spec, ...change } },
  });

const isRemoval = (action: Action): action is DeletePod =>
  action.type === 'deletePod' && action.reason === 'scale-down';

function condemnedPods({ set, pods }: Observed): readonly Pod[] {
  const { start, end } = ordinalRange(set);
  const ordinal = (pod: Pod): number => ordinalOf(set, pod.metadata.name) ?? start;
  return pods
    .filter((pod) => ordinal(pod) < start || ordinal(pod) >= end)
    .filter((pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === set.metadata.uid))
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .sort((a, b) => ordinal(a) - ordinal(b));
}

function removal(observed: Observed, pod: Pod): DeletePod {
  return { type: 'deletePod', pod, ordinal: ordinalOf(observed.set, pod.metadata.name) ?? 0, reason: 'scale-down' };
}

function shownReady(pod: Pod, nowMs: number): Pod {
  if (pod.status?.phase !== 'Running' && pod.status?.phase !== 'Pending') return pod;
  const lastTransitionTime = timestamp(nowMs - 600_000);
  return {
    ...pod,
    status: { ...pod.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] },
  };
}

function highestMissing({ set, pods }: Observed): number {
  const { start, end } = ordinalRange(set);
  const names = new Set(pods.map((pod) => pod.metadata.name));
  for (let ordinal = end - 1; ordinal >= start; ordinal -= 1) if (!names.has(podName(set, ordinal))) return ordinal;
  return start;
}

/** A runtime that says it has stopped what it was told to stop, and has not. */
function pretendingToStop<T extends Runtime>(runtime: T): T {
  const stopped = new Set<string>();
  const pretend = async (uid: string): Promise<void> => void stopped.add(uid);
  const lies: Partial<Runtime> = {
    stopContainer: pretend,
    stopPod: pretend,
    removePod: pretend,
    status: async (uid) => (stopped.has(uid) ? undefined : runtime.status(uid)),
    list: async () => (await runtime.list()).filter(({ uid }) => !stopped.has(uid)),
  };
  return new Proxy(runtime, {
    get: (target, property) => Reflect.get(property in lies ? lies : target, property),
  });
}

/** A mistake in what one part (or every one whose name `parts` matches) asks of the API. */
function asking(parts: RegExp, change: (client: Client) => Partial<Client>): () => () => void {
  return () => {
    const { client } = Life.prototype;
    Life.prototype.client = function (this: Life, inner: Client): Client {
      const own = client.call(this, inner);
      return parts.test(this.name) ? { ...own, ...change(own) } : own;
    };
    return () => {
      Life.prototype.client = client;
    };
  };
}

export const mutants: readonly Mutant[] = [
  {
    name: 'O1 does not wait until a pod is Ready',
    plan: doing((_, observed) => {
      const pods = observed.pods.map((pod) => shownReady(pod, observed.now));
      return plan({ ...observed, pods }).actions;
    }),
  },
  {
    name: 'O1 makes the highest ordinal first',
    plan: doing((actions, observed) =>
      actions.map((action) =>
        action.type === 'createPod' ? { ...action, ordinal: highestMissing(observed) } : action,
      ),
    ),
  },
  { name: 'O1 makes all pods at once', plan: seeing(withSpec({ podManagementPolicy: 'Parallel' })) },
  {
    name: 'O2 leaves a failed pod',
    plan: without((action) => action.type === 'deletePod' && action.reason === 'finished'),
  },
  {
    name: 'O3 replaces a pod before it is gone',
    plan: seeing((observed) => ({
      ...observed,
      pods: observed.pods.filter((pod) => pod.metadata.deletionTimestamp === undefined),
    })),
  },
  {
    name: 'O4 removes the lowest condemned pod first',
    plan: doing((actions, observed) =>
      actions.map((action) => {
        const [lowest] = condemnedPods(observed);
        return isRemoval(action) && lowest ? removal(observed, lowest) : action;
      }),
    ),
  },
  {
    name: 'O4 makes one pod too many',
    plan: (observed) => plan(withSpec({ replicas: (observed.set.spec.replicas ?? 1) + 1 })(observed)),
  },
  {
    name: 'O5 removes two pods at once',
    plan: doing((actions, observed) => {
      if (!actions.some(isRemoval)) return actions;
      return [
        ...actions.filter((action) => !isRemoval(action)),
        ...condemnedPods(observed)
          .toReversed()
          .map((pod) => removal(observed, pod)),
      ];
    }),
  },
  {
    name: 'O5 removes a pod while another is not healthy',
    plan: doing((actions, observed) => {
      const highest = condemnedPods(observed).at(-1);
      return highest && !actions.some((action) => action.type === 'deletePod')
        ? [...actions, removal(observed, highest)]
        : actions;
    }),
  },
  {
    name: 'O7 goes on with a set that is being deleted',
    plan: (observed) => {
      const { deletionTimestamp, ...metadata } = observed.set.metadata;
      const decided = plan({ ...observed, set: { ...observed.set, metadata } });
      if (deletionTimestamp === undefined) return decided;
      // A revision, which would come first, is refused when it is to be made: what follows must be found as well.
      return { ...decided, actions: decided.actions.filter(({ type }) => type !== 'createRevision') };
    },
  },
  {
    name: 'O9 forgets ordinals.start',
    plan: seeing(withSpec({ ordinals: { start: 0 } })),
  },
  {
    name: 'U1 updates the lowest ordinal first',
    plan: doing((actions, { set, pods }) =>
      actions.map((action) => {
        if (action.type !== 'deletePod' || action.reason !== 'update') return action;
        const { start } = ordinalRange(set);
        const lowest = pods.find((pod) => pod.metadata.name === podName(set, start));
        return lowest && lowest.metadata.deletionTimestamp === undefined
          ? { ...action, pod: lowest, ordinal: start }
          : action;
      }),
    ),
  },
  {
    name: 'U1 ignores the partition',
    plan: seeing((observed) =>
      observed.set.spec.updateStrategy?.type === 'OnDelete'
        ? observed
        : withSpec({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } })(observed),
    ),
  },
  {
    name: 'U2 takes more down than maxUnavailable',
    plan: seeing((observed) => {
      const { updateStrategy } = observed.set.spec;
      if (updateStrategy?.type === 'OnDelete') return observed;
      const rollingUpdate = { ...updateStrategy?.rollingUpdate, maxUnavailable: 4 };
      return withSpec({ updateStrategy: { ...updateStrategy, rollingUpdate } })(observed);
    }),
  },
  {
    name: 'U3 makes every pod from the current revision',
    plan: doing((actions, observed) => {
      const current = observed.revisions.find(({ metadata }) => metadata.name === observed.set.status?.currentRevision);
      const data = current?.data as { spec: { template: CreatePod['template'] } } | undefined;
      return actions.map((action) =>
        action.type === 'createPod' && current && data
          ? { ...action, revision: current.metadata.name, template: data.spec.template }
          : action,
      );
    }),
  },
  {
    name: 'U4 replaces pods though the strategy is OnDelete',
    plan: seeing((observed) =>
      observed.set.spec.updateStrategy?.type === 'OnDelete'
        ? withSpec({ updateStrategy: { type: 'RollingUpdate' } })(observed)
        : observed,
    ),
  },
  {
    name: 'U7 waits for a pod that never was Ready',
    plan: without((action) => action.type === 'deletePod' && action.reason === 'never-ready'),
  },
  { name: 'R3 keeps every revision', plan: without((action) => action.type === 'deleteRevision') },
  {
    name: 'S1 counts pods as Ready that are not',
    plan: reporting((status) => ({ ...status, readyReplicas: status.replicas })),
  },
  {
    name: 'S1 counts pods as updated that are not',
    plan: reporting((status) => ({ ...status, updatedReplicas: status.replicas })),
  },
  {
    name: 'S1 counts pods as current that are ending',
    plan: reporting((status) => {
      const { replicas, currentReplicas = 0, updatedReplicas = 0 } = status;
      return { ...status, currentReplicas: Math.max(currentReplicas, replicas - updatedReplicas) };
    }),
  },
  {
    name: 'S2 calls an update complete too early',
    plan: reporting((status) =>
      status.updateRevision === undefined ? status : { ...status, currentRevision: status.updateRevision },
    ),
  },
  {
    name: 'O10 does not say why it waits',
    plan: reporting(({ conditions: _, ...status }) => status),
  },
  {
    name: 'O10 says at every pass why it waits',
    plan: reporting((status) =>
      status.conditions ? { ...status, conditions: status.conditions.map((condition) => ({ ...condition })) } : status,
    ),
  },
  {
    name: 'S3 waits for an event that does not come',
    plan: (observed) => ({ ...plan(observed), recheckAtMs: undefined }),
  },
  { name: 'S3 ignores minReadySeconds', plan: seeing(withSpec({ minReadySeconds: 0 })) },
  {
    name: 'C1 makes a pod without its claims',
    plan: doing((actions) =>
      actions
        .filter((action) => action.type !== 'createClaims')
        .map((action) => (action.type === 'createPod' ? { ...action, claims: [] } : action)),
    ),
  },
  {
    name: 'C2 takes a claim along when it scales down',
    plan: doing((actions, { claims }) =>
      actions.flatMap((action): readonly Action[] => {
        const claim = isRemoval(action) ? claims.get(`data-${action.pod.metadata.name}`) : undefined;
        if (!isRemoval(action) || claim === undefined) return [action];
        const owners = [controllerReference(Pods, action.pod)];
        return [{ type: 'setClaimOwners', ordinal: action.ordinal, claim, owners }, action];
      }),
    ),
  },
  {
    name: 'C5 does not wait for a claim that is being deleted',
    plan: seeing((observed) => ({
      ...observed,
      claims: {
        get: (name) => {
          const claim = observed.claims.get(name);
          if (claim === undefined) return undefined;
          const { deletionTimestamp: _, ...metadata } = claim.metadata;
          return { ...claim, metadata };
        },
      },
    })),
  },
  { name: 'A1 adopts nothing', plan: without(({ type }) => type === 'adoptPod' || type === 'adoptRevision') },
  { name: 'A1 releases nothing', plan: without(({ type }) => type === 'releasePod') },
  { name: 'I5 puts no label back', plan: without(({ type }) => type === 'restoreIdentity') },
  {
    name: 'M1 a node confirms the end of a pod that still runs',
    patch: () => {
      const { runtime: honest } = Life.prototype;
      Life.prototype.runtime = function <T extends Runtime>(this: Life, runtime: T): T {
        return pretendingToStop(honest.call(this, runtime) as T);
      };
      return () => {
        Life.prototype.runtime = honest;
      };
    },
  },
  {
    name: 'M6 a pod of a silent node is let go though nobody vouches for its end',
    patch: asking(/others/, (own) => ({
      delete: (type, key, options) => {
        // Not what the garbage collector deletes.
        const isEviction = type.kind === 'Pod' && options?.propagationPolicy === undefined;
        return own.delete(type, key, isEviction ? { ...options, gracePeriodSeconds: 0 } : options);
      },
    })),
  },
  {
    name: 'C2 a node takes the claim of a pod along when the pod is gone',
    patch: asking(/node/, (own) => ({
      delete: (type, key, options) => {
        const claim = { ...key, name: `data-${key.name}` };
        if (type.kind === 'Pod') own.delete(PersistentVolumeClaims, claim).catch(() => {});
        return own.delete(type, key, options);
      },
    })),
  },
  {
    name: 'M3 a node agent that starts again does not know what it runs',
    patch: () => {
      const { runtime: honest } = Life.prototype;
      Life.prototype.runtime = function <T extends Runtime>(this: Life, runtime: T): T {
        const own = honest.call(this, runtime) as T;
        const list: Runtime['list'] = async () => [];
        return new Proxy(own, {
          get: (target, property) => (property === 'list' ? list : Reflect.get(target, property)),
        });
      };
      return () => {
        Life.prototype.runtime = honest;
      };
    },
  },
  {
    name: 'goes on from now, and not from where it was, when a watch is cut',
    patch: asking(/statefulset/, (own) => {
      const opened = new Set<string>();
      return {
        watch: (type, options, handler) => {
          if (!opened.has(type.kind)) {
            opened.add(type.kind);
            return own.watch(type, options, handler);
          }
          const { resourceVersion: _, ...fromNow } = options;
          return own.watch(type, fromNow, handler);
        },
      };
    }),
  },
  {
    name: 'decides before its cache shows what it wrote',
    patch: () => {
      const { caughtUp } = WriteTracker.prototype;
      WriteTracker.prototype.caughtUp = async () => true;
      return () => {
        WriteTracker.prototype.caughtUp = caughtUp;
      };
    },
  },
];
