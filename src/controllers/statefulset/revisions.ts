import type { ControllerRevision, PodTemplateSpec, StatefulSet } from '../../api/generated/types.ts';
import { StatefulSets } from '../../api/kinds.ts';
import type { New } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner-references.ts';
import { canonicalTemplate, hashName } from '../template-hash.ts';
import type { Action } from './actions.ts';
import type { Member } from './members.ts';

const HASH_LABEL = 'controller.kubernetes.io/hash';
const DEFAULT_HISTORY_LIMIT = 10;
/** As long as a revision's name may be, less a dash and the longest hash. */
const LONGEST_PREFIX = 223;

/** A revision as far as the plan needs it. */
export interface Revision {
  readonly name: string;
  readonly template: PodTemplateSpec;
}

export interface Revisions {
  /** What the set's pods are updated from: equal to `update` when no update is under way. */
  readonly current: Revision;
  /** What the set's template is now. */
  readonly update: Revision;
  readonly actions: readonly Action[];
}

/** R1, U5: which revisions the set is at and goes to, given those it owns (in any order). */
export function planRevisions(set: StatefulSet, revisions: readonly ControllerRevision[]): Revisions {
  const history = revisions.toSorted(byNumber);
  const newest = history.at(-1);
  const content = canonicalTemplate(set.spec.template);
  const equal = history.findLast((revision) => contentOf(revision) === content);
  const nextNumber = (newest?.revision ?? 0) + 1;

  const actions: Action[] = [];
  let update: Revision;
  if (equal !== undefined) {
    update = { name: equal.metadata.name, template: set.spec.template };
    // Of revisions with one content only the newest number says which is the target.
    if (newest !== undefined && newest !== equal) {
      actions.push({ type: 'renumberRevision', revision: equal, number: nextNumber });
    }
  } else {
    const hash = hashName(`${content}${set.status?.collisionCount ?? 0}`);
    const name = `${set.metadata.name.slice(0, LONGEST_PREFIX)}-${hash}`;
    const revision = newRevision(set, name, hash, nextNumber);
    update = { name, template: set.spec.template };
    actions.push({ type: 'createRevision', revision });
  }

  return { current: currentRevision(set, history, update), update, actions };
}

function currentRevision(set: StatefulSet, history: readonly ControllerRevision[], update: Revision): Revision {
  const name = set.status?.currentRevision;
  const named = history.find((revision) => revision.metadata.name === name);
  const template = named && templateOf(named);
  if (named !== undefined && template !== undefined) return { name: named.metadata.name, template };
  // A set that ends and leaves its orphans has let go of its history before it goes; what it was at does not change.
  const ending = set.metadata.deletionTimestamp !== undefined;
  return ending && name ? { name, template: update.template } : update;
}

/** R3: the revisions past the limit that nothing uses, oldest first. */
export function revisionsToForget(
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
  inUse: { readonly current: Revision; readonly update: Revision; readonly members: readonly Member[] },
): readonly ControllerRevision[] {
  const limit = set.spec.revisionHistoryLimit ?? DEFAULT_HISTORY_LIMIT;
  if (revisions.length <= limit) return [];
  const live = new Set([inUse.current.name, inUse.update.name, ...inUse.members.map((member) => member.revision)]);
  const dead = revisions.filter((revision) => !live.has(revision.metadata.name)).toSorted(byNumber);
  return dead.slice(0, Math.max(0, dead.length - limit));
}

/** Whether two revisions hold the same template, however it is written. */
export function sameContent(one: Pick<ControllerRevision, 'data'>, other: Pick<ControllerRevision, 'data'>): boolean {
  return contentOf(one) === contentOf(other);
}

/** R1, R2, U6: in the form Kubernetes stores, a patch that `kubectl rollout undo` applies to the set. */
function newRevision(
  set: StatefulSet,
  name: string,
  hash: string,
  number: number,
): New<ControllerRevision> & { readonly revision: number } {
  const { namespace, annotations } = set.metadata;
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { ...set.spec.template.metadata?.labels, [HASH_LABEL]: hash },
      ...(annotations && { annotations }),
      ownerReferences: [controllerReference(StatefulSets, set)],
    },
    data: { spec: { template: { ...set.spec.template, $patch: 'replace' } } },
    revision: number,
  };
}

function byNumber(a: ControllerRevision, b: ControllerRevision): number {
  if (a.revision !== b.revision) return a.revision - b.revision;
  const [createdA, createdB] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (createdA !== createdB) return createdA < createdB ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The template a revision holds; undefined when it is not of a form that holds one. */
function templateOf(revision: Pick<ControllerRevision, 'data'>): PodTemplateSpec | undefined {
  const { data } = revision;
  if (!isRecord(data) || !isRecord(data.spec) || !isRecord(data.spec.template)) return undefined;
  const { $patch, ...template } = data.spec.template;
  // Written by a controller from a template that had passed validation.
  return isRecord(template.spec) && Array.isArray(template.spec.containers)
    ? (template as unknown as PodTemplateSpec)
    : undefined;
}

// Versions of objects are frozen and shared, so what was once computed from one holds as long as it lives.
const contents = new WeakMap<object, string>();

function contentOf({ data }: Pick<ControllerRevision, 'data'>): string | undefined {
  if (!isRecord(data)) return undefined;
  let content = contents.get(data);
  if (content === undefined) {
    const template = templateOf({ data });
    if (template === undefined) return undefined;
    content = canonicalTemplate(template);
    contents.set(data, content);
  }
  return content;
}
