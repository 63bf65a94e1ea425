import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from '../../api/generated/types.ts';
import { checkDnsLabel, checkLabelValue, checkQualifiedName } from '../../api/names.ts';
import { checkName, checkOneOf, checkPositive, checkRequiredName, checkRequiredOneOf } from './checks.ts';
import { duplicate, type Errors, forbidden, invalidValue, notSupported, required } from './field-errors.ts';
import { validateLabelSelector } from './label-selector-validation.ts';

const EFFECTS = ['NoExecute', 'NoSchedule', 'PreferNoSchedule'];

export function validateTolerations(tolerations: readonly Toleration[], field: string, errors: Errors): void {
  for (const [index, toleration] of tolerations.entries()) {
    const at = `${field}[${index}]`;
    const { key = '', operator = '', value = '', effect = '' } = toleration;
    if (key !== '') checkName(key, checkQualifiedName, `${at}.key`, errors);
    else if (operator !== 'Exists') {
      errors.push(
        invalidValue(
          `${at}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(invalidValue(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    switch (operator) {
      case '':
      case 'Equal':
        checkName(value, checkLabelValue, `${at}.operator`, errors);
        break;
      case 'Exists':
        if (value !== '') {
          errors.push(invalidValue(`${at}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
        }
        break;
      default:
        errors.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
    }
    if (effect !== '') checkOneOf(effect, EFFECTS, `${at}.effect`, errors);
  }
}

export function validateTaints(taints: readonly Taint[], field: string, errors: Errors): void {
  const seen = new Set<string>();
  for (const [index, taint] of taints.entries()) {
    const at = `${field}[${index}]`;
    checkName(taint.key, checkQualifiedName, `${at}.key`, errors);
    checkName(taint.value ?? '', checkLabelValue, `${at}.value`, errors);
    checkRequiredOneOf(taint.effect, EFFECTS, `${at}.effect`, errors);
    const identity = `${taint.key}:${taint.effect}`;
    if (seen.has(identity)) errors.push({ ...duplicate(at, taint), field: at });
    seen.add(identity);
  }
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[],
  field: string,
  errors: Errors,
): void {
  const seen = new Set<string>();
  for (const [index, constraint] of constraints.entries()) {
    const at = `${field}[${index}]`;
    const { maxSkew, minDomains, topologyKey, whenUnsatisfiable } = constraint;
    if ((maxSkew ?? 0) <= 0) errors.push(invalidValue(`${at}.maxSkew`, maxSkew ?? 0, 'must be greater than zero'));
    if ((topologyKey ?? '') === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
    else checkName(topologyKey, checkQualifiedName, `${at}.topologyKey`, errors);
    if (whenUnsatisfiable !== 'DoNotSchedule' && whenUnsatisfiable !== 'ScheduleAnyway') {
      errors.push(
        notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', ['DoNotSchedule', 'ScheduleAnyway']),
      );
    }
    const identity = `{${topologyKey}, ${whenUnsatisfiable}}`;
    if (seen.has(identity)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, identity));
    seen.add(identity);
    if (minDomains !== undefined) {
      checkPositive(minDomains, `${at}.minDomains`, errors);
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        errors.push(
          invalidValue(
            `${at}.minDomains`,
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        );
      }
    }
    checkOneOf(constraint.nodeAffinityPolicy, ['Honor', 'Ignore'], `${at}.nodeAffinityPolicy`, errors);
    checkOneOf(constraint.nodeTaintsPolicy, ['Honor', 'Ignore'], `${at}.nodeTaintsPolicy`, errors);
    validateLabelSelector(constraint.labelSelector, `${at}.labelSelector`, errors);
  }
}

export function validateAffinity(affinity: Affinity, field: string, errors: Errors): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  if (nodeAffinity !== undefined) {
    const at = `${field}.nodeAffinity`;
    const needed = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
    if (needed !== undefined) {
      validateNodeSelector(needed, `${at}.requiredDuringSchedulingIgnoredDuringExecution`, errors);
    }
    for (const [index, term] of (nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const preferred = `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
      checkWeight(term.weight, `${preferred}.weight`, errors);
      validateNodeSelectorTerm(term.preference ?? {}, `${preferred}.preference`, errors);
    }
  }
  for (const [part, spec] of [
    ['podAffinity', podAffinity],
    ['podAntiAffinity', podAntiAffinity],
  ] as const) {
    for (const [index, term] of (spec?.requiredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const at = `${field}.${part}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`;
      validatePodAffinityTerm(term, at, errors);
    }
    for (const [index, weighted] of (spec?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
      const at = `${field}.${part}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
      checkWeight(weighted.weight, `${at}.weight`, errors);
      if (weighted.podAffinityTerm !== undefined) {
        validatePodAffinityTerm(weighted.podAffinityTerm, `${at}.podAffinityTerm`, errors);
      }
    }
  }
}

function checkWeight(weight: number | undefined, field: string, errors: Errors): void {
  if (weight === undefined || weight < 1 || weight > 100) {
    errors.push(invalidValue(field, weight ?? 0, 'must be in the range 1-100'));
  }
}

function validatePodAffinityTerm(term: PodAffinityTerm, field: string, errors: Errors): void {
  validateLabelSelector(term.labelSelector, `${field}.labelSelector`, errors);
  validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`, errors);
  for (const namespace of term.namespaces ?? []) checkName(namespace, checkDnsLabel, `${field}.namespaces`, errors);
  if ((term.topologyKey ?? '') === '') errors.push(required(`${field}.topologyKey`, 'can not be empty'));
  else checkName(term.topologyKey, checkQualifiedName, `${field}.topologyKey`, errors);
}

export function validateNodeSelector(selector: NodeSelector, field: string, errors: Errors): void {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) {
    errors.push(required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term'));
  }
  for (const [index, term] of terms.entries()) {
    validateNodeSelectorTerm(term, `${field}.nodeSelectorTerms[${index}]`, errors);
  }
}

function validateNodeSelectorTerm(term: NodeSelectorTerm, field: string, errors: Errors): void {
  for (const [index, requirement] of (term.matchExpressions ?? []).entries()) {
    validateNodeRequirement(requirement, `${field}.matchExpressions[${index}]`, errors);
  }
  for (const [index, requirement] of (term.matchFields ?? []).entries()) {
    const at = `${field}.matchFields[${index}]`;
    checkRequiredOneOf(requirement.key, ['metadata.name'], `${at}.key`, errors);
    if (requirement.operator !== 'In' && requirement.operator !== 'NotIn') {
      errors.push(invalidValue(`${at}.operator`, requirement.operator, 'not a valid selector operator'));
    } else if ((requirement.values ?? []).length !== 1) {
      errors.push(
        required(`${at}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
      );
    }
  }
}

function validateNodeRequirement(requirement: NodeSelectorRequirement, field: string, errors: Errors): void {
  const { key, operator, values = [] } = requirement;
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      }
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.push(required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      }
      break;
    default:
      errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'));
  }
  checkRequiredName(key, checkQualifiedName, `${field}.key`, errors);
}
