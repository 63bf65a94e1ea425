/**
 * What Kubernetes knows of its types and the generated schema does not say: which lists are sets or maps, which merge
 * in a patch, which objects are one value, which strings are quantities. Keyed `Type.field`, or by the type's name.
 *
 * The facts are those of the `x-kubernetes-*` extensions in the OpenAPI document of Kubernetes 1.36.
 */

/** How a list behaves when several writers own it and when a strategic merge patch meets it. */
export interface ListExtension {
  /** `atomic` lists, which have no entry here, are one value. */
  readonly type: 'map' | 'set' | 'atomic';
  /** Of a `map`: the fields that identify an item. */
  readonly keys: readonly string[];
  /** Items are merged by a strategic merge patch: by this field, or as a set of scalars when it is empty. */
  readonly mergeKey?: string;
  /** A merged item keeps only the fields that the patch lists in `$retainKeys`. */
  readonly retainKeys?: boolean;
}

const map = (...keys: readonly [string, ...string[]]): ListExtension => ({ type: 'map', keys, mergeKey: keys[0] });
const unpatchedMap = (...keys: readonly string[]): ListExtension => ({ type: 'map', keys });
const set: ListExtension = { type: 'set', keys: [] };
const mergedSet: ListExtension = { type: 'set', keys: [], mergeKey: '' };

const containerLists = (type: string): Record<string, ListExtension> => ({
  [`${type}.ports`]: map('containerPort', 'protocol'),
  [`${type}.env`]: map('name'),
  [`${type}.volumeMounts`]: map('mountPath'),
  [`${type}.volumeDevices`]: map('devicePath'),
});

export const listExtensions: Readonly<Record<string, ListExtension>> = {
  'ObjectMeta.finalizers': mergedSet,
  'ObjectMeta.ownerReferences': map('uid'),
  'PodSpec.containers': map('name'),
  'PodSpec.initContainers': map('name'),
  'PodSpec.ephemeralContainers': map('name'),
  'PodSpec.volumes': { ...map('name'), retainKeys: true },
  'PodSpec.imagePullSecrets': map('name'),
  'PodSpec.hostAliases': map('ip'),
  'PodSpec.schedulingGates': map('name'),
  'PodSpec.resourceClaims': { ...map('name'), retainKeys: true },
  'PodSpec.topologySpreadConstraints': map('topologyKey', 'whenUnsatisfiable'),
  ...containerLists('Container'),
  ...containerLists('EphemeralContainer'),
  'ResourceRequirements.claims': unpatchedMap('name'),
  'PodStatus.conditions': map('type'),
  'PodStatus.podIPs': map('ip'),
  'PodStatus.hostIPs': { type: 'atomic', keys: [], mergeKey: 'ip' },
  'PodStatus.resourceClaimStatuses': { ...map('name'), retainKeys: true },
  'ContainerStatus.volumeMounts': map('mountPath'),
  'ContainerStatus.allocatedResourcesStatus': map('name'),
  'ServiceSpec.ports': map('port', 'protocol'),
  'ServiceStatus.conditions': map('type'),
  'ServiceAccount.secrets': map('name'),
  'NamespaceStatus.conditions': map('type'),
  'NodeSpec.podCIDRs': mergedSet,
  'NodeStatus.conditions': map('type'),
  'NodeStatus.addresses': map('type'),
  'PersistentVolumeClaimStatus.conditions': map('type'),
  'StatefulSetStatus.conditions': map('type'),
  'ReplicaSetStatus.conditions': map('type'),
  'DeploymentStatus.conditions': map('type'),
  'PodDisruptionBudgetStatus.conditions': map('type'),
  'CustomResourceDefinitionStatus.conditions': unpatchedMap('type'),
  'JSONSchemaProps.x-kubernetes-validations': map('rule'),
  'Endpoint.addresses': set,
};

/** Fields whose type the generated schema leaves open, and what it is. */
export const typedFields: Readonly<Record<string, string>> = {
  'JSONSchemaProps.items': 'JSONSchemaProps',
  'JSONSchemaProps.additionalProperties': 'schema-or-bool',
};

/** Objects that a strategic merge patch reduces to the fields it lists in `$retainKeys`. */
export const retainKeysFields: ReadonlySet<string> = new Set(['DeploymentSpec.strategy']);

/** Fields that a strategic merge patch replaces as a whole, though they hold an object. */
export const replacedFields: ReadonlySet<string> = new Set(['PodDisruptionBudgetSpec.selector']);

/** Types whose objects have one owner as a whole. */
export const atomicTypes: ReadonlySet<string> = new Set([
  'ConfigMapKeySelector',
  'FileKeySelector',
  'LabelSelector',
  'LocalObjectReference',
  'NodeSelector',
  'NodeSelectorTerm',
  'ObjectFieldSelector',
  'ObjectReference',
  'OwnerReference',
  'PersistentVolumeClaimTemplate',
  'ResourceFieldSelector',
  'RoleRef',
  'ScopeSelector',
  'ScopedResourceSelectorRequirement',
  'SecretKeySelector',
  'SecretReference',
  'Subject',
  'TopologySelectorTerm',
  'TypedLocalObjectReference',
]);

/** Fields that hold an object of an atomic type and are shared by their writers all the same. */
export const granularFields: ReadonlySet<string> = new Set(['PersistentVolumeSpec.claimRef']);

/** Maps that have one owner as a whole. */
export const atomicMaps: ReadonlySet<string> = new Set(['PodSpec.nodeSelector', 'ServiceSpec.selector']);

/** Strings, or maps of strings, that are quantities: `1Gi`, `500m`. A number is accepted for them too. */
export const quantityFields: ReadonlySet<string> = new Set([
  'ContainerStatus.allocatedResources',
  'EmptyDirVolumeSource.sizeLimit',
  'LimitRangeItem.default',
  'LimitRangeItem.defaultRequest',
  'LimitRangeItem.max',
  'LimitRangeItem.maxLimitRequestRatio',
  'LimitRangeItem.min',
  'NodeAllocatableResourceClaimStatus.resources',
  'NodeStatus.allocatable',
  'NodeStatus.capacity',
  'PersistentVolumeClaimStatus.allocatedResources',
  'PersistentVolumeClaimStatus.capacity',
  'PersistentVolumeSpec.capacity',
  'PodSpec.overhead',
  'PodStatus.allocatedResources',
  'ResourceFieldSelector.divisor',
  'ResourceQuotaSpec.hard',
  'ResourceQuotaStatus.hard',
  'ResourceQuotaStatus.used',
  'ResourceRequirements.limits',
  'ResourceRequirements.requests',
  'VolumeResourceRequirements.limits',
  'VolumeResourceRequirements.requests',
]);
