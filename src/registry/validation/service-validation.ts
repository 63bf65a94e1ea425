import type { EndpointSlice, Service, ServicePort, ServiceSpec } from '../../api/generated/types.ts';
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
import { duplicate, type Errors, forbidden, invalidValue, required, tooMany } from './field-errors.ts';
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
}

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;

export function validateEndpointSlice(slice: EndpointSlice, errors: Errors): void {
  checkRequiredOneOf(slice.addressType, ['FQDN', 'IPv4', 'IPv6'], 'addressType', errors);
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  for (const [index, endpoint] of endpoints.entries()) {
    const field = `endpoints[${index}]`;
    const addresses = endpoint.addresses ?? [];
    if (addresses.length === 0) errors.push(required(`${field}.addresses`, 'must contain at least 1 address'));
    else if (addresses.length > MAX_ADDRESSES)
      errors.push(tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES));
    for (const [position, address] of addresses.entries()) {
      const at = `${field}.addresses[${position}]`;
      if (slice.addressType === 'FQDN') checkName(address, checkDnsSubdomain, at, errors);
      else checkIpAddress(address, at, errors);
    }
    if (endpoint.hostname !== undefined) checkName(endpoint.hostname, checkDnsLabel, `${field}.hostname`, errors);
  }
  const names = new Set<string>();
  for (const [index, port] of (slice.ports ?? []).entries()) {
    const name = port.name ?? '';
    if (names.has(name)) errors.push(duplicate(`ports[${index}].name`, name));
    names.add(name);
    if (name !== '') checkName(name, checkDnsLabel, `ports[${index}].name`, errors);
    checkRequiredOneOf(port.protocol, PROTOCOLS, `ports[${index}].protocol`, errors);
  }
}

export function validateEndpointSliceUpdate(slice: EndpointSlice, old: EndpointSlice, errors: Errors): void {
  validateEndpointSlice(slice, errors);
  if (slice.addressType !== old.addressType) {
    errors.push(invalidValue('addressType', slice.addressType, 'field is immutable'));
  }
}
