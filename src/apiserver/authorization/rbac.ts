import { notFound } from '../../api/errors.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../api/generated/types.ts';
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '../../api/kinds.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Registry, UserInfo } from '../../registry/requests.ts';
import type { Authorizer } from './authorizer.ts';
import { Mirror } from './mirror.ts';
import { ruleAllows, subjectIs } from './rules.ts';

/** Rules that hold for a user, and where: everywhere, or in one namespace. */
export interface Granted {
  readonly rules: readonly PolicyRule[];
  readonly namespace?: string;
}

/**
 * Role-based access control: what is not allowed by a rule of a role that is bound to the user, or to a group of theirs,
 * is refused.
 */
export class RoleBasedAccess {
  readonly #roles: Mirror<Role>;
  readonly #bindings: Mirror<RoleBinding>;
  readonly #clusterRoles: Mirror<ClusterRole>;
  readonly #clusterBindings: Mirror<ClusterRoleBinding>;

  constructor(registry: Registry, logger: Logger) {
    this.#roles = new Mirror(registry, Roles, logger);
    this.#bindings = new Mirror(registry, RoleBindings, logger);
    this.#clusterRoles = new Mirror(registry, ClusterRoles, logger);
    this.#clusterBindings = new Mirror(registry, ClusterRoleBindings, logger);
  }

  readonly authorize: Authorizer = async (user, attributes) => {
    const namespace = 'path' in attributes ? undefined : attributes.namespace;
    const granted = await this.granted(user, namespace);
    return granted.some(({ rules }) => rules.some((rule) => ruleAllows(rule, attributes))) ? true : '';
  };

  /** What a user may do in a namespace, or in the cluster as a whole. */
  async granted(user: UserInfo, namespace: string | undefined): Promise<readonly Granted[]> {
    await this.#read();
    const granted: Granted[] = [];
    for (const { subjects, roleRef } of this.#clusterBindings.values()) {
      if (bound(subjects, user, undefined)) granted.push({ rules: this.#role(roleRef, undefined)?.rules ?? [] });
    }
    if (namespace === undefined) return granted;
    for (const { subjects, roleRef, metadata } of this.#bindings.values()) {
      if (metadata.namespace !== namespace || !bound(subjects, user, namespace)) continue;
      granted.push({ rules: this.#role(roleRef, namespace)?.rules ?? [], namespace });
    }
    return granted;
  }

  /** What a binding in `namespace` that refers to a role gives. Throws `NotFound` when there is no such role. */
  async rulesOf(reference: RoleRef, namespace: string | undefined): Promise<readonly PolicyRule[]> {
    await this.#read();
    const role = this.#role(reference, namespace);
    if (role === undefined) throw notFound(reference.kind === 'ClusterRole' ? ClusterRoles : Roles, reference.name);
    return role.rules ?? [];
  }

  close(): void {
    for (const mirror of [this.#clusterBindings, this.#clusterRoles, this.#bindings, this.#roles]) mirror.close();
  }

  async #read(): Promise<void> {
    await Promise.all(
      [this.#clusterBindings, this.#clusterRoles, this.#bindings, this.#roles].map((each) => each.read()),
    );
  }

  #role({ kind, name }: RoleRef, namespace: string | undefined): Role | ClusterRole | undefined {
    if (kind === 'ClusterRole') return this.#clusterRoles.get({ name });
    return namespace === undefined ? undefined : this.#roles.get({ namespace, name });
  }
}

function bound(subjects: readonly Subject[] | undefined, user: UserInfo, namespace: string | undefined): boolean {
  return (subjects ?? []).some((subject) => subjectIs(subject, user, namespace));
}
