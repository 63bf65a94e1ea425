import { isIPv4, isIPv6 } from 'node:net';

import type { EndpointPort, EndpointSlice, EndpointSubset, Endpoints } from '../../api/generated/types.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../../api/names.ts';
import { checkIpAddress, checkName, checkPortNumber, checkRequiredOneOf } from './checks.ts';
import { duplicate, type Errors, invalidValue, required, tooMany } from './field-errors.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function validateEndpoints({ subsets = [] }: Endpoints, errors: Errors): void {
  for (const [index, subset] of subsets.entries()) validateSubset(subset, `subsets[${index}]`, errors);
}

/** Unlike in Kubernetes an address may be of the machine itself: where pods have no network, theirs are in 127.0.0.0/8. */
function validateSubset(subset: EndpointSubset, field: string, errors: Errors): void {
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  if (addresses.length + notReadyAddresses.length === 0) {
    errors.push(required(field, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const [part, list] of Object.entries({ addresses, notReadyAddresses })) {
    for (const [index, { ip, hostname }] of list.entries()) {
      checkIpAddress(ip, `${field}.${part}[${index}].ip`, errors);
      if (hostname !== undefined) checkName(hostname, checkDnsLabel, `${field}.${part}[${index}].hostname`, errors);
    }
  }
  for (const [index, port] of ports.entries()) {
    validatePort(port, ports.length > 1, `${field}.ports[${index}]`, errors);
  }
}

function validatePort(
  { name = '', port, protocol }: EndpointPort,
  named: boolean,
  field: string,
  errors: Errors,
): void {
  if (name !== '') checkName(name, checkDnsLabel, `${field}.name`, errors);
  else if (named) errors.push(required(`${field}.name`));
  checkPortNumber(port, `${field}.port`, errors);
  checkRequiredOneOf(protocol, PROTOCOLS, `${field}.protocol`, errors);
}

const isOfFamily = (address: string, family: string): boolean =>
  family === 'IPv4' ? isIPv4(address) : family === 'IPv6' ? isIPv6(address) : true;

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
      else if (!isOfFamily(address, slice.addressType)) {
        errors.push(invalidValue(at, address, `must be an ${slice.addressType} address`));
      }
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
