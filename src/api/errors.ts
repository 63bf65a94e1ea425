import type { Status, StatusCause } from './generated/types.ts';
import { qualifiedName, type ResourceType } from './resource-type.ts';

/** The reasons of a failed request, with the HTTP code Kubernetes answers each with. */
const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof CODES;

/** One thing that is wrong with an object, as validation reports it. */
export interface FieldError {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid';
  /** `spec.template.spec.containers[0].name` */
  readonly field: string;
  /** As Kubernetes words it, without the field: `Invalid value: -1: must be greater than or equal to 0`. */
  readonly message: string;
}

/** A request that failed, as the API says it: the thrown form of a `Status`. The wire form is `error.status`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? status.reason ?? 'the request failed');
    this.status = status;
  }

  get reason(): StatusReason | undefined {
    return this.status.reason as StatusReason | undefined;
  }

  get code(): number {
    return this.status.code ?? 500;
  }
}

interface About {
  readonly type?: ResourceType;
  readonly name?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** What always has details, though they be empty: clients look into them (`kubectl debug` ends in a panic if there are none). */
const HAVE_DETAILS: ReadonlySet<StatusReason> = new Set(['NotFound', 'MethodNotAllowed']);

/** An {@link ApiError} with the code that belongs to `reason`. */
export function apiError(reason: StatusReason, message: string, about: About = {}): ApiError {
  const { type, name, causes, retryAfterSeconds } = about;
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(type || name || causes || retryAfterSeconds !== undefined || HAVE_DETAILS.has(reason)
      ? {
          details: {
            ...(name !== undefined && { name }),
            ...(type && { ...(type.group !== '' && { group: type.group }), kind: type.plural }),
            ...(causes && { causes }),
            ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
          },
        }
      : {}),
    code: CODES[reason],
  } as Status);
}

export function notFound(type: ResourceType, name: string): ApiError {
  return apiError('NotFound', `${qualifiedName(type)} "${name}" not found`, { type, name });
}

export function alreadyExists(type: ResourceType, name: string): ApiError {
  return apiError('AlreadyExists', `${qualifiedName(type)} "${name}" already exists`, { type, name });
}

export function conflict(type: ResourceType, name: string, why: string): ApiError {
  return apiError('Conflict', `Operation cannot be fulfilled on ${qualifiedName(type)} "${name}": ${why}`, {
    type,
    name,
  });
}

/** The object is not valid: one cause for each thing that is wrong (at least one). */
export function invalid(
  { group, kind }: Pick<ResourceType, 'group' | 'kind'>,
  name: string,
  errors: readonly FieldError[],
): ApiError {
  const list = errors.map((error) => `${error.field}: ${error.message}`);
  const text = list.length === 1 ? list[0] : `[${list.join(', ')}]`;
  const { status } = apiError('Invalid', `${kind}${group && `.${group}`} "${name}" is invalid: ${text}`);
  const causes = errors.map(({ reason, message, field }) => ({ reason, message, field }));
  // For invalid objects Kubernetes names the kind, not the resource.
  const details = { ...(name !== '' && { name }), ...(group !== '' && { group }), kind, causes };
  return new ApiError({ ...status, details });
}

export function isReason(error: unknown, reason: StatusReason): boolean {
  return error instanceof ApiError && error.reason === reason;
}
export const isNotFound = (error: unknown): boolean => isReason(error, 'NotFound');
export const isConflict = (error: unknown): boolean => isReason(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => isReason(error, 'AlreadyExists');
/** The version asked for is no longer known: list again. */
export const isExpired = (error: unknown): boolean => isReason(error, 'Expired') || isReason(error, 'Gone');
