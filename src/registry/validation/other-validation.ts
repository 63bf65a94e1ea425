import type {
  ClusterRole,
  ClusterRoleBinding,
  Lease,
  Node,
  PriorityClass,
  Role,
  RoleBinding,
} from '../../api/generated/types.ts';
import { checkNonNegative, checkOneOf, checkPositive } from './checks.ts';
import { type Errors, forbidden, invalidValue, notSupported, required } from './field-errors.ts';
import { checkImmutable } from './metadata-validation.ts';
import { validateResourceList } from './resource-validation.ts';
import { validateTaints } from './scheduling-validation.ts';

export function validateNode(node: Node, errors: Errors): void {
  if (node.spec?.taints !== undefined) validateTaints(node.spec.taints, 'spec.taints', errors);
  validateResourceList(node.status?.capacity, 'status.capacity', errors);
  validateResourceList(node.status?.allocatable, 'status.allocatable', errors);
}

export function validateNodeUpdate(node: Node, old: Node, errors: Errors): void {
  validateNode(node, errors);
  const before = old.spec?.podCIDR ?? '';
  if (before !== '' && node.spec?.podCIDR !== before) {
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  const provider = old.spec?.providerID ?? '';
  if (provider !== '' && node.spec?.providerID !== provider) {
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
}

export function validateLease(lease: Lease, errors: Errors): void {
  const { leaseDurationSeconds, leaseTransitions } = lease.spec ?? {};
  checkPositive(leaseDurationSeconds, 'spec.leaseDurationSeconds', errors);
  checkNonNegative(leaseTransitions, 'spec.leaseTransitions', errors);
}

/** `isNamespaced`: a role of a namespace has nothing to say about paths. */
export function validateRole(role: Role, errors: Errors, isNamespaced = true): void {
  for (const [index, rule] of (role.rules ?? []).entries()) {
    const field = `rules[${index}]`;
    if ((rule.verbs ?? []).length === 0)
      errors.push(required(`${field}.verbs`, 'verbs must contain at least one value'));
    const urls = rule.nonResourceURLs ?? [];
    if (urls.length > 0) {
      const why = isNamespaced
        ? 'namespaced rules cannot apply to non-resource URLs'
        : 'rules cannot apply to both regular resources and non-resource URLs';
      const others = [rule.apiGroups, rule.resources, rule.resourceNames].some((list) => (list ?? []).length > 0);
      if (isNamespaced || others) errors.push(invalidValue(`${field}.nonResourceURLs`, urls, why));
      continue;
    }
    if ((rule.apiGroups ?? []).length === 0) {
      errors.push(required(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
    }
    if ((rule.resources ?? []).length === 0) {
      errors.push(required(`${field}.resources`, 'resource rules must supply at least one resource'));
    }
  }
}

export function validateClusterRole(role: ClusterRole, errors: Errors): void {
  validateRole(role, errors, false);
  const { aggregationRule } = role;
  if (aggregationRule !== undefined && (aggregationRule.clusterRoleSelectors ?? []).length === 0) {
    errors.push(
      required(
        'aggregationRule.clusterRoleSelectors',
        'at least one clusterRoleSelector required if aggregationRule is non-nil',
      ),
    );
  }
}

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const SUBJECTS = ['Group', 'ServiceAccount', 'User'];

export function validateRoleBinding(
  roles: readonly string[],
  binding: RoleBinding | ClusterRoleBinding,
  errors: Errors,
): void {
  const { apiGroup, kind, name } = binding.roleRef ?? {};
  if (apiGroup !== RBAC_GROUP) errors.push(notSupported('roleRef.apiGroup', apiGroup ?? '', [RBAC_GROUP]));
  if (!roles.includes(kind ?? '')) errors.push(notSupported('roleRef.kind', kind ?? '', roles));
  if ((name ?? '') === '') errors.push(required('roleRef.name'));
  for (const [index, subject] of (binding.subjects ?? []).entries()) {
    const field = `subjects[${index}]`;
    if ((subject.name ?? '') === '') errors.push(required(`${field}.name`));
    const group = subject.kind === 'ServiceAccount' ? '' : RBAC_GROUP;
    if ((subject.apiGroup ?? '') !== group && SUBJECTS.includes(subject.kind ?? '')) {
      errors.push(notSupported(`${field}.apiGroup`, subject.apiGroup ?? '', [group]));
    }
    if (!SUBJECTS.includes(subject.kind ?? '')) {
      errors.push(notSupported(`${field}.kind`, subject.kind ?? '', SUBJECTS));
    } else if (subject.kind === 'ServiceAccount' && (subject.namespace ?? '') === '') {
      if (binding.kind === 'ClusterRoleBinding') errors.push(required(`${field}.namespace`));
    }
  }
}

export function validateRoleBindingUpdate(
  binding: RoleBinding | ClusterRoleBinding,
  old: RoleBinding | ClusterRoleBinding,
  errors: Errors,
): void {
  if (JSON.stringify(binding.roleRef) !== JSON.stringify(old.roleRef)) {
    errors.push(invalidValue('roleRef', binding.roleRef, 'cannot change roleRef'));
  }
}

/** Classes above this are the system's. */
const HIGHEST_USER_PRIORITY = 1_000_000_000;

export function validatePriorityClass(priority: PriorityClass, errors: Errors): void {
  const name = priority.metadata.name ?? '';
  if (name.startsWith('system-')) {
    if (name !== 'system-node-critical' && name !== 'system-cluster-critical') {
      errors.push(
        forbidden(
          'metadata.name',
          "priority class names with 'system-' prefix are reserved for system use only. error: unknown system priority class",
        ),
      );
    }
  } else if ((priority.value ?? 0) > HIGHEST_USER_PRIORITY) {
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  }
  checkOneOf(priority.preemptionPolicy, ['Never', 'PreemptLowerPriority'], 'preemptionPolicy', errors);
}

export function validatePriorityClassUpdate(priority: PriorityClass, old: PriorityClass, errors: Errors): void {
  if ((priority.value ?? 0) !== (old.value ?? 0)) {
    errors.push(forbidden('value', 'may not be changed in an update.'));
  }
  checkImmutable(priority.preemptionPolicy, old.preemptionPolicy, 'preemptionPolicy', errors);
}
