import type { Pod, PodTemplateSpec, StatefulSet, Volume } from '../../api/generated/types.ts';
import { StatefulSets } from '../../api/kinds.ts';
import { POD_NAME_LABEL } from '../../api/labels.ts';
import type { New } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner-references.ts';

const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index';
const REVISION_LABEL = 'controller-revision-hash';

/** I1: `<set>-<ordinal>`. */
export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

/** C1: `<template>-<set>-<ordinal>`. */
export function claimName(set: StatefulSet, templateName: string, ordinal: number): string {
  return `${templateName}-${set.metadata.name}-${ordinal}`;
}

/**
 * The set and the ordinal that a pod's name speaks of; undefined when it is no name of that form. `web-01` is none: it
 * is not the name that any ordinal has.
 */
export function parsePodName(name: string): { readonly set: string; readonly ordinal: number } | undefined {
  const dash = name.lastIndexOf('-');
  if (dash < 1) return undefined;
  const ordinal = parseOrdinal(name, dash + 1);
  return ordinal === undefined ? undefined : { set: name.slice(0, dash), ordinal };
}

/** The ordinal in the name of one of `set`'s pods; undefined for any other name. */
export function ordinalOf(set: StatefulSet, name: string): number | undefined {
  const setName = set.metadata.name;
  if (name.charCodeAt(setName.length) !== DASH || !name.startsWith(setName)) return undefined;
  return parseOrdinal(name, setName.length + 1);
}

const DASH = '-'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
/** Ordinals are 32-bit integers: ten digits, without a sign. */
const MOST_DIGITS = 10;

/** The digits from `begin` to the end of `text`, as the only way to write that number. */
function parseOrdinal(text: string, begin: number): number | undefined {
  const digits = text.length - begin;
  if (digits < 1 || digits > MOST_DIGITS) return undefined;
  let ordinal = 0;
  for (let i = begin; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    if (i === begin && digit === 0 && digits > 1) return undefined;
    ordinal = ordinal * 10 + digit;
  }
  return ordinal;
}

/** The ordinals that should exist: from `start` up to, and without, `end` (O9). */
export interface OrdinalRange {
  readonly start: number;
  readonly end: number;
}

export function ordinalRange(set: StatefulSet): OrdinalRange {
  const start = set.spec.ordinals?.start ?? 0;
  return { start, end: start + (set.spec.replicas ?? 1) };
}

/** The revision a pod was made from; empty when its label is missing. */
export function revisionOf(pod: Pod): string {
  return pod.metadata.labels?.[REVISION_LABEL] ?? '';
}

/** I2, I3, C6: the pod of an ordinal, made from the template of a revision. */
export function newPod(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): New<Pod> {
  const name = podName(set, ordinal);
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const { serviceName } = set.spec;
  const volumes = podVolumes(set, template, ordinal);
  return {
    metadata: {
      name,
      generateName: `${set.metadata.name}-`,
      ...(set.metadata.namespace !== undefined && { namespace: set.metadata.namespace }),
      labels: {
        ...labels,
        ...identityLabels(name, ordinal),
        [REVISION_LABEL]: revision,
      },
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [controllerReference(StatefulSets, set)],
    },
    spec: {
      ...template.spec,
      hostname: name,
      ...(serviceName && { subdomain: serviceName }),
      ...(volumes.length > 0 && { volumes }),
    },
  };
}

function identityLabels(name: string, ordinal: number): Readonly<Record<string, string>> {
  return { [POD_NAME_LABEL]: name, [POD_INDEX_LABEL]: String(ordinal) };
}

/** C6: a claim takes the place of a volume of the template with its name. */
function podVolumes(set: StatefulSet, template: PodTemplateSpec, ordinal: number): readonly Volume[] {
  const claimed = (set.spec.volumeClaimTemplates ?? []).map((claim): Volume => {
    const name = claim.metadata?.name ?? '';
    return { name, persistentVolumeClaim: { claimName: claimName(set, name, ordinal) } };
  });
  const names = new Set(claimed.map((volume) => volume.name));
  return [...claimed, ...(template.spec.volumes ?? []).filter((volume) => !names.has(volume.name))];
}

/** I5: whether the labels that say who a pod is are as they were made. */
export function hasIdentity(pod: Pod, ordinal: number): boolean {
  const { name, labels } = pod.metadata;
  return labels?.[POD_NAME_LABEL] === name && labels[POD_INDEX_LABEL] === String(ordinal);
}

/** I5: the pod with those labels put back. */
export function withIdentity(pod: Pod, ordinal: number): Pod {
  const { metadata } = pod;
  return {
    ...pod,
    metadata: { ...metadata, labels: { ...metadata.labels, ...identityLabels(metadata.name, ordinal) } },
  };
}
