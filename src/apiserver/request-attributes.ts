import type { IncomingMessage } from 'node:http';

import type { ResourceAttributes } from './authorization/authorizer.ts';
import { POD_STREAMS } from './discovery.ts';
import { isWatch } from './request-options.ts';
import type { RequestTarget, ResourceTarget } from './request-target.ts';

/** Whether a request is for a stream of a pod: its log, a command in it, its ports. */
export function isPodStream({ group, plural, subresource }: ResourceTarget): boolean {
  return subresource !== undefined && plural === 'pods' && group === '' && POD_STREAMS.includes(subresource);
}

/** Whether a request goes on until somebody ends it, and so does not count as one in flight. */
export function isLongRunning(request: IncomingMessage, target: RequestTarget, resource: ResourceTarget): boolean {
  return (request.method === 'GET' && isWatch(target)) || isPodStream(resource);
}

const VERBS: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
]);

/** What a request wants, in the words of the rules. */
export function attributesOf(
  request: IncomingMessage,
  target: RequestTarget,
  resource: ResourceTarget,
): ResourceAttributes {
  const { group, version, plural, subresource } = resource;
  const fieldSelector = resource.name === undefined ? (target.query.get('fieldSelector') ?? undefined) : undefined;
  const name = resource.name ?? selectedName(fieldSelector);
  // A namespace is in itself: who has rights in it may have some on it.
  const isNamespace = group === '' && plural === 'namespaces' && resource.name !== undefined;
  const namespace = isNamespace ? resource.name : resource.namespace;
  return {
    verb: verbOf(request.method ?? '', target, resource.name),
    group,
    version,
    resource: plural,
    subresource,
    namespace,
    name,
    fieldSelector,
  };
}

/** The one object that a field selector can select. */
function selectedName(fieldSelector: string | undefined): string | undefined {
  return fieldSelector === undefined ? undefined : /(?:^|,)metadata\.name==?([^,]+)/.exec(fieldSelector)?.[1];
}

/** What a request is called in the metrics of Kubernetes. */
export function countedVerb(method: string, target: RequestTarget): string {
  const verb = verbOf(method, target, target.resource?.name);
  if (target.resource === undefined) return method;
  if (isPodStream(target.resource) && target.resource.subresource !== 'log') return 'CONNECT';
  return ['list', 'watch', 'deletecollection'].includes(verb) ? verb.toUpperCase() : method;
}

function verbOf(method: string, target: RequestTarget, name: string | undefined): string {
  if (method === 'DELETE') return name === undefined ? 'deletecollection' : 'delete';
  if (method === 'GET' || method === 'HEAD') {
    if (isWatch(target)) return 'watch';
    return name === undefined ? 'list' : 'get';
  }
  return VERBS.get(method) ?? method.toLowerCase();
}
