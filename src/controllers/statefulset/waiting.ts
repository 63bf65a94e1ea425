import type {
  ContainerStateTerminated,
  ContainerStatus,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { timestamp } from '../../platform/clock.ts';
import type { Claims } from './claims.ts';
import { findCondition, type PodState, readyCondition, stateOf, timeOf } from './pod-state.ts';

interface About {
  readonly ordinal: number;
  /** The name of the pod that is waited for, whether it exists or not. */
  readonly pod: string;
  /** Since when it has been so, as far as the objects tell (ms since the epoch). */
  readonly sinceMs: number;
  /** What is wrong, down to the cause, as a sentence without a full stop. Stable as long as nothing changes. */
  readonly message: string;
  /** What does not happen meanwhile: `kv-2 is not created`. */
  readonly holdsBack: string;
  /** No object tells since when: `sinceMs` is now, unless it is remembered ({@link asRemembered}). */
  readonly undated?: true;
}

/** Why a pass stopped before all was done (O10). */
export type Waiting =
  /** The API does not take the pod, or a claim of it, or does not let it go. */
  | (About & { readonly reason: 'PodRefused' })
  /** No node has been found for the pod. */
  | (About & { readonly reason: 'PodUnscheduled' })
  /** On a node, and its containers are about to run. */
  | (About & { readonly reason: 'PodStarting'; readonly node: string })
  /** On a node, which cannot make what its containers need: a volume, a lock, an address. */
  | (About & { readonly reason: 'PodBlocked'; readonly node: string })
  /** A container cannot start, or keeps ending. */
  | (About & {
      readonly reason: 'ContainerFailing';
      readonly container: string;
      readonly cause: string;
      /** When its present run will have lasted long enough to be no part of a loop (ms since the epoch). */
      readonly settlesAtMs?: number;
    })
  | (About & { readonly reason: 'PodNotReady' })
  /** M6: its node does not answer; nobody knows what runs there. */
  | (About & { readonly reason: 'NodeLost'; readonly node: string })
  /** S3: Ready, but not yet for `minReadySeconds`. */
  | (About & { readonly reason: 'PodNotAvailable'; readonly availableAtMs: number })
  /** O3 */
  | (About & { readonly reason: 'PodTerminating'; readonly node?: string })
  /** O2 */
  | (About & { readonly reason: 'PodFinished' })
  /** C5 */
  | (About & { readonly reason: 'ClaimTerminating'; readonly claim: string })
  /** C3: the claim goes with an earlier pod. */
  | (About & { readonly reason: 'ClaimStale'; readonly claim: string })
  /** A2: somebody else's pod has the name. */
  | (About & { readonly reason: 'NameTaken'; readonly owner?: string });

/** A pod that is there and not as it should be: what is wrong with it. */
export function waitForPod(
  pod: Pod,
  ordinal: number,
  state: PodState,
  claims: Claims,
  holdsBack: string,
  nowMs: number,
): Waiting {
  const { name } = pod.metadata;
  const node = pod.spec.nodeName;
  const about = { ordinal, pod: name, holdsBack };
  const createdMs = timeOf(pod.metadata.creationTimestamp, nowMs);

  if (state.terminating) {
    return {
      ...about,
      reason: 'PodTerminating',
      sinceMs: terminatingSinceMs(pod, nowMs),
      message: terminatingMessage(pod),
      ...(node !== undefined && { node }),
    };
  }
  if (state.finished) {
    const { phase, reason, message } = pod.status ?? {};
    const why = [reason, message].filter(Boolean).join(': ');
    return {
      ...about,
      reason: 'PodFinished',
      sinceMs: timeOf(readyCondition(pod)?.lastTransitionTime, createdMs),
      message: `${name} has ${phase === 'Succeeded' ? 'succeeded' : 'failed'}${why && ` (${why})`} and is replaced`,
    };
  }
  if (state.ready && state.availableAtMs !== undefined) {
    return {
      ...about,
      reason: 'PodNotAvailable',
      sinceMs: timeOf(readyCondition(pod)?.lastTransitionTime, createdMs),
      message: `${name} is Ready, and counts as available at ${timestamp(state.availableAtMs)} (minReadySeconds)`,
      availableAtMs: state.availableAtMs,
    };
  }
  if (node === undefined) {
    const condition = findCondition(pod, 'PodScheduled');
    const cause = condition?.message ?? unboundClaim(pod, claims) ?? 'the scheduler has not placed it yet';
    return {
      ...about,
      reason: 'PodUnscheduled',
      sinceMs: timeOf(condition?.lastTransitionTime, createdMs),
      message: `${name} has no node: ${cause}`,
    };
  }
  const ready = readyCondition(pod);
  if (isNodeLost(pod)) {
    return {
      ...about,
      reason: 'NodeLost',
      sinceMs: timeOf(ready?.lastTransitionTime, createdMs),
      message: `node ${node} of ${name} does not answer: ${ready?.message ?? pod.status?.message ?? 'it is not known what runs there'}`,
      node,
    };
  }
  const failing = failingContainer(pod, nowMs);
  if (failing !== undefined) {
    return {
      ...about,
      reason: 'ContainerFailing',
      sinceMs: timeOf(ready?.lastTransitionTime, createdMs),
      message: `container ${failing.name} of ${name}: ${failing.text}`,
      container: failing.name,
      cause: failing.cause,
      ...(failing.settlesAtMs !== undefined && { settlesAtMs: failing.settlesAtMs }),
    };
  }
  if (pod.status?.phase === 'Running') {
    const cause =
      ready?.message ?? findCondition(pod, 'ContainersReady')?.message ?? ready?.reason ?? 'it has not said why';
    return {
      ...about,
      reason: 'PodNotReady',
      sinceMs: timeOf(ready?.lastTransitionTime, createdMs),
      message: `${name} is not Ready: ${[cause, startingDetail(pod)].filter(Boolean).join(': ')}`,
    };
  }
  const cause = missingClaim(pod, claims) ?? startingDetail(pod);
  return {
    ...about,
    ...(cause === undefined
      ? { reason: 'PodStarting', message: `${name} is starting on ${node}${initialStep(pod)}` }
      : { reason: 'PodBlocked', message: `${name} cannot start on ${node}: ${cause}` }),
    sinceMs: createdMs,
    node,
  };
}

/** A pod that has only just been asked for. */
export function waitForNewPod(pod: string, ordinal: number, holdsBack: string, nowMs: number): Waiting {
  const message = `${pod} is being created`;
  return { reason: 'PodUnscheduled', ordinal, pod, holdsBack, sinceMs: nowMs, undated: true, message };
}

/** A pod whose deletion has only just been asked for. */
export function waitForDeletedPod(pod: Pod, ordinal: number, why: string, holdsBack: string, nowMs: number): Waiting {
  const node = pod.spec.nodeName;
  return {
    reason: 'PodTerminating',
    ordinal,
    pod: pod.metadata.name,
    holdsBack,
    sinceMs: nowMs,
    undated: true,
    message: `${pod.metadata.name} is being deleted: ${why}`,
    ...(node !== undefined && { node }),
  };
}

/** An ordinal whose claim holds its pod back. */
export function waitForClaim(
  state: 'terminating' | 'stale',
  claim: PersistentVolumeClaim,
  pod: string,
  ordinal: number,
  nowMs: number,
): Waiting {
  const { name, deletionTimestamp, finalizers } = claim.metadata;
  const holdsBack = `${pod} is not created`;
  if (state === 'stale') {
    return {
      reason: 'ClaimStale',
      ordinal,
      pod,
      holdsBack,
      sinceMs: nowMs,
      undated: true,
      message: `claim ${name} belongs to an earlier pod ${pod} and is about to be deleted with it`,
      claim: name,
    };
  }
  return {
    reason: 'ClaimTerminating',
    ordinal,
    pod,
    holdsBack,
    sinceMs: timeOf(deletionTimestamp, nowMs),
    message: `claim ${name} is being deleted${finalizers?.length ? ` and held by ${finalizers.join(', ')}` : ''}`,
    claim: name,
  };
}

/** An ordinal whose name another's pod has. */
export function waitForName(stranger: Pod, ordinal: number, nowMs: number): Waiting {
  const { name } = stranger.metadata;
  const owner = controllerOf(stranger);
  const whose =
    owner === undefined ? 'no controller and other labels' : `${owner.kind} ${owner.name} as its controller`;
  return {
    reason: 'NameTaken',
    ordinal,
    pod: name,
    holdsBack: `${name} is not created`,
    sinceMs: nowMs,
    undated: true,
    message: `there is a pod ${name} that is not of this set: it has ${whose}`,
    ...(owner !== undefined && { owner: `${owner.kind} ${owner.name}` }),
  };
}

/** What the API answered when something was asked of it for a pod. */
export interface Refusal {
  readonly pod: string;
  /** `cannot be created: pods "kv-0" is forbidden: ...` */
  readonly message: string;
}

/** What was waited for in the pass before: of a {@link Waiting} what its condition tells. */
export interface Remembered {
  readonly reason: string;
  readonly message: string;
  readonly sinceMs: number;
}

/** A wait of which no object tells all, completed from the one before where that was the same. */
export function asRemembered(waiting: Waiting | undefined, before: Remembered | undefined): Waiting | undefined {
  if (!waiting?.undated || before === undefined) return waiting;
  const { sinceMs, message, reason } = before;
  // It is asked for once more; until the API has answered, what it said last is what there is to say.
  if (reason === 'PodRefused' && message.startsWith(`${waiting.pod} cannot `))
    return refused(waiting, message, sinceMs);
  return reason === waiting.reason && message === waiting.message ? { ...waiting, sinceMs } : waiting;
}

/** What is waited for once the API has refused something that was asked of it for the pod. */
export function asRefused(waiting: Waiting | undefined, { pod, message }: Refusal): Waiting | undefined {
  return waiting?.pod === pod ? refused(waiting, `${pod} ${message}`, waiting.sinceMs) : waiting;
}

function refused({ ordinal, pod, holdsBack }: Waiting, message: string, sinceMs: number): Waiting {
  return { reason: 'PodRefused', ordinal, pod, holdsBack, sinceMs, message, undated: true };
}

/** The deletion timestamp is when the grace period is over; the deletion was asked for that long before. */
function terminatingSinceMs(pod: Pod, nowMs: number): number {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
  return timeOf(deletionTimestamp, nowMs) - deletionGracePeriodSeconds * 1000;
}

function terminatingMessage(pod: Pod): string {
  const { name, deletionTimestamp, finalizers } = pod.metadata;
  const where = pod.spec.nodeName === undefined ? '' : ` on node ${pod.spec.nodeName}`;
  if (stateOf(pod).finished && finalizers?.length) {
    return `${name} has ended${where}, and is held by ${finalizers.join(', ')} until whoever set that takes it off`;
  }
  const held = finalizers?.length ? ` and is held by ${finalizers.join(', ')}` : '';
  const lost = isNodeLost(pod) ? ', and the node does not answer' : '';
  return `${name} is ending${where} (its grace period is over at ${deletionTimestamp})${held}${lost}`;
}

/** M6: how the node controller marks the pods of a node that is out of contact. */
function isNodeLost(pod: Pod): boolean {
  const ready = readyCondition(pod);
  return ready?.status === 'Unknown' || ready?.reason === 'NodeNotReady' || pod.status?.reason === 'NodeLost';
}

interface Failing {
  readonly name: string;
  readonly cause: string;
  readonly text: string;
  readonly settlesAtMs?: number;
}

/** What a container waits for when all is well. */
const ORDINARY_WAITS = new Set(['ContainerCreating', 'PodInitializing']);

/**
 * A container that ends time and again runs for moments in between. Until it has run for so long these are part of the
 * same trouble, and the same message.
 */
const LOOP_SETTLES_MS = 30_000;

function failingContainer(pod: Pod, nowMs: number): Failing | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const status of [...initContainerStatuses, ...containerStatuses]) {
    const failing = failureOf(status, nowMs);
    if (failing !== undefined) return failing;
  }
  return undefined;
}

