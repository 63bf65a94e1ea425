import * as Kinds from '../../api/kinds.ts';
import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import { customStrategy } from '../custom-resources/custom-strategy.ts';
import * as strategies from './kinds.ts';
import { pods } from './pods.ts';
import type { Strategy } from './strategy.ts';

const table: ReadonlyMap<string, Strategy> = new Map(
  (
    [
      [Kinds.Namespaces, strategies.namespaces],
      [Kinds.Pods, pods],
      [Kinds.Services, strategies.services],
      [Kinds.Endpoints, strategies.endpoints],
      [Kinds.Secrets, strategies.secrets],
      [Kinds.ServiceAccounts, strategies.serviceAccounts],
      [Kinds.PersistentVolumeClaims, strategies.claims],
      [Kinds.PersistentVolumes, strategies.volumes],
      [Kinds.Nodes, strategies.nodes],
      [Kinds.Events, strategies.events],
      [Kinds.ResourceQuotas, strategies.quotas],
      [Kinds.LimitRanges, strategies.limitRanges],
      [Kinds.StatefulSets, strategies.statefulSets],
      [Kinds.ReplicaSets, strategies.replicaSets],
      [Kinds.Deployments, strategies.deployments],
      [Kinds.EndpointSlices, strategies.endpointSlices],
      [Kinds.Leases, strategies.leases],
      [Kinds.PodDisruptionBudgets, strategies.budgets],
      [Kinds.PriorityClasses, strategies.priorityClasses],
      [Kinds.Roles, strategies.roles],
      [Kinds.RoleBindings, strategies.roles],
      [Kinds.ClusterRoles, strategies.roles],
      [Kinds.ClusterRoleBindings, strategies.roles],
      [Kinds.CustomResourceDefinitions, strategies.customResourceDefinitions],
    ] as const
  ).map(([type, strategy]) => [qualifiedName(type), strategy] as const),
);

/** What is particular to a kind. */
export function strategyOf(type: ResourceType): Strategy {
  if (type.custom !== undefined) return customStrategy(type);
  return table.get(qualifiedName(type)) ?? strategies.plain;
}
