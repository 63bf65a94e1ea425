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
import { formatKey, type KubernetesObject, keyOf } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Registry, UserInfo } from '../../registry/requests.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';
import type { Authorizer } from './authorizer.ts';
import { ruleAllows, subjectIs } from './rules.ts';

/** Rules that hold for a user, and where: everywhere, or in one namespace. */
export interface Granted {
  readonly rules: readonly PolicyRule[];
  readonly namespace?: string;
}

/**
 * Role-based access control: what is not allowed by a rule of a role that is bound to the user, or to a group of theirs,
 * is refused. Administrators (`system:masters`) may do everything whatever the rules say, so that nobody can lock
 * themselves out.
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
    if (user.groups.includes(MASTERS_GROUP)) return true;
    const namespace = 'path' in attributes ? undefined : attributes.namespace;
    const granted = await this.granted(user, namespace);
    return granted.some(({ rules }) => rules.some((rule) => ruleAllows(rule, attributes))) ? true : '';
  };

  /** What a user may do in a namespace, or in the cluster as a whole. */
  async granted(user: UserInfo, namespace: string | undefined): Promise<readonly Granted[]> {
    await Promise.all(
      [this.#clusterBindings, this.#clusterRoles, this.#bindings, this.#roles].map((each) => each.read()),
    );
    const granted: Granted[] = [];
    for (const { subjects, roleRef } of this.#clusterBindings.values()) {
      if (bound(subjects, user, undefined)) granted.push({ rules: this.#rulesOf(roleRef, undefined) });
    }
    if (namespace === undefined) return granted;
    for (const { subjects, roleRef, metadata } of this.#bindings.values()) {
      if (metadata.namespace !== namespace || !bound(subjects, user, namespace)) continue;
      granted.push({ rules: this.#rulesOf(roleRef, namespace), namespace });
    }
    return granted;
  }

  close(): void {
    for (const mirror of [this.#clusterBindings, this.#clusterRoles, this.#bindings, this.#roles]) mirror.close();
  }

  #rulesOf({ kind, name }: RoleRef, namespace: string | undefined): readonly PolicyRule[] {
    if (kind === 'ClusterRole') return this.#clusterRoles.get({ name })?.rules ?? [];
    return (namespace === undefined ? undefined : this.#roles.get({ namespace, name }))?.rules ?? [];
  }
}

function bound(subjects: readonly Subject[] | undefined, user: UserInfo, namespace: string | undefined): boolean {
  return (subjects ?? []).some((subject) => subjectIs(subject, user, namespace));
}

/** The objects of a kind, kept up to date from the first time they are asked for. */
class Mirror<T extends KubernetesObject> {
  readonly #registry: Registry;
  readonly #type: ResourceType<T>;
  readonly #logger: Logger;
  readonly #objects = new Map<string, T>();
  #watch: { stop(): void } | undefined;
  #complete: Promise<void> | undefined;

  constructor(registry: Registry, type: ResourceType<T>, logger: Logger) {
    this.#registry = registry;
    this.#type = type;
    this.#logger = logger;
  }

  /** Resolves when everything there is has been read. */
  read(): Promise<void> {
    this.#complete ??= new Promise((resolve) => {
      this.#watch = this.#registry.watch(
        this.#type,
        { sendInitialEvents: true },
        {
          events: (batch) => {
            for (const event of batch) {
              if (event.type === 'BOOKMARK') resolve();
              else if (event.type === 'DELETED') this.#objects.delete(formatKey(keyOf(event.item.object)));
              else this.#objects.set(formatKey(keyOf(event.item.object)), event.item.object);
            }
          },
          closed: (error) => {
            if (error !== undefined) this.#logger.warn('the roles must be read again', { error: error.message });
            this.#complete = undefined;
            this.#objects.clear();
            resolve();
          },
        },
      );
    });
    return this.#complete;
  }

  get(key: { readonly namespace?: string; readonly name: string }): T | undefined {
    return this.#objects.get(formatKey(key));
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  close(): void {
    this.#watch?.stop();
  }
}
