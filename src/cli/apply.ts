import { isDeepStrictEqual } from 'node:util';

import { ApiError, isNotFound } from '../api/errors.ts';
import type { CustomResourceDefinition } from '../api/generated/types.ts';
import { CustomResourceDefinitions } from '../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Client } from '../client/client.ts';
import { CliError } from './errors.ts';
import { type ManifestSource, typeOfManifest } from './manifests.ts';
import { isDefinition, servedTypes, typesToCome } from './served-types.ts';

/** Who applies, in `managedFields`. */
const FIELD_MANAGER = 'berth';

/** An object that was applied, and what that did. */
export interface Applied {
  readonly type: ResourceType;
  readonly key: ObjectKey;
  readonly object: KubernetesObject;
  readonly outcome: 'created' | 'configured' | 'unchanged';
}

export interface ApplyOptions {
  /** For objects that name none. */
  readonly namespace: string;
  readonly dryRun?: boolean;
}

interface Planned {
  readonly source: ManifestSource;
  readonly type: ResourceType;
  readonly key: ObjectKey;
  readonly body: object;
}

/**
 * Makes what the manifests say true, in the order they are given, namespaces and definitions of kinds first. Every object is tried without
 * effect before the first is written, so that a mistake in the last one does not leave half of them applied. Throws a
 * {@link CliError} that names file and line.
 */
export async function applyManifests(
  client: Client,
  sources: readonly ManifestSource[],
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const served = await servedTypes(client);
  const toCome = sources
    .filter(({ manifest }) => isDefinition(manifest))
    .flatMap(({ manifest }) => typesToCome(manifest))
    .filter((type) => !served.some((other) => isSameType(type, other)));
  const types = [...served, ...toCome];
  const planned = sources.map((source) => plan(source, types, options)).sort((a, b) => rank(a.type) - rank(b.type));
  const newNamespaces = new Set(planned.filter(({ type }) => type.plural === 'namespaces').map(({ key }) => key.name));
  // What lands in a namespace of the same files, or is of a kind of theirs, cannot be tried before that exists.
  const canBeTried = ({ type, key }: Planned): boolean =>
    !toCome.includes(type) && (key.namespace === undefined || !newNamespaces.has(key.namespace));
  for (const one of planned) if (canBeTried(one)) await applyOne(client, one, true);
  if (options.dryRun) {
    return Promise.all(planned.map((one) => (toCome.includes(one.type) ? asNew(one) : applyOne(client, one, true))));
  }
  const applied: Applied[] = [];
  for (const one of planned) {
    applied.push(await applyOne(client, one, false));
    if (one.type === CustomResourceDefinitions) await assertEstablished(client, one);
  }
  return applied;
}

/** Names are accepted, or not, when a definition is written. */
async function assertEstablished(client: Client, { key, source }: Planned): Promise<void> {
  const { status }: CustomResourceDefinition = await client.get(CustomResourceDefinitions, key);
  const refusal = status?.conditions?.find(({ type, status: is }) => type === 'NamesAccepted' && is === 'False');
  if (refusal === undefined) return;
  throw new CliError(`${source.where}: ${key.name} cannot be served: ${refusal.message ?? refusal.reason ?? ''}`, {
    hint: 'it was applied, and what comes before it; what comes after it was not',
  });
}

/** What would be the outcome for an object of which nothing can be asked yet. */
function asNew({ type, key, source }: Planned): Applied {
  const { manifest } = source;
  return {
    type,
    key,
    object: { ...manifest, metadata: { uid: '', resourceVersion: '', creationTimestamp: '', ...key } },
    outcome: 'created',
  };
}

function isSameType(a: ResourceType, b: ResourceType): boolean {
  return a.kind === b.kind && a.group === b.group && a.version === b.version;
}

function plan(source: ManifestSource, types: readonly ResourceType[], options: ApplyOptions): Planned {
  const type = typeOfManifest(source, types);
  const { manifest, where } = source;
  const { name } = manifest.metadata;
  if (name === undefined)
    throw new CliError(`${where}: ${manifest.kind} has only a generateName`, {
      hint: 'what is applied needs a metadata.name',
    });
  const namespace = manifest.metadata.namespace ?? options.namespace;
  const key = type.namespaced ? { namespace, name } : { name };
  return {
    source,
    type,
    key,
    body: { ...manifest, metadata: { ...manifest.metadata, ...(type.namespaced && { namespace }) } },
  };
}

/** Namespaces before what is in them, kinds before their objects; the rest stays in the order given. */
export function rank(type: ResourceType): number {
  return type.plural === 'namespaces' ? 0 : type === CustomResourceDefinitions ? 1 : 2;
}

async function applyOne(client: Client, { source, type, key, body }: Planned, dryRun: boolean): Promise<Applied> {
  try {
    const before = await client.get(type, key).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    const object = await client.patch(
      type,
      key,
      { type: 'apply', body },
      { force: true, fieldManager: FIELD_MANAGER, fieldValidation: 'Strict', dryRun },
    );
    const outcome = before === undefined ? 'created' : sameContent(before, object) ? 'unchanged' : 'configured';
    return { type, key, object, outcome };
  } catch (error) {
    if (error instanceof ApiError)
      throw new CliError(`${source.where}: ${error.message}`, {
        hint: dryRun ? 'nothing was applied' : 'what comes before it was applied',
      });
    throw error;
  }
}

/** Whether two versions say the same; a dry run makes no new version that could tell. */
function sameContent(before: KubernetesObject, after: KubernetesObject): boolean {
  const content = ({ metadata, ...rest }: KubernetesObject): object => {
    const { managedFields: _managers, resourceVersion: _version, generation: _generation, ...meta } = metadata;
    return { ...rest, metadata: meta };
  };
  return isDeepStrictEqual(content(before), content(after));
}
