import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from './generated/types.ts';
import type { ResourceType } from './resource-type.ts';

/**
 * The kinds that a CustomResourceDefinition makes: one for each version it serves, the preferred one first. None before
 * its names have been accepted. The same definition always gives the same ones.
 *
 * @example
 * customTypes(definition).map(apiVersionOf); // ['stable.example.com/v1', 'stable.example.com/v1beta1']
 */
export function customTypes(definition: CustomResourceDefinition): readonly ResourceType[] {
  const names = definition.status?.acceptedNames;
  if (!isEstablished(definition) || names === undefined) return [];
  const { spec } = definition;
  const known = typesOfSpec.get(spec);
  // Names can be accepted later than the specification that asks for them.
  if (known?.names === names) return known.types;
  const types = spec.versions
    .filter(({ served }) => served)
    .toSorted((a, b) => compareVersions(a.name, b.name))
    .map((version) => typeOf(definition, names, version));
  typesOfSpec.set(spec, { names, types });
  return types;
}

interface MadeTypes {
  readonly names: object;
  readonly types: readonly ResourceType[];
}

const typesOfSpec = new WeakMap<object, MadeTypes>();

function isEstablished({ status }: CustomResourceDefinition): boolean {
  return (status?.conditions ?? []).some(
    (condition) => condition.type === 'Established' && condition.status === 'True',
  );
}

function typeOf(
  { spec: { group, scope } }: CustomResourceDefinition,
  names: CustomResourceDefinition['spec']['names'],
  version: CustomResourceDefinitionVersion,
): ResourceType {
  const { kind, plural, singular = kind.toLowerCase(), listKind = `${kind}List` } = names;
  return Object.freeze({
    group,
    version: version.name,
    kind,
    plural,
    singular,
    listKind,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    // As Kubernetes' documents name it; no kind of the schema has a dot in its name.
    schema: `${group.split('.').reverse().join('.')}.${version.name}.${kind}`,
    custom: version,
  });
}

const STAGES = ['alpha', 'beta', ''];

/** How versions are preferred: v2, v1, v2beta1, v1beta2, v1alpha1, and then all others by name. Negative: `a` first. */
export function compareVersions(a: string, b: string): number {
  const left = parseVersion(a);
  const right = parseVersion(b);
  if (left === undefined || right === undefined) {
    if (left !== right) return left === undefined ? 1 : -1;
    return a < b ? -1 : a === b ? 0 : 1;
  }
  return right.stage - left.stage || right.major - left.major || right.minor - left.minor;
}

function parseVersion(name: string): { stage: number; major: number; minor: number } | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(name);
  if (match === null) return undefined;
  return { stage: STAGES.indexOf(match[2] ?? ''), major: Number(match[1]), minor: Number(match[3] ?? 0) };
}