function failureOf(
  { name, state, lastState, restartCount, ready }: ContainerStatus,
  nowMs: number,
): Failing | undefined {
  const { waiting, running, terminated } = state ?? {};
  const ended = terminated ?? lastState?.terminated;
  if (waiting?.reason === 'CrashLoopBackOff') return looping(name, ended);
  if (waiting?.reason !== undefined && !ORDINARY_WAITS.has(waiting.reason)) {
    const text = [waiting.reason, waiting.message].filter(Boolean).join(': ');
    return { name, cause: waiting.reason, text: ended === undefined ? text : `${text}, ${lastRun(ended)}` };
  }
  // It is about to be started once more, or has just been. After a run of some length that is no loop: the node may have
  // been stopped in between.
  const last = lastState?.terminated;
  const loops = restartCount > 1 && !ready && last !== undefined && ranMs(last) < LOOP_SETTLES_MS;
  if (running !== undefined && loops) {
    const settlesAtMs = timeOf(running.startedAt, nowMs) + LOOP_SETTLES_MS;
    return settlesAtMs > nowMs ? { ...looping(name, ended), settlesAtMs } : undefined;
  }
  if (terminated !== undefined && (terminated.exitCode !== 0 || loops)) {
    if (restartCount > 0) return looping(name, ended);
    return { name, cause: terminated.reason ?? 'Error', text: lastRun(terminated) };
  }
  return undefined;
}

