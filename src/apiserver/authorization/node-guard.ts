import { type ApiError, apiError } from '../../api/errors.ts';
import type { Lease, Node, PersistentVolume, Pod, ServiceAccount } from '../../api/generated/types.ts';
import { Leases, Nodes, PersistentVolumes, Pods, ServiceAccounts } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { Change, Guard } from '../../registry/requests.ts';
import { isPinnedTo } from './node-objects.ts';
import { nodeOf } from './node-user.ts';

/** What the agent of a node may write into the objects it may write at all. */
export const nodeGuard: Guard = (change, user) => {
  const node = nodeOf(user);
  if (node === undefined) return;
  if (change.verb === 'token') return checkToken(node, change);
  const check = checks.get(change.type.group === '' || change.type === Leases ? change.type.plural : '');
  check?.(node, change);
};

type ObjectChange = Exclude<Change, { verb: 'token' }>;

const checks: ReadonlyMap<string, (node: string, change: ObjectChange) => void> = new Map([
  [Pods.plural, checkPod],
  [Nodes.plural, checkNode],
  [Leases.plural, checkLease],
  [PersistentVolumes.plural, checkVolume],
]);

function checkToken(node: string, { account, pod, podUidGiven }: Extract<Change, { verb: 'token' }>): void {
  const why =
    pod === undefined
      ? 'node requested token not bound to a pod'
      : !podUidGiven
        ? 'node requested token with a pod binding without a uid'
        : pod.spec.nodeName !== node
          ? 'node requested token bound to a pod scheduled on a different node'
          : pod.spec.serviceAccountName !== account.metadata.name
            ? 'node requested token bound to a pod that uses another service account'
            : undefined;
  if (why !== undefined) throw refusal<ServiceAccount>(ServiceAccounts, account.metadata.name, why);
}

function checkPod(node: string, change: ObjectChange): void {
  const pod = change.old as Pod | undefined;
  const name = nameOf(change);
  if (pod === undefined) throw refusal(Pods, name, `node ${JSON.stringify(node)} cannot create pods`);
  const what = change.verb === 'delete' ? 'delete pods' : 'update pod status for pods';
  if (pod.spec.nodeName !== node) {
    throw refusal(Pods, name, `node ${JSON.stringify(node)} can only ${what} with spec.nodeName set to itself`);
  }
  if (change.verb === 'write' && !sameMap(change.object.metadata.labels, pod.metadata.labels)) {
    throw refusal(Pods, name, `node ${JSON.stringify(node)} cannot update labels through pod status`);
  }
}

function checkNode(node: string, change: ObjectChange): void {
  const name = nameOf(change);
  if (name !== node) {
    throw refusal(Nodes, name, `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(name)}`);
  }
  if (change.verb === 'delete') return;
  const object = change.object as Node;
  const old = change.old as Node | undefined;
  if (old !== undefined && JSON.stringify(object.spec.taints ?? []) !== JSON.stringify(old.spec.taints ?? [])) {
    throw refusal(Nodes, name, `node ${JSON.stringify(node)} is not allowed to modify taints`);
  }
  if (JSON.stringify(object.metadata.ownerReferences) !== JSON.stringify(old?.metadata.ownerReferences)) {
    throw refusal(Nodes, name, `node ${JSON.stringify(node)} is not allowed to modify ownerReferences`);
  }
  const denied = changedKeys(object.metadata.labels, old?.metadata.labels).filter((label) => !isOwnLabel(label));
  if (denied.length === 0) return;
  const what = old === undefined ? 'set the following labels' : 'modify labels';
  throw refusal(Nodes, name, `is not allowed to ${what}: ${denied.sort().join(', ')}`);
}

function checkLease(node: string, change: ObjectChange): void {
  const lease = (change.verb === 'delete' ? change.old : change.object) as Lease;
  if (lease.metadata.name === node && lease.metadata.namespace === 'kube-node-lease') return;
  throw refusal(Leases, lease.metadata.name, 'can only access node lease with the same name as the requesting node');
}

function checkVolume(node: string, change: ObjectChange): void {
  for (const volume of [change.old, change.verb === 'write' ? change.object : undefined]) {
    if (volume === undefined || isPinnedTo(volume as PersistentVolume, node)) continue;
    const why = `node ${JSON.stringify(node)} can only make and remove volumes that are on itself`;
    throw refusal(PersistentVolumes, nameOf(change), why);
  }
}

/** Labels of Kubernetes' own that a node says of itself. */
const OWN_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
]);
const within = (domain: string, parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);

function isOwnLabel(label: string): boolean {
  const [domain = '', name] = label.split('/');
  if (name === undefined) return true;
  if (within(domain, 'node-restriction.kubernetes.io')) return false;
  if (!within(domain, 'kubernetes.io') && !within(domain, 'k8s.io')) return true;
  return OWN_LABELS.has(label) || within(domain, 'kubelet.kubernetes.io') || within(domain, 'node.kubernetes.io');
}

type Labels = Readonly<Record<string, string>> | undefined;

function changedKeys(labels: Labels = {}, old: Labels = {}): readonly string[] {
  return [...new Set([...Object.keys(labels), ...Object.keys(old)])].filter((key) => labels[key] !== old[key]);
}

function sameMap(labels: Labels, old: Labels): boolean {
  return labels === old || changedKeys(labels, old).length === 0;
}

function nameOf(change: ObjectChange): string {
  return (change.verb === 'delete' ? change.old : change.object).metadata.name;
}

function refusal<T extends KubernetesObject>(type: ResourceType<T>, name: string, why: string): ApiError {
  return apiError('Forbidden', `${qualifiedName(type)} ${JSON.stringify(name)} is forbidden: ${why}`, { type, name });
}
