import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { ClusterRole, ClusterRoleBinding } from '../../api/generated/types.ts';
import { ClusterRoleBindings, ClusterRoles } from '../../api/kinds.ts';
import type { KubernetesObject, New } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Registry, RequestContext } from '../../registry/requests.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';
import { defaultBindings, defaultRoles } from './default-roles.ts';
import { uncoveredRules } from './rule-coverage.ts';

const CONTEXT: RequestContext = {
  user: { name: 'system:apiserver', groups: [MASTERS_GROUP] },
  part: 'kube-apiserver',
};
const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

/**
 * Makes the roles that every cluster has, and gives those that are there already what they lack; what somebody has added
 * stays, and a role annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` stays as it is.
 */
export async function ensureDefaultRoles(registry: Registry): Promise<void> {
  await Promise.all([
    ...defaultRoles.map((role) => ensure(registry, ClusterRoles, role, completeRole)),
    ...defaultBindings.map((binding) => ensure(registry, ClusterRoleBindings, binding, completeBinding)),
  ]);
}

/** `complete`: the object that is there with what it lacks; undefined when it lacks nothing. */
async function ensure<T extends KubernetesObject>(
  registry: Registry,
  type: ResourceType<T>,
  wanted: New<T>,
  complete: (there: T, wanted: New<T>) => T | undefined,
): Promise<void> {
  const key = { name: wanted.metadata.name ?? '' };
  try {
    const { object } = await registry.get(type, key, CONTEXT);
    if (object.metadata.annotations?.[AUTO_UPDATE] === 'false') return;
    const completed = complete(object, wanted);
    if (completed !== undefined) await registry.update(type, key, completed, CONTEXT);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await registry.create(type, undefined, wanted, CONTEXT).catch((reason: unknown) => {
      if (!isAlreadyExists(reason)) throw reason;
    });
  }
}

function completeRole(there: ClusterRole, wanted: New<ClusterRole>): ClusterRole | undefined {
  const { aggregationRule } = wanted;
  const missing = aggregationRule === undefined ? uncoveredRules(wanted.rules ?? [], there.rules ?? []) : [];
  const aggregates = aggregationRule !== undefined && there.aggregationRule === undefined;
  const metadata = completeMetadata(there, wanted);
  if (missing.length === 0 && !aggregates && metadata === undefined) return undefined;
  return {
    ...there,
    metadata: metadata ?? there.metadata,
    rules: aggregates ? (wanted.rules ?? []) : [...(there.rules ?? []), ...missing],
    ...(aggregates && { aggregationRule }),
  };
}

function completeBinding(there: ClusterRoleBinding, wanted: New<ClusterRoleBinding>): ClusterRoleBinding | undefined {
  const present = there.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter(
    ({ kind, name }) => !present.some((subject) => subject.kind === kind && subject.name === name),
  );
  const metadata = completeMetadata(there, wanted);
  if (missing.length === 0 && metadata === undefined) return undefined;
  return { ...there, metadata: metadata ?? there.metadata, subjects: [...present, ...missing] };
}

function completeMetadata<T extends KubernetesObject>(
  { metadata }: T,
  wanted: New<T>,
): KubernetesObject['metadata'] | undefined {
  const labels = { ...wanted.metadata.labels, ...metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...metadata.annotations };
  const lacks =
    Object.keys(labels).length > Object.keys(metadata.labels ?? {}).length ||
    Object.keys(annotations).length > Object.keys(metadata.annotations ?? {}).length;
  return lacks ? { ...metadata, labels, annotations } : undefined;
}
