import { isDeepStrictEqual } from 'node:util';

import { ApiError, isNotFound } from '../api/errors.ts';
import { builtInTypes } from '../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Client } from '../client/client.ts';
import { CliError } from './errors.ts';
import { type ManifestSource, typeOfManifest } from './manifests.ts';

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
 * Makes what the manifests say true, in the order they are given, namespaces first. Every object is tried without
 * effect before the first is written, so that a mistake in the last one does not leave half of them applied. Throws a
 * {@link CliError} that names file and line.
 */
export async function applyManifests(
  client: Client,
  sources: readonly ManifestSource[],
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  const planned = sources.map((source) => plan(source, options)).sort((a, b) => rank(a.type) - rank(b.type));
  const newNamespaces = new Set(planned.filter(({ type }) => type.plural === 'namespaces').map(({ key }) => key.name));
  for (const one of planned) {
    // What lands in a namespace of the same files cannot be tried before that namespace exists.
    if (one.key.namespace === undefined || !newNamespaces.has(one.key.namespace)) await applyOne(client, one, true);
  }
  if (options.dryRun) return Promise.all(planned.map((one) => applyOne(client, one, true)));
  const applied: Applied[] = [];
  for (const one of planned) applied.push(await applyOne(client, one, false));
  return applied;
}

function plan(source: ManifestSource, options: ApplyOptions): Planned {
  const type = typeOfManifest(source, builtInTypes);
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

/** Namespaces before what is in them; the rest stays in the order given. */
function rank(type: ResourceType): number {
  return type.plural === 'namespaces' ? 0 : 1;
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
