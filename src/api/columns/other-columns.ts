import { ageOf } from '../duration.ts';
import type {
  ClusterRoleBinding,
  ConfigMap,
  Event,
  EventsEvent,
  Lease,
  Namespace,
  Node,
  PriorityClass,
  ResourceQuota,
  RoleBinding,
  Secret,
  ServiceAccount,
} from '../generated/types.ts';
import type { KubernetesObject } from '../meta.ts';
import {
  age,
  ageColumn,
  type Cell,
  NONE,
  nameColumn,
  shown,
  type TableLayout,
  wide,
  wideNameColumn,
} from './layout.ts';

/** What is shown of a kind that has no columns of its own. */
export const plainLayout = (): TableLayout => ({
  columns: [nameColumn(), shown('Created At', ['ObjectMeta', 'creationTimestamp'], 'date')],
  cells: (object: KubernetesObject) => [object.metadata.name, object.metadata.creationTimestamp],
});

export const namespaceLayout = (): TableLayout<Namespace> => ({
  columns: [nameColumn(), shown('Status', 'The status of the namespace'), ageColumn()],
  cells: (namespace, nowMs) => [namespace.metadata.name, namespace.status?.phase ?? '', age(namespace, nowMs)],
});

export const configMapLayout = (): TableLayout<ConfigMap> => ({
  columns: [nameColumn(), shown('Data', ['ConfigMap', 'data']), ageColumn()],
  cells: (map, nowMs) => [map.metadata.name, count(map.data) + count(map.binaryData), age(map, nowMs)],
});

export const secretLayout = (): TableLayout<Secret> => ({
  columns: [nameColumn(), shown('Type', ['Secret', 'type']), shown('Data', ['Secret', 'data']), ageColumn()],
  cells: (secret, nowMs) => [secret.metadata.name, secret.type ?? '', count(secret.data), age(secret, nowMs)],
});

export const serviceAccountLayout = (): TableLayout<ServiceAccount> => ({
  columns: [nameColumn(), shown('Secrets', ['ServiceAccount', 'secrets']), ageColumn()],
  cells: (account, nowMs) => [account.metadata.name, account.secrets?.length ?? 0, age(account, nowMs)],
});

const count = (map: object | undefined): number => Object.keys(map ?? {}).length;

export const leaseLayout = (): TableLayout<Lease> => ({
  columns: [nameColumn(), shown('Holder', ['LeaseSpec', 'holderIdentity']), ageColumn()],
  cells: (lease, nowMs) => [lease.metadata.name, lease.spec?.holderIdentity ?? '', age(lease, nowMs)],
});

export const priorityClassLayout = (): TableLayout<PriorityClass> => ({
  columns: [
    nameColumn(),
    shown('Value', ['PriorityClass', 'value'], 'integer'),
    shown('Global-Default', ['PriorityClass', 'globalDefault'], 'boolean'),
    ageColumn(),
    shown('PreemptionPolicy', ['PriorityClass', 'preemptionPolicy']),
  ],
  cells: (priority, nowMs) => [
    priority.metadata.name,
    priority.value ?? 0,
    priority.globalDefault ?? false,
    age(priority, nowMs),
    priority.preemptionPolicy ?? '',
  ],
});

export const nodeLayout = (): TableLayout<Node> => ({
  columns: [
    nameColumn(),
    shown('Status', 'The status of the node'),
    shown('Roles', 'The roles of the node'),
    ageColumn(),
    shown('Version', ['NodeSystemInfo', 'kubeletVersion']),
    wide('Internal-IP', ['NodeStatus', 'addresses']),
    wide('External-IP', ['NodeStatus', 'addresses']),
    wide('OS-Image', ['NodeSystemInfo', 'osImage']),
    wide('Kernel-Version', ['NodeSystemInfo', 'kernelVersion']),
    wide('Container-Runtime', ['NodeSystemInfo', 'containerRuntimeVersion']),
  ],
  cells(node, nowMs) {
    const info = node.status?.nodeInfo;
    const address = (type: string): string =>
      node.status?.addresses?.find((candidate) => candidate.type === type)?.address || NONE;
    return [
      node.metadata.name,
      nodeStatus(node),
      nodeRoles(node),
      age(node, nowMs),
      info?.kubeletVersion ?? '',
      address('InternalIP'),
      address('ExternalIP'),
      info?.osImage || '<unknown>',
      info?.kernelVersion || '<unknown>',
      info?.containerRuntimeVersion || '<unknown>',
    ];
  },
});

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec.unschedulable === true ? `${status},SchedulingDisabled` : status;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles(node: Node): string {
  const labels = node.metadata.labels ?? {};
  const roles = Object.keys(labels)
    .filter((key) => key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length)
    .map((key) => key.slice(ROLE_PREFIX.length));
  const old = labels['kubernetes.io/role'];
  if (old) roles.push(old);
  return roles.sort().join(',') || NONE;
}

