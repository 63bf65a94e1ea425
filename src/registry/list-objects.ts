import { ApiError, apiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { CompactedError, type Entry, type Listed, type ListOptions } from '../store/store.ts';
import { type ContinueToken, decodeContinue, encodeContinue } from './continue-token.ts';
import { objectOf, type RegistryCore, StoredEntry } from './core.ts';
import { listPrefix, storeKey } from './keys.ts';
import type { ListRequest, StoredList } from './requests.ts';
import { type Selection, selectionOf } from './selection.ts';

/** How many entries are read at a time when a selector leaves some of them out. */
const SCAN = 500;

/** GET of a resource. Throws `BadRequest`, `Expired` for a version or a chunk too old, `Timeout` for one to come. */
export async function listObjects(core: RegistryCore, type: ResourceType, request: ListRequest): Promise<StoredList> {
  const selection = selectionOf(type, request);
  const limit = request.limit === undefined || request.limit <= 0 ? undefined : Math.floor(request.limit);
  const prefix = listPrefix(type, request.namespace);
  const token = tokenOf(request);
  const revision = token === undefined ? requestedRevision(core, request) : token.revision;
  try {
    const single = singleKey(type, request, selection);
    const found =
      single !== undefined && token === undefined && revision === undefined
        ? await readSingle(core, single, selection)
        : await readList(core, prefix, selection, limit, {
            ...(revision !== undefined && revision >= 0 && { revision }),
            ...(token !== undefined && { after: prefix + token.after }),
          });
    const { entries, last, more } = found;
    return {
      items: entries.map((entry) => new StoredEntry(entry)),
      resourceVersion: String(found.revision),
      ...(more && last !== undefined && { continue: nextToken(found.revision, prefix, last) }),
      ...(more && selection.matches === undefined && { remainingItemCount: found.remaining }),
    };
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw token === undefined ? expired(error, revision) : expiredChunk(token);
  }
}

interface Found {
  readonly entries: readonly Entry[];
  readonly revision: number;
  /** The last key that was looked at. */
  readonly last?: string;
  readonly more: boolean;
  readonly remaining: number;
}

/** The key of the one object that can match, when the request asks for a name. */
function singleKey(type: ResourceType, request: ListRequest, { name, namespace }: Selection): string | undefined {
  if (name === undefined) return undefined;
  if (!type.namespaced) return storeKey(type, { name });
  const within = request.namespace === undefined || request.namespace === '' ? namespace : request.namespace;
  return within === undefined ? undefined : storeKey(type, { namespace: within, name });
}

async function readSingle(core: RegistryCore, key: string, { matches }: Selection): Promise<Found> {
  const { revision } = core.store;
  const entry = await core.store.get(key);
  const entries = entry !== undefined && (matches?.(objectOf(entry)) ?? true) ? [entry] : [];
  return { entries, revision: Math.max(revision, entry?.revision ?? 0), more: false, remaining: 0 };
}

async function readList(
  core: RegistryCore,
  prefix: string,
  { matches }: Selection,
  limit: number | undefined,
  from: ListOptions,
): Promise<Found> {
  if (matches === undefined) {
    const listed = await core.store.list(prefix, { ...from, ...(limit !== undefined && { limit }) });
    return found(listed.entries, listed, listed.entries);
  }
  if (limit === undefined) {
    const listed = await core.store.list(prefix, from);
    return found(
      listed.entries.filter((entry) => matches(objectOf(entry))),
      listed,
      listed.entries,
    );
  }
  return scan(core, prefix, matches, limit, from);
}

function found(entries: readonly Entry[], { revision, remaining }: Listed, read: readonly Entry[]): Found {
  const last = read.at(-1)?.key;
  return { entries, revision, more: remaining > 0, remaining, ...(last !== undefined && { last }) };
}

/** Reads on until `limit` entries match or there are no more, all at one revision. */
async function scan(
  core: RegistryCore,
  prefix: string,
  matches: NonNullable<Selection['matches']>,
  limit: number,
  from: ListOptions,
): Promise<Found> {
  const entries: Entry[] = [];
  let options: ListOptions = { ...from, limit: Math.max(SCAN, limit) };
  for (;;) {
    const listed = await core.store.list(prefix, options);
    for (const [index, entry] of listed.entries.entries()) {
      if (!matches(objectOf(entry))) continue;
      entries.push(entry);
      const remaining = listed.entries.length - index - 1 + listed.remaining;
      if (entries.length === limit) {
        return { entries, revision: listed.revision, last: entry.key, more: remaining > 0, remaining };
      }
    }
    const last = listed.entries.at(-1);
    if (listed.remaining === 0 || last === undefined) {
      return { entries, revision: listed.revision, more: false, remaining: 0 };
    }
    options = { ...options, after: last.key, revision: listed.revision };
  }
}

function nextToken(revision: number, prefix: string, last: string): string {
  return encodeContinue({ revision, after: last.slice(prefix.length) });
}

function tokenOf(request: ListRequest): ContinueToken | undefined {
  if (request.continue === undefined || request.continue === '') return undefined;
  if (request.resourceVersion !== undefined && request.resourceVersion !== '' && request.resourceVersion !== '0') {
    throw apiError('BadRequest', 'specifying resource version is not allowed when using continue');
  }
  return decodeContinue(request.continue);
}

/** The revision a list must show exactly; undefined: the newest. Throws for one that is none, or has not been reached. */
function requestedRevision(core: RegistryCore, request: ListRequest): number | undefined {
  const { resourceVersion = '', resourceVersionMatch, limit } = request;
  if (resourceVersion === '') return undefined;
  const revision = parseVersion(resourceVersion);
  assertReached(core, revision);
  // Of old, a chunk of a version is exact if nothing else is said.
  const exact = resourceVersionMatch === 'Exact' || (resourceVersionMatch === undefined && limit !== undefined);
  return exact && revision > 0 ? revision : undefined;
}

/** A resourceVersion as a number. Throws `BadRequest`. */
export function parseVersion(resourceVersion: string): number {
  const revision = /^\d{1,15}$/.test(resourceVersion) ? Number(resourceVersion) : Number.NaN;
  if (Number.isNaN(revision)) {
    throw apiError(
      'BadRequest',
      `resourceVersion: Invalid value: ${JSON.stringify(resourceVersion)}: it is not a version that the server has given out`,
    );
  }
  return revision;
}

/** Throws `Timeout` for a version that has not been reached: the client has it from another server, or a later one. */
export function assertReached(core: RegistryCore, revision: number): void {
  const { revision: newest } = core.store;
  if (revision <= newest) return;
  throw apiError('Timeout', `Too large resource version: ${revision}, current: ${newest}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** The state asked for is no longer known. */
export function expired(error: CompactedError, revision: number | undefined): ApiError {
  return apiError('Expired', `too old resource version: ${revision ?? 0} (${error.compactedRevision + 1})`);
}

/** As Kubernetes does, the answer has a token to go on with all the same, at the price of one consistent state. */
function expiredChunk({ after }: ContinueToken): ApiError {
  const { status } = apiError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  return new ApiError({ ...status, metadata: { continue: encodeContinue({ revision: -1, after }) } });
}
