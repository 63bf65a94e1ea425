import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/generated/types.ts';
import { StorageClasses } from '../../api/kinds.ts';
import { CLAIM_PROTECTION, CLASS_ANNOTATION, VOLUME_PROTECTION } from '../../api/volume-names.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { resourcePrefix } from '../keys.ts';

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const IS_DEFAULT_BETA = 'storageclass.beta.kubernetes.io/is-default-class';

/** A new claim as the cluster takes it in: protected, and of the default class when it names none. */
export async function admitClaim(core: RegistryCore, claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
  const guarded = withFinalizer(claim, CLAIM_PROTECTION);
  // An empty class name is a choice too: no class.
  if (claim.spec?.storageClassName !== undefined) return guarded;
  if (claim.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return guarded;
  const storageClassName = await defaultClass(core);
  return storageClassName === undefined ? guarded : { ...guarded, spec: { ...guarded.spec, storageClassName } };
}

export function admitVolume(volume: PersistentVolume): PersistentVolume {
  return withFinalizer(volume, VOLUME_PROTECTION);
}

function withFinalizer<T extends PersistentVolume | PersistentVolumeClaim>(object: T, finalizer: string): T {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}

/** Of several default classes the newest counts, then the one whose name comes first. */
async function defaultClass(core: RegistryCore): Promise<string | undefined> {
  const { entries } = await core.store.list(resourcePrefix(StorageClasses));
  return entries
    .map((entry) => objectOf<StorageClass>(entry).metadata)
    .filter(({ annotations }) => annotations?.[IS_DEFAULT] === 'true' || annotations?.[IS_DEFAULT_BETA] === 'true')
    .sort((a, b) => Date.parse(b.creationTimestamp) - Date.parse(a.creationTimestamp) || (a.name < b.name ? -1 : 1))
    .at(0)?.name;
}
