import { type ApiError, apiError } from '../api/errors.ts';
import type { Random } from '../platform/random.ts';
import type { DeleteRequest, ListRequest, RequestContext, WatchRequest } from '../registry/requests.ts';
import type { ResourceTarget } from './request-target.ts';

const isTrue = (value: string | null): boolean => value === 'true' || value === '1';

export function isWatch(query: URLSearchParams): boolean {
  return isTrue(query.get('watch'));
}

/** What of a collection is meant, from the query of a list or of the deletion of a collection. */
export function listRequest(query: URLSearchParams, namespace: string | undefined): ListRequest {
  const limit = integer(query, 'limit');
  const match = query.get('resourceVersionMatch');
  if (match !== null && match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    throw invalidOption('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']);
  }
  return {
    ...(namespace !== undefined && { namespace }),
    ...text(query, 'labelSelector'),
    ...text(query, 'fieldSelector'),
    ...text(query, 'continue'),
    ...text(query, 'resourceVersion'),
    ...(limit !== undefined && limit > 0 && { limit }),
    ...(match && { resourceVersionMatch: match }),
  };
}

export interface WatchOptions {
  readonly request: WatchRequest;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

/** Without a time-out of their own, watches end after this long, and up to twice as long, so that not all end at once. */
const SHORTEST_WATCH_MS = 30 * 60_000;

export function watchOptions(query: URLSearchParams, resource: ResourceTarget, random: Random): WatchOptions {
  const timeoutSeconds = integer(query, 'timeoutSeconds');
  const sendInitialEvents = query.get('sendInitialEvents');
  if (sendInitialEvents !== null && query.get('resourceVersionMatch') !== 'NotOlderThan') {
    throw invalidOption('resourceVersionMatch', query.get('resourceVersionMatch') ?? '', ['NotOlderThan']);
  }
  const byName = resource.name === undefined ? null : `metadata.name=${resource.name}`;
  const fieldSelector = [query.get('fieldSelector'), byName].filter((part) => part !== null && part !== '').join(',');
  return {
    request: {
      ...(resource.namespace !== undefined && { namespace: resource.namespace }),
      ...text(query, 'labelSelector'),
      ...(fieldSelector !== '' && { fieldSelector }),
      ...text(query, 'resourceVersion'),
      ...(sendInitialEvents !== null && { sendInitialEvents: isTrue(sendInitialEvents) }),
    },
    bookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutMs:
      timeoutSeconds !== undefined && timeoutSeconds > 0
        ? timeoutSeconds * 1000
        : Math.floor(SHORTEST_WATCH_MS * (1 + random.next())),
  };
}

/** How to delete: the query has the last word over the options in the body. */
export function deleteRequest(
  query: URLSearchParams,
  body: { readonly [field: string]: unknown } | object,
): DeleteRequest & { readonly dryRun: boolean } {
  const given = new Map<string, unknown>(Object.entries(body));
  const grace = integer(query, 'gracePeriodSeconds') ?? given.get('gracePeriodSeconds');
  if (grace !== undefined && grace !== null && !(Number.isInteger(grace) && Number(grace) >= 0)) {
    throw apiError('BadRequest', 'gracePeriodSeconds must be a non-negative integer');
  }
  const orphan = query.get('orphanDependents') ?? given.get('orphanDependents');
  const asked = query.get('propagationPolicy') ?? given.get('propagationPolicy') ?? policyOf(orphan);
  if (asked !== undefined && asked !== 'Orphan' && asked !== 'Background' && asked !== 'Foreground') {
    throw invalidOption('propagationPolicy', String(asked), ['Foreground', 'Background', 'Orphan']);
  }
  const bodyDryRun = given.get('dryRun');
  return {
    ...(typeof grace === 'number' && { gracePeriodSeconds: grace }),
    ...(asked !== undefined && { propagationPolicy: asked }),
    ...preconditionsOf(given.get('preconditions')),
    dryRun: dryRun([...query.getAll('dryRun'), ...(Array.isArray(bodyDryRun) ? bodyDryRun.map(String) : [])]),
  };
}

function policyOf(orphanDependents: unknown): 'Orphan' | 'Background' | undefined {
  if (orphanDependents === undefined || orphanDependents === null) return undefined;
  return String(orphanDependents) === 'true' ? 'Orphan' : 'Background';
}

function preconditionsOf(value: unknown): Pick<DeleteRequest, 'preconditions'> {
  if (typeof value !== 'object' || value === null) return {};
  const uid = 'uid' in value && typeof value.uid === 'string' ? value.uid : undefined;
  const resourceVersion =
    'resourceVersion' in value && typeof value.resourceVersion === 'string' ? value.resourceVersion : undefined;
  return {
    preconditions: { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) },
  };
}

/** Whether the request is only to be tried. */
export function dryRun(values: readonly string[]): boolean {
  const given = values.filter((value) => value !== '');
  for (const value of given) if (value !== 'All') throw invalidOption('dryRun', value, ['All']);
  return given.length > 0;
}

export function fieldValidation(value: string | null): NonNullable<RequestContext['fieldValidation']> {
  switch (value) {
    case null:
    case '':
      return 'Warn';
    case 'Strict':
    case 'Warn':
    case 'Ignore':
      return value;
    default:
      throw invalidOption('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn']);
  }
}

function text<K extends 'labelSelector' | 'fieldSelector' | 'continue' | 'resourceVersion'>(
  query: URLSearchParams,
  name: K,
): { readonly [N in K]?: string } {
  const value = query.get(name);
  const found: { [N in K]?: string } = {};
  if (value !== null && value !== '') found[name] = value;
  return found;
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  const number = Number(value);
  if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw apiError('BadRequest', `${name}: Invalid value: ${JSON.stringify(value)}: must be an integer`);
  }
  return number;
}

function invalidOption(field: string, value: string, supported: readonly string[]): ApiError {
  const choices = supported.map((choice) => JSON.stringify(choice)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${choices}`;
  return apiError('Invalid', `${field}: ${message}`, {
    causes: [{ reason: 'FieldValueNotSupported', message, field }],
  });
}
