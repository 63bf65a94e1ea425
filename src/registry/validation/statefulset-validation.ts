import type { PersistentVolumeClaimTemplate, StatefulSet, StatefulSetSpec } from '../../api/generated/types.ts';
import { checkDnsLabel, LABEL_LENGTH, type NameCheck } from '../../api/names.ts';
import { checkName, checkNonNegative, checkOneOf, checkUnique } from './checks.ts';
import { type Errors, forbidden, invalidValue, required } from './field-errors.ts';
import { checkIntOrPercent, isZero } from './int-or-percent.ts';
import { validateLabels } from './metadata-validation.ts';
import { validatePodTemplate } from './pod-validation.ts';
import { semanticEqual } from './semantic-equal.ts';
import { validateClaimSpec } from './volume-validation.ts';
import { validateSelector } from './workload-validation.ts';

/** The longest hash in the name of a revision, which is a label of every pod: `<set>-<hash>`. */
const LONGEST_HASH = 10;

/**
 * V3: the set's name begins the names of its pods, which are hostnames, and the names of its revisions, which are
 * labels. Kubernetes takes longer ones and then fails for ever to create the pods.
 */
export const checkStatefulSetName: NameCheck = (name) => {
  const wrong = [...checkDnsLabel(name)];
  const longest = LABEL_LENGTH - 1 - LONGEST_HASH;
  if (wrong.length === 0 && name.length > longest) {
    wrong.push(
      `must be no more than ${longest} characters: its pods carry the label controller-revision-hash=<name>-<hash>, and a label's value has at most ${LABEL_LENGTH}`,
    );
  }
  return wrong;
};

export function validateStatefulSet(set: StatefulSet, errors: Errors): void {
  const { spec } = set;
  if (spec === undefined) {
    errors.push(required('spec'));
    return;
  }
  if (!['OrderedReady', 'Parallel'].includes(spec.podManagementPolicy ?? '')) {
    errors.push(
      invalidValue('spec.podManagementPolicy', spec.podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"),
    );
  }
  validateMutableSpec(set.metadata.name ?? '', spec, errors);
  validateSelector('statefulset', spec.selector, spec.template, errors);
  if ((spec.serviceName ?? '') !== '') checkName(spec.serviceName ?? '', checkDnsLabel, 'spec.serviceName', errors);
  validateClaimTemplates(spec.volumeClaimTemplates ?? [], errors);
}

/** What may change in the life of a set. */
function validateMutableSpec(name: string, spec: StatefulSetSpec, errors: Errors): void {
  validateUpdateStrategy(spec, errors);
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  for (const when of ['whenDeleted', 'whenScaled'] as const) {
    const field = `spec.persistentVolumeClaimRetentionPolicy.${when}`;
    checkOneOf(policy?.[when], ['Retain', 'Delete'], field, errors);
  }
  checkNonNegative(spec.replicas, 'spec.replicas', errors);
  checkNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', errors);
  checkNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  checkNonNegative(spec.ordinals?.start, 'spec.ordinals.start', errors);
  validateLastPodName(name, spec, errors);
  validateTemplate(spec, errors);
}

/** V3: with a short name and a huge start the pods' names can still be too long. */
function validateLastPodName(name: string, spec: StatefulSetSpec, errors: Errors): void {
  const last = (spec.ordinals?.start ?? 0) + Math.max(0, (spec.replicas ?? 1) - 1);
  const podName = `${name}-${last}`;
  if (podName.length > LABEL_LENGTH) {
    errors.push(invalidValue('metadata.name', name, `pod name "${podName}" is longer than ${LABEL_LENGTH} characters`));
  }
}

function validateTemplate(spec: StatefulSetSpec, errors: Errors): void {
  const claims = new Set((spec.volumeClaimTemplates ?? []).map((template) => template.metadata?.name ?? ''));
  validatePodTemplate(spec.template, 'spec.template', errors, { moreVolumes: claims });
  const pod = spec.template?.spec;
  const restartPolicy = pod?.restartPolicy;
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    checkOneOf(restartPolicy, ['Always'], 'spec.template.spec.restartPolicy', errors);
  }
  if (pod?.activeDeadlineSeconds !== undefined) {
    errors.push(
      forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in StatefulSet is not Supported'),
    );
  }
}

function validateUpdateStrategy(spec: StatefulSetSpec, errors: Errors): void {
  const { type, rollingUpdate } = spec.updateStrategy ?? {};
  switch (type) {
    case undefined:
    case '':
      errors.push(required('spec.updateStrategy'));
      return;
    case 'OnDelete':
      if (rollingUpdate !== undefined) {
        errors.push(
          invalidValue(
            'spec.updateStrategy.rollingUpdate',
            rollingUpdate,
            "only allowed for updateStrategy 'RollingUpdate'",
          ),
        );
      }
      return;
    case 'RollingUpdate': {
      const field = 'spec.updateStrategy.rollingUpdate';
      checkNonNegative(rollingUpdate?.partition, `${field}.partition`, errors);
      checkIntOrPercent(rollingUpdate?.maxUnavailable, `${field}.maxUnavailable`, errors);
      if (isZero(rollingUpdate?.maxUnavailable)) {
        errors.push(invalidValue(`${field}.maxUnavailable`, rollingUpdate?.maxUnavailable, 'cannot be 0'));
      }
      return;
    }
    default:
      errors.push(invalidValue('spec.updateStrategy', spec.updateStrategy, "must be 'RollingUpdate' or 'OnDelete'"));
  }
}

function validateClaimTemplates(templates: readonly PersistentVolumeClaimTemplate[], errors: Errors): void {
  for (const [index, template] of templates.entries()) {
    const field = `spec.volumeClaimTemplates[${index}]`;
    const name = template.metadata?.name ?? '';
    // The name is also that of the volume in the pod.
    if (name === '') errors.push(required(`${field}.metadata.name`));
    else checkName(name, checkDnsLabel, `${field}.metadata.name`, errors);
    validateLabels(template.metadata?.labels, `${field}.metadata.labels`, errors);
    validateClaimSpec(template.spec, `${field}.spec`, errors);
  }
  checkUnique(
    templates,
    (template) => template.metadata?.name,
    (index) => `spec.volumeClaimTemplates[${index}].metadata.name`,
    errors,
  );
}

// V2
const UPDATE_RULE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

const MUTABLE = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]);

export function validateStatefulSetUpdate(set: StatefulSet, old: StatefulSet, errors: Errors): void {
  const { spec } = set;
  if (spec === old.spec) return;
  if (spec === undefined) {
    errors.push(required('spec'));
    return;
  }
  validateMutableSpec(set.metadata.name, spec, errors);
  validateSelector('statefulset', spec.selector, spec.template, errors);
  const keys = new Set([...Object.keys(spec), ...Object.keys(old.spec)]) as ReadonlySet<keyof StatefulSetSpec>;
  for (const key of keys) {
    if (!MUTABLE.has(key) && !semanticEqual(spec[key], old.spec[key])) {
      errors.push(forbidden('spec', UPDATE_RULE));
      break;
    }
  }
}
