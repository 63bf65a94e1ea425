import type { Service, ServicePort, ServiceSpec } from '../../api/generated/types.ts';
import { checkDnsLabel, checkDnsSubdomain, checkQualifiedName } from '../../api/names.ts';
import {
  checkIpAddress,
  checkName,
  checkOneOf,
  checkPortNumber,
  checkPortOrName,
  checkRequiredOneOf,
  isIpAddress,
} from './checks.ts';
import { duplicate, type Errors, forbidden, invalidValue, required } from './field-errors.ts';
import { validateLabels } from './metadata-validation.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function validateService(service: Service, errors: Errors): void {
  const spec = service.spec ?? {};
  const { type, clusterIP = '', ports = [] } = spec;
  checkRequiredOneOf(type, TYPES, 'spec.type', errors);
  const external = type === 'ExternalName';
  if (ports.length === 0 && clusterIP !== 'None' && !external) errors.push(required('spec.ports'));
  if (clusterIP === 'None' && (type === 'NodePort' || type === 'LoadBalancer')) {
    errors.push(invalidValue('spec.clusterIPs[0]', clusterIP, `may not be set to 'None' for ${type} services`));
  }
  validateReach(spec, errors);
  if (external) validateExternalName(spec, errors);
  else if (clusterIP !== '' && clusterIP !== 'None' && !isIpAddress(clusterIP)) {
    checkIpAddress(clusterIP, 'spec.clusterIPs[0]', errors);
  }
  for (const [index, port] of ports.entries()) {
    validatePort(port, ports.length > 1, `spec.ports[${index}]`, errors);
  }
  validateUniquePorts(ports, errors);
  validateLabels(spec.selector, 'spec.selector', errors);
  validateAffinity(spec, errors);
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    checkIpAddress(ip, `spec.externalIPs[${index}]`, errors);
    if (LOOPBACK.test(ip)) {
      const why = 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
      errors.push(invalidValue(`spec.externalIPs[${index}]`, ip, why));
    }
  }
  checkOneOf(spec.internalTrafficPolicy, ['Cluster', 'Local'], 'spec.internalTrafficPolicy', errors);
  checkOneOf(spec.externalTrafficPolicy, ['Cluster', 'Local'], 'spec.externalTrafficPolicy', errors);
  checkOneOf(
    spec.ipFamilyPolicy,
    ['PreferDualStack', 'RequireDualStack', 'SingleStack'],
    'spec.ipFamilyPolicy',
    errors,
  );
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    checkOneOf(family, ['IPv4', 'IPv6'], `spec.ipFamilies[${index}]`, errors);
  }
}

const LOOPBACK = /^(127\.|::1$)/;

/** What only services have that are reached from outside the cluster. */
function validateReach(spec: ServiceSpec, errors: Errors): void {
  const { type, clusterIP = '', clusterIPs = [], externalIPs = [], healthCheckNodePort = 0 } = spec;
  const balanced = type === 'LoadBalancer';
  if (clusterIPs.length > 0 && clusterIP !== clusterIPs[0] && clusterIP !== '') {
    errors.push(invalidValue('spec.clusterIPs[0]', clusterIPs, 'first value must match `clusterIP`'));
  }
  if (clusterIPs.length > 1) {
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'may specify no more than one IP for each IP family'));
  }
  if (clusterIP !== 'None') {
    const index = (spec.ipFamilies ?? []).indexOf('IPv6');
    if (index >= 0) {
      errors.push(invalidValue(`spec.ipFamilies[${index}]`, 'IPv6', 'not configured on this cluster'));
    } else if (spec.ipFamilyPolicy === 'RequireDualStack') {
      const why = 'this cluster is not configured for dual-stack services';
      errors.push(invalidValue('spec.ipFamilyPolicy', spec.ipFamilyPolicy, why));
    }
  }
  const reached = balanced || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
  if (spec.externalTrafficPolicy !== undefined && !reached) {
    const why = 'may only be set for externally-accessible services';
    errors.push(invalidValue('spec.externalTrafficPolicy', spec.externalTrafficPolicy, why));
  }
  if (healthCheckNodePort !== 0 && !(balanced && spec.externalTrafficPolicy === 'Local')) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue('spec.healthCheckNodePort', healthCheckNodePort, why));
  }
  for (const field of ['loadBalancerClass', 'allocateLoadBalancerNodePorts'] as const) {
    if (balanced || spec[field] === undefined) continue;
    errors.push(forbidden(`spec.${field}`, "may only be used when `type` is 'LoadBalancer'"));
  }
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    const [address = '', bits = ''] = range.trim().split('/');
    if (!isIpAddress(address) || !/^\d{1,3}$/.test(bits) || Number(bits) > (address.includes(':') ? 128 : 32)) {
      const why = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
      errors.push(invalidValue(`spec.loadBalancerSourceRanges[${index}]`, range, why));
    }
  }
  for (const [index, { nodePort = 0 }] of (spec.ports ?? []).entries()) {
    if (nodePort === 0 || balanced || type === 'NodePort') continue;
    errors.push(forbidden(`spec.ports[${index}].nodePort`, `may not be used when \`type\` is '${type}'`));
  }
}

