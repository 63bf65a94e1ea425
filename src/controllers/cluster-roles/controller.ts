import { aggregatedRules, sameRules } from '../../api/aggregated-rules.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import { ClusterRoles } from '../../api/kinds.ts';
import { type Controller, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';

/** Starts the controller of aggregated roles: they have the rules of the roles that their selectors match. */
export function startClusterRoleController({
  client,
  informers,
  clock,
  logger,
}: Omit<ControllerParts, 'events'>): Controller {
  const roles = informers.get(ClusterRoles);
  return runController({
    name: 'cluster-roles',
    clock,
    logger,
    async reconcile(name): Promise<ReconcileResult | undefined> {
      const role = roles.get({ name });
      const rules = role && aggregatedRules(role, roles.list());
      if (role === undefined || rules === undefined || sameRules(role.rules, rules)) return undefined;
      try {
        await client.update(ClusterRoles, { ...role, rules });
      } catch (error) {
        // The cache shows who was faster in a moment, and this role is looked at again.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
      return undefined;
    },
    caches: [roles],
    follow: (queue) => [
      roles.subscribe(() => {
        for (const { metadata, aggregationRule } of roles.list()) {
          if (aggregationRule !== undefined) queue.enqueue(metadata.name);
        }
      }),
    ],
  });
}
