import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import type { PolicyRule } from '../../api/generated/types.ts';
import { ClusterRoleBindings, ClusterRoles } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Registry, RequestContext } from '../../registry/requests.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const API_GROUP = 'rbac.authorization.k8s.io';

const rule = (apiGroups: string[], resources: string[], verbs: string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
});
const paths = (nonResourceURLs: string[]): PolicyRule => ({ nonResourceURLs, verbs: ['get'] });

/** What belongs to an application and holds no secret. */
const OPEN: readonly (readonly [group: string, resources: string[]])[] = [
  ['', ['configmaps', 'endpoints', 'persistentvolumeclaims', 'pods', 'services', 'serviceaccounts', 'podtemplates']],
  ['apps', ['controllerrevisions', 'deployments', 'replicasets', 'statefulsets']],
  ['policy', ['poddisruptionbudgets']],
];
const view: PolicyRule[] = [
  ...OPEN.map(([group, resources]) =>
    rule([group], [...resources, ...resources.map((each) => `${each}/status`)], READ),
  ),
  rule([''], ['pods/log', 'events', 'limitranges', 'namespaces', 'resourcequotas'], READ),
  rule(['apps'], ['deployments/scale', 'replicasets/scale', 'statefulsets/scale'], READ),
  rule(['discovery.k8s.io'], ['endpointslices'], READ),
];
const edit: PolicyRule[] = [
  ...view,
  ...OPEN.map(([group, resources]) => rule([group], resources, WRITE)),
  rule([''], ['secrets'], [...READ, ...WRITE]),
  rule([''], ['pods/attach', 'pods/exec', 'pods/portforward'], ['create', 'get']),
  rule([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  rule(['apps'], ['deployments/scale', 'replicasets/scale', 'statefulsets/scale'], ['patch', 'update']),
  rule(['coordination.k8s.io'], ['leases'], [...READ, ...WRITE]),
];
const admin: PolicyRule[] = [
  ...edit,
  rule([API_GROUP], ['roles', 'rolebindings'], [...READ, ...WRITE]),
  rule(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
];

const ROLES: Readonly<Record<string, readonly PolicyRule[]>> = {
  'cluster-admin': [rule(['*'], ['*'], ['*']), { nonResourceURLs: ['*'], verbs: ['*'] }],
  admin,
  edit,
  view,
  'system:discovery': [
    paths(['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*', '/version', '/version/']),
  ],
  'system:basic-user': [
    rule(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
    rule(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
  ],
};

const BINDINGS: readonly (readonly [role: string, group: string])[] = [
  ['cluster-admin', MASTERS_GROUP],
  ['system:discovery', 'system:authenticated'],
  ['system:basic-user', 'system:authenticated'],
];

const CONTEXT: RequestContext = { user: { name: 'system:apiserver', groups: [MASTERS_GROUP] } };
const metadata = (name: string) => ({ name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' } });

/** Makes the roles that every cluster has. One that is there already stays as it is. */
export async function ensureDefaultRoles(registry: Registry): Promise<void> {
  const ensure = async <T extends KubernetesObject>(type: ResourceType<T>, name: string, object: object) => {
    try {
      await registry.get(type, { name }, CONTEXT);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await registry
        .create(type, undefined, { metadata: metadata(name), ...object }, CONTEXT)
        .catch((reason: unknown) => {
          if (!isAlreadyExists(reason)) throw reason;
        });
    }
  };
  await Promise.all([
    ...Object.entries(ROLES).map(([name, rules]) => ensure(ClusterRoles, name, { rules })),
    ...BINDINGS.map(([name, group]) =>
      ensure(ClusterRoleBindings, name, {
        roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name },
        subjects: [{ apiGroup: API_GROUP, kind: 'Group', name: group }],
      }),
    ),
  ]);
}
