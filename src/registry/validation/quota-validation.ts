import type { LimitRange, LimitRangeItem, ResourceQuota } from '../../api/generated/types.ts';
import { checkQualifiedName } from '../../api/names.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { checkName, checkOneOf, checkUnique } from './checks.ts';
import { type Errors, forbidden, invalidValue, required } from './field-errors.ts';
import { checkImmutable } from './metadata-validation.ts';
import { validateResourceList } from './resource-validation.ts';

/** What is counted, and cannot be divided. */
const COUNTED = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
]);
const MEASURED = /^((requests\.|limits\.)?(cpu|memory|ephemeral-storage|hugepages-.+)|requests\.storage)$/;

const SCOPES = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];

export function validateResourceQuota({ spec }: ResourceQuota, errors: Errors): void {
  validateAmounts(spec?.hard, 'spec.hard', errors);
  for (const scope of spec?.scopes ?? []) checkOneOf(scope, SCOPES, 'spec.scopes', errors);
}

export function validateResourceQuotaUpdate(quota: ResourceQuota, old: ResourceQuota, errors: Errors): void {
  validateResourceQuota(quota, errors);
  checkImmutable(quota.spec?.scopes?.toSorted(), old.spec?.scopes?.toSorted(), 'spec.scopes', errors);
}

export function validateResourceQuotaStatus({ status }: ResourceQuota, _old: object, errors: Errors): void {
  validateAmounts(status?.hard, 'status.hard', errors);
  validateAmounts(status?.used, 'status.used', errors);
}

function validateAmounts(list: Readonly<Record<string, string>> | undefined, field: string, errors: Errors): void {
  validateResourceList(list, field, errors);
  for (const [name, amount] of Object.entries(list ?? {})) {
    const at = `${field}[${name}]`;
    const counted = COUNTED.has(name) || name.startsWith('count/');
    if (!counted && !MEASURED.test(name) && !name.includes('/')) {
      errors.push(invalidValue(at, name, 'must be a standard resource for quota'));
    }
    if (counted && parseQuantity(amount).nano % 1_000_000_000n !== 0n) {
      errors.push(invalidValue(at, amount, 'must be an integer'));
    }
  }
}

export function validateLimitRange({ spec }: LimitRange, errors: Errors): void {
  const limits = spec?.limits ?? [];
  for (const [index, limit] of limits.entries()) validateLimit(limit, `spec.limits[${index}]`, errors);
  checkUnique(
    limits,
    ({ type }) => type,
    (index) => `spec.limits[${index}].type`,
    errors,
  );
}

/** From the smallest to the largest: each of these may not be more than the next. */
const ORDER = ['min', 'defaultRequest', 'default', 'max'] as const;

function validateLimit(limit: LimitRangeItem, field: string, errors: Errors): void {
  checkName(limit.type, (type) => (TYPES.includes(type) ? [] : checkQualifiedName(type)), `${field}.type`, errors);
  if (!TYPES.includes(limit.type) && !limit.type.includes('/')) {
    errors.push(invalidValue(`${field}.type`, limit.type, 'must be a standard limit type or fully qualified'));
  }
  for (const part of ORDER) validateResourceList(limit[part], `${field}.${part}`, errors);
  if (limit.type === 'Pod') {
    for (const part of ['default', 'defaultRequest'] as const) {
      if (Object.keys(limit[part] ?? {}).length === 0) continue;
      errors.push(forbidden(`${field}.${part}`, "may not be specified when `type` is 'Pod'"));
    }
  }
  if (limit.type === 'PersistentVolumeClaim' && !limit.min?.storage && !limit.max?.storage) {
    const why = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${field}.limits`, why));
  }
  for (const [index, lower] of ORDER.entries()) {
    for (const upper of ORDER.slice(index + 1)) {
      for (const [name, amount] of Object.entries(limit[lower] ?? {})) {
        const most = limit[upper]?.[name];
        if (most === undefined || compareQuantities(amount, most) <= 0) continue;
        const why = `${WORDS[lower]} value ${amount} is greater than ${WORDS[upper]} value ${most}`;
        errors.push(invalidValue(`${field}.${lower}[${name}]`, amount, why));
      }
    }
  }
}

const TYPES = ['Container', 'PersistentVolumeClaim', 'Pod'];
const WORDS = { min: 'min', defaultRequest: 'default request', default: 'default', max: 'max' };
