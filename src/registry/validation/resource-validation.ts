import type { ResourceRequirements } from '../../api/generated/types.ts';
import { checkQualifiedName } from '../../api/names.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { checkName } from './checks.ts';
import { type Errors, invalidValue, notSupported } from './field-errors.ts';

const CONTAINER_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** What a container asks for and may use at most. */
export function validateResources(resources: ResourceRequirements, field: string, errors: Errors): void {
  const { limits, requests } = resources;
  for (const name in limits) validateContainerResource(name, limits[name] ?? '', `${field}.limits`, errors);
  for (const name in requests) {
    const request = requests[name] ?? '';
    validateContainerResource(name, request, `${field}.requests`, errors);
    const limit = limits !== undefined && Object.hasOwn(limits, name) ? limits[name] : undefined;
    if (limit !== undefined && isMoreThan(request, limit)) {
      errors.push(
        invalidValue(`${field}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
      );
    }
  }
}

/** What a pod as a whole asks for and may use at most: processors and memory only. */
export function validatePodResources(resources: ResourceRequirements, field: string, errors: Errors): void {
  for (const part of ['limits', 'requests'] as const) {
    for (const name in resources[part]) {
      if (name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')) continue;
      errors.push(notSupported(`${field}.${part}[${name}]`, name, ['cpu', 'hugepages-', 'memory']));
    }
  }
  validateResources(resources, field, errors);
}

function validateContainerResource(name: string, quantity: string, field: string, errors: Errors): void {
  if (!CONTAINER_RESOURCES.has(name)) {
    checkName(name, checkQualifiedName, field, errors);
    if (!name.includes('/') && !name.startsWith('hugepages-')) {
      errors.push(invalidValue(field, name, 'must be a standard resource for containers'));
    }
  }
  validateQuantity(name, quantity, `${field}[${name}]`, errors);
}

/** Amounts of a list of resources that is not a container's. */
export function validateResourceList(
  list: Readonly<Record<string, string>> | undefined,
  field: string,
  errors: Errors,
): void {
  for (const name in list) {
    checkName(name, checkQualifiedName, `${field}[${name}]`, errors);
    validateQuantity(name, list[name] ?? '', `${field}[${name}]`, errors);
  }
}

function validateQuantity(name: string, quantity: string, field: string, errors: Errors): void {
  checkNonNegativeQuantity(quantity, field, errors);
  // Only processors, memory and storage can be divided.
  const divisible = CONTAINER_RESOURCES.has(name) || !name.includes('/');
  if (!divisible && isFraction(quantity)) errors.push(invalidValue(field, quantity, 'must be an integer'));
}

export function checkNonNegativeQuantity(quantity: string, field: string, errors: Errors): void {
  if (quantity.startsWith('-')) errors.push(invalidValue(field, quantity, 'must be greater than or equal to 0'));
}

export function checkPositiveQuantity(quantity: string, field: string, errors: Errors): void {
  if (compareQuantities(quantity, '0') <= 0) errors.push(invalidValue(field, quantity, 'must be greater than zero'));
}

function isFraction(quantity: string): boolean {
  return /[num]$/.test(quantity) && parseQuantity(quantity).nano % 1_000_000_000n !== 0n;
}

function isMoreThan(a: string, b: string): boolean {
  return compareQuantities(a, b) > 0;
}
