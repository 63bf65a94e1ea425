import type {
  ControllerRevision,
  Deployment,
  LabelSelector,
  PodDisruptionBudget,
  PodTemplateSpec,
  ReplicaSet,
} from '../../api/generated/types.ts';
import { matchSelector, SelectorSyntaxError } from '../../api/labels.ts';
import { checkNonNegative, checkOneOf } from './checks.ts';
import { type Errors, forbidden, invalidValue, notSupported, required } from './field-errors.ts';
import { checkIntOrPercent, isZero } from './int-or-percent.ts';
import { isEmptySelector, validateLabelSelector } from './label-selector-validation.ts';
import { checkImmutable } from './metadata-validation.ts';
import { validatePodTemplate } from './pod-validation.ts';

/** The selector is there, chooses something, and chooses the pods of the template. `what`: `statefulset`. */
export function validateSelector(
  what: string,
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  errors: Errors,
): void {
  if (selector === undefined) {
    errors.push(required('spec.selector'));
    return;
  }
  const found = errors.length;
  validateLabelSelector(selector, 'spec.selector', errors);
  if (isEmptySelector(selector)) {
    errors.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${what}`));
  }
  if (errors.length > found || template === undefined) return;
  const labels = template.metadata?.labels ?? {};
  try {
    if (matchSelector(selector)(labels)) return;
  } catch (error) {
    if (!(error instanceof SelectorSyntaxError)) throw error;
  }
  errors.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
}

/** Pods that are replaced by others must never end by themselves. */
function validateEndlessTemplate(template: PodTemplateSpec | undefined, kind: string, errors: Errors): void {
  validatePodTemplate(template, 'spec.template', errors);
  const pod = template?.spec;
  const restartPolicy = pod?.restartPolicy ?? 'Always';
  if (restartPolicy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']));
  }
  if (pod?.activeDeadlineSeconds !== undefined) {
    errors.push(
      forbidden('spec.template.spec.activeDeadlineSeconds', `activeDeadlineSeconds in ${kind} is not Supported`),
    );
  }
}

/** The counts of a status: none is negative, and none of `parts` more than there are replicas. */
export function validateCounts(
  parts: readonly string[],
  others: readonly string[] = [],
): (object: Counted, old: Counted, errors: Errors) => void {
  return (object, old, errors) => {
    const status = new Map<string, unknown>(Object.entries(object.status ?? {}));
    const before = new Map<string, unknown>(Object.entries(old.status ?? {}));
    const count = (of: typeof status, name: string): number => Number(of.get(name) ?? 0);
    const check = (name: string, most: string): void => {
      if (count(status, name) <= count(status, most)) return;
      errors.push(invalidValue(`status.${name}`, count(status, name), `cannot be greater than status.${most}`));
    };
    for (const name of ['replicas', ...parts, ...others, 'observedGeneration', 'collisionCount']) {
      checkNonNegative(count(status, name), `status.${name}`, errors);
    }
    for (const name of parts) check(name, 'replicas');
    check('availableReplicas', 'readyReplicas');
    if (count(status, 'collisionCount') < count(before, 'collisionCount')) {
      errors.push(invalidValue('status.collisionCount', count(status, 'collisionCount'), 'cannot be decremented'));
    }
  };
}

interface Counted {
  readonly status?: object;
}

export function validateReplicaSet(set: ReplicaSet, errors: Errors): void {
  const { spec } = set;
  checkNonNegative(spec?.replicas, 'spec.replicas', errors);
  checkNonNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
  validateSelector('replicaset', spec?.selector, spec?.template, errors);
  validateEndlessTemplate(spec?.template, 'ReplicaSet', errors);
}

export function validateReplicaSetUpdate(set: ReplicaSet, old: ReplicaSet, errors: Errors): void {
  if (set.spec === old.spec) return;
  validateReplicaSet(set, errors);
  checkImmutable(set.spec?.selector, old.spec.selector, 'spec.selector', errors);
}

export function validateDeployment(deployment: Deployment, errors: Errors): void {
  const { spec } = deployment;
  checkNonNegative(spec?.replicas, 'spec.replicas', errors);
  validateSelector('deployment', spec?.selector, spec?.template, errors);
  validateEndlessTemplate(spec?.template, 'Deployment', errors);
  validateStrategy(spec, errors);
  checkNonNegative(spec?.minReadySeconds, 'spec.minReadySeconds', errors);
  checkNonNegative(spec?.revisionHistoryLimit, 'spec.revisionHistoryLimit', errors);
  const deadline = spec?.progressDeadlineSeconds;
  if (deadline === undefined) return;
  checkNonNegative(deadline, 'spec.progressDeadlineSeconds', errors);
  if (deadline <= (spec?.minReadySeconds ?? 0)) {
    errors.push(invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
}

function validateStrategy(spec: Deployment['spec'] | undefined, errors: Errors): void {
  const field = 'spec.strategy';
  const { type, rollingUpdate } = spec?.strategy ?? {};
  switch (type) {
    case 'Recreate':
      if (rollingUpdate !== undefined) {
        errors.push(forbidden(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"));
      }
      return;
    case 'RollingUpdate': {
      const at = `${field}.rollingUpdate`;
      if (rollingUpdate === undefined) {
        errors.push(required(at, 'this should be defaulted and never be nil'));
        return;
      }
      checkIntOrPercent(rollingUpdate.maxUnavailable, `${at}.maxUnavailable`, errors);
      checkIntOrPercent(rollingUpdate.maxSurge, `${at}.maxSurge`, errors);
      if (isZero(rollingUpdate.maxUnavailable) && isZero(rollingUpdate.maxSurge)) {
        errors.push(
          invalidValue(`${at}.maxUnavailable`, rollingUpdate.maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
        );
      }
      return;
    }
    default:
      errors.push(notSupported(`${field}.type`, type ?? '', ['Recreate', 'RollingUpdate']));
  }
}

export function validateDeploymentUpdate(deployment: Deployment, old: Deployment, errors: Errors): void {
  if (deployment.spec === old.spec) return;
  validateDeployment(deployment, errors);
  checkImmutable(deployment.spec?.selector, old.spec.selector, 'spec.selector', errors);
}

export function validateControllerRevision(revision: ControllerRevision, errors: Errors): void {
  if (revision.data === undefined || revision.data === null) errors.push(required('data', 'data is mandatory'));
  checkNonNegative(revision.revision, 'revision', errors);
}

export function validateControllerRevisionUpdate(
  revision: ControllerRevision,
  old: ControllerRevision,
  errors: Errors,
): void {
  validateControllerRevision(revision, errors);
  if (revision.data !== old.data) checkImmutable(revision.data, old.data, 'data', errors);
}

export function validateDisruptionBudgetStatus({ status }: PodDisruptionBudget, _old: object, errors: Errors): void {
  for (const count of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const) {
    checkNonNegative(status?.[count], `status.${count}`, errors);
  }
}

export function validateDisruptionBudget(budget: PodDisruptionBudget, errors: Errors): void {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = budget.spec ?? {};
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(invalidValue('spec', budget.spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  checkIntOrPercent(minAvailable, 'spec.minAvailable', errors);
  checkIntOrPercent(maxUnavailable, 'spec.maxUnavailable', errors);
  validateLabelSelector(selector, 'spec.selector', errors);
  checkOneOf(unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget'], 'spec.unhealthyPodEvictionPolicy', errors);
}
