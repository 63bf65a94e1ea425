import { apiError, type FieldError } from '../api/errors.ts';
import type { DeleteOptions } from '../api/generated/types.ts';
import { decode, StructureError } from '../api/schema-check.ts';
import { objectType } from '../api/schema-types.ts';
import type { DeleteRequest, RequestContext } from '../registry/requests.ts';
import {
  assertNoErrors,
  flag,
  forbiddenOption,
  integer,
  type OptionsKind,
  unsupportedOption,
} from './request-options.ts';

/** What every write can be told. */
export interface WriteOptions extends Pick<RequestContext, 'fieldManager' | 'fieldValidation'> {
  readonly dryRun: boolean;
}

const NO_OPTIONS: WriteOptions = { dryRun: false, fieldValidation: 'Warn' };
/** As many bytes as the name of a manager may have. */
const LONGEST_MANAGER = 128;
const VALIDATIONS = ['', 'Ignore', 'Strict', 'Warn'] as const;

/**
 * The options of a create, an update or a patch, from the query. `force`: whether the request may have that one, which
 * only an apply may.
 */
export function writeOptions(kind: OptionsKind, query: URLSearchParams, mayForce = false): WriteOptions {
  if (query.size === 0) return NO_OPTIONS;
  const fieldManager = query.get('fieldManager') ?? '';
  const fieldValidation = query.get('fieldValidation') ?? '';
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  const errors: FieldError[] = [...managerErrors(fieldManager), ...dryRunErrors(dryRun)];
  if (!isValidation(fieldValidation)) {
    errors.push(unsupportedOption('fieldValidation', fieldValidation, VALIDATIONS));
  }
  if (query.has('force') && kind === 'PatchOptions' && !mayForce) {
    errors.push(forbiddenOption('force', 'may not be specified for non-apply patch'));
  }
  assertNoErrors(kind, errors);
  return {
    dryRun: dryRun.length > 0,
    ...(fieldManager !== '' && { fieldManager }),
    fieldValidation: isValidation(fieldValidation) && fieldValidation !== '' ? fieldValidation : 'Warn',
  };
}

function isValidation(value: string): value is (typeof VALIDATIONS)[number] {
  return (VALIDATIONS as readonly string[]).includes(value);
}

function managerErrors(manager: string): readonly FieldError[] {
  const field = 'fieldManager';
  if (Buffer.byteLength(manager) > LONGEST_MANAGER) {
    const message = `Too long: may not be more than ${LONGEST_MANAGER} bytes`;
    return [{ reason: 'FieldValueTooLong', field, message }];
  }
  if (!/[\p{C}\p{Zl}\p{Zp}]/u.test(manager)) return [];
  const message = `Invalid value: ${JSON.stringify(manager)}: should only contain printable characters`;
  return [{ reason: 'FieldValueInvalid', field, message }];
}

function dryRunErrors(values: readonly string[]): readonly FieldError[] {
  return values.every((value) => value === 'All') ? [] : [unsupportedOption('dryRun', values, ['All'])];
}

const POLICIES = ['Foreground', 'Background', 'Orphan'] as const;
type Policy = (typeof POLICIES)[number];

/** How to delete: the query has the last word over the options in the body. Throws `BadRequest` and `Invalid`. */
export function deleteRequest(query: URLSearchParams, body: object): DeleteRequest & { readonly dryRun: boolean } {
  const given = deleteOptions(body);
  const grace = integer(query, 'gracePeriodSeconds') ?? given.gracePeriodSeconds;
  const orphan = query.has('orphanDependents') ? flag(query, 'orphanDependents') : given.orphanDependents;
  const policy = query.get('propagationPolicy') ?? given.propagationPolicy ?? '';
  const dryRun = [...query.getAll('dryRun'), ...(given.dryRun ?? [])].filter((value) => value !== '');
  const errors: FieldError[] = [...dryRunErrors(dryRun)];
  if (policy !== '' && !isPolicy(policy)) errors.push(unsupportedOption('propagationPolicy', policy, POLICIES));
  if (policy !== '' && orphan !== undefined) {
    const why = 'orphanDependents and deletionPropagation cannot be both set';
    const message = `Invalid value: ${JSON.stringify(policy)}: ${why}`;
    errors.push({ reason: 'FieldValueInvalid', field: 'propagationPolicy', message });
  }
  assertNoErrors('DeleteOptions', errors);
  const wanted = isPolicy(policy) ? policy : orphan === undefined ? undefined : orphan ? 'Orphan' : 'Background';
  return {
    ...(grace !== undefined && { gracePeriodSeconds: grace }),
    ...(wanted !== undefined && { propagationPolicy: wanted }),
    ...(given.preconditions && { preconditions: given.preconditions }),
    dryRun: dryRun.length > 0,
  };
}

const isPolicy = (value: string): value is Policy => (POLICIES as readonly string[]).includes(value);

function deleteOptions(body: object): Partial<DeleteOptions> {
  const refuse = (why: string): Error => apiError('BadRequest', `the body is no DeleteOptions: ${why}`);
  if ('kind' in body && body.kind !== 'DeleteOptions' && body.kind !== '') {
    throw refuse(`its kind is ${JSON.stringify(body.kind)}`);
  }
  try {
    return decode(objectType('DeleteOptions'), body).object;
  } catch (error) {
    if (error instanceof StructureError) throw refuse(error.message);
    throw error;
  }
}
