import type { EndpointSlice, Pod, Service } from '../api/generated/types.ts';
import { isReady } from './view/members.ts';

/** Everything that gives names. */
export interface Named {
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Of names that are listed, at most so many. */
const MOST_NAMES = 8;

/** What to say about a name that does not exist: which one is probably meant, or why it is not there. */
export function dnsSuggestion(asked: string, namespace: string, { pods, services, slices }: Named): string {
  const labels = asked.toLowerCase().split('.');
  const names = [...services.map(serviceName), ...slices.flatMap(memberNames)]
    .map(([own, ...name]) => (own === namespace ? name : [...name, own]))
    .sort((a, b) => (a.join('.') < b.join('.') ? -1 : 1));
  const meant = names.filter(([first]) => first === labels[0]);
  if (meant.length > 0) return `did you mean ${listed(meant, ' or ')}?`;
  const pod = pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === labels[0]);
  if (pod !== undefined) return whyNoName(pod);
  const near = names.filter((name) => name.some((label) => labels.includes(label)));
  return `there are: ${listed(near.length > 0 ? near : names, ', ')}`;
}

/** The namespace, and the labels of a name in it. */
type NamespacedName = readonly [namespace: string, ...labels: string[]];

function serviceName({ metadata: { namespace = '', name } }: Service): NamespacedName {
  return [namespace, name];
}

function memberNames({ metadata: { namespace = '', labels }, endpoints = [] }: EndpointSlice): NamespacedName[] {
  return endpoints.flatMap(({ hostname, conditions }) =>
    // N1: an endpoint that does not say is ready.
    hostname === undefined || conditions?.ready === false
      ? []
      : [[namespace, hostname, labels?.[SERVICE_NAME_LABEL] ?? '']],
  );
}

function listed(names: readonly (readonly string[])[], between: string): string {
  const texts = [...new Set(names.map((name) => name.join('.')))];
  const rest = texts.length - MOST_NAMES;
  return texts.slice(0, MOST_NAMES).join(between) + (rest > 0 ? ` and ${rest} more` : '');
}

function whyNoName(pod: Pod): string {
  const { name } = pod.metadata;
  if (!pod.spec.subdomain) return `pod ${name} has no name: its spec has no subdomain, the name of a headless service`;
  if (!isReady(pod))
    return `pod ${name} has its name ${name}.${pod.spec.subdomain} when it is ready: berth why pod/${name}`;
  return `pod ${name} has no name: no headless service ${pod.spec.subdomain} selects it`;
}
