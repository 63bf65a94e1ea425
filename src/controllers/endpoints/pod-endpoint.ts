import { isIPv4 } from 'node:net';

import type { Endpoint, EndpointSlicePort, Pod, Service, ServicePort } from '../../api/generated/types.ts';
import { actualPort } from '../../api/pod-ports.ts';

export type AddressType = 'IPv4' | 'IPv6';

/** The address families of a service, the first one first. */
export function addressTypesOf(service: Service): readonly AddressType[] {
  const families = (service.spec?.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6');
  return families.length > 0 ? families : ['IPv4'];
}

/** Whether the service has no address of its own. */
export function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None';
}

/** A pod as one endpoint of a service; undefined when it has no address of this family, or never will again. */
export function podEndpoint(
  pod: Pod,
  service: Service,
  addressType: AddressType,
  zone: string | undefined,
): Endpoint | undefined {
  const addresses = addressesOf(pod, addressType);
  if (addresses.length === 0 || isOver(pod)) return undefined;
  const { name, namespace, uid } = pod.metadata;
  const { nodeName } = pod.spec;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const hostname = hostnameIn(pod, service);
  return {
    addresses,
    conditions: {
      // N1: a pod on its way out is not for new connections, unless the service wants every pod it has.
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname !== undefined && { hostname }),
    ...(nodeName && { nodeName }),
    targetRef: { kind: 'Pod', ...(namespace !== undefined && { namespace }), name, uid },
    ...(zone !== undefined && { zone }),
  };
}

/** N1: the pod's name below the service's, when it is the service the pod says it belongs to. */
export function hostnameIn(pod: Pod, service: Service): string | undefined {
  return pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;
}

/**
 * The ports of a service as they are on a pod: a named target port may have another number on each, and on pods that share
 * their address every port has.
 */
export function portsOn(pod: Pod, service: Service): readonly EndpointSlicePort[] {
  const ports: EndpointSlicePort[] = [];
  for (const servicePort of service.spec?.ports ?? []) {
    const declared = targetPortOn(pod, servicePort);
    if (declared === undefined) continue;
    const port = actualPort(pod, declared);
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    ports.push({ name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) });
  }
  return ports;
}

function targetPortOn(pod: Pod, { port, targetPort, protocol = 'TCP' }: ServicePort): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const { name, containerPort, protocol: ownProtocol = 'TCP' } of container.ports ?? []) {
      if (name === targetPort && ownProtocol === protocol) return containerPort;
    }
  }
  return undefined;
}

export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Whether a pod has ended and will not run again. */
export function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

export function addressesOf({ status }: Pod, addressType: AddressType): readonly string[] {
  const { podIP, podIPs = podIP ? [{ ip: podIP }] : [] } = status ?? {};
  return podIPs.map(({ ip }) => ip).filter((ip) => isIPv4(ip) === (addressType === 'IPv4'));
}
