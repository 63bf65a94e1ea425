import type { EndpointSlice, Endpoints, Service, ServicePort, ServiceSpec } from '../../api/generated/types.ts';
import { fillField, fillList, withDefaults } from './set-defaults.ts';

/** Three hours: how long a client stays with the same pod when sessions are sticky. */
const SESSION_SECONDS = 10_800;

const IPV4 = Object.freeze(['IPv4']);

export function defaultService(service: Service): Service {
  return fillField(service, 'spec', defaultServiceSpec);
}

function defaultServiceSpec(given: ServiceSpec): ServiceSpec {
  let spec = withDefaults(given, { sessionAffinity: 'None', type: 'ClusterIP' });
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig !== undefined) {
    const { sessionAffinityConfig: _dropped, ...rest } = spec;
    spec = rest;
  }
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    if (seconds === undefined) {
      spec = { ...spec, sessionAffinityConfig: { clientIP: { timeoutSeconds: SESSION_SECONDS } } };
    }
  }
  spec = fillList(spec, 'ports', defaultServicePort);
  if (spec.type !== 'ExternalName') {
    spec = withDefaults(spec, {
      internalTrafficPolicy: 'Cluster',
      ipFamilies: IPV4,
      ipFamilyPolicy: 'SingleStack',
      ...(spec.clusterIP !== undefined && spec.clusterIP !== '' && { clusterIPs: [spec.clusterIP] }),
    });
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') {
    spec = withDefaults(spec, { externalTrafficPolicy: 'Cluster' });
  }
  if (spec.type === 'LoadBalancer') spec = withDefaults(spec, { allocateLoadBalancerNodePorts: true });
  return spec;
}

function defaultServicePort(port: ServicePort): ServicePort {
  const target = port.targetPort;
  const filled = target === 0 || target === '' ? { ...port, targetPort: port.port } : port;
  return withDefaults(filled, { protocol: 'TCP', targetPort: port.port });
}

export function defaultEndpointSlice(slice: EndpointSlice): EndpointSlice {
  return fillList(slice, 'ports', (port) => withDefaults(port, { name: '', protocol: 'TCP' }));
}

export function defaultEndpoints(endpoints: Endpoints): Endpoints {
  return fillList(endpoints, 'subsets', (subset) =>
    fillList(subset, 'ports', (port) => withDefaults(port, { protocol: 'TCP' })),
  );
}
