import type { Client } from '../../client/client.ts';
import { inProcessClient } from '../../client/in-process-client.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Guard, Registry, UserInfo } from '../../registry/requests.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';
import { authorizedClient } from './authorized-client.ts';
import type { Authorizer } from './authorizer.ts';
import { anyOf, nodeAuthorizer } from './node-authorizer.ts';
import { nodeGuard } from './node-guard.ts';
import { NodeObjects } from './node-objects.ts';
import { type Granted, RoleBasedAccess } from './rbac.ts';
import { roleGuard } from './role-guard.ts';

/** Who may do what: administrators everything, nodes what is theirs, and everybody what the roles bound to them say. */
export class Access {
  readonly #registry: Registry;
  readonly #roles: RoleBasedAccess;
  readonly #objects: NodeObjects;
  readonly #others: Authorizer;
  readonly #roleGuard: Guard;

  constructor(registry: Registry, logger: Logger) {
    this.#registry = registry;
    this.#roles = new RoleBasedAccess(registry, logger);
    this.#objects = new NodeObjects(registry, logger);
    this.#others = anyOf([nodeAuthorizer(this.#objects), this.#roles.authorize]);
    this.#roleGuard = roleGuard(this.#roles, this.authorize);
  }

  /** Nobody can lock themselves out: administrators (`system:masters`) are above all rules. */
  readonly authorize: Authorizer = async (user, attributes) =>
    user.groups.includes(MASTERS_GROUP) || this.#others(user, attributes);

  /** What is refused to who may write an object, because of what they write. */
  readonly guard: Guard = async (change, user) => {
    if (user.groups.includes(MASTERS_GROUP)) return;
    await nodeGuard(change, user);
    await this.#roleGuard(change, user);
  };

  /** What the roles give a user in a namespace, or in the cluster as a whole. */
  granted(user: UserInfo, namespace: string | undefined): Promise<readonly Granted[]> {
    return this.#roles.granted(user, namespace);
  }

  /** The API in this process for a part that has no more rights than `user`. It has no watches. */
  clientFor(user: UserInfo, part: string): Client {
    const client = inProcessClient(this.#registry, user, { guard: this.guard, part });
    return authorizedClient(client, user, this.authorize);
  }

  close(): void {
    this.#roles.close();
    this.#objects.close();
  }
}
