import type {
  ControllerRevision,
  Deployment,
  LabelSelector,
  PodDisruptionBudget,
  PodTemplate,
  ReplicaSet,
  Scale,
  StatefulSet,
} from '../generated/types.ts';
import { formatSelector } from '../labels.ts';
import { controllerOf } from '../owner-references.ts';
import {
  age,
  ageColumn,
  containerCells,
  containerColumns,
  formatLabels,
  NONE,
  nameColumn,
  shown,
  type TableLayout,
  wide,
} from './layout.ts';

const selectorText = (selector: LabelSelector | undefined): string =>
  (selector === undefined ? '' : formatSelector(selector)) || NONE;

export const statefulSetLayout = (): TableLayout<StatefulSet> => ({
  columns: [nameColumn(), shown('Ready', 'Number of the pod with ready state'), ageColumn(), ...containerColumns()],
  cells: (set, nowMs) => [
    set.metadata.name,
    `${set.status?.readyReplicas ?? 0}/${set.spec.replicas ?? 0}`,
    age(set, nowMs),
    ...containerCells(set.spec.template.spec),
  ],
});

export const scaleLayout = (): TableLayout<Scale> => ({
  columns: [
    nameColumn(),
    shown('Desired', ['ScaleSpec', 'replicas'], 'integer'),
    shown('Available', ['ScaleStatus', 'replicas'], 'integer'),
    ageColumn(),
  ],
  cells: (scale, nowMs) => [
    scale.metadata.name,
    scale.spec?.replicas ?? 0,
    scale.status?.replicas ?? 0,
    age(scale, nowMs),
  ],
});

export const deploymentLayout = (): TableLayout<Deployment> => ({
  columns: [
    nameColumn(),
    shown('Ready', 'Number of the pod with ready state'),
    shown('Up-to-date', ['DeploymentStatus', 'updatedReplicas']),
    shown('Available', ['DeploymentStatus', 'availableReplicas']),
    ageColumn(),
    ...containerColumns(),
    wide('Selector', ['DeploymentSpec', 'selector']),
  ],
  cells: (deployment, nowMs) => [
    deployment.metadata.name,
    `${deployment.status?.readyReplicas ?? 0}/${deployment.spec.replicas ?? 0}`,
    deployment.status?.updatedReplicas ?? 0,
    deployment.status?.availableReplicas ?? 0,
    age(deployment, nowMs),
    ...containerCells(deployment.spec.template.spec),
    selectorText(deployment.spec.selector),
  ],
});

export const replicaSetLayout = (): TableLayout<ReplicaSet> => ({
  columns: [
    nameColumn(),
    shown('Desired', ['ReplicaSetSpec', 'replicas'], 'integer'),
    shown('Current', ['ReplicaSetStatus', 'replicas'], 'integer'),
    shown('Ready', ['ReplicaSetStatus', 'readyReplicas'], 'integer'),
    ageColumn(),
    ...containerColumns(),
    wide('Selector', ['ReplicaSetSpec', 'selector']),
  ],
  cells: (set, nowMs) => [
    set.metadata.name,
    set.spec.replicas ?? 0,
    set.status?.replicas ?? 0,
    set.status?.readyReplicas ?? 0,
    age(set, nowMs),
    ...containerCells(set.spec.template?.spec),
    selectorText(set.spec.selector),
  ],
});

export const podTemplateLayout = (): TableLayout<PodTemplate> => ({
  columns: [
    nameColumn(),
    shown('Containers', 'Names of each container in the template.'),
    shown('Images', 'Images referenced by each container in the template.'),
    shown('Pod Labels', 'The labels for the pod template.'),
  ],
  cells: (object) => [
    object.metadata.name,
    ...containerCells(object.template?.spec),
    formatLabels(object.template?.metadata?.labels),
  ],
});

export const controllerRevisionLayout = (): TableLayout<ControllerRevision> => ({
  columns: [
    nameColumn(),
    shown('Controller', 'Controller of the object'),
    shown('Revision', ['ControllerRevision', 'revision']),
    ageColumn(),
  ],
  cells(revision, nowMs) {
    const owner = controllerOf(revision);
    const group = owner?.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
    const controller = owner === undefined ? NONE : `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    return [revision.metadata.name, controller, revision.revision, age(revision, nowMs)];
  },
});

export const disruptionBudgetLayout = (): TableLayout<PodDisruptionBudget> => ({
  columns: [
    nameColumn(),
    shown('Min Available', 'The minimum number of pods that must be available.'),
    shown('Max Unavailable', 'The maximum number of pods that may be unavailable.'),
    shown('Allowed Disruptions', 'Calculated number of pods that may be disrupted at this time.', 'integer'),
    ageColumn(),
  ],
  cells: (budget, nowMs) => [
    budget.metadata.name,
    `${budget.spec.minAvailable ?? 'N/A'}`,
    `${budget.spec.maxUnavailable ?? 'N/A'}`,
    budget.status?.disruptionsAllowed ?? 0,
    age(budget, nowMs),
  ],
});
