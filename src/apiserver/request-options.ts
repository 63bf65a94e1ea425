import { apiError, type FieldError, invalid } from '../api/errors.ts';
import type { Random } from '../platform/random.ts';
import type { ListRequest, WatchRequest } from '../registry/requests.ts';
import type { RequestTarget, ResourceTarget } from './request-target.ts';

/** What the options of a request are called, as messages name them. */
export type OptionsKind = 'ListOptions' | 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

/** Throws when something is wrong with the options of a request. */
export function assertNoErrors(kind: OptionsKind, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'meta.k8s.io', kind }, '', errors);
}

export const forbiddenOption = (field: string, why: string): FieldError => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${why}`,
});

export function unsupportedOption(field: string, value: unknown, supported: readonly string[]): FieldError {
  const choices = supported.map((choice) => JSON.stringify(choice)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${choices}`;
  return { reason: 'FieldValueNotSupported', field, message };
}

/** As in Kubernetes, what is there is meant, unless it says `false` or `0`. */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** A watch is of a collection; of one object it selects that by its name. */
export function isWatch({ query, resource }: Pick<RequestTarget, 'query' | 'resource'>): boolean {
  return resource?.name === undefined && flag(query, 'watch');
}

/** What of a collection is meant, from the query of a list or of the deletion of a collection. */
export function listRequest(query: URLSearchParams, namespace: string | undefined): ListRequest {
  const limit = integer(query, 'limit');
  const match = query.get('resourceVersionMatch') ?? '';
  const resourceVersion = query.get('resourceVersion') ?? '';
  const errors: FieldError[] = [];
  if (match !== '') {
    const forbid = (why: string) => errors.push(forbiddenOption('resourceVersionMatch', why));
    if (resourceVersion === '') forbid('resourceVersionMatch is forbidden unless resourceVersion is provided');
    if (query.get('continue')) forbid('resourceVersionMatch is forbidden when continue is provided');
    if (!isMatch(match)) {
      errors.push(unsupportedOption('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && resourceVersion === '0') {
      forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    }
  }
  if (query.has('sendInitialEvents')) {
    errors.push(forbiddenOption('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  assertNoErrors('ListOptions', errors);
  return {
    ...(namespace !== undefined && { namespace }),
    ...text(query, 'labelSelector'),
    ...text(query, 'fieldSelector'),
    ...text(query, 'continue'),
    ...text(query, 'resourceVersion'),
    ...(limit !== undefined && limit > 0 && { limit }),
    ...(isMatch(match) && { resourceVersionMatch: match }),
  };
}

type Match = NonNullable<ListRequest['resourceVersionMatch']>;
const isMatch = (value: string): value is Match => value === 'Exact' || value === 'NotOlderThan';

export interface WatchOptions {
  readonly request: WatchRequest;
  readonly bookmarks: boolean;
  readonly timeoutMs: number;
}

/** Without a time-out of their own, watches end after this long, and up to twice as long, so that not all end at once. */
const SHORTEST_WATCH_MS = 30 * 60_000;

export function watchOptions(query: URLSearchParams, resource: ResourceTarget, random: Random): WatchOptions {
  const timeoutSeconds = integer(query, 'timeoutSeconds');
  assertWatchable(query);
  return {
    request: {
      ...(resource.namespace !== undefined && { namespace: resource.namespace }),
      ...text(query, 'labelSelector'),
      ...text(query, 'fieldSelector'),
      ...text(query, 'resourceVersion'),
      ...(query.has('sendInitialEvents') && { sendInitialEvents: flag(query, 'sendInitialEvents') }),
    },
    bookmarks: flag(query, 'allowWatchBookmarks'),
    timeoutMs:
      timeoutSeconds !== undefined && timeoutSeconds > 0
        ? timeoutSeconds * 1000
        : Math.floor(SHORTEST_WATCH_MS * (1 + random.next())),
  };
}

/** Throws unless `sendInitialEvents` and `resourceVersionMatch` are there together, and the latter is the one allowed. */
function assertWatchable(query: URLSearchParams): void {
  const match = query.get('resourceVersionMatch') ?? '';
  const errors: FieldError[] = [];
  const forbid = (why: string) => errors.push(forbiddenOption('resourceVersionMatch', why));
  const initial = query.has('sendInitialEvents');
  if (initial && match !== 'NotOlderThan') {
    forbid('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (match !== '') {
    if (!initial) forbid('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    if (match !== 'NotOlderThan') errors.push(unsupportedOption('resourceVersionMatch', match, ['NotOlderThan']));
    if (query.get('continue')) forbid('resourceVersionMatch is forbidden when continue is provided');
  }
  assertNoErrors('ListOptions', errors);
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

/** A whole number of the query; undefined when it is not there. Throws `BadRequest`. */
export function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  const number = Number(value);
  if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw apiError('BadRequest', `${name}: Invalid value: ${JSON.stringify(value)}: must be an integer`);
  }
  return number;
}