const eventColumns = () => [
  shown('Last Seen', ['Event', 'lastTimestamp']),
  shown('Type', ['Event', 'type']),
  shown('Reason', ['Event', 'reason']),
  shown('Object', ['Event', 'involvedObject']),
  wide('Subobject', ['ObjectReference', 'fieldPath']),
  wide('Source', ['Event', 'source']),
  shown('Message', ['Event', 'message']),
  wide('First Seen', ['Event', 'firstTimestamp']),
  wide('Count', ['Event', 'count']),
  wideNameColumn(),
];

export const eventLayout = (): TableLayout<Event> => ({
  columns: eventColumns(),
  cells: (event, nowMs) =>
    eventCells(
      {
        event,
        about: event.involvedObject,
        component: event.source?.component || event.reportingComponent || '',
        host: event.source?.host || event.reportingInstance || '',
        message: event.message ?? '',
        first: event.firstTimestamp,
        last: event.lastTimestamp,
        count: event.count,
      },
      nowMs,
    ),
});

export const eventsEventLayout = (): TableLayout<EventsEvent> => ({
  columns: eventColumns(),
  cells: (event, nowMs) =>
    eventCells(
      {
        event,
        about: event.regarding,
        component: event.reportingController || event.deprecatedSource?.component || '',
        host: event.reportingInstance || event.deprecatedSource?.host || '',
        message: event.note ?? '',
        first: event.deprecatedFirstTimestamp,
        last: event.deprecatedLastTimestamp,
        count: event.deprecatedCount,
      },
      nowMs,
    ),
});

interface EventFacts {
  readonly event: Event | EventsEvent;
  readonly about: Event['involvedObject'] | undefined;
  readonly component: string;
  readonly host: string;
  readonly message: string;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: number | undefined;
}

function eventCells(facts: EventFacts, nowMs: number): readonly Cell[] {
  const { event, about, component, host } = facts;
  const first = facts.first ?? event.eventTime;
  const last = event.series?.lastObservedTime ?? facts.last ?? first;
  const times = event.series?.count ?? (facts.count || 1);
  const kind = (about?.kind ?? '').toLowerCase();
  return [
    ageOf(last, nowMs),
    event.type ?? '',
    event.reason ?? '',
    about?.name ? `${kind}/${about.name}` : kind,
    about?.fieldPath ?? '',
    host === '' ? component : `${component}, ${host}`,
    facts.message.trim(),
    ageOf(first, nowMs),
    times,
    event.metadata.name,
  ];
}

export const quotaLayout = (): TableLayout<ResourceQuota> => ({
  columns: [
    nameColumn(),
    shown('Request', 'Request represents a minimum amount of cpu/memory that a container may consume.'),
    shown(
      'Limit',
      'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
    ),
    ageColumn(),
  ],
  cells(quota, nowMs) {
    const { hard = {}, used = {} } = quota.status ?? {};
    const entries = Object.keys(hard)
      .sort()
      .map((resource) => ({ resource, text: `${resource}: ${used[resource] ?? '0'}/${hard[resource]}` }));
    const isLimit = (entry: { readonly resource: string }): boolean => entry.resource.startsWith('limits');
    const join = (list: readonly { readonly text: string }[]): string => list.map(({ text }) => text).join(', ');
    return [
      quota.metadata.name,
      join(entries.filter((entry) => !isLimit(entry))),
      join(entries.filter(isLimit)),
      age(quota, nowMs),
    ];
  },
});

export const roleBindingLayout = (): TableLayout<RoleBinding | ClusterRoleBinding> => ({
  columns: [
    nameColumn(),
    shown('Role', ['RoleBinding', 'roleRef']),
    ageColumn(),
    wide('Users', 'Users in the roleBinding'),
    wide('Groups', 'Groups in the roleBinding'),
    wide('ServiceAccounts', 'ServiceAccounts in the roleBinding'),
  ],
  cells(binding, nowMs) {
    const names = (kind: string): string =>
      (binding.subjects ?? [])
        .filter((subject) => subject.kind === kind)
        .map((subject) => (kind === 'ServiceAccount' ? `${subject.namespace ?? ''}/${subject.name}` : subject.name))
        .join(', ');
    return [
      binding.metadata.name,
      `${binding.roleRef.kind}/${binding.roleRef.name}`,
      age(binding, nowMs),
      names('User'),
      names('Group'),
      names('ServiceAccount'),
    ];
  },
});
