import type { Endpoint, EndpointSlice, EndpointSlicePort, Pod, Service } from '../../api/generated/types.ts';
import { Services } from '../../api/kinds.ts';
import type { New } from '../../api/meta.ts';
import { controllerReference, isControlledBy } from '../../api/owner-references.ts';
import { type AddressType, addressTypesOf, isHeadless, podEndpoint, portsOn } from './pod-endpoint.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';

/** Endpoints in one slice, at most: a change of one of them is a write of all. */
const MAX_ENDPOINTS = 100;

export interface ObservedService {
  readonly service: Service;
  /** The pods it selects. */
  readonly pods: Iterable<Pod>;
  /** The slices there are of it. */
  readonly slices: readonly EndpointSlice[];
  readonly zoneOf: (nodeName: string) => string | undefined;
  /** As it goes into the slices that change. */
  readonly now: string;
}

/** What has to be written so that the slices say what is. */
export interface SlicePlan {
  readonly create: readonly New<EndpointSlice>[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** Endpoints that share their ports, and so their slices. */
interface Group {
  readonly addressType: AddressType;
  readonly ports: readonly EndpointSlicePort[];
  /** By the uid of the pod. */
  readonly endpoints: Map<string, Endpoint>;
}

/** A slice as it will be. */
interface Draft {
  readonly slice: EndpointSlice;
  readonly endpoints: Endpoint[];
  changed: boolean;
}

/** The fewest writes that make the slices of a service right: endpoints stay in the slice they are in. */
export function planSlices(observed: ObservedService): SlicePlan {
  const { service, now } = observed;
  const groups = groupsOf(observed);
  const labels = labelsOf(service);
  const fresh: NewSlice[] = [];
  const update: EndpointSlice[] = [];
  const obsolete: EndpointSlice[] = [];

  const bySpec = new Map<string, EndpointSlice[]>();
  for (const slice of observed.slices) {
    const spec = specOf(slice.addressType, slice.ports ?? []);
    // A slice of an earlier service of this name, or with ports that no pod has any more.
    if (!isControlledBy(slice, service) || !groups.has(spec)) obsolete.push(slice);
    else bySpec.set(spec, [...(bySpec.get(spec) ?? []), slice]);
  }
  const changedTo = (slice: EndpointSlice, change: Pick<EndpointSlice, 'endpoints' | 'ports'>): EndpointSlice => {
    const annotations = { ...slice.metadata.annotations, [TRIGGER_TIME_ANNOTATION]: now };
    return { ...slice, metadata: { ...slice.metadata, labels, annotations }, ...change };
  };

  for (const [spec, { addressType, ports, endpoints: all }] of groups) {
    const slices = bySpec.get(spec) ?? [];
    const { drafts, rest } = fill(all, slices);
    for (const [index, { slice, endpoints, changed }] of drafts.entries()) {
      // A service without any endpoint keeps one slice.
      if (endpoints.length === 0 && (all.size > 0 || index > 0)) obsolete.push(slice);
      else if (changed || !isSameMap(slice.metadata.labels ?? {}, labels)) update.push(changedTo(slice, { endpoints }));
    }
    if (all.size === 0 && slices.length === 0) fresh.push({ addressType, ports, endpoints: [] });
    for (let start = 0; start < rest.length; start += MAX_ENDPOINTS) {
      fresh.push({ addressType, ports, endpoints: rest.slice(start, start + MAX_ENDPOINTS) });
    }
  }

  const create: New<EndpointSlice>[] = [];
  for (const { addressType, ports, endpoints } of fresh) {
    // One that would be removed takes the place of one that would be made: a write less, and a name that stays.
    const reused = obsolete.findIndex((slice) => slice.addressType === addressType && isControlledBy(slice, service));
    const [slice] = reused < 0 ? [] : obsolete.splice(reused, 1);
    if (slice) update.push(changedTo(slice, { endpoints, ports }));
    else create.push({ metadata: metadataFor(service, labels, now), addressType, ports, endpoints });
  }
  return { create, update, remove: obsolete };
}

type NewSlice = Required<Pick<EndpointSlice, 'addressType' | 'ports' | 'endpoints'>>;

function metadataFor(
  service: Service,
  labels: Readonly<Record<string, string>>,
  now: string,
): New<EndpointSlice>['metadata'] {
  const { namespace, name } = service.metadata;
  return {
    generateName: `${name}-`,
    ...(namespace !== undefined && { namespace }),
    labels,
    annotations: { [TRIGGER_TIME_ANNOTATION]: now },
    ownerReferences: [controllerReference(Services, service)],
  };
}

/** What a version of a pod is to a version of a service. Most pods have one service, and change more seldom than it. */
interface Membership {
  readonly service: Service;
  readonly zone: string | undefined;
  readonly entries: readonly {
    readonly addressType: AddressType;
    readonly spec: string;
    readonly ports: readonly EndpointSlicePort[];
    readonly endpoint: Endpoint;
  }[];
}

const memberships = new WeakMap<Pod, Membership>();

function membershipOf(pod: Pod, service: Service, zone: string | undefined): Membership {
  const known = memberships.get(pod);
  if (known?.service === service && known.zone === zone) return known;
  const entries = addressTypesOf(service).flatMap((addressType) => {
    const endpoint = podEndpoint(pod, service, addressType, zone);
    if (endpoint === undefined) return [];
    const ports = portsOn(pod, service);
    return [{ addressType, spec: specOf(addressType, ports), ports, endpoint }];
  });
  const membership = { service, zone, entries };
  memberships.set(pod, membership);
  return membership;
}

function groupsOf({ service, pods, zoneOf }: ObservedService): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const zone = pod.spec.nodeName ? zoneOf(pod.spec.nodeName) : undefined;
    for (const { addressType, spec, ports, endpoint } of membershipOf(pod, service, zone).entries) {
      const group = groups.get(spec);
      if (group === undefined)
        groups.set(spec, { addressType, ports, endpoints: new Map([[pod.metadata.uid, endpoint]]) });
      else group.endpoints.set(pod.metadata.uid, endpoint);
    }
  }
  if (groups.size === 0) {
    // Even a service without pods has a slice, so that whoever looks can tell "none" from "not yet".
    const [addressType = 'IPv4'] = addressTypesOf(service);
    groups.set(specOf(addressType, []), { addressType, ports: [], endpoints: new Map() });
  }
  return groups;
}

