import { aggregatedRules } from '../../api/aggregated-rules.ts';
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from '../../api/generated/types.ts';
import type { New } from '../../api/meta.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';
import { nodeRules } from './node-rules.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const API_GROUP = 'rbac.authorization.k8s.io';

const rule = (apiGroups: string[], resources: string[], verbs: string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
});
const paths = (...nonResourceURLs: string[]): PolicyRule => ({ nonResourceURLs, verbs: ['get'] });

/** What belongs to an application: the kinds of other servers too, as roles are written for those as well. */
const OBJECTS: readonly (readonly [group: string, resources: string[]])[] = [
  ['', ['configmaps', 'persistentvolumeclaims', 'pods', 'replicationcontrollers', 'replicationcontrollers/scale']],
  ['', ['serviceaccounts', 'services']],
  ['apps', ['daemonsets', 'deployments', 'deployments/scale', 'replicasets', 'replicasets/scale']],
  ['apps', ['statefulsets', 'statefulsets/scale']],
  ['autoscaling', ['horizontalpodautoscalers']],
  ['batch', ['cronjobs', 'jobs']],
  ['networking.k8s.io', ['ingresses', 'networkpolicies']],
  ['policy', ['poddisruptionbudgets']],
];
const STATUSES: readonly (readonly [group: string, resources: string[]])[] = [
  ['', ['persistentvolumeclaims/status', 'pods/status', 'replicationcontrollers/status', 'services/status']],
  ['', ['namespaces/status', 'resourcequotas/status']],
  ['apps', ['daemonsets/status', 'deployments/status', 'replicasets/status', 'statefulsets/status']],
  ['autoscaling', ['horizontalpodautoscalers/status']],
  ['batch', ['cronjobs/status', 'jobs/status']],
  ['networking.k8s.io', ['ingresses/status']],
  ['policy', ['poddisruptionbudgets/status']],
];

const view: readonly PolicyRule[] = [
  ...[...OBJECTS, ...STATUSES].map(([group, resources]) => rule([group], resources, READ)),
  rule([''], ['bindings', 'endpoints', 'events', 'limitranges', 'namespaces', 'pods/log', 'resourcequotas'], READ),
  rule(['apps'], ['controllerrevisions'], READ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
];
const edit: readonly PolicyRule[] = [
  ...OBJECTS.map(([group, resources]) => rule([group], resources, WRITE)),
  rule([''], ['secrets'], [...READ, ...WRITE]),
  rule([''], ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'services/proxy'], [...READ, ...WRITE]),
  rule([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  rule([''], ['serviceaccounts'], ['impersonate']),
  rule([''], ['events'], WRITE),
  rule(['apps'], ['deployments/rollback'], WRITE),
  rule(['coordination.k8s.io'], ['leases'], [...READ, ...WRITE]),
];
const admin: readonly PolicyRule[] = [
  rule(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
  rule([API_GROUP], ['rolebindings', 'roles'], [...READ, ...WRITE]),
];

const HEALTH = ['/healthz', '/livez', '/readyz', '/version', '/version/'];
const DISCOVERY = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'];

const role = (name: string, rules: readonly PolicyRule[], labels: Readonly<Record<string, string>> = {}) =>
  ({ metadata: metadata(name, labels), rules }) satisfies New<ClusterRole>;

/** `view`, `edit`, `admin`: what it has itself is in a role of its own, and others can add to it. */
const aggregating = (name: string, rules: readonly PolicyRule[], above?: string): readonly New<ClusterRole>[] => [
  role(`system:aggregate-to-${name}`, rules, { [aggregateTo(name)]: 'true' }),
  {
    metadata: metadata(name, above === undefined ? {} : { [aggregateTo(above)]: 'true' }),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregateTo(name)]: 'true' } }] },
    rules: [],
  },
];
const aggregateTo = (name: string): string => `${API_GROUP}/aggregate-to-${name}`;

function metadata(name: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}

/** The roles that every cluster has. What the aggregated ones have comes from the others. */
export const defaultRoles: readonly New<ClusterRole>[] = filled([
  role('cluster-admin', [rule(['*'], ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }]),
  ...aggregating('view', view, 'edit'),
  ...aggregating('edit', edit, 'admin'),
  ...aggregating('admin', admin),
  role('system:discovery', [paths(...DISCOVERY, ...HEALTH)]),
  role('system:public-info-viewer', [paths(...HEALTH)]),
  role('system:basic-user', [
    rule(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ]),
  role('system:monitoring', [paths(...HEALTH, '/healthz/*', '/livez/*', '/metrics', '/metrics/slis', '/readyz/*')]),
  role('system:auth-delegator', [
    rule(['authentication.k8s.io'], ['tokenreviews'], ['create']),
    rule(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  ]),
  role('system:node', nodeRules),
]);

/** Aggregated roles get their rules from the lowest up, so that each finds those of the one below. */
function filled(roles: readonly New<ClusterRole>[]): readonly New<ClusterRole>[] {
  const done: ClusterRole[] = [];
  for (const each of roles) {
    // Only names and labels are looked at, and these are there.
    const whole = each as ClusterRole;
    done.push({ ...whole, rules: aggregatedRules(whole, done) ?? whole.rules ?? [] });
  }
  return done;
}

const binding = (name: string, ...groups: string[]): New<ClusterRoleBinding> => ({
  metadata: metadata(name),
  roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name },
  subjects: groups.map((group) => ({ apiGroup: API_GROUP, kind: 'Group', name: group })),
});

/** Who has the default roles. `system:node` is bound to nobody: nodes get no more than is theirs from the node authorizer. */
export const defaultBindings: readonly New<ClusterRoleBinding>[] = [
  binding('cluster-admin', MASTERS_GROUP),
  binding('system:discovery', 'system:authenticated'),
  binding('system:public-info-viewer', 'system:authenticated', 'system:unauthenticated'),
  binding('system:basic-user', 'system:authenticated'),
  binding('system:monitoring', 'system:monitoring'),
];
