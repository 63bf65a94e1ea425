import type { PolicyRule } from '../../api/generated/types.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'patch', 'update'];

const rule = (apiGroup: string, resources: string[], verbs: string[]): PolicyRule => ({
  apiGroups: [apiGroup],
  resources,
  verbs,
});

/** What a node has to do with; which objects of it are its own, the node authorizer decides. */
export const nodeRules: readonly PolicyRule[] = [
  rule('authentication.k8s.io', ['tokenreviews'], ['create']),
  rule('authorization.k8s.io', ['localsubjectaccessreviews', 'subjectaccessreviews'], ['create']),
  rule('', ['services'], READ),
  rule('discovery.k8s.io', ['endpointslices'], READ),
  rule('storage.k8s.io', ['storageclasses'], READ),
  rule('', ['nodes'], ['create', ...READ]),
  rule('', ['nodes', 'nodes/status'], ['patch', 'update']),
  rule('', ['events'], ['create', 'patch', 'update']),
  rule('events.k8s.io', ['events'], ['create', 'patch', 'update']),
  rule('', ['pods'], [...READ, 'delete']),
  rule('', ['pods/status'], ['patch', 'update']),
  rule('', ['pods/eviction'], ['create']),
  rule('', ['configmaps', 'secrets'], READ),
  rule('', ['persistentvolumeclaims'], ['get']),
  // The agent makes the volumes of its node, as a provisioner that runs on every node does, and gives away free ones.
  rule('', ['persistentvolumes'], ['create', 'delete', 'get', 'patch']),
  rule('', ['serviceaccounts'], ['get']),
  rule('', ['serviceaccounts/token'], ['create']),
  rule('coordination.k8s.io', ['leases'], ['get', ...WRITE]),
];
