import { isAlreadyExists } from '../../api/errors.ts';
import type { StorageClass } from '../../api/generated/types.ts';
import { StorageClasses } from '../../api/kinds.ts';
import { LOCAL_PROVISIONER } from '../../api/volume-names.ts';
import type { Client } from '../../client/client.ts';

export const DEFAULT_STORAGE_CLASS = 'berth-local';

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';

/** Whether claims without a class get this one. */
export function isDefaultClass({ metadata }: StorageClass): boolean {
  return metadata.annotations?.[IS_DEFAULT] === 'true';
}

/**
 * Makes the class `berth-local` the default one when there is no class at all: directories of the node a pod goes to,
 * removed with their claim. A class of that name, or a default class, that somebody made stays as it is.
 */
export async function ensureDefaultStorageClass(client: Client): Promise<void> {
  const { items } = await client.list(StorageClasses);
  if (items.some((item) => isDefaultClass(item) || item.metadata.name === DEFAULT_STORAGE_CLASS)) return;
  try {
    await client.create(StorageClasses, {
      metadata: { name: DEFAULT_STORAGE_CLASS, annotations: { [IS_DEFAULT]: 'true' } },
      provisioner: LOCAL_PROVISIONER,
      volumeBindingMode: 'WaitForFirstConsumer',
      reclaimPolicy: 'Delete',
      allowVolumeExpansion: true,
    });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