function validateExternalName(spec: ServiceSpec, errors: Errors): void {
  if ((spec.clusterIP ?? '') !== '') {
    errors.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  }
  // A trailing dot marks an absolute name.
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else checkName(name, checkDnsSubdomain, 'spec.externalName', errors);
}

function validatePort(port: ServicePort, named: boolean, field: string, errors: Errors): void {
  const { name = '', targetPort } = port;
  if (name === '') {
    if (named) errors.push(required(`${field}.name`));
  } else checkName(name, checkDnsLabel, `${field}.name`, errors);
  checkPortNumber(port.port ?? 0, `${field}.port`, errors);
  checkRequiredOneOf(port.protocol, PROTOCOLS, `${field}.protocol`, errors);
  if (targetPort !== undefined) checkPortOrName(targetPort, `${field}.targetPort`, errors);
  if (port.nodePort !== undefined && port.nodePort !== 0) checkPortNumber(port.nodePort, `${field}.nodePort`, errors);
  if (port.appProtocol !== undefined) checkName(port.appProtocol, checkQualifiedName, `${field}.appProtocol`, errors);
}

function validateUniquePorts(ports: readonly ServicePort[], errors: Errors): void {
  if (ports.length < 2) return;
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    if (port.name !== undefined && port.name !== '') {
      if (names.has(port.name)) errors.push(duplicate(`spec.ports[${index}].name`, port.name));
      names.add(port.name);
    }
    const number = `${port.protocol}/${port.port}`;
    if (numbers.has(number)) {
      errors.push(duplicate(`spec.ports[${index}]`, { port: port.port, protocol: port.protocol }));
    }
    numbers.add(number);
  }
}

const LONGEST_SESSION_SECONDS = 86_400;

function validateAffinity(spec: ServiceSpec, errors: Errors): void {
  checkRequiredOneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity', errors);
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (spec.sessionAffinity === 'None' && spec.sessionAffinityConfig !== undefined) {
    errors.push(forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  } else if (seconds !== undefined && (seconds <= 0 || seconds > LONGEST_SESSION_SECONDS)) {
    errors.push(
      invalidValue(
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
        seconds,
        `must be greater than 0 and less than ${LONGEST_SESSION_SECONDS}`,
      ),
    );
  }
}

export function validateServiceUpdate(service: Service, old: Service, errors: Errors): void {
  if (service.spec === old.spec) return;
  validateService(service, errors);
  // An address that was given stays, unless the service stops having one, or begins to.
  const stays = service.spec?.type !== 'ExternalName' && old.spec.type !== 'ExternalName';
  const before = old.spec.clusterIP ?? '';
  if (stays && before !== '' && service.spec?.clusterIP !== before) {
    errors.push(
      invalidValue(
        'spec.clusterIPs[0]',
        service.spec?.clusterIPs ?? [service.spec?.clusterIP ?? ''],
        'may not change once set',
      ),
    );
  }
  const family = old.spec.ipFamilies?.[0];
  if (stays && family !== undefined && service.spec.ipFamilies?.[0] !== family) {
    errors.push(invalidValue('spec.ipFamilies[0]', service.spec.ipFamilies, 'may not change once set'));
  }
  const balancer = old.spec.loadBalancerClass;
  const balanced = service.spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer';
  if (balanced && service.spec.loadBalancerClass !== balancer) {
    errors.push(invalidValue('spec.loadBalancerClass', service.spec.loadBalancerClass, 'may not change once set'));
  }
}
