import type {
  ControllerRevision,
  PersistentVolumeClaim,
  Pod,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetStatus,
  StatefulSetUpdateStrategy,
} from '../../src/api/generated/types.ts';
import type { Action } from '../../src/controllers/statefulset/actions.ts';
import { missingClaims } from '../../src/controllers/statefulset/claims.ts';
import { newPod } from '../../src/controllers/statefulset/identity.ts';
import type { Observed } from '../../src/controllers/statefulset/plan.ts';
import { planRevisions } from '../../src/controllers/statefulset/revisions.ts';
import { timestamp } from '../../src/platform/clock.ts';

/** The moment every scene is seen at. */
export const NOW = Date.UTC(2026, 0, 1, 12);
const LONG_AGO = timestamp(NOW - 3_600_000);

export interface SceneOptions extends Partial<Omit<StatefulSetSpec, 'template' | 'selector'>> {
  /** The template's version: its image is `app:<n>`. */
  readonly version?: number;
  /** The version of `status.currentRevision`; equal to `version` when absent. */
  readonly current?: number;
  readonly claimTemplates?: readonly string[];
  readonly deleting?: boolean;
  readonly status?: Partial<StatefulSetStatus>;
  /** Changes pods after they are made from their words. */
  readonly changePods?: (pod: Pod) => Pod;
  /** Claims that are not what they should be: by name, or undefined for one that does not exist. */
  readonly changeClaims?: (claim: PersistentVolumeClaim) => PersistentVolumeClaim | undefined;
}

/**
 * A set named `web` with pods described by a word each, from ordinal 0 (or `firstOrdinal`) on:
 *
 * - `-` there is none; `ready`; `fresh` Ready for 5 s; `unready` Running, was Ready once; `crashing` Running, never
 *   Ready; `pending` not yet on a node; `starting` on a node; `ending` being deleted; `failed`; `succeeded`
 * - `word@2`: made from version 2 of the template (default: the set's)
 */
export function scene(words: string, options: SceneOptions = {}): Observed {
  const { version = 1, current = version, claimTemplates = [], deleting, status, changePods, changeClaims } = options;
  const set = setOf(version, { ...options, claimTemplates }, deleting ?? false);
  const versions = new Set([current, version]);
  const pods: Pod[] = [];
  const claims = new Map<string, PersistentVolumeClaim>();
  words
    .split(/\s+/)
    .filter(Boolean)
    .forEach((word, ordinal) => {
      for (const claim of missingClaims(set, ordinal, claims)) {
        const served = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim };
        const kept = withMeta(served, `claim-${claim.metadata.name}`) as PersistentVolumeClaim;
        const changed = changeClaims ? changeClaims(kept) : kept;
        if (changed) claims.set(changed.metadata.name, changed);
      }
      const [state = '-', at] = word.split('@');
      if (state === '-') return;
      const podVersion = at === undefined ? version : Number(at);
      versions.add(podVersion);
      const pod = podOf(set, ordinal, state, revisionName(podVersion));
      pods.push(changePods ? changePods(pod) : pod);
    });
  // Numbered in the order they were rolled out, the set's own last.
  const rollout = [...versions].filter((other) => other !== version).sort((a, b) => a - b);
  const revisions = [...rollout, version].map((each, index) => revision(each, index + 1));
  return {
    set: { ...set, status: { replicas: 0, currentRevision: revisionName(current), ...status } },
    revisions,
    pods,
    claims,
    now: NOW,
  };
}

function setOf(version: number, options: SceneOptions, deleting: boolean): StatefulSet {
  const {
    claimTemplates = [],
    version: _v,
    current: _c,
    deleting: _d,
    status: _s,
    changePods: _p,
    changeClaims: _k,
    ...spec
  } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'set-uid',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: LONG_AGO,
      ...(deleting && { deletionTimestamp: LONG_AGO }),
    },
    spec: {
      serviceName: 'web',
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image: `app:${version}` }] },
      },
      ...(claimTemplates.length > 0 && {
        volumeClaimTemplates: claimTemplates.map((name) => ({ metadata: { name }, spec: {} })),
      }),
      ...spec,
    },
  };
}