/** Puts the endpoints of a group into the slices there are, each where it was; `rest` needs new ones. */
function fill(
  all: ReadonlyMap<string, Endpoint>,
  slices: readonly EndpointSlice[],
): { readonly drafts: readonly Draft[]; readonly rest: readonly Endpoint[] } {
  const missing = new Map(all);
  const drafts = slices.map((slice): Draft => {
    const draft: Draft = { slice, endpoints: [], changed: false };
    for (const before of slice.endpoints ?? []) {
      const uid = before.targetRef?.uid ?? '';
      const after = missing.get(uid);
      if (after === undefined || draft.endpoints.length === MAX_ENDPOINTS) {
        draft.changed = true;
        continue;
      }
      missing.delete(uid);
      const isSame = endpointFacts(before) === endpointFacts(after);
      draft.endpoints.push(isSame ? before : after);
      if (!isSame) draft.changed = true;
    }
    return draft;
  });

  const rest = [...missing.values()];
  const take = (draft: Draft): void => {
    const room = MAX_ENDPOINTS - draft.endpoints.length;
    if (room === 0 || rest.length === 0) return;
    draft.endpoints.push(...rest.splice(0, room));
    draft.changed = true;
  };
  // A slice that is written anyway costs nothing more.
  for (const draft of drafts) if (draft.changed) take(draft);
  const fullestFirst = drafts.filter(({ changed }) => !changed).sort((a, b) => b.endpoints.length - a.endpoints.length);
  const roomy = fullestFirst.find(({ endpoints }) => endpoints.length + rest.length <= MAX_ENDPOINTS);
  if (roomy) take(roomy);
  return { drafts, rest };
}

/** What makes two slices hold the same kind of endpoints. */
function specOf(addressType: string, ports: readonly EndpointSlicePort[]): string {
  const each = ports.map(({ name = '', port, protocol = 'TCP', appProtocol = '' }) =>
    [name, port, protocol, appProtocol].join('/'),
  );
  return [addressType, ...each.sort()].join(' ');
}

const facts = new WeakMap<Endpoint, string>();

function endpointFacts(endpoint: Endpoint): string {
  let text = facts.get(endpoint);
  if (text === undefined) {
    text = factsOf(endpoint);
    facts.set(endpoint, text);
  }
  return text;
}

function factsOf({ addresses, conditions, hostname, nodeName, zone, targetRef }: Endpoint): string {
  const { ready, serving, terminating } = conditions ?? {};
  return JSON.stringify([
    addresses,
    ready,
    serving,
    terminating,
    hostname,
    nodeName,
    zone,
    targetRef?.name,
    targetRef?.uid,
  ]);
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  return {
    ...service.metadata.labels,
    [SERVICE_NAME_LABEL]: service.metadata.name,
    [MANAGED_BY_LABEL]: MANAGER,
    ...(isHeadless(service) && { [HEADLESS_LABEL]: '' }),
  };
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
