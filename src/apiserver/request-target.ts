/** What a URL below `/api/v1` or `/apis/GROUP/VERSION` names: a collection, an object of it, or a part of one. */
export interface ResourceTarget {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

export interface RequestTarget {
  /** Without the query, as it was sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Absent for what is not a resource: health, version, discovery. */
  readonly resource?: ResourceTarget | undefined;
}

const NO_QUERY = new URLSearchParams();

/**
 * Takes a request's URL apart. The grammar of the API is small and regular:
 *
 *     /api/v1                [/namespaces/NS] /RESOURCE [/NAME [/SUBRESOURCE]]
 *     /apis/GROUP/VERSION    [/namespaces/NS] /RESOURCE [/NAME [/SUBRESOURCE]]
 *
 * A GET with `/watch` before the rest is a watch, as old clients ask for one. Undefined when the URL cannot be decoded.
 */
export function parseTarget(url: string, method = 'GET'): RequestTarget | undefined {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  if (!path.startsWith('/api')) return { path, query };
  let segments: string[];
  try {
    segments = path.split('/').map((segment) => (segment.includes('%') ? decodeURIComponent(segment) : segment));
  } catch {
    return undefined;
  }
  if (segments.at(-1) === '') segments.pop();
  const start = segments[1] === 'api' ? 3 : 4;
  if (method === 'GET' && segments[start] === 'watch' && segments.length > start + 1) {
    const watched = resourceOf(segments.toSpliced(start, 1));
    if (watched !== undefined && watched.subresource === undefined) return watchTarget(path, query, watched);
  }
  return { path, query, resource: resourceOf(segments) };
}

/** A watch of one object is of the collection, from which it selects that by its name. */
function watchTarget(path: string, given: URLSearchParams, watched: ResourceTarget): RequestTarget {
  const { name } = watched;
  const query = new URLSearchParams(given);
  query.set('watch', 'true');
  if (name !== undefined) {
    const selector = query.get('fieldSelector');
    query.set('fieldSelector', `${selector ? `${selector},` : ''}metadata.name=${name}`);
  }
  return { path, query, resource: { ...watched, name: undefined } };
}

function resourceOf(segments: readonly string[]): ResourceTarget | undefined {
  // The first segment is the nothing before the first slash.
  const core = segments[1] === 'api';
  if (!core && segments[1] !== 'apis') return undefined;
  const start = core ? 3 : 4;
  const plural = segments[start];
  if (plural === undefined || segments.length > start + 6) return undefined;
  const group = core ? '' : (segments[2] ?? '');
  const version = segments[start - 1] ?? '';
  const inNamespace = plural === 'namespaces' && segments.length > start + 2 && !isNamespacePart(segments, start);
  const at = inNamespace ? start + 2 : start;
  if (segments.length > at + 3) return undefined;
  return {
    group,
    version,
    namespace: inNamespace ? (segments[start + 1] ?? '') : undefined,
    plural: segments[at] ?? '',
    name: segments[at + 1],
    subresource: segments[at + 2],
  };
}

/** `/namespaces/NS/status` is a part of the namespace, not a resource in it. */
function isNamespacePart(segments: readonly string[], start: number): boolean {
  if (segments.length !== start + 3) return false;
  const last = segments[start + 2];
  return last === 'status' || last === 'finalize';
}
