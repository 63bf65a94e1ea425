import { isDeepStrictEqual } from 'node:util';

import { ApiError, isNotFound } from '../api/errors.ts';
import type { CustomResourceDefinition } from '../api/generated/types.ts';
import { CustomResourceDefinitions, Namespaces } from '../api/kinds.ts';
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
  const newNamespaces = await namespacesToCome(client, planned);
  const tried: Applied[] = [];
  for (const one of planned) {
    if (toCome.includes(one.type)) tried.push(asNew(one));
    else if (newNamespaces.has(one.key.namespace ?? '')) tried.push(await tryElsewhere(client, one));
    else tried.push(await applyOne(client, one, true));
  }
  if (options.dryRun) return tried;
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

/** The namespaces that the files make: what is in them cannot be tried there before they exist. */
async function namespacesToCome(client: Client, planned: readonly Planned[]): Promise<ReadonlySet<string>> {
  const named = planned.filter(({ type }) => type === Namespaces).map(({ key }) => key);
  const there = await Promise.all(named.map((key) => getIfThere(client, Namespaces, key)));
  return new Set(named.filter((_, index) => there[index] === undefined).map(({ name }) => name));
}

/** Namespaces that are always there, the one that nobody puts anything into first. */
const PLACES_TO_TRY = ['kube-public', 'default'];

/** What is wrong with an object, and what is left out in it, is the same in a namespace that exists. */
async function tryElsewhere(client: Client, planned: Planned): Promise<Applied> {
  const { type, key, source } = planned;
  const options = { fieldManager: FIELD_MANAGER, fieldValidation: 'Strict', dryRun: true } as const;
  for (const namespace of PLACES_TO_TRY) {
    try {
      const { metadata } = source.manifest;
      const made = await client.create(
        type,
        { ...source.manifest, metadata: { ...metadata, name: key.name, namespace } },
        options,
      );
      return { type, key, object: { ...made, metadata: { ...made.metadata, ...key } }, outcome: 'created' };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.reason === 'Invalid' || error.reason === 'BadRequest')
        throw new CliError(`${source.where}: ${error.message}`, { hint: 'nothing was applied' });
      // There is one of that name, or something that it needs is missing there.
    }
  }
  return asNew(planned);
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
    const before = await getIfThere(client, type, key);
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

async function getIfThere<T extends KubernetesObject>(
  client: Client,
  type: ResourceType<T>,
  key: ObjectKey,
): Promise<T | undefined> {
  try {
    return await client.get(type, key);
  } catch (error) {
    if (isNotFound(error)) return undefined;
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
