import type { Deployment, PodTemplateSpec, ReplicaSet } from '../../api/generated/types.ts';
import { Deployments } from '../../api/kinds.ts';
import type { New } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner-references.ts';
import { canonicalTemplate, hashName } from '../template-hash.ts';
import { limitsOf, wantedReplicas } from './limits.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
/** How many pods the deployment wanted, and might have had at most, when the set was last sized by it. */
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
const HASH_LABEL = 'pod-template-hash';

/** Annotations of a deployment that are about itself and not about its sets. */
const OWN_ANNOTATIONS = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

type Annotations = Readonly<Record<string, string>>;

export interface Revisions {
  /** The set of the template as it is now, if there is one. */
  readonly current: ReplicaSet | undefined;
  /** The sets of earlier templates, oldest first. */
  readonly old: readonly ReplicaSet[];
}

/** Which of a deployment's sets is at its template. */
export function findRevisions(deployment: Deployment, sets: readonly ReplicaSet[]): Revisions {
  const sorted = sets.toSorted(byAge);
  const wanted = templateText(deployment.spec.template);
  const current = sorted.find(({ spec }) => spec.template !== undefined && templateText(spec.template) === wanted);
  return { current, old: sorted.filter((set) => set !== current) };
}

/** The set of a new template. Its name is made of the template, so that the same one is never made twice. */
export function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[], replicas: number): New<ReplicaSet> {
  const { metadata, spec, status } = deployment;
  const hash = hashName(`${templateText(spec.template)}${status?.collisionCount ?? 0}`);
  const labels = { ...spec.template.metadata?.labels, [HASH_LABEL]: hash };
  return {
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      labels,
      annotations: {
        ...sharedAnnotations(deployment),
        ...sizeAnnotations(deployment),
        [REVISION]: String(newestRevision(old) + 1),
      },
      ownerReferences: [controllerReference(Deployments, deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}

/** The current set with what it should have of the deployment beside the template; undefined when it has. */
export function correctedSet(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): ReplicaSet | undefined {
  const { metadata, spec } = current;
  const annotations = currentAnnotations(deployment, current, old);
  const { minReadySeconds = 0 } = deployment.spec;
  const isSame = sameMap(annotations, metadata.annotations ?? {}) && (spec.minReadySeconds ?? 0) === minReadySeconds;
  return isSame
    ? undefined
    : { ...current, metadata: { ...metadata, annotations }, spec: { ...spec, minReadySeconds } };
}

/** The annotations the current set should have; a set of an earlier revision that is used again gets a new number. */
function currentAnnotations(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Annotations {
  const before = current.metadata.annotations ?? {};
  const own = revisionOf(current);
  const newest = newestRevision(old);
  const shared = { ...before, ...sharedAnnotations(deployment) };
  if (own > newest) return shared;
  const history = [before[REVISION_HISTORY], ...(own > 0 ? [String(own)] : [])].filter(Boolean).join(',');
  return { ...shared, [REVISION]: String(newest + 1), ...(history !== '' && { [REVISION_HISTORY]: history }) };
}

/** The annotations that say how large the deployment is. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = wantedReplicas(deployment);
  return {
    [DESIRED_REPLICAS]: String(replicas),
    [MAX_REPLICAS]: String(replicas + limitsOf(deployment).maxSurge),
  };
}

export function revisionOf({ metadata }: ReplicaSet | Deployment): number {
  return Number(metadata.annotations?.[REVISION] ?? 0) || 0;
}

/** Of the oldest sets beyond the history limit those that are empty. */
export function setsToForget(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const oldest = old.toSorted((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, old.length - limit));
  return oldest.filter(
    ({ metadata, spec, status }) =>
      metadata.deletionTimestamp === undefined &&
      (spec.replicas ?? 1) === 0 &&
      (status?.replicas ?? 0) === 0 &&
      (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
  );
}

function sameMap(a: Annotations, b: Annotations): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function newestRevision(sets: readonly ReplicaSet[]): number {
  return Math.max(0, ...sets.map(revisionOf));
}

function sharedAnnotations({ metadata }: Deployment): Annotations {
  return Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.has(key)));
}

/** A template as text, without the label that a set adds. */
function templateText(template: PodTemplateSpec): string {
  const { [HASH_LABEL]: hash, ...labels } = template.metadata?.labels ?? {};
  if (hash === undefined) return canonicalTemplate(template);
  return canonicalTemplate({ ...template, metadata: { ...template.metadata, labels } });
}

function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [createdA, createdB] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (createdA !== createdB) return createdA < createdB ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