function ranMs({ startedAt, finishedAt }: ContainerStateTerminated): number {
  return timeOf(finishedAt, 0) - timeOf(startedAt, 0);
}

/** Without the length of the back-off, which is another each time. */
function looping(name: string, ended: ContainerStateTerminated | undefined): Failing {
  const cause = 'CrashLoopBackOff';
  return { name, cause, text: ended === undefined ? cause : `${cause}, ${lastRun(ended)}` };
}

function lastRun({ exitCode, reason, message }: ContainerStateTerminated): string {
  return `the last run ended with exit code ${exitCode}${reason ? ` (${reason})` : ''}${message ? `: ${message.trim()}` : ''}`;
}

/** P5: the init container that runs now: what comes after it waits for its end. */
function initialStep(pod: Pod): string {
  const { spec, status } = pod;
  const sidecars = new Set(
    spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const step = status?.initContainerStatuses?.find(
    ({ name, state, started }) => state?.running && !(sidecars.has(name) && started),
  );
  if (!step?.state?.running) return '';
  // Of a sidecar whose probe fails the node says so where it says what is not ready.
  const [, ...output] = readyCondition(pod)?.message?.split(']: ') ?? [];
  return `: ${[`init container ${step.name} runs since ${step.state.running.startedAt}`, ...output].join(': ')}`;
}

/** What a container that is about to be made waits for. */
function startingDetail(pod: Pod): string | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses].map(({ state }) => state?.waiting?.message).find(Boolean);
}

function podClaims(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
}

function missingClaim(pod: Pod, claims: Claims): string | undefined {
  const missing = podClaims(pod).find((name) => claims.get(name) === undefined);
  return missing === undefined ? undefined : `claim ${missing} does not exist`;
}

function unboundClaim(pod: Pod, claims: Claims): string | undefined {
  for (const name of podClaims(pod)) {
    const claim = claims.get(name);
    if (claim === undefined) return `claim ${name} does not exist`;
    if (claim.metadata.deletionTimestamp !== undefined) return `claim ${name} is being deleted`;
    if (claim.status?.phase !== 'Bound') return `claim ${name} is ${claim.status?.phase ?? 'Pending'}`;
  }
  return undefined;
}
