import { customLayout } from './columns/custom-columns.ts';
import type { TableLayout } from './columns/layout.ts';
import * as Others from './columns/other-columns.ts';
import { podLayout } from './columns/pod-columns.ts';
import { endpointSliceLayout, endpointsLayout, serviceLayout } from './columns/service-columns.ts';
import { claimLayout, storageClassLayout, volumeLayout } from './columns/volume-columns.ts';
import * as Workloads from './columns/workload-columns.ts';
import * as Kinds from './kinds.ts';
import type { KubernetesObject } from './meta.ts';
import type { ResourceType } from './resource-type.ts';
import { Scales } from './scales.ts';

export type { TableLayout } from './columns/layout.ts';

/** Made when first asked for: their descriptions are read from a file. */
const layouts = new Map<ResourceType, () => TableLayout>();
const made = new WeakMap<ResourceType, TableLayout>();

function add<T extends KubernetesObject>(type: ResourceType<T>, layout: () => TableLayout<T>): void {
  layouts.set(type, layout as () => TableLayout);
}

add(Kinds.Namespaces, Others.namespaceLayout);
add(Kinds.Pods, podLayout);
add(Kinds.Services, serviceLayout);
add(Kinds.Endpoints, endpointsLayout);
add(Kinds.ConfigMaps, Others.configMapLayout);
add(Kinds.Secrets, Others.secretLayout);
add(Kinds.ServiceAccounts, Others.serviceAccountLayout);
add(Kinds.PersistentVolumeClaims, claimLayout);
add(Kinds.PersistentVolumes, volumeLayout);
add(Kinds.Nodes, Others.nodeLayout);
add(Kinds.Events, Others.eventLayout);
add(Kinds.ResourceQuotas, Others.quotaLayout);
add(Kinds.PodTemplates, Workloads.podTemplateLayout);
add(Kinds.StatefulSets, Workloads.statefulSetLayout);
add(Kinds.ControllerRevisions, Workloads.controllerRevisionLayout);
add(Kinds.ReplicaSets, Workloads.replicaSetLayout);
add(Scales, Workloads.scaleLayout);
add(Kinds.Deployments, Workloads.deploymentLayout);
add(Kinds.EndpointSlices, endpointSliceLayout);
add(Kinds.StorageClasses, storageClassLayout);
add(Kinds.Leases, Others.leaseLayout);
add(Kinds.PodDisruptionBudgets, Workloads.disruptionBudgetLayout);
add(Kinds.EventsEvents, Others.eventsEventLayout);
add(Kinds.PriorityClasses, Others.priorityClassLayout);
add(Kinds.RoleBindings, Others.roleBindingLayout);
add(Kinds.ClusterRoleBindings, Others.roleBindingLayout);

/**
 * The columns that `kubectl get` shows of a kind, as Kubernetes has them. Kinds without columns of their own show name
 * and time of creation.
 *
 * @example
 * tableLayout(StatefulSets).cells(set, Date.now()); // ['redis', '3/3', '5m', 'redis', 'redis:7']
 */
export function tableLayout<T extends KubernetesObject>(type: ResourceType<T>): TableLayout<T> {
  let layout = made.get(type);
  if (layout === undefined) {
    layout = type.custom === undefined ? (layouts.get(type) ?? Others.plainLayout)() : customLayout(type.custom);
    made.set(type, layout);
  }
  return layout;
}
