import { timestamp } from '../platform/clock.ts';
import type { DeleteRequest } from './requests.ts';
import type { AnyObject, Strategy } from './strategies/strategy.ts';
import { sameValue } from './values.ts';

/** The garbage collector takes these off when it has let go of the dependents, or when they are gone. */
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** What a DELETE does to an object. */
export type DeletionStep =
  /** It is ending already, and nothing about that changes. */
  | { readonly type: 'wait' }
  /** It is stored as ending and goes on to exist. */
  | { readonly type: 'mark'; readonly object: AnyObject }
  /** It goes now; `object` is its last state. */
  | { readonly type: 'remove'; readonly object: AnyObject };

/** What deleting `object` at `nowMs` means. */
export function planDeletion(
  strategy: Strategy,
  object: AnyObject,
  request: DeleteRequest,
  nowMs: number,
): DeletionStep {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp !== undefined && deletionGracePeriodSeconds !== undefined) {
    if (isOver(object)) return { type: 'remove', object };
    const graceSeconds = request.gracePeriodSeconds === undefined ? undefined : wholeGrace(request.gracePeriodSeconds);
    // A grace period that has begun can be shortened, never lengthened; finalizers are no longer added or removed.
    if (graceSeconds === undefined || graceSeconds >= deletionGracePeriodSeconds) return { type: 'wait' };
    const endMs = Date.parse(deletionTimestamp) + (graceSeconds - deletionGracePeriodSeconds) * 1000;
    return ended(withDeletion(object, endMs, graceSeconds));
  }
  const ending: AnyObject = strategy.prepareDelete?.(object) ?? object;
  const collected = withPropagation(strategy, ending, request);
  const graceSeconds = strategy.graceful ? podGrace(object, request) : 0;
  const marked = withDeletion(collected, nowMs + graceSeconds * 1000, graceSeconds);
  return ended(risen(marked));
}

function ended(object: AnyObject): DeletionStep {
  return { type: isOver(object) ? 'remove' : 'mark', object };
}

/**
 * Whether nothing holds an ending object any more: its finalizers have gone, and its time is up. What holds a
 * namespace is in its `spec`.
 */
export function isOver(object: AnyObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  return (
    deletionTimestamp !== undefined &&
    finalizers.length === 0 &&
    deletionGracePeriodSeconds === 0 &&
    !hasNamespaceFinalizers(object)
  );
}

function hasNamespaceFinalizers({ kind, apiVersion, spec }: AnyObject): boolean {
  const finalizers = spec?.finalizers;
  return kind === 'Namespace' && apiVersion === 'v1' && Array.isArray(finalizers) && finalizers.length > 0;
}

/**
 * How long a pod gets to end, in seconds. M1, M7: once it has a node, only the word of that node, or of somebody who
 * says 0 in so many words, removes it; so without such a word it gets at least a second.
 */
function podGrace(pod: AnyObject, { gracePeriodSeconds }: DeleteRequest): number {
  const nodeName = pod.spec?.nodeName;
  if (nodeName === undefined || nodeName === '') return 0;
  if (gracePeriodSeconds !== undefined) return wholeGrace(gracePeriodSeconds);
  const own = pod.spec?.terminationGracePeriodSeconds;
  return Math.max(1, typeof own === 'number' ? own : DEFAULT_GRACE_SECONDS);
}

const DEFAULT_GRACE_SECONDS = 30;

/** Less than nothing is a second, as Kubernetes has it. */
function wholeGrace(seconds: number): number {
  return seconds < 0 ? 1 : seconds;
}

function withDeletion(object: AnyObject, endMs: number, graceSeconds: number): AnyObject {
  return {
    ...object,
    metadata: {
      ...object.metadata,
      deletionTimestamp: timestamp(endMs),
      deletionGracePeriodSeconds: graceSeconds,
    },
  };
}

/** Being deleted counts as a change of what is wanted. */
function risen(object: AnyObject): AnyObject {
  const { generation } = object.metadata;
  if (generation === undefined) return object;
  return { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
}

/** With the finalizers that tell the garbage collector what is to become of the dependents. */
function withPropagation(strategy: Strategy, object: AnyObject, request: DeleteRequest): AnyObject {
  if (!strategy.collected) return object;
  const before = object.metadata.finalizers ?? [];
  const policy =
    request.propagationPolicy ??
    (before.includes(ORPHAN) ? 'Orphan' : before.includes(FOREGROUND) ? 'Foreground' : 'Background');
  const after = before.filter((finalizer) => finalizer !== ORPHAN && finalizer !== FOREGROUND);
  if (policy === 'Orphan') after.push(ORPHAN);
  if (policy === 'Foreground') after.push(FOREGROUND);
  if (sameValue(before, after)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: after } };
}