export function partition(value: number): StatefulSetUpdateStrategy {
  return { type: 'RollingUpdate', rollingUpdate: { partition: value } };
}

/** The ControllerRevision of a version of the scene's template. */
export function revision(version: number, number: number): ControllerRevision {
  const action = planRevisions(setOf(version, {}, false), []).actions[0];
  if (action?.type !== 'createRevision') throw new Error('a set without history gets a revision');
  const made = { apiVersion: 'apps/v1', kind: 'ControllerRevision', ...action.revision, revision: number };
  return withMeta(made, `revision-${version}`) as ControllerRevision;
}

export function revisionName(version: number): string {
  return revision(version, 1).metadata.name;
}

function withMeta<T extends { metadata: object }>(object: T, uid: string): T {
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion: '1', creationTimestamp: LONG_AGO } };
}

function podOf(set: StatefulSet, ordinal: number, state: string, revisionHash: string): Pod {
  const made = newPod(set, set.spec.template, revisionHash, ordinal);
  const uid = `pod-${ordinal}`;
  const pod = withMeta({ apiVersion: 'v1', kind: 'Pod', ...made }, uid) as Pod;
  const onNode = { ...pod, spec: { ...pod.spec, nodeName: 'node-0' } };
  const running = (ready: boolean, since: string): Pod => ({
    ...onNode,
    status: {
      phase: 'Running',
      startTime: LONG_AGO,
      conditions: [
        {
          type: 'Ready',
          status: ready ? 'True' : 'False',
          lastTransitionTime: since,
          ...(!ready && { message: 'readiness probe failed: HTTP 503' }),
        },
      ],
    },
  });
  switch (state) {
    case 'ready':
      return running(true, timestamp(NOW - 600_000));
    case 'fresh':
      return running(true, timestamp(NOW - 5000));
    case 'unready':
      return running(false, timestamp(NOW - 60_000));
    case 'crashing':
      return running(false, LONG_AGO);
    case 'pending':
      return { ...pod, status: { phase: 'Pending' } };
    case 'starting':
      return { ...onNode, status: { phase: 'Pending' } };
    case 'ending': {
      const ready = running(true, timestamp(NOW - 600_000));
      const { metadata } = ready;
      return {
        ...ready,
        metadata: { ...metadata, deletionTimestamp: timestamp(NOW + 20_000), deletionGracePeriodSeconds: 30 },
      };
    }
    case 'failed':
      return { ...onNode, status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory.' } };
    case 'succeeded':
      return { ...onNode, status: { phase: 'Succeeded' } };
    default:
      throw new Error(`no pod state is called ${state}`);
  }
}

/** An action in a few words: `create web-2@2`, `delete web-1 (update)`. */
export function inWords(action: Action): string {
  switch (action.type) {
    case 'createPod':
      return `create web-${action.ordinal}@${versionOf(action.revision)}${action.claims.length > 0 ? ` with ${names(action.claims)}` : ''}`;
    case 'createClaims':
      return `create ${names(action.claims)}`;
    case 'deletePod':
      return `delete ${action.pod.metadata.name} (${action.reason})`;
    case 'restoreIdentity':
      return `restore ${action.pod.metadata.name}`;
    case 'adoptPod':
      return `adopt ${action.pod.metadata.name}`;
    case 'releasePod':
      return `release ${action.pod.metadata.name}`;
    case 'adoptRevision':
      return `adopt revision ${versionOf(action.revision.metadata.name)}`;
    case 'setClaimOwners':
      return `${action.claim.metadata.name} owned by ${action.owners.map(({ kind, name }) => `${kind} ${name}`).join(', ') || 'nobody'}`;
    case 'createRevision':
      return `create revision number ${action.revision.revision}`;
    case 'renumberRevision':
      return `revision ${versionOf(action.revision.metadata.name)} gets number ${action.number}`;
    case 'deleteRevision':
      return `forget revision ${versionOf(action.revision.metadata.name)}`;
  }
}

function versionOf(name: string): string {
  for (let version = 1; version < 30; version += 1) if (revisionName(version) === name) return String(version);
  return name;
}

function names(objects: readonly { readonly metadata: { readonly name?: string } }[]): string {
  return objects.map((object) => object.metadata.name).join(', ');
}
