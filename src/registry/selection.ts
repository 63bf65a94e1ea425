import { apiError } from '../api/errors.ts';
import { type LabelMatch, matchRequirements, parseLabelSelector, SelectorSyntaxError } from '../api/labels.ts';
import type { KubernetesObject } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { type FieldRequirement, parseFieldSelector } from '../api/selectors.ts';
import type { ListRequest } from './requests.ts';
import { strategyOf } from './strategies/strategies.ts';

/** Which objects a list or a watch is about. */
export interface Selection {
  /** Absent: everything under the prefix. */
  readonly matches?: (object: KubernetesObject) => boolean;
  /** The one name that can match, when the field selector asks for one. */
  readonly name?: string;
  /** The one namespace that can match, when the field selector asks for one. */
  readonly namespace?: string;
}

type FieldOf = (object: KubernetesObject) => string;

const METADATA_FIELDS: Readonly<Record<string, FieldOf>> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};

/** What the selectors of a request mean. Throws `BadRequest` for one that is not understood. */
export function selectionOf(
  type: ResourceType,
  request: Pick<ListRequest, 'labelSelector' | 'fieldSelector'>,
): Selection {
  const labels = labelMatch(request.labelSelector);
  const requirements = fieldRequirements(request.fieldSelector);
  const fields = requirements.map((requirement) => fieldMatch(type, requirement));
  const exact = (field: string): string | undefined =>
    requirements.find((requirement) => requirement.equal && requirement.field === field)?.value;
  const name = exact('metadata.name');
  const namespace = exact('metadata.namespace');
  if (labels === undefined && fields.length === 0) return {};
  return {
    matches: (object) =>
      (labels === undefined || labels(object.metadata.labels)) && fields.every((matches) => matches(object)),
    ...(name !== undefined && name !== '' && { name }),
    ...(namespace !== undefined && namespace !== '' && { namespace }),
  };
}

function labelMatch(selector: string | undefined): LabelMatch | undefined {
  if (selector === undefined || selector.trim() === '') return undefined;
  return asBadRequest(`unable to parse requirement: `, () => matchRequirements(parseLabelSelector(selector)));
}

function fieldRequirements(selector: string | undefined): readonly FieldRequirement[] {
  if (selector === undefined || selector === '') return [];
  return asBadRequest('', () => parseFieldSelector(selector));
}

function fieldMatch(
  type: ResourceType,
  { field, equal, value }: FieldRequirement,
): (object: KubernetesObject) => boolean {
  const own: Readonly<Record<string, FieldOf>> = strategyOf(type).fields as Readonly<Record<string, FieldOf>>;
  const get = Object.hasOwn(METADATA_FIELDS, field)
    ? METADATA_FIELDS[field]
    : Object.hasOwn(own, field)
      ? own[field]
      : undefined;
  if (get === undefined) throw apiError('BadRequest', `field label not supported: ${field}`);
  return equal ? (object) => get(object) === value : (object) => get(object) !== value;
}

function asBadRequest<T>(prefix: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SelectorSyntaxError) throw apiError('BadRequest', `${prefix}${error.message}`);
    throw error;
  }
}
