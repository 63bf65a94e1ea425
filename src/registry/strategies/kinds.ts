import type {
  Deployment,
  Event,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  ReplicaSet,
  Secret,
  Service,
  StatefulSet,
} from '../../api/generated/types.ts';
import { Namespaces, Nodes } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { timestamp } from '../../platform/clock.ts';
import { applyDefaults } from '../defaulting/defaulting.ts';
import { strategy } from './strategy.ts';

export const namespaces = strategy<Namespace>({
  subresources: ['status', 'finalize'],
  fields: {
    'status.phase': (namespace: Namespace) => namespace.status?.phase ?? '',
    name: (namespace: Namespace) => namespace.metadata.name,
  },
  prepareCreate: (namespace) => ({
    ...namespace,
    spec: { ...namespace.spec, finalizers: [...new Set([...(namespace.spec?.finalizers ?? []), 'kubernetes'])] },
    status: { phase: 'Active' },
  }),
  // Only the finalize route takes a finalizer off.
  prepareUpdate: (namespace, old) => ({ ...namespace, ...(old.spec && { spec: old.spec }) }),
  prepareStatus: (namespace) => applyDefaults(Namespaces, namespace),
  prepareDelete: (namespace) => ({ ...namespace, status: { ...namespace.status, phase: 'Terminating' } }),
  throughRoute: (subresource, given, old) =>
    subresource === 'finalize' ? { ...old, ...(given.spec && { spec: given.spec }) } : undefined,
});

export const services = strategy<Service>({
  subresources: ['status'],
  createOnUpdate: true,
  fields: {
    'spec.clusterIP': (service: Service) => service.spec.clusterIP ?? '',
    'spec.type': (service: Service) => service.spec.type ?? '',
  },
  prepareCreate: (service) => ({ ...service, status: { loadBalancer: {} } }),
});

export const claims = strategy<PersistentVolumeClaim>({
  subresources: ['status'],
  prepareCreate: (claim) => ({ ...claim, status: { phase: 'Pending' } }),
});

export const volumes = strategy<PersistentVolume>({
  subresources: ['status'],
  prepareCreate: (volume, clock) => ({
    ...volume,
    status: { phase: 'Pending', lastPhaseTransitionTime: timestamp(clock.now()) },
  }),
  prepareStatus(volume, old, clock) {
    const before = old.status?.lastPhaseTransitionTime;
    const given = volume.status?.lastPhaseTransitionTime ?? before;
    const isNew = volume.status?.phase !== old.status?.phase && given === before;
    const lastPhaseTransitionTime = isNew ? timestamp(clock.now()) : given;
    if (lastPhaseTransitionTime === undefined) return volume;
    return { ...volume, status: { ...volume.status, lastPhaseTransitionTime } };
  },
});

export const nodes = strategy<Node>({
  subresources: ['status'],
  keepsInitialStatus: true,
  prepareStatus: (node) => applyDefaults(Nodes, node),
  fields: { 'spec.unschedulable': (node: Node) => String(node.spec?.unschedulable ?? false) },
});

export const statefulSets = strategy<StatefulSet>({
  subresources: ['status', 'scale'],
  generation: true,
  prepareCreate: (set) => ({ ...set, status: { replicas: 0, availableReplicas: 0 } }),
});

export const replicaSets = strategy<ReplicaSet>({
  subresources: ['status', 'scale'],
  generation: true,
  fields: { 'status.replicas': (set: ReplicaSet) => String(set.status?.replicas ?? 0) },
  prepareCreate: (set) => ({ ...set, status: { replicas: 0 } }),
});

export const serviceAccounts = strategy({ subresources: ['token'] });

export const deployments = strategy<Deployment>({
  subresources: ['status', 'scale'],
  generation: true,
  // The status route leaves labels alone, unlike that of other kinds.
  prepareStatus(deployment, old) {
    const { labels: _, ...metadata } = deployment.metadata;
    const { labels } = old.metadata;
    return { ...deployment, metadata: { ...metadata, ...(labels && { labels }) } };
  },
});

export const endpointSlices = strategy({ generation: true });

export const secrets = strategy<Secret>({ fields: { type: (secret: Secret) => secret.type ?? '' } });

export const quotas = strategy({ subresources: ['status'] });

export const budgets = strategy<KubernetesObject & { readonly status?: object }>({
  subresources: ['status'],
  generation: true,
  unconditionalUpdate: false,
  prepareCreate: (budget) => ({
    ...budget,
    status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
  }),
});

export const customResourceDefinitions = strategy({
  subresources: ['status'],
  generation: true,
  // Admission decides what it is.
  keepsInitialStatus: true,
  unconditionalUpdate: false,
});

export const leases = strategy({ createOnUpdate: true, unconditionalUpdate: false });

export const endpoints = strategy({ createOnUpdate: true });

export const priorityClasses = strategy({ createOnUpdate: true });

/** Roles and their bindings. */
export const roles = strategy({ createOnUpdate: true });

/** Nothing else is said of these. */
export const plain = strategy({});

export const limitRanges = strategy({ createOnUpdate: true });

export const events = strategy<Event>({
  createOnUpdate: true,
  collected: false,
  fields: {
    ...Object.fromEntries(
      (['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const).map((field) => [
        `involvedObject.${field}`,
        (event: Event) => event.involvedObject[field] ?? '',
      ]),
    ),
    reason: (event: Event) => event.reason ?? '',
    reportingComponent: (event: Event) => event.reportingComponent ?? '',
    source: (event: Event) => event.source?.component ?? event.reportingComponent ?? '',
    type: (event: Event) => event.type ?? '',
  },
});
