/** How an answer is written. */
export type Representation = 'object' | 'table' | 'metadata' | 'discovery';

export interface Accepted {
  readonly format: 'json' | 'yaml';
  readonly representation: Representation;
}

const PLAIN: Accepted = { format: 'json', representation: 'object' };
/** The same few headers come again and again; what they mean is remembered, for a limited number of them. */
const MAXIMUM_REMEMBERED = 256;
const remembered = new Map<string, Accepted | undefined>();

/**
 * What the client would like best of what can be served; undefined when that is nothing. A client that prefers
 * protobuf and also takes JSON gets JSON.
 */
export function negotiate(header: string | undefined): Accepted | undefined {
  if (header === undefined || header === '' || header === '*/*' || header === 'application/json') return PLAIN;
  if (remembered.has(header)) return remembered.get(header);
  const accepted = parseRanges(header)
    .map(servable)
    .find((range) => range !== undefined);
  if (remembered.size < MAXIMUM_REMEMBERED) remembered.set(header, accepted);
  return accepted;
}

/** Whether the client accepts this media type, and says so by its name. */
export function names(header: string | undefined, essence: string): boolean {
  return header !== undefined && parseRanges(header).some((range) => range.essence === essence);
}

export interface MediaType {
  /** Lower case, without parameters. */
  readonly essence: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** `application/json;as=Table;v=v1` taken apart. */
export function parseMediaType(text: string): MediaType {
  const [essence = '', ...rest] = text.split(';');
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf('=');
    if (equals > 0) parameters.set(parameter.slice(0, equals).trim().toLowerCase(), parameter.slice(equals + 1).trim());
  }
  return { essence: essence.trim().toLowerCase(), parameters };
}

function parseRanges(header: string): readonly MediaType[] {
  const quality = (range: MediaType): number => {
    const given = Number(range.parameters.get('q') ?? '1');
    return Number.isNaN(given) ? 1 : given;
  };
  return header
    .split(',')
    .map(parseMediaType)
    .filter((range) => quality(range) > 0)
    .sort((a, b) => quality(b) - quality(a));
}

function servable({ essence, parameters }: MediaType): Accepted | undefined {
  const format = formatOf(essence);
  if (format === undefined) return undefined;
  const as = parameters.get('as');
  const group = parameters.get('g');
  const version = parameters.get('v');
  if (as === undefined) return { format, representation: 'object' };
  if (group === 'meta.k8s.io' && version === 'v1') {
    if (as === 'Table') return { format, representation: 'table' };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
      return { format, representation: 'metadata' };
    }
  }
  if (group === 'apidiscovery.k8s.io' && version === 'v2' && as === 'APIGroupDiscoveryList') {
    return { format, representation: 'discovery' };
  }
  return undefined;
}

function formatOf(essence: string): Accepted['format'] | undefined {
  switch (essence) {
    case 'application/json':
    case 'application/*':
    case '*/*':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    default:
      return undefined;
  }
}
