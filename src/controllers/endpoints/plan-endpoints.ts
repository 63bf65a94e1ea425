import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '../../api/generated/types.ts';
import type { New } from '../../api/meta.ts';
import { HEADLESS_LABEL } from './plan-slices.ts';
import { addressesOf, addressTypesOf, hostnameIn, isHeadless, isOver, isPodReady, portsOn } from './pod-endpoint.ts';

const MANAGED_BY_LABEL = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';
const OVER_CAPACITY_ANNOTATION = 'endpoints.kubernetes.io/over-capacity';
/** More addresses than this are left out, and an annotation says so: readers of this old kind get them all at once. */
const MAX_ADDRESSES = 1000;

/** The `Endpoints` object of a service, for clients that do not know EndpointSlices. */
export function endpointsFor(service: Service, pods: Iterable<Pod>): New<Endpoints> {
  const groups = new Map<string, { subset: EndpointSubset; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  const [addressType = 'IPv4'] = addressTypesOf(service);
  const sorted = [...pods].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  let count = 0;
  for (const pod of sorted) {
    const [ip] = addressesOf(pod, addressType);
    const wantsAll = service.spec?.publishNotReadyAddresses === true;
    const isEnding = pod.metadata.deletionTimestamp !== undefined && !wantsAll;
    if (ip === undefined || isOver(pod) || isEnding || ++count > MAX_ADDRESSES) continue;
    const ports = portsOn(pod, service).map(({ name = '', port = 0, protocol = 'TCP', appProtocol }) => ({
      ...(name !== '' && { name }),
      port,
      protocol,
      ...(appProtocol !== undefined && { appProtocol }),
    }));
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { subset: ports.length > 0 ? { ports } : {}, ready: [], notReady: [] };
    groups.set(key, group);
    (wantsAll || isPodReady(pod) ? group.ready : group.notReady).push(addressOf(pod, service, ip));
  }
  const { name, namespace, labels } = service.metadata;
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      labels: { ...labels, [MANAGED_BY_LABEL]: MANAGER, ...(isHeadless(service) && { [HEADLESS_LABEL]: '' }) },
      ...(count > MAX_ADDRESSES && { annotations: { [OVER_CAPACITY_ANNOTATION]: 'truncated' } }),
    },
    subsets: [...groups.values()].map(({ subset, ready, notReady }) => ({
      ...(ready.length > 0 && { addresses: ready }),
      ...(notReady.length > 0 && { notReadyAddresses: notReady }),
      ...subset,
    })),
  };
}

function addressOf(pod: Pod, service: Service, ip: string): EndpointAddress {
  const { name, namespace, uid } = pod.metadata;
  const hostname = hostnameIn(pod, service);
  return {
    ...(hostname !== undefined && { hostname }),
    ip,
    ...(pod.spec.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', name, ...(namespace !== undefined && { namespace }), uid },
  };
}

/** Whether an object says already what it should. */
export function isSameEndpoints(before: Endpoints, after: New<Endpoints>): boolean {
  const labels = (of: Readonly<Record<string, string>> = {}): string => JSON.stringify(Object.entries(of).sort());
  const isFull = (of: Readonly<Record<string, string>> = {}): boolean => of[OVER_CAPACITY_ANNOTATION] !== undefined;
  return (
    labels(before.metadata.labels) === labels(after.metadata.labels) &&
    isFull(before.metadata.annotations) === isFull(after.metadata.annotations) &&
    subsetFacts(before.subsets) === subsetFacts(after.subsets)
  );
}

function subsetFacts(subsets: readonly EndpointSubset[] = []): string {
  const address = ({ hostname, ip, nodeName, targetRef }: EndpointAddress) => [hostname, ip, nodeName, targetRef?.uid];
  return JSON.stringify(
    subsets.map(({ addresses = [], notReadyAddresses = [], ports = [] }) => [
      addresses.map(address),
      notReadyAddresses.map(address),
      ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => [name, port, protocol, appProtocol]),
    ]),
  );
}
