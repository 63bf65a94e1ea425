import { customTypes } from '../api/custom-types.ts';
import { builtInTypes, CustomResourceDefinitions } from '../api/kinds.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import type { Client } from '../client/client.ts';
import type { Manifest } from './manifests.ts';

/** Every kind that the cluster serves: those that are built in, and those that definitions make. */
export async function servedTypes(client: Client): Promise<readonly ResourceType[]> {
  const { items } = await client.list(CustomResourceDefinitions);
  return [...builtInTypes, ...items.flatMap(customTypes)];
}

export function isDefinition({ apiVersion, kind }: Manifest): boolean {
  return kind === CustomResourceDefinitions.kind && apiVersion === apiVersionOf(CustomResourceDefinitions);
}

/**
 * The kinds that a definition will make when it is applied. Whether it is right the server says: what cannot be read
 * here makes none.
 */
export function typesToCome(definition: Manifest): readonly ResourceType[] {
  const spec = record(definition.spec);
  const names = record(spec.names);
  const { group } = spec;
  const { kind, plural, singular } = names;
  if (typeof group !== 'string' || typeof kind !== 'string' || typeof plural !== 'string') return [];
  const versions = Array.isArray(spec.versions) ? spec.versions.map((version: unknown) => record(version).name) : [];
  return versions
    .filter((version) => typeof version === 'string')
    .map((version) => ({
      group,
      version,
      kind,
      plural,
      singular: typeof singular === 'string' ? singular : kind.toLowerCase(),
      shortNames: [],
      categories: [],
      namespaced: spec.scope === 'Namespaced',
      schema: '',
    }));
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
