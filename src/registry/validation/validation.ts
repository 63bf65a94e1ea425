import type { FieldError } from '../../api/errors.ts';
import * as Kinds from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import {
  checkDns1035Label,
  checkDnsLabel,
  checkDnsSubdomain,
  checkPathSegment,
  type NameCheck,
} from '../../api/names.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import {
  validateDefinition,
  validateDefinitionUpdate,
  validateStoredVersions,
} from '../custom-resources/definition-validation.ts';
import * as Config from './config-validation.ts';
import * as Endpoints from './endpoints-validation.ts';
import { validateEvent } from './event-validation.ts';
import type { Errors } from './field-errors.ts';
import { checkAnyFinalizer, validateMetadata, validateMetadataUpdate } from './metadata-validation.ts';
import * as Other from './other-validation.ts';
import { validatePod, validatePodStatus, validatePodTemplate, validatePodUpdate } from './pod-validation.ts';
import * as Quotas from './quota-validation.ts';
import * as Services from './service-validation.ts';
import * as Sets from './statefulset-validation.ts';
import * as Volumes from './volume-validation.ts';
import * as Workloads from './workload-validation.ts';

/** What is particular to a kind. Without `update`, a changed object is checked like a new one. */
interface Rules<T> {
  readonly name?: NameCheck;
  readonly create?: (object: T, errors: Errors) => void;
  readonly update?: (object: T, old: T, errors: Errors) => void;
  readonly status?: (object: T, old: T, errors: Errors) => void;
}

const rules = new Map<ResourceType, Rules<never>>();

function add<T extends KubernetesObject>(type: ResourceType<T>, particular: Rules<T>): void {
  rules.set(type, particular);
}

add(Kinds.Namespaces, { name: checkDnsLabel });
add(Kinds.Pods, { create: validatePod, update: validatePodUpdate, status: validatePodStatus });
add(Kinds.Services, {
  name: checkDns1035Label,
  create: Services.validateService,
  update: Services.validateServiceUpdate,
});
add(Kinds.ConfigMaps, { create: Config.validateConfigMap, update: Config.validateConfigMapUpdate });
add(Kinds.Secrets, { create: Config.validateSecret, update: Config.validateSecretUpdate });
add(Kinds.PersistentVolumeClaims, { create: Volumes.validateClaim, update: Volumes.validateClaimUpdate });
add(Kinds.PersistentVolumes, { create: Volumes.validateVolume, update: Volumes.validateVolumeUpdate });
add(Kinds.Nodes, { create: Other.validateNode, update: Other.validateNodeUpdate });
add(Kinds.ResourceQuotas, {
  create: Quotas.validateResourceQuota,
  update: Quotas.validateResourceQuotaUpdate,
  status: Quotas.validateResourceQuotaStatus,
});
add(Kinds.LimitRanges, { create: Quotas.validateLimitRange });
add(Kinds.PodTemplates, {
  create: (object, errors) => validatePodTemplate(object.template, 'template', errors),
});
add(Kinds.StatefulSets, {
  name: Sets.checkStatefulSetName,
  create: Sets.validateStatefulSet,
  update: Sets.validateStatefulSetUpdate,
  status: Workloads.validateCounts(['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas']),
});
add(Kinds.ControllerRevisions, {
  create: Workloads.validateControllerRevision,
  update: Workloads.validateControllerRevisionUpdate,
});
add(Kinds.ReplicaSets, {
  create: Workloads.validateReplicaSet,
  update: Workloads.validateReplicaSetUpdate,
  status: Workloads.validateCounts(
    ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    ['terminatingReplicas'],
  ),
});
add(Kinds.Deployments, {
  create: Workloads.validateDeployment,
  update: Workloads.validateDeploymentUpdate,
  status: Workloads.validateCounts(
    ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
    ['unavailableReplicas', 'terminatingReplicas'],
  ),
});
add(Kinds.Endpoints, { create: Endpoints.validateEndpoints });
add(Kinds.EndpointSlices, {
  create: Endpoints.validateEndpointSlice,
  update: Endpoints.validateEndpointSliceUpdate,
});
add(Kinds.StorageClasses, { create: Volumes.validateStorageClass, update: Volumes.validateStorageClassUpdate });
add(Kinds.Events, { create: validateEvent });
add(Kinds.Leases, { create: Other.validateLease });
add(Kinds.PodDisruptionBudgets, {
  create: Workloads.validateDisruptionBudget,
  status: Workloads.validateDisruptionBudgetStatus,
});
add(Kinds.PriorityClasses, { create: Other.validatePriorityClass, update: Other.validatePriorityClassUpdate });
add(Kinds.Roles, { name: checkPathSegment, create: Other.validateRole });
add(Kinds.ClusterRoles, {
  name: checkPathSegment,
  create: Other.validateClusterRole,
});
add(Kinds.RoleBindings, {
  name: checkPathSegment,
  create: (binding, errors) => Other.validateRoleBinding(['Role', 'ClusterRole'], binding, errors),
  update: Other.validateRoleBindingUpdate,
});
add(Kinds.ClusterRoleBindings, {
  name: checkPathSegment,
  create: (binding, errors) => Other.validateRoleBinding(['ClusterRole'], binding, errors),
  update: Other.validateRoleBindingUpdate,
});
add(Kinds.CustomResourceDefinitions, {
  create: validateDefinition,
  update: validateDefinitionUpdate,
  status: (definition, _old, errors) => validateStoredVersions(definition, errors),
});

/** `Rules` of exactly this type's objects were put there by `add`. */
function rulesOf<T extends KubernetesObject>(type: ResourceType<T>): Rules<T> {
  return (rules.get(type) ?? {}) as Rules<T>;
}

function finalizersOf(type: ResourceType): typeof checkAnyFinalizer | undefined {
  return type.custom !== undefined || type === Kinds.CustomResourceDefinitions ? checkAnyFinalizer : undefined;
}

/**
 * What is wrong with a new object, in Kubernetes' words; nothing when it may be stored. The object has been decoded and
 * defaulted, and has its final name and namespace.
 */
export function validateCreate<T extends KubernetesObject>(type: ResourceType<T>, object: T): readonly FieldError[] {
  const errors: Errors = [];
  const { name = checkDnsSubdomain, create } = rulesOf(type);
  validateMetadata(object.metadata, type.namespaced, name, 'metadata', errors, finalizersOf(type));
  create?.(object, errors);
  return errors;
}

/**
 * What is wrong with `object` as the next version of `old`: above all, what may not change. Parts that are the same
 * reference as in `old` are not looked at again. With `subresource` `status` only metadata and status are.
 */
export function validateUpdate<T extends KubernetesObject>(
  type: ResourceType<T>,
  object: T,
  old: T,
  subresource?: string,
): readonly FieldError[] {
  const errors: Errors = [];
  validateMetadataUpdate(object.metadata, old.metadata, 'metadata', errors, finalizersOf(type));
  const { create, update, status } = rulesOf(type);
  if (subresource === 'status') status?.(object, old, errors);
  else if (update !== undefined) update(object, old, errors);
  else create?.(object, errors);
  return errors;
}
