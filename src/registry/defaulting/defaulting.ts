import { schema } from '../../api/generated/schema.ts';
import type {
  ClusterRoleBinding,
  CustomResourceDefinition,
  Namespace,
  Node,
  PriorityClass,
  RoleBinding,
  Secret,
} from '../../api/generated/types.ts';
import * as Kinds from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { objectType } from '../../api/schema-types.ts';
import { withSchemaDefaults } from '../custom-resources/schema-defaults.ts';
import { schemaOf } from '../custom-resources/structural-schema.ts';
import type { JsonObject } from '../values.ts';
import { defaultPod } from './pod-defaults.ts';
import { defaultEndpointSlice, defaultEndpoints, defaultService } from './service-defaults.ts';
import { fillField, fillList, withDefaults } from './set-defaults.ts';
import { defaultClaim, defaultStorageClass, defaultVolume } from './volume-defaults.ts';
import {
  defaultDeployment,
  defaultReplicaSet,
  defaultStatefulSet,
  defaultTemplateObject,
} from './workload-defaults.ts';
import { withZeroValues } from './zero-values.ts';

/** An object of the kind on its way in: what the server itself sets may still be missing. */
type Defaulter = (object: never) => object;

const RBAC_GROUP = 'rbac.authorization.k8s.io';

function defaultNamespace(namespace: Namespace): Namespace {
  const name = namespace.metadata?.name;
  const labels = namespace.metadata?.labels;
  // Selectors of other kinds choose namespaces by name through this label.
  const named =
    name === undefined || name === '' || labels?.['kubernetes.io/metadata.name'] === name
      ? namespace
      : {
          ...namespace,
          metadata: { ...namespace.metadata, labels: { ...labels, 'kubernetes.io/metadata.name': name } },
        };
  return named.status?.phase === undefined ? { ...named, status: { ...named.status, phase: 'Active' } } : named;
}

/** `stringData` is written, never read: it goes into `data`, over what is there. */
function defaultSecret(secret: Secret): Secret {
  const { stringData, ...rest } = secret;
  const filled = withDefaults(stringData === undefined ? secret : rest, { type: 'Opaque' });
  if (stringData === undefined) return filled;
  const data: Record<string, string> = { ...filled.data };
  for (const [key, value] of Object.entries(stringData)) data[key] = Buffer.from(value).toString('base64');
  return { ...filled, data };
}

function defaultBinding<T extends RoleBinding | ClusterRoleBinding>(binding: T): T {
  const referred = fillField(binding as RoleBinding, 'roleRef', (ref) =>
    ref.apiGroup === undefined || ref.apiGroup === '' ? { ...ref, apiGroup: RBAC_GROUP } : ref,
  );
  return fillList(referred, 'subjects', (subject) =>
    withDefaults(subject, subject.kind === 'User' || subject.kind === 'Group' ? { apiGroup: RBAC_GROUP } : {}),
  ) as T;
}

function defaultPriorityClass(priority: PriorityClass): PriorityClass {
  return withDefaults(priority, { preemptionPolicy: 'PreemptLowerPriority' });
}

function defaultCustomResourceDefinition(definition: CustomResourceDefinition): CustomResourceDefinition {
  return fillField(definition, 'spec', (given) => {
    const spec = withDefaults(given, { conversion: { strategy: 'None' } });
    return fillField(spec, 'names', (names) =>
      withDefaults(names, { singular: names.kind?.toLowerCase(), listKind: names.kind && `${names.kind}List` }),
    );
  });
}

function defaultNode(node: Node): Node {
  return fillField(node, 'status', (status) => withDefaults(status, { allocatable: status.capacity }));
}

const defaulters = new Map<ResourceType, Defaulter>([
  [Kinds.Namespaces, defaultNamespace],
  [Kinds.Pods, defaultPod],
  [Kinds.Services, defaultService],
  [Kinds.Endpoints, defaultEndpoints],
  [Kinds.Secrets, defaultSecret],
  [Kinds.PersistentVolumeClaims, defaultClaim],
  [Kinds.PersistentVolumes, defaultVolume],
  [Kinds.Nodes, defaultNode],
  [Kinds.PodTemplates, defaultTemplateObject],
  [Kinds.StatefulSets, defaultStatefulSet],
  [Kinds.ReplicaSets, defaultReplicaSet],
  [Kinds.Deployments, defaultDeployment],
  [Kinds.EndpointSlices, defaultEndpointSlice],
  [Kinds.StorageClasses, defaultStorageClass],
  [Kinds.PriorityClasses, defaultPriorityClass],
  [Kinds.RoleBindings, defaultBinding],
  [Kinds.ClusterRoleBindings, defaultBinding],
  [Kinds.CustomResourceDefinitions, defaultCustomResourceDefinition],
]);

/**
 * The object with Kubernetes' defaults filled in: what a reader of the API may rely on. Required fields that were left
 * out are there afterwards, and empty. Nothing is changed in place; the same reference comes back when there was nothing
 * to fill in. The structure must have been checked before.
 *
 * @example
 * applyDefaults(StatefulSets, set).spec.podManagementPolicy; // 'OrderedReady'
 */
export function applyDefaults<T extends KubernetesObject>(type: ResourceType<T>, object: T): T;
export function applyDefaults(type: ResourceType, object: object): object;
export function applyDefaults(type: ResourceType, object: object): object {
  if (type.custom !== undefined) return withSchemaDefaults(object as JsonObject, schemaOf(type));
  const whole = Object.hasOwn(schema, type.schema)
    ? withZeroValues(object as JsonObject, objectType(type.schema))
    : object;
  const fill = defaulters.get(type);
  return fill === undefined ? whole : fill(whole as never);
}
