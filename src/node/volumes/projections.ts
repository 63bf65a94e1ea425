import path from 'node:path';

import type {
  ConfigMapVolumeSource,
  Container,
  DownwardAPIVolumeSource,
  KeyToPath,
  Pod,
  SecretVolumeSource,
  Volume,
  VolumeProjection,
} from '../../api/generated/types.ts';
import { fieldValue, type PodFacts, resourceFieldValue } from '../config/downward-api.ts';
import { configMapData, type References, secretData } from '../config/references.ts';
import { NotReadyError } from '../pod/pod-resources.ts';
import type { VolumeFile, VolumeFiles } from './atomic-directory.ts';

const DEFAULT_MODE = 0o644;
const REASON = 'FailedMount';
const DEFAULT_TOKEN_SECONDS = 3600;

/** The files of a volume that the API's objects fill; undefined for any other volume. */
export async function projectedFiles(
  pod: Pod,
  volume: Volume,
  references: References,
  facts: PodFacts,
): Promise<VolumeFiles | undefined> {
  const from = new Projection(pod, references, facts);
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) return from.configMap(configMap.name ?? '', configMap, configMap.defaultMode);
  if (secret) return from.secret(secret.secretName ?? '', secret, secret.defaultMode);
  if (downwardAPI) return from.downwardApi(downwardAPI, downwardAPI.defaultMode);
  if (!projected) return undefined;
  const files = new Map<string, VolumeFile>();
  for (const source of projected.sources ?? []) {
    for (const [name, file] of await from.source(source, projected.defaultMode)) files.set(name, file);
  }
  return files;
}

/** How long the shortest-lived token in a pod's volumes is good for; undefined when it has none. */
export function tokenLifetimeMs({ spec }: Pod): number | undefined {
  const seconds = (spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
      serviceAccountToken ? [serviceAccountToken.expirationSeconds ?? DEFAULT_TOKEN_SECONDS] : [],
    ),
  );
  return seconds.length === 0 ? undefined : Math.min(...seconds) * 1000;
}

class Projection {
  readonly #pod: Pod;
  readonly #references: References;
  readonly #facts: PodFacts;
  readonly #namespace: string;

  constructor(pod: Pod, references: References, facts: PodFacts) {
    this.#pod = pod;
    this.#references = references;
    this.#facts = facts;
    this.#namespace = pod.metadata.namespace ?? 'default';
  }

  async source(source: VolumeProjection, mode: number | undefined): Promise<VolumeFiles> {
    const { configMap, secret, downwardAPI, serviceAccountToken } = source;
    if (configMap) return this.configMap(configMap.name ?? '', configMap, mode);
    if (secret) return this.secret(secret.name ?? '', secret, mode);
    if (downwardAPI) return this.downwardApi(downwardAPI, mode);
    if (serviceAccountToken) {
      const { audience, expirationSeconds, path: name } = serviceAccountToken;
      const token = await this.#references.token(this.#namespace, this.#pod.spec.serviceAccountName ?? 'default', {
        podName: this.#pod.metadata.name,
        podUid: this.#pod.metadata.uid,
        ...(audience !== undefined && { audience }),
        expirationSeconds: expirationSeconds ?? DEFAULT_TOKEN_SECONDS,
      });
      return new Map([[inside(name), { content: Buffer.from(token), mode: mode ?? DEFAULT_MODE }]]);
    }
    throw new NotReadyError(REASON, `projected volume source ${Object.keys(source).join(', ')} is not supported`);
  }

  async configMap(
    name: string,
    { items, optional }: Pick<ConfigMapVolumeSource, 'items' | 'optional'>,
    mode: number | undefined,
  ): Promise<VolumeFiles> {
    const found = await this.#references.configMap(this.#namespace, name);
    if (!found && !optional) throw new NotReadyError(REASON, `configmap "${name}" not found`);
    return picked(found ? configMapData(found) : new Map(), items, optional, mode, `configmap "${name}"`);
  }

  async secret(
    name: string,
    { items, optional }: Pick<SecretVolumeSource, 'items' | 'optional'>,
    mode: number | undefined,
  ): Promise<VolumeFiles> {
    const found = await this.#references.secret(this.#namespace, name);
    if (!found && !optional) throw new NotReadyError(REASON, `secret "${name}" not found`);
    return picked(found ? secretData(found) : new Map(), items, optional, mode, `secret "${name}"`);
  }

  async downwardApi(
    { items = [] }: Pick<DownwardAPIVolumeSource, 'items'>,
    mode: number | undefined,
  ): Promise<VolumeFiles> {
    return new Map(
      items.map((item) => {
        const { fieldRef, resourceFieldRef } = item;
        const value = fieldRef
          ? fieldValue(this.#pod, fieldRef.fieldPath, this.#facts)
          : resourceFieldRef && this.#resource(resourceFieldRef);
        if (value === undefined) {
          throw new NotReadyError(REASON, `downward API file ${item.path} refers to nothing the node knows`);
        }
        return [inside(item.path), { content: Buffer.from(value), mode: item.mode ?? mode ?? DEFAULT_MODE }];
      }),
    );
  }

  #resource(selector: { readonly containerName?: string; readonly resource: string; readonly divisor?: string }) {
    const { containers, initContainers = [] } = this.#pod.spec;
    const container: Container | undefined = [...containers, ...initContainers].find(
      ({ name }) => name === selector.containerName,
    );
    return container && resourceFieldValue(container, selector, this.#facts);
  }
}

function picked(
  data: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean | undefined,
  mode: number = DEFAULT_MODE,
  what: string,
): VolumeFiles {
  if (!items?.length) return new Map(Array.from(data, ([key, content]) => [inside(key), { content, mode }]));
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const content = data.get(item.key);
    if (content) files.set(inside(item.path), { content, mode: item.mode ?? mode });
    else if (!optional) throw new NotReadyError(REASON, `${what} references non-existent config key: ${item.key}`);
  }
  return files;
}

/** A path that stays inside its volume. */
function inside(name: string): string {
  const normal = path.posix.normalize(name);
  if (path.posix.isAbsolute(normal) || normal === '..' || normal.startsWith('../') || normal.startsWith('..')) {
    throw new NotReadyError(REASON, `path ${JSON.stringify(name)} must stay inside the volume`);
  }
  return normal;
}
