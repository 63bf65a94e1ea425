import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '../../api/generated/types.ts';
import { builtInTypes } from '../../api/kinds.ts';
import { sameValue } from '../values.ts';

/** Holds a definition until its objects are gone. */
const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

/**
 * The definition with what the server says of it: the names it gets, whether it is served, and the finalizer that holds
 * it while it has objects. `others` are all definitions there are; `now` is RFC 3339.
 */
export function withStatus(
  definition: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
  now: string,
): CustomResourceDefinition {
  const { status, metadata, spec } = definition;
  const conflict = nameConflict(definition, others);
  const wasEstablished = conditionOf(status, 'Established')?.status === 'True';
  const names: Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'> =
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict };
  const established: typeof names =
    conflict === undefined || wasEstablished
      ? {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  const otherConditions = (status?.conditions ?? []).filter(
    ({ type }) => type !== 'NamesAccepted' && type !== 'Established',
  );
  const acceptedNames = conflict === undefined ? spec.names : (status?.acceptedNames ?? { plural: '', kind: '' });
  const storage = spec.versions.find((version) => version.storage)?.name;
  const storedVersions = status?.storedVersions ?? [];
  const next: CustomResourceDefinitionStatus = {
    conditions: [dated(names, status, now), dated(established, status, now), ...otherConditions],
    acceptedNames: sameValue(acceptedNames, status?.acceptedNames)
      ? (status?.acceptedNames ?? acceptedNames)
      : acceptedNames,
    storedVersions:
      storage === undefined || storedVersions.includes(storage) ? storedVersions : [...storedVersions, storage],
  };
  const finalizers = metadata.finalizers ?? [];
  const held = metadata.deletionTimestamp !== undefined || finalizers.includes(CLEANUP_FINALIZER);
  return {
    ...definition,
    metadata: held ? metadata : { ...metadata, finalizers: [...finalizers, CLEANUP_FINALIZER] },
    status: sameValue(next, status) && status !== undefined ? status : next,
  };
}

function conditionOf(
  status: CustomResourceDefinitionStatus | undefined,
  type: string,
): CustomResourceDefinitionCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

function dated(
  condition: CustomResourceDefinitionCondition,
  status: CustomResourceDefinitionStatus | undefined,
  now: string,
): CustomResourceDefinitionCondition {
  const known = conditionOf(status, condition.type);
  return {
    lastTransitionTime: known?.status === condition.status ? (known.lastTransitionTime ?? now) : now,
    ...condition,
  };
}

type Names = Partial<CustomResourceDefinitionNames>;

/** Why the names of a definition are not to be had; undefined when they are. */
function nameConflict(
  { metadata, spec: { group, names } }: CustomResourceDefinition,
  others: Iterable<CustomResourceDefinition>,
): { readonly reason: string; readonly message: string } | undefined {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  const take = ({ plural = '', singular = '', shortNames = [], kind = '', listKind = '' }: Names): void => {
    for (const name of [plural, singular, ...shortNames]) resources.add(name);
    for (const name of [kind, listKind]) kinds.add(name);
  };
  for (const other of others) {
    if (other.metadata.name !== metadata.name && other.spec.group === group) take(other.status?.acceptedNames ?? {});
  }
  for (const type of builtInTypes) if (type.group === group) take(type);
  const taken = (reason: string, name: string, among: ReadonlySet<string>) =>
    name !== '' && among.has(name) ? { reason, message: `${JSON.stringify(name)} is already in use` } : undefined;
  return (
    taken('PluralConflict', names.plural, resources) ??
    taken('SingularConflict', names.singular ?? '', resources) ??
    (names.shortNames ?? [])
      .map((name) => taken('ShortNamesConflict', name, resources))
      .find((each) => each !== undefined) ??
    taken('KindConflict', names.kind, kinds) ??
    taken('ListKindConflict', names.listKind ?? '', kinds)
  );
}
