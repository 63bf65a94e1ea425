import type { Container, Pod, ResourceFieldSelector } from '../../api/generated/types.ts';
import { quantityMillis, quantityValue } from '../../api/quantity.ts';

/** What a node knows of a pod beside its object. */
export interface PodFacts {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  /** What the node can give, for limits that are not set. */
  readonly allocatable: Readonly<Record<string, string>>;
}

const INDEXED = /^metadata\.(labels|annotations)\['(.+)'\]$/;

/** The value of a field of the pod as text; undefined when there is no such field. */
export function fieldValue(pod: Pod, fieldPath: string, facts: PodFacts): string | undefined {
  const { metadata, spec } = pod;
  const indexed = INDEXED.exec(fieldPath);
  if (indexed) {
    const [, which, key = ''] = indexed;
    return (which === 'labels' ? metadata.labels : metadata.annotations)?.[key] ?? '';
  }
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? 'default';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return lines(metadata.labels);
    case 'metadata.annotations':
      return lines(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    default:
      return undefined;
  }
}

/** `key="value"` for each, in order, as the downward API writes maps. */
function lines(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

/** An amount of a container's resources, in units of the divisor and rounded up; undefined when there is no such one. */
export function resourceFieldValue(
  container: Container,
  { resource, divisor }: ResourceFieldSelector,
  facts: PodFacts,
): string | undefined {
  const [which, name = ''] = resource.split('.', 2);
  if (which !== 'limits' && which !== 'requests') return undefined;
  const { limits, requests } = container.resources ?? {};
  const text =
    which === 'limits' ? (limits?.[name] ?? facts.allocatable[name]) : (requests?.[name] ?? limits?.[name] ?? '0');
  if (text === undefined) return undefined;
  const unit = divisor === undefined || divisor === '0' || divisor === '' ? '1' : divisor;
  if (name === 'cpu') return String(Math.ceil(quantityMillis(text) / quantityMillis(unit)));
  return String(Math.ceil(quantityValue(text) / quantityValue(unit)));
}
