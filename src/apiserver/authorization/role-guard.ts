import { type ApiError, apiError } from '../../api/errors.ts';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../api/generated/types.ts';
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { Guard, UserInfo } from '../../registry/requests.ts';
import type { Attributes, Authorizer } from './authorizer.ts';
import type { RoleBasedAccess } from './rbac.ts';
import { uncoveredRules } from './rule-coverage.ts';

const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/**
 * Nobody hands on rights that they do not have, neither by writing them into a role nor by binding a role that has
 * them, unless they may `escalate` the role or `bind` it.
 */
export function roleGuard(access: RoleBasedAccess, authorize: Authorizer): Guard {
  const may = async (
    user: UserInfo,
    verb: string,
    type: ResourceType,
    { namespace, name }: Place,
  ): Promise<boolean> => {
    const { group, version, plural } = type;
    const attributes: Attributes = {
      verb,
      group,
      version,
      resource: plural,
      ...(namespace !== undefined && { namespace }),
      name,
    };
    return (await authorize(user, attributes)) === true;
  };
  const assertHeld = async (
    user: UserInfo,
    rules: readonly PolicyRule[],
    type: ResourceType,
    { namespace, name }: Place,
  ): Promise<void> => {
    const held = (await access.granted(user, namespace)).flatMap((granted) => granted.rules);
    const missing = uncoveredRules(rules, held);
    if (missing.length > 0) throw escalation(user, missing, type, name);
  };
  const checkRole = async (
    type: ResourceType,
    role: Role | ClusterRole,
    old: ClusterRole | undefined,
    user: UserInfo,
  ) => {
    if (await may(user, 'escalate', type, role.metadata)) return;
    await assertHeld(user, role.rules ?? [], type, role.metadata);
    // It would gather whatever somebody else writes.
    const aggregates = 'aggregationRule' in role || old?.aggregationRule !== undefined;
    if (aggregates) await assertHeld(user, EVERYTHING, type, role.metadata);
  };
  const checkBinding = async (type: ResourceType, binding: RoleBinding | ClusterRoleBinding, user: UserInfo) => {
    const { metadata, roleRef } = binding;
    const roleType = roleRef.kind === 'Role' ? Roles : ClusterRoles;
    const { namespace } = metadata;
    if (await may(user, 'bind', roleType, { ...(namespace !== undefined && { namespace }), name: roleRef.name }))
      return;
    await assertHeld(user, await access.rulesOf(roleRef, namespace), type, metadata);
  };
  return async (change, user) => {
    if (change.verb !== 'write' || change.type.group !== Roles.group) return;
    const { type, object, old } = change;
    if (is(type, Roles, object)) return checkRole(type, object, undefined, user);
    if (is(type, ClusterRoles, object)) {
      return checkRole(type, object, old !== undefined && is(type, ClusterRoles, old) ? old : undefined, user);
    }
    if (is(type, RoleBindings, object) || is(type, ClusterRoleBindings, object))
      return checkBinding(type, object, user);
  };
}

interface Place {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Whether an object is of a kind: what is below the kind's resource is. */
function is<T extends KubernetesObject>(
  type: ResourceType,
  wanted: ResourceType<T>,
  object: KubernetesObject,
): object is T {
  return type.plural === wanted.plural && object !== undefined;
}

function escalation(user: UserInfo, missing: readonly PolicyRule[], type: ResourceType, name: string): ApiError {
  const groups = user.groups.map((group) => JSON.stringify(group)).join(' ');
  const rules = missing.map(describe).sort().join('\n');
  const message = `${qualifiedName(type)} ${JSON.stringify(name)} is forbidden: user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${rules}`;
  return apiError('Forbidden', message, { type, name });
}

function describe({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: PolicyRule): string {
  const parts = {
    APIGroups: apiGroups,
    Resources: resources,
    ResourceNames: resourceNames,
    NonResourceURLs: nonResourceURLs,
    Verbs: verbs,
  };
  const texts = Object.entries(parts)
    .filter(([, values]) => values !== undefined)
    .map(([name, values]) => `${name}:[${values?.map((value) => JSON.stringify(value)).join(', ')}]`);
  return `{${texts.join(', ')}}`;
}
