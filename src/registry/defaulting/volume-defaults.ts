import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  StorageClass,
} from '../../api/generated/types.ts';
import { fillField, withDefaults } from './set-defaults.ts';

const CLAIM_PENDING = Object.freeze({ phase: 'Pending' });
const VOLUME_PENDING = Object.freeze({ phase: 'Pending' });

export function defaultClaimSpec(given: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const spec = withDefaults(given, { volumeMode: 'Filesystem' });
  // The old way to name a data source and the new one agree where both can say it.
  if (spec.dataSourceRef === undefined && spec.dataSource !== undefined) {
    return { ...spec, dataSourceRef: spec.dataSource };
  }
  if (spec.dataSource === undefined && spec.dataSourceRef !== undefined && spec.dataSourceRef.namespace === undefined) {
    return { ...spec, dataSource: spec.dataSourceRef };
  }
  return spec;
}

export function defaultClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const filled = fillField(claim, 'spec', defaultClaimSpec);
  if (filled.status?.phase !== undefined) return filled;
  return { ...filled, status: filled.status === undefined ? CLAIM_PENDING : { ...filled.status, phase: 'Pending' } };
}

/** A claim template of a set is a whole claim: kind and version are written out. */
export function defaultClaimTemplate(template: PersistentVolumeClaimTemplate): PersistentVolumeClaimTemplate {
  const named = template as PersistentVolumeClaim;
  return defaultClaim(withDefaults(named, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' }));
}

export function defaultVolume(volume: PersistentVolume): PersistentVolume {
  const filled = fillField(volume, 'spec', (given) => {
    const spec = withDefaults(given, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
    return fillField(spec, 'hostPath', (source) => withDefaults(source, { type: '' }));
  });
  if (filled.status?.phase !== undefined) return filled;
  return { ...filled, status: filled.status === undefined ? VOLUME_PENDING : { ...filled.status, phase: 'Pending' } };
}

export function defaultStorageClass(storageClass: StorageClass): StorageClass {
  return withDefaults(storageClass, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
}
