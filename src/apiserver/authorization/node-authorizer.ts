import type { UserInfo } from '../../registry/requests.ts';
import type { Attributes, Authorizer, ResourceAttributes } from './authorizer.ts';
import type { NodeObjects } from './node-objects.ts';
import { nodeRules } from './node-rules.ts';
import { nodeOf } from './node-user.ts';
import { ruleAllows } from './rules.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const NO_NAME = 'a node may look only at objects it names';

/**
 * What the agent of a node may do: keep its own node and lease up to date, report on the pods bound to it and end them,
 * and read what these refer to. What is in an object it writes is the node guard's part. For others it has no opinion:
 * the text is empty.
 */
export function nodeAuthorizer(objects: NodeObjects): Authorizer {
  return async (user, attributes) => {
    const node = nodeOf(user);
    if (node === undefined || !nodeRules.some((rule) => ruleAllows(rule, attributes))) return '';
    return 'path' in attributes || isOwn(objects, node, attributes);
  };
}

async function isOwn(objects: NodeObjects, node: string, attributes: ResourceAttributes): Promise<true | string> {
  const { group, resource, subresource, verb, namespace = '', name } = attributes;
  const reads = verb === 'get' || verb === 'list' || verb === 'watch';
  const refusal = `no relationship found between node '${node}' and this object`;
  switch (`${resource}.${group}`) {
    case 'configmaps.':
    case 'secrets.': {
      if (name === undefined) return NO_NAME;
      const kind = resource === 'secrets' ? 'Secret' : 'ConfigMap';
      return (await objects.refers(node, kind, namespace, name)) || refusal;
    }
    case 'persistentvolumeclaims.':
      return (name !== undefined && (await objects.hasClaim(node, namespace, name))) || refusal;
    case 'persistentvolumes.':
      if (verb !== 'get') return true;
      return (name !== undefined && (await objects.hasVolume(node, name))) || refusal;
    case 'serviceaccounts.':
      if (subresource === 'token') return true;
      return (name !== undefined && (await objects.hasAccount(node, namespace, name))) || refusal;
    case 'pods.':
      if (!reads || subresource !== undefined) return true;
      if (name !== undefined) return (await objects.hasPod(node, { namespace, name })) || refusal;
      return (
        selects(attributes, `spec.nodeName=${node}`) ||
        'a node may list and watch pods only with the field selector spec.nodeName of itself'
      );
    case 'nodes.':
      if (verb === 'create' || name === node) return true;
      return `node '${node}' may touch only itself`;
    case 'leases.coordination.k8s.io':
      if (namespace !== LEASE_NAMESPACE) return `can only access leases in the "${LEASE_NAMESPACE}" system namespace`;
      return (
        verb === 'create' || name === node || 'can only access node lease with the same name as the requesting node'
      );
    default:
      return true;
  }
}

function selects({ fieldSelector = '' }: ResourceAttributes, wanted: string): boolean {
  return fieldSelector.split(',').some((part) => part.replace('==', '=') === wanted);
}

/** The first of several that allows something, else all that the others say. */
export function anyOf(authorizers: readonly Authorizer[]): Authorizer {
  return async (user: UserInfo, attributes: Attributes) => {
    const reasons: string[] = [];
    for (const authorize of authorizers) {
      const answer = await authorize(user, attributes);
      if (answer === true) return true;
      if (answer !== '') reasons.push(answer);
    }
    return reasons.join('; ');
  };
}
